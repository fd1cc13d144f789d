#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What kqsim run --html writes: one file that needs nothing else, well formed,
whose events are those of the run.

usage: page.py KQSIM FAILING-SCENARIO SPARE-DIRECTORY PASSING-SCENARIO
"""
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

# A name that ends scripts and opens markup where it is not escaped.
HOSTILE = "</script><script>document.title='caught'<!--"


def kqsim(*arguments):
    return subprocess.run([KQSIM, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


def need(good, sentence):
    if not good:
        sys.exit(sentence)


class Page(HTMLParser):
    """Counts tags that are open, keeps scripts and what would be loaded."""
    VOID = {"meta", "br", "hr", "img", "input", "link"}

    def __init__(self, text):
        super().__init__()
        self.open, self.scripts, self.loaded = [], [], []
        self.feed(text)
        self.close()
        need(not self.open, f"tags that stay open: {self.open}")

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")
        self.loaded += [value for name, value in attrs
                        if name in ("src", "href", "srcset", "action")]
        if tag in ("link", "iframe", "object", "img"):
            self.loaded.append(tag)

    def handle_endtag(self, tag):
        need(self.open and self.open[-1] == tag,
             f"</{tag}> closes {self.open[-1:]}")
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data


def write(scenario, seed, *options):
    """(what --json said, exit code, the page's data)"""
    path = f"{SPARE}/page.html"
    run = kqsim("run", scenario, "--seed", str(seed), "--json", "--html", path,
                *options)
    need(run.returncode in (0, 1), f"exit code {run.returncode}: {run.stderr}")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    page = Page(text)
    need(len(page.scripts) == 2, f"{len(page.scripts)} scripts: one is data, "
         "one is code")
    need(not page.loaded, f"the page would load {page.loaded}")
    need("<!-- " + "data" not in text and "https:" not in text and
         "http:" not in text, "a part is missing, or names another place")
    return (json.loads(run.stdout.splitlines()[0]), run.returncode,
            json.loads(page.scripts[0]))


def facts_in_trace(scenario, seed):
    """How often the trace names each fact, and each thing that befalls."""
    path = f"{SPARE}/trace.txt"
    kqsim("run", scenario, "--seed", str(seed), "--trace", path)
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    counts = {}
    for line in lines:
        words = line.split(" ", 3)
        name = words[2]
        if name == "fact":
            name = words[3].split()[0]
        counts[name] = counts.get(name, 0) + 1
    return counts


def check_events(scenario, seed, data, report):
    run = data["runs"][0]
    kinds = [name for name, _, _ in data["kinds"]]
    counts, at = {}, 0
    for event in run["events"]:
        at += event[0]
        need(event[0] >= 0, "an event before the one before it")
        need(event[1] < len(run["lanes"]), "an event in no lane")
        need(event[3] <= len(run["partitions"]), "an event of no partition")
        name = kinds[event[2]]
        counts[name] = counts.get(name, 0) + 1
    traced = facts_in_trace(scenario, seed)
    for kind, fact in (("appended", "appended"), ("durable", "durable"),
                       ("high-watermark", "high_watermark"),
                       ("acknowledged", "acknowledged"), ("pause", "pause"),
                       ("resume", "resume"), ("fault", "fault")):
        need(counts.get(kind, 0) == traced.get(fact, 0),
             f"the page has {counts.get(kind, 0)} {kind}, the trace "
             f"{traced.get(fact, 0)}")
    need(counts["appended"] > 0, "nothing was appended")
    need(run["left_out"] == 0, "events were left out")
    need(run["hash"] == report["trace_hash"], "the recorded run is another")
    need(run["records"][0] == report["records"]["sent"], "sent differs")
    for kind in ("start", "session", "server-leads",
                 "server-follows", "leader", "follower", "controller", "sent",
                 "acked", "read", "phase", "step", "info"):
        need(counts.get(kind, 0) > 0, f"the page has no {kind}")
    return counts


def check_verdict(data, report):
    run = data["runs"][0]
    kinds = [name for name, _, _ in data["kinds"]]
    last = run["events"][-1]
    need(run["oracle"] == report["oracle"], "another oracle")
    need(run["message"] == report["message"], "another message")
    need(kinds[last[2]] == "violation", "the violation is not the last event")
    need(last[4] == report["message"], "it says something else")
    need(run["touched"] and run["touched"][-1] == len(run["events"]) - 1,
         "what was touched does not end with the verdict")
    need(run["replay"].startswith(f"{KQSIM} run "), "no command replays it")


def check_hostile_name(passing):
    """A file may be called anything."""
    path = f"{SPARE}/{HOSTILE}.yaml"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(passing, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    _, code, data = write(path, 1)
    need(code == 0 and data["runs"][0]["scenario"] == path,
         "the name of the file was changed")


def check_same_hash(scenario, seed, report):
    run = kqsim("run", scenario, "--seed", str(seed), "--json")
    need(json.loads(run.stdout.splitlines()[0])["trace_hash"] ==
         report["trace_hash"], "--html changed the run")


def check_text(scenario, seed):
    text = kqsim("run", scenario, "--seed", str(seed)).stdout
    for pattern in (r" is broken: ", r"\n  where: \S+, .*at [\d.]+ s\n",
                    r"\n  what befell \S+, in order:\n", r"leads in epoch",
                    r"\n  replay it: \S+ run ", r"the work begins"):
        need(re.search(pattern, text), f"'{pattern}' is not in\n{text}")
    need(text.count("\n") < 80, f"{text.count(chr(10))} lines are too many")


def check_sweep_text(failing, passing):
    """What a sweep says at its end agrees with its exit code."""
    text = kqsim("run", failing, "--seeds", "20").stdout
    failed = int(re.search(r" (\d+) failed, ", text).group(1))
    need(failed > 3 and f"\n  {failed - 3} more did not pass: " in text,
         f"it does not say that there are more:\n{text}")
    vacuous = f"{SPARE}/vacuous.yaml"
    with open(passing, encoding="utf-8") as file, \
            open(vacuous, "w", encoding="utf-8") as copy:
        copy.write(file.read() + "faults:\n"
                   "  - {point: zookeeper/expire, rate: 0.0000001}\n")
    run = kqsim("run", vacuous, "--seeds", "10")
    need(run.returncode == 1 and "pass " not in run.stdout,
         f"it proves nothing, and passes:\n{run.stdout}")


def check_complaints(passing):
    for arguments, words in (
            (("run", passing, "--seeds", "2", "--html", f"{SPARE}/no.html"),
             "single run"),
            (("run", passing, "--beside", "2"), "--beside goes with --html"),
            (("explore", passing, "--at", "100:1", "--beside", "2"),
             "--beside goes with --html"),
            (("crash-everywhere", passing, "--limit", "1", "--beside", "2"),
             "single run"),
            (("run", passing, "--seed", "1", "--from", "2"),
             "--from goes with --seeds"),
            (("swarm", "--seeds", "2", "--html", f"{SPARE}/no.html"),
             "single run")):
        run = kqsim(*arguments)
        need(run.returncode == 2 and words in run.stderr,
             f"{arguments}: code {run.returncode}, {run.stderr}")
        need(not os.path.exists(f"{SPARE}/no.html"), "it wrote a page")
    run = kqsim("run", passing, "--html", f"{SPARE}/no/such/page.html")
    need(run.returncode == 3 and not run.stdout,
         f"no such folder: code {run.returncode}, after {run.stdout}")


def main():
    passing = sys.argv[4]
    os.makedirs(SPARE, exist_ok=True)
    report, code, data = write(SCENARIO, 1)
    need(code == 1 and report["result"] == "fail", "seed 1 is to fail")
    check_events(SCENARIO, 1, data, report)
    check_verdict(data, report)
    check_same_hash(SCENARIO, 1, report)
    check_text(SCENARIO, 1)
    check_sweep_text(SCENARIO, passing)
    report, _, data = write(passing, 1, "--beside", "2")
    need(len(data["runs"]) == 2 and
         [run["seed"] for run in data["runs"]] == [1, 2], "not two runs")
    _, _, data = write(SCENARIO, 1, "--beside", "1")
    need("difference" not in data, "a run differs from itself")
    check_hostile_name(passing)
    check_complaints(passing)


KQSIM, SCENARIO, SPARE = sys.argv[1:4]
main()
