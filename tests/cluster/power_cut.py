#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cuts the power of machines: of processes and of the file systems they use.

    power_cut.py DIRECTORY... [--pid-of FILE]...

First the processes whose ids stand in the FILEs stop, then every operation on
these file systems (ext4 or xfs) fails, and what is not on their devices never
gets there: mounting them again is what a start after a loss of power is. Then
the processes are killed.

The order matters. A sync that the shutdown meets in ext4 may answer success for
a transaction that it aborts (jbd2_complete_transaction() finds it gone and
takes it for committed). With the power gone nobody would hear of it; a process
that lives on acknowledges by it. Needs root."""
import argparse
import fcntl
import os
import signal
import struct
import sys
import time

SHUTDOWN = (2 << 30) | (4 << 16) | (ord("X") << 8) | 125  # _IOR('X', 125, u32)
NO_LOG_FLUSH = 2
STOP_SECONDS = 20
START_TIME = 19  # behind the name: field 22


def fields(path):
    """Behind the name of a process or thread: state first (proc(5))."""
    with open(path, encoding="ascii", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()


def stop(file):
    """The broker whose id and start time (kq dev) are there; None: none."""
    try:
        with open(file, encoding="ascii") as lines:
            pid, started = lines.read().split()[:2]
        if fields(f"/proc/{pid}/stat")[START_TIME] != started:
            return None
        os.kill(int(pid), signal.SIGSTOP)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return int(pid)


def states(pid):
    """Of its threads, a letter each (proc(5)); none when it is gone."""
    found = set()
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found.add(fields(f"/proc/{pid}/task/{thread}/stat")[0])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def wait_until_still(pid):
    """No thread runs a line of its program any more: it has stopped, or waits
    in the kernel for a disk and stops when that answers."""
    end = time.monotonic() + STOP_SECONDS
    while not states(pid) <= set("TDZX"):
        if time.monotonic() > end:
            sys.exit(f"process {pid} does not stop: threads {states(pid)}")
        time.sleep(0.001)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directories", nargs="+")
    parser.add_argument("--pid-of", action="append", default=[])
    arguments = parser.parse_args()
    directories = [os.open(name, os.O_RDONLY | os.O_DIRECTORY)
                   for name in arguments.directories]
    pids = [pid for pid in map(stop, arguments.pid_of) if pid]
    for pid in pids:
        wait_until_still(pid)
    for directory in directories:
        fcntl.ioctl(directory, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it was about to end when it was stopped


if __name__ == "__main__":
    main()
