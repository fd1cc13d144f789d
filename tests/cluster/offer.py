#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lines at an even pace, each beginning with its number.

    offer.py RATE SECONDS | offer.py RATE --until FILE --count FILE

What cannot be taken yet is offered later. Ends after so many seconds' worth
of lines, or once the file is there, and then writes how many they were."""
import argparse
import os
import sys
import time


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rate", type=int)
    parser.add_argument("seconds", type=int, nargs="?", default=0)
    parser.add_argument("--until")
    parser.add_argument("--count")
    options = parser.parse_args()
    start = time.monotonic()
    number = 0
    while number < options.rate * options.seconds if options.until is None \
            else not os.path.exists(options.until):
        late = start + number / options.rate - time.monotonic()
        if late > 0:
            sys.stdout.flush()
            time.sleep(late)
        for _ in range(max(1, options.rate // 100)):
            number += 1
            print(f"{number} the load of this test, {'x' * 60}")
    if options.count is not None:
        with open(options.count, "w", encoding="ascii") as file:
            print(number, file=file)


if __name__ == "__main__":
    main()
