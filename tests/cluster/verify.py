#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What was acknowledged against what is read.

    verify.py ACKNOWLEDGED READ OFFERED [RETAINED]

ACKNOWLEDGED: lines "partition offset number" of kq produce --report; the
n-th line sent begins with its number n. READ: lines "partition offset value".
Every acknowledged record must be read at its place, no number twice, offsets
without holes, the numbers of a partition ascending; at least half of OFFERED
must have been acknowledged. With RETAINED the beginning of a partition may
have been removed, and so many records of each must have been left. Prints
sentences; exit 1 if any of that fails.
"""
import sys


def read_acknowledged(name):
    with open(name, encoding="ascii") as file:
        for line in file:
            partition, offset, number = line.split()
            yield (int(partition), int(offset)), int(number)


def read_records(name):
    with open(name, encoding="ascii") as file:
        for line in file:
            partition, offset, value = line.rstrip("\n").split(" ", 2)
            yield int(partition), int(offset), int(value.split(" ", 1)[0])


def check_retained(retained, first, last, acknowledged):
    """Findings, and the acknowledged records that must be there."""
    findings = []
    for partition in sorted({place[0] for place, _ in acknowledged}):
        end = max(place[1] for place, _ in acknowledged
                  if place[0] == partition) + 1
        left = last.get(partition, (0, 0))[0] - first.get(partition, 0)
        if left < min(retained, end):
            findings.append(f"partition {partition}: {left} records are left, "
                            f"not the {retained} that may not be removed")
    return findings, [(place, number) for place, number in acknowledged
                      if place[1] >= first.get(place[0], 0)]


def main():
    acknowledged = list(read_acknowledged(sys.argv[1]))
    offered = int(sys.argv[3])
    retained = int(sys.argv[4]) if len(sys.argv) > 4 else None
    at, where, first, last, findings = {}, {}, {}, {}, []
    for partition, offset, number in read_records(sys.argv[2]):
        first.setdefault(partition, 0 if retained is None else offset)
        expected, before = last.get(partition, (first[partition], 0))
        if offset != expected:
            findings.append(f"partition {partition}: offset {offset} follows "
                            f"{expected - 1}")
        if number in where:
            findings.append(f"record {number} is there twice: at "
                            f"{where[number]} and {(partition, offset)}")
        elif number < before:
            findings.append(f"partition {partition}: record {number} stands "
                            f"behind {before}")
        last[partition] = (offset + 1, number)
        where[number] = (partition, offset)
        at[(partition, offset)] = number
    if 2 * len(acknowledged) < offered:
        findings.append(f"only {len(acknowledged)} of {offered} records were "
                        "acknowledged: the test shows little")
    kept = acknowledged
    if retained is not None:
        more, kept = check_retained(retained, first, last, acknowledged)
        findings += more
    for place, number in kept:
        if at.get(place) != number:
            findings.append(f"record {number} was acknowledged at {place}; "
                            f"there is {at.get(place, 'nothing')}")
    for finding in findings[:20]:
        print(finding)
    print(f"{offered} offered, {len(acknowledged)} acknowledged, {len(at)} "
          f"read, {len(findings)} findings")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
