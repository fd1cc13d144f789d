# SPDX-License-Identifier: Apache-2.0
"""A copy of the tree in which sources may be spoilt: what ci/planted and
ci/mutants share. It is built without warnings (spoilt code has unused names)
and without debug information (it is linked hundreds of times)."""
import atexit
import difflib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
APPLY = ["-C1"]  # a line of context is enough: the sources move
WAITS_PER_SECOND = 10  # a machine may have other things to do
STOPPING = threading.Event()
RUNNING = set()  # each in a session of its own, so that all of it can be ended


def end(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has ended


def stop(*_):
    """Interrupted: ends what was started; copies are removed at exit."""
    STOPPING.set()
    for process in list(RUNNING):
        end(process)
    sys.exit(1)


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)


def run(command, seconds=None, **options):
    """Output, errors and exit code; None for a code when it took longer. The
    seconds are those of a processor: a loaded machine proves nothing."""
    if seconds is not None:
        command = ["prlimit", f"--cpu={seconds}", *command]
        seconds *= WAITS_PER_SECOND
    if STOPPING.is_set():
        sys.exit(1)
    done = subprocess.Popen(command, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True,
                            errors="replace", start_new_session=True,
                            **options)
    RUNNING.add(done)
    if STOPPING.is_set():
        end(done)
    try:
        out, err = done.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        end(done)
        done.communicate()
        return "", "", None
    finally:
        RUNNING.discard(done)
    return out, err, done.returncode


def commit_number():
    """A number drawn by the commit, for samples; 0 outside of git."""
    out, _, code = run(["git", "-C", ROOT, "rev-parse", "HEAD"])
    return int(out[:12], 16) if code == 0 else 0


def sizes():
    """The values of ci/sizes that are numbers or one word."""
    values = {}
    with open(f"{ROOT}/ci/sizes", encoding="utf-8") as file:
        for line in file:
            name, _, value = line.split("#")[0].strip().partition("=")
            if value and '"' not in value:
                values[name] = int(value) if value.isdigit() else value
    return values


def functions_changed(before, after):
    """The names of the functions (or of what else begins at the left margin)
    in which two texts differ, in their order."""
    old, new = before.splitlines(), after.splitlines()
    names = []
    for tag, start, *_ in difflib.SequenceMatcher(
            None, old, new, False).get_opcodes():
        if tag == "equal":
            continue
        at = start - 1 if tag == "insert" else start
        while at >= 0 and (not re.match(r"[A-Za-z_]", old[at]) or
                           old[at].endswith(":")):
            at -= 1
        name = re.search(r"(\w+)\(|$", old[at] if at >= 0 else "")[1] or \
            (old[at].rstrip(" {") if at >= 0 else "")
        if name not in names:
            names.append(name)
    return names


def apply(path, directory, reverse=False):
    """Whether the patch could be put in, or taken out again."""
    _, _, code = run(["git", "apply", *APPLY, *(["--reverse"] * reverse),
                      path], cwd=directory,
                     env={**os.environ, "GIT_CEILING_DIRECTORIES": "/tmp"})
    return code == 0


class Tree:
    """Made from the files that git knows or would take in."""

    def __init__(self, flags="-O2"):
        self.path = tempfile.mkdtemp(prefix="kq-tree.", dir="/tmp")
        atexit.register(shutil.rmtree, self.path, True)
        self.build_path = f"{self.path}/build"
        names = subprocess.run(
            ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"],
            stdout=subprocess.PIPE, text=True, check=True).stdout
        for name in names.splitlines():
            if os.path.isfile(f"{ROOT}/{name}"):
                target = f"{self.path}/{name}"
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(f"{ROOT}/{name}", target)
        subprocess.run(
            ["cmake", "-S", self.path, "-B", self.build_path, "-G", "Ninja",
             "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_C_FLAGS={flags} -w",
             "-DCMAKE_C_FLAGS_RELEASE="],
            stdout=subprocess.DEVNULL, check=True)

    def build(self, targets, jobs):
        """What the compiler says when it fails; None when all is well."""
        out, err, code = run(["ninja", "-C", self.build_path, f"-j{jobs}",
                              *targets])
        return None if code == 0 else (out + err)[-2000:]

    def sweep(self, scenarios, seeds, first=1, jobs=1, seconds=240,
              program="kqsim"):
        """The runs, and a sentence when the sweep itself came to nothing."""
        return self.runs([program, "run", *scenarios, "--seeds", str(seeds),
                          "--from", str(first), "--jobs", str(jobs)], seconds)

    def swarm(self, seeds, jobs, seconds):
        """The same of drawn scenarios."""
        return self.runs(["kqsim", "swarm", "--seeds", str(seeds), "--jobs",
                          str(jobs)], seconds)

    def runs(self, command, seconds):
        out, err, code = run([f"{self.build_path}/{command[0]}", *command[1:],
                              "--json"], seconds, cwd=self.path)
        if code is None:
            return [], f"kqsim did not end within {seconds} s"
        runs = [json.loads(line) for line in out.splitlines() if line]
        if code > 1 or code < 0 or not runs:
            return runs, f"kqsim ended with {code}: {err[:300]}"
        return runs, None

    def test(self, name, seconds=60):
        """The test that fails (or does not end) in a program of unit tests,
        which ends there: each that waits in vain takes a minute. Or None."""
        out, err, code = run([f"{self.build_path}/{name}"], seconds,
                             env={**os.environ, "CMOCKA_TEST_ABORT": "1"})
        if code == 0:
            return None
        if code is None:
            return f"does not end within {seconds} s"
        begun = re.findall(r"^\[ RUN +\] (\w+)", out + err, re.M)
        return begun[-1] if begun else f"ended with {code}"
