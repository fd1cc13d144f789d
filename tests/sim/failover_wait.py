#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long after a new leader is there clients send to it, in a trace.

usage: failover_wait.py KQSIM SCENARIO

A client asks who leads every 100 ms (simulated ones) while the leader that it
knows does not answer, and sends at once when it hears of another: never later
than two such waits, though its tries of the old one are a second apart.
"""
import subprocess
import sys
import tempfile

PRODUCE = "19"  # field of Message in proto/wire.proto
LEADS = "1"     # value of the fact role
CLIENTS = {"c1", "c2", "c3"}
WAIT_MAX = 0.2
SEEDS = 8


def waits_of(path):
    """client -> seconds from the new leader's role to its next request"""
    led, waits = None, {}
    with open(path, encoding="utf-8") as trace:
        for line in trace:
            words = line.split()
            if len(words) < 4 or words[2] != "fact":
                continue
            if words[3] == "role" and words[-1] == LEADS:
                led, waits = float(words[0]), {}
            elif words[3] == "frame_sent" and words[-1] == PRODUCE and led:
                waits.setdefault(words[1], float(words[0]) - led)
    return waits


def main():
    kqsim, scenario = sys.argv[1:3]
    worst = 0
    for seed in range(1, SEEDS + 1):
        with tempfile.NamedTemporaryFile(suffix=".txt") as trace:
            subprocess.run([kqsim, "run", scenario, "--seed", str(seed),
                            "--trace", trace.name], check=True,
                           stdout=subprocess.DEVNULL)
            waits = waits_of(trace.name)
        print(f"seed {seed}: " + ", ".join(
            f"{client} {wait:.3f} s" for client, wait in sorted(waits.items())))
        if not CLIENTS <= waits.keys():
            print("not all clients sent to a new leader: nothing shown")
            return 1
        worst = max(worst, *(waits[client] for client in CLIENTS))
    return 0 if worst <= WAIT_MAX else 1


sys.exit(main())
