#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How often an idle leader proposes a follower that is dead.

usage: proposals.py KQSIM SCENARIO

Each partition's follower leaves the ISR once and comes back once: a leader
that proposes it while it is away is refused, over and over. Counted, never
timed.
"""
import json
import subprocess
import sys

PARTITIONS = 4
GROWN = "replication/isr-expanded"


def main():
    kqsim, scenario = sys.argv[1:]
    run = subprocess.run([kqsim, "run", scenario, "--seed", "1", "--json"],
                         stdout=subprocess.PIPE, check=True, text=True)
    grown = json.loads(run.stdout.splitlines()[0])["marks"].get(GROWN, 0)
    if not PARTITIONS <= grown <= 2 * PARTITIONS:
        sys.exit(f"{scenario}: {grown} proposals to take a follower back into "
                 f"the ISR of {PARTITIONS} partitions, at most one again each")


main()
