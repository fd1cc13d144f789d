#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a partition was without an acknowledgement.

    gaps.py REPORT --until FILE

Follows the report of kq produce, lines "partition offset number", while it
is written, and ends when FILE is there. Prints, in ms, the longest time
between two acknowledgements of one partition, or after its last one, and that
partition."""
import argparse
import os
import time


def new_lines(file, rest):
    """Whole lines that were written since, and what is left of one."""
    text = rest + file.read()
    *lines, rest = text.split("\n")
    return lines, rest


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("report")
    parser.add_argument("--until", required=True)
    options = parser.parse_args()
    while not os.path.exists(options.report):
        time.sleep(0.02)
    last = {}
    longest = (0.0, "-")
    rest = ""
    with open(options.report, encoding="ascii") as file:
        while not os.path.exists(options.until):
            lines, rest = new_lines(file, rest)
            now = time.monotonic()
            seen = {line.split(" ", 1)[0] for line in lines}
            for partition in seen:
                longest = max(longest, (now - last.get(partition, now),
                                        partition))
                last[partition] = now
            time.sleep(0.02)
    now = time.monotonic()
    for partition, at in last.items():
        longest = max(longest, (now - at, partition))
    print(f"{longest[0] * 1000:.0f} {longest[1]}")


if __name__ == "__main__":
    main()
