#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A failure is shrunk to what it takes, and to no more.

usage: shrink.py KQSIM SCENARIO SPARE-DIRECTORY PASSING-SCENARIO

The scenario fails on purpose. What comes of it fails with the same oracle;
without any one of its steps, occurrences of faults or clients it does not;
and it is the same text each time, whatever --jobs is.
"""
import json
import os
import re
import subprocess
import sys

SEEDS = 20  # one of them fails


def kqsim(*arguments):
    return subprocess.run([KQSIM, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


def oracle(path, seed):
    """Of the promise that this run breaks; None: it breaks none."""
    run = kqsim("run", path, "--seed", str(seed), "--json")
    if run.returncode not in (0, 1):
        return None
    report = json.loads(run.stdout.splitlines()[0])
    return report["oracle"] if report["result"] == "fail" else None


def find_failure():
    run = kqsim("run", SCENARIO, "--seeds", str(SEEDS), "--json")
    reports = [json.loads(line) for line in run.stdout.splitlines()]
    failing = [r for r in reports if r["result"] == "fail"]
    if not failing:
        sys.exit(f"{SCENARIO} passes with seeds 1 to {SEEDS}: make it ask for "
                 "more, so that there is something to shrink")
    return failing[0]["seed"], failing[0]["oracle"]


def shrink(seed, *options):
    run = kqsim("shrink", SCENARIO, "--seed", str(seed), "--minutes", "60",
                *options)
    if run.returncode != 0:
        sys.exit(f"kqsim shrink ended with code {run.returncode}:\n"
                 f"{run.stderr}")
    return run.stdout


def without_line(lines, at):
    """Nor its heading, when it was the only one below it."""
    last = at + 1 == len(lines) or not lines[at + 1].startswith("  ")
    only = last and not lines[at - 1].startswith("  ")
    return lines[:at - only] + lines[at + 1:]


def smaller(text):
    """(what is gone, the rest), for each single thing that can go."""
    lines = text.splitlines()
    section = ""
    for at, line in enumerate(lines):
        if re.match(r"\w", line):
            section = line.split(":")[0]
        if not line.startswith("  - {"):
            continue
        nths = re.search(r"nth: \[([^]]*)\]", line)
        clients = re.search(r"clients: (\d+)", line)
        if section == "faults" and nths:
            numbers = nths[1].split(", ")
            for i, number in enumerate(numbers):
                rest = ", ".join(numbers[:i] + numbers[i + 1:])
                other = line.replace(nths[0], f"nth: [{rest}]")
                yield (f"{line} ({number})",
                       lines[:at] + [other] + lines[at + 1:])
        elif clients:
            other = line.replace(clients[0], f"clients: {int(clients[1]) - 1}")
            yield f"{line} (one client)", lines[:at] + [other] + lines[at + 1:]
        else:
            yield line, without_line(lines, at)


def check_minimal(text, seed, wanted):
    path = f"{SPARE}/smaller.yaml"
    count = 0
    for gone, lines in smaller(text):
        count += 1
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        if oracle(path, seed) == wanted:
            sys.exit(f"it breaks {wanted} without this too: {gone}\n{text}")
    if count == 0:
        sys.exit(f"there is nothing in it that could go:\n{text}")


def check_complaints(passing):
    run = kqsim("shrink", passing, "--seed", "1")
    if run.returncode != 2 or "seed 1 passes" not in run.stderr:
        sys.exit(f"shrinking a run that passes: code {run.returncode}, "
                 f"{run.stderr}")
    run = kqsim("shrink", f"{SPARE}/no-such.yaml", "--seed", "1")
    if run.returncode != 2 or "no-such.yaml" not in run.stderr:
        sys.exit(f"shrinking a file that is not there: code {run.returncode}, "
                 f"{run.stderr}")


def main():
    os.makedirs(SPARE, exist_ok=True)
    seed, wanted = find_failure()
    small = f"{SPARE}/small.yaml"
    text = shrink(seed)
    if shrink(seed, "--jobs", "3") != text:
        sys.exit(f"--jobs 3 gives another text; without it:\n{text}")
    with open(small, "w", encoding="utf-8") as file:
        file.write(text)
    used = int(re.search(r"#     kqsim run FILE --seed (\d+)", text)[1])
    if oracle(small, used) != wanted:
        sys.exit(f"with seed {used} it does not break {wanted}:\n{text}")
    for word in ("pause", "expire", "net/delay", "config: {segment.bytes"):
        if word in text:
            sys.exit(f"'{word}' has nothing to do with it:\n{text}")
    if "nth: " not in text:
        sys.exit(f"it does not say which occurrence of the fault:\n{text}")
    check_minimal(text, used, wanted)
    check_complaints(sys.argv[4])


KQSIM, SCENARIO, SPARE = sys.argv[1:4]
main()
