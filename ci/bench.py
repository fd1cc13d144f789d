# SPDX-License-Identifier: Apache-2.0
"""What ci/bench-log, ci/bench-cluster and ci/bench-sim share: a table of
measurements and their targets, brokers of their own, and the options."""
import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
GIB = 1 << 30


class Failed(Exception):
    """A sentence that says what could not be measured."""


class Row:
    """A target and whether it was met."""

    def __init__(self, what, good, bound):
        self.what = what
        self.good = good
        self.bound = bound


class Taken:
    """What a program said, and what it took with its children: seconds of
    wall and CPU time, bytes resident at the most (of this one at least, from
    which it was forked)."""

    def __init__(self, output, wall, usage):
        self.output = output
        self.wall = wall
        self.cpu = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss * 1024


class Bench:
    """Sizes, programs, and the table so far."""

    def __init__(self, options, directory):
        self.runs = options.runs
        self.quick = options.quick
        self.bounds_alone = options.bounds
        self.build = os.path.abspath(options.build)
        self.directory = directory
        self.rows = []
        self.subject = ""

    def size(self, full, quick):
        return quick if self.quick else full

    def run(self, program, *arguments):
        done = subprocess.run([f"{self.build}/{program}", *map(str, arguments)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{program} {' '.join(map(str, arguments))}: "
                         f"{done.stderr.strip()[-300:]}")
        return done.stdout + done.stderr

    def timed(self, program, *arguments):
        """The program, as what it took."""
        words = [f"{self.build}/{program}", *map(str, arguments)]
        began = time.monotonic()
        with subprocess.Popen(words, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT,
                              text=True) as running:
            output = running.stdout.read()
            _, status, usage = os.wait4(running.pid, 0)
            running.returncode = os.waitstatus_to_exitcode(status)
        if running.returncode != 0:
            raise Failed(f"{' '.join(words)}: {output.strip()[-300:]}")
        return Taken(output, time.monotonic() - began, usage)

    def row(self, what, value, unit, target, good, bound=False):
        """`bound`: holds on a machine of any speed."""
        of = f"{self.subject}:" if what.startswith(" ") else ""
        self.rows.append(Row(f"{of} {what.strip()}".strip(), good, bound))
        print(f"{what:<52} {value:>12} {unit:<8} {target:<16} "
              f"{'ok' if good else 'MISSED'}", flush=True)

    def ratio(self, what, value, against, target):
        """Share of `against` that must be at least `target`."""
        share = value / against
        self.row(what, f"{share:.3f}", "", f">= {target}", share >= target)

    def counts(self, row):
        """It was missed, and is not only told."""
        return not row.good and (row.bound or not self.bounds_alone)

    def note(self, what, value, unit):
        if not what.startswith(" "):
            self.subject = what
        print(f"{what:<52} {value:>12} {unit}", flush=True)


class Cluster:
    """Brokers of a directory of their own, through kq dev."""

    def __init__(self, bench, name, *settings, brokers=1):
        self.bench = bench
        self.directory = f"{bench.directory}/{name}"
        if brokers == 1:
            settings += ("min.insync.replicas=1",
                         "default.replication.factor=1")
        sets = [word for setting in settings for word in ("--set", setting)]
        bench.run("kq", "dev", "up", "--brokers", brokers, "--dir",
                  self.directory, *sets)
        with open(f"{self.directory}/cluster", encoding="ascii") as file:
            ports = re.findall(r"^broker\.\d+\.port=(\d+)", file.read(), re.M)
        self.bootstrap = ",".join(f"127.0.0.1:{port}" for port in ports)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bench.run("kq", "dev", "down", "--dir", self.directory)
        shutil.rmtree(self.directory)

    def kq(self, *arguments):
        return self.bench.run("kq", *arguments, "--bootstrap", self.bootstrap)

    def topic(self, name, partitions, replicas=1, **config):
        words = [word for key, value in config.items()
                 for word in ("--config", f"{key.replace('_', '.')}={value}")]
        self.kq("topic", "create", name, "--partitions", partitions,
                "--replicas", replicas, *words)

    def produce(self, topic, size, *options, value=1024):
        """Bytes a second; the values are `size` bytes in all."""
        said = self.kq("bench", "produce", topic, "--records", size // value,
                       "--size", value, *options)
        return 1e6 * float(re.search(r"([\d.]+) MB/s", said)[1]), said

    def consume(self, topic, size):
        said = self.kq("bench", "consume", topic, "--records", size // 1024)
        return 1e6 * float(re.search(r"([\d.]+) MB/s", said)[1])

    def pid(self, broker=1):
        with open(f"{self.directory}/broker-{broker}/pid",
                  encoding="ascii") as file:
            return int(file.read().split()[0])

    def stop(self, number, broker=1):
        """Ends the broker by this signal and waits for its end."""
        pid = self.pid(broker)
        os.kill(pid, number)
        while os.path.exists(f"/proc/{pid}"):
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    break
            time.sleep(0.05)

    def start(self, broker=1):
        """Seconds until it is ready."""
        began = time.monotonic()
        self.bench.run("kq", "dev", "start", broker, "--dir", self.directory)
        return time.monotonic() - began

    def status(self, key):
        with open(f"/proc/{self.pid()}/status", encoding="ascii") as file:
            return int(re.search(rf"^{key}:\s+(\d+)", file.read(), re.M)[1])


def medians(measured):
    return {name: statistics.median(values)
            for name, values in measured.items()}


def interleaved(bench, **ways):
    """Runs each way in turn, bench.runs times; the medians."""
    measured = {name: [] for name in ways}
    for _ in range(bench.runs):
        for name, way in ways.items():
            measured[name].append(way())
    return medians(measured)


def measure(bench, name, part):
    """One part; once more when it misses a target, and then the better."""
    before = len(bench.rows)
    for again in (False, True):
        began = time.monotonic()
        print(f"-- {name}: {part.__doc__}{' (once more)' if again else ''}",
              flush=True)
        first, bench.rows[before:] = bench.rows[before:], []
        part(bench)
        print(f"   {time.monotonic() - began:.0f} s", flush=True)
        for old, new in zip(first, bench.rows[before:]):
            new.good = new.good or old.good
        if not any(bench.counts(row) for row in bench.rows[before:]):
            return


def out_of_time(*_):
    raise Failed("it takes too long: --minutes says how long it may")


def read_options(doc, sections, questions):
    parser = argparse.ArgumentParser(
        description=doc.split("\n", 1)[0],
        epilog="NAME: " + ", ".join([*sections, *questions]))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--bounds", action="store_true")
    parser.add_argument("--only", action="append",
                        choices=[*sections, *questions])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--build", default="build")
    parser.add_argument("--dir")
    return parser.parse_args()


def main(doc, sections, questions):
    """All sections, or those of --only, which knows of questions too: name ->
    a function that takes the bench. The exit code."""
    options = read_options(doc, sections, questions)
    directory = tempfile.mkdtemp(prefix="kq-bench.", dir=options.dir)
    bench = Bench(options, directory)
    # an interrupted run must stop its clusters too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(60 * options.minutes)
    try:
        for name in options.only or sections:
            measure(bench, name, {**sections, **questions}[name])
    except (Failed, FileNotFoundError) as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 3
    finally:
        signal.alarm(0)
        shutil.rmtree(directory, ignore_errors=True)
    missed = [row for row in bench.rows if not row.good]
    for row in missed:
        print(f"missed: {row.what}")
    print(f"{len(bench.rows) - len(missed)} of {len(bench.rows)} targets met")
    failed = any(bench.counts(row) for row in missed)
    return 1 if failed and (options.check or options.bounds) else 0
