#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kqsim explore tries other futures of a run: each differs from the run and the
others, can be made again alone, and one that fails says how.

    explore.py KQSIM SCENARIO

SCENARIO passes with some seeds, and futures of these fail.
"""
import json
import re
import subprocess
import sys

SEEDS = 30
LIMIT = "60"


def check(condition, message):
    if not condition:
        sys.exit(f"explore.py: {message}")


def kqsim(*arguments):
    return subprocess.run([sys.argv[1], *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


def runs(*arguments):
    return [json.loads(line) for line in
            kqsim(*arguments, "--json").stdout.splitlines()]


def futures(seed):
    return runs("explore", sys.argv[2], "--seed", seed, "--limit", LIMIT,
                "--jobs", "2")


def without_time(run):
    return {key: value for key, value in run.items() if key != "wall_ms"}


def same_again(run):
    again = runs("explore", sys.argv[2], "--seed", str(run["seed"]), "--at",
                 run["at"])
    check(len(again) == 1 and without_time(again[0]) == without_time(run),
          f"--at {run['at']} does not make it again: {again}")


def told(run):
    """What is told of the failure replays it."""
    said = kqsim("explore", sys.argv[2], "--seed", str(run["seed"]), "--limit",
                 LIMIT).stdout
    lines = re.findall(r"replay it: \S+ (explore .*) --trace", said)
    check(lines, f"it does not say how to replay a failure: {said}")
    replayed = kqsim(*lines[0].split())
    check(replayed.returncode == 1 and "whole-again" in replayed.stdout,
          f"{lines[0]} does not fail: {replayed.stdout}")


def main():
    failing = None
    for seed in map(str, range(1, SEEDS + 1)):
        base = runs("run", sys.argv[2], "--seed", seed)[0]
        if base["result"] != "pass":
            continue
        all_of_it = futures(seed)
        check(len(all_of_it) == int(LIMIT), f"{len(all_of_it)} runs")
        check(all(run["how"] == "future" for run in all_of_it),
              "they are not told from other runs")
        hashes = {run["trace_hash"] for run in all_of_it} - {base["trace_hash"]}
        check(len(hashes) > 50, f"only {len(hashes)} of them differ")
        failing = next((run for run in all_of_it if run["result"] == "fail"),
                       None)
        if failing is not None:
            break
    check(failing is not None, f"{SEEDS} seeds, and no future that fails")
    same_again(failing)
    same_again(next(run for run in all_of_it if run["result"] == "pass"))
    told(failing)
    late = kqsim("explore", sys.argv[2], "--seed", str(failing["seed"]), "--at",
                 "999999999:1")
    check(late.returncode == 1 and "turns came" in late.stdout,
          f"a turn that never comes is taken: {late.stdout}")


if __name__ == "__main__":
    main()
