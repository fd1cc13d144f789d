#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`--junit` writes the runs that `--json` tells, as XML that parses.

    junit.py KQSIM FAILING PASSING DIRECTORY
"""
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml


def check(condition, message):
    if not condition:
        sys.exit(f"junit.py: {message}")


def main(kqsim, failing, passing, directory):
    os.makedirs(directory, exist_ok=True)
    # a name that XML would not take as it is
    odd = os.path.join(directory, "a & b <c>.yaml")
    shutil.copy(failing, odd)
    # a sweep that proves nothing: a fault that never comes
    vacuous = os.path.join(directory, "vacuous.yaml")
    with open(passing, encoding="utf-8") as file, \
            open(vacuous, "w", encoding="utf-8") as copy:
        copy.write(file.read() + "faults:\n"
                   "  - {point: zookeeper/expire, rate: 0.0000001}\n")
    out = os.path.join(directory, "cases.xml")
    said = subprocess.run(
        [kqsim, "run", odd, passing, vacuous, "--seeds", "20", "--jobs", "2",
         "--json", "--junit", out],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    check(said.returncode == 1, f"exit code {said.returncode}")
    runs = [json.loads(line) for line in said.stdout.splitlines() if line]
    suite = xml.parse(out).getroot().find("testsuite")
    cases = list(suite)
    failures = [case for case in cases if case.find("failure") is not None]
    errors = [case for case in cases if case.find("error") is not None]
    check(len(runs) == 60, f"{len(runs)} runs")
    check(len(failures) == sum(run["result"] == "fail" for run in runs) > 0,
          f"{len(failures)} failures")
    check(len(errors) == 1 and errors[0].get("name") == "all seeds",
          f"{len(errors)} errors")
    check(len(cases) == len(runs) + 1, f"{len(cases)} cases")
    for name, value in (("tests", cases), ("failures", failures),
                        ("errors", errors)):
        check(suite.get(name) == str(len(value)), f"the head says other {name}")
    for run, case in zip([run for run in runs if run["result"] == "fail"],
                         failures):
        check(case.get("classname") == run["scenario"].removesuffix(".yaml")
              .replace("/", "."), f"class {case.get('classname')}")
        check(case.get("name") == f"seed {run['seed']}", case.get("name"))
        failure = case.find("failure")
        check(failure.get("type") == run["oracle"], failure.get("type"))
        check(failure.get("message") == run["message"], failure.get("message"))
        check(f"--seed {run['seed']}" in failure.text, failure.text)
    refused = subprocess.run([kqsim, "run", passing, "--junit",
                              os.path.join(directory, "none", "x.xml")],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True)
    check(refused.returncode == 3 and "none/x.xml" in refused.stderr,
          "a file that cannot be written is not told")
    print(f"{len(cases)} cases, as told by --json")


if __name__ == "__main__":
    main(*sys.argv[1:])
