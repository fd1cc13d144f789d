#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cuts the power of a mounted file system.

    power_cut.py DIRECTORY...

From here on every operation on these file systems (ext4 or xfs) fails, and
what is not on their devices never gets there: mounting them again is what a
start after a loss of power is. Needs root."""
import fcntl
import os
import struct
import sys

SHUTDOWN = (2 << 30) | (4 << 16) | (ord("X") << 8) | 125  # _IOR('X', 125, u32)
NO_LOG_FLUSH = 2


def main():
    directories = [os.open(name, os.O_RDONLY | os.O_DIRECTORY)
                   for name in sys.argv[1:]]
    for directory in directories:
        fcntl.ioctl(directory, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))


if __name__ == "__main__":
    main()
