#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A browser opens the page of a failing run: it shows the violation and the
lanes, at two sizes, dark and light, and does what it is told by keys and
clicks; no script fails and nothing is loaded. The pictures are kept.

usage: page_in_browser.py KQSIM FAILING-SCENARIO SPARE-DIRECTORY LONG-SCENARIO
"""
import json
import os
import shutil
import subprocess
import sys

from browser import Browser

SIZES = ((1280, 800), (390, 844))
DRAW_MS_MAX = 250  # to draw a long run once, on a slow machine
FRAME = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"


def need(good, sentence):
    if not good:
        sys.exit(sentence)


def make(scenario, name, *options):
    """(the address of the page, what --json said)"""
    path = os.path.abspath(f"{SPARE}/{name}.html")
    run = subprocess.run([KQSIM, "run", scenario, "--seed", "1", "--json",
                          "--html", path, *options], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    need(run.returncode in (0, 1), f"code {run.returncode}: {run.stderr}")
    return "file://" + path, json.loads(run.stdout.splitlines()[0])


def check_quiet(browser, url):
    """No error, and nothing but the page itself was asked for."""
    thrown = browser.told("Runtime.exceptionThrown")
    need(not thrown, f"a script failed: {thrown}")
    logged = [entry for entry in browser.told("Log.entryAdded")
              if entry["entry"]["level"] == "error"]
    need(not logged, f"the browser complains: {logged}")
    asked = [request["request"]["url"].split("#")[0] for request in
             browser.told("Network.requestWillBeSent")]
    need(set(asked) <= {url, "about:blank"}, f"it loads {asked}")
    need(browser.run("document.body.dataset.ready") == "yes" and
         not browser.run("document.body.dataset.broken"), "it is not ready")


def check_shown(browser, report, width):
    text = browser.run("document.body.innerText")
    for word in (report["message"], report["oracle"], report["trace_hash"],
                 "failed", "kqsim run", "in order", "Legend"):
        need(word in text, f"'{word}' is not on the page")
    lanes = browser.run("[...document.querySelectorAll('.labels .name')]"
                        ".map(e => e.textContent)")
    for lane in ("b1", "b2", "b3", "z1", "z2", "z3", "c1", "c5", "admin",
                 "world"):
        need(lane in lanes, f"there is no lane {lane}: {lanes}")
    colours = browser.run(
        "(() => { const c = document.querySelector('.lanes canvas');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height)"
        ".data; const all = new Set(); for (let i = 0; i < d.length; i += 4)"
        "all.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);"
        "return all.size; })()")
    need(colours > 20, f"the lanes have {colours} colours")
    wide = browser.run("document.documentElement.scrollWidth")
    need(wide <= width, f"the page is {wide} pixels wide, of {width}")


def in_sight(browser):
    """(from, to) of the time in sight, and where the violation is."""
    browser.run(FRAME)
    return browser.run("[view.from, view.to, RUNS[0].violation.at]")


def check_keys(browser):
    start, end, at = in_sight(browser)
    need(start < at < end, "the violation is out of sight at first")
    browser.key("0")
    whole = in_sight(browser)
    need(whole[0] <= 0 and whole[1] >= at, "0 does not show the whole run")
    browser.key("+")
    browser.key("ArrowLeft")
    near = in_sight(browser)
    need(near[1] - near[0] < whole[1] - whole[0], "+ does not zoom")
    browser.key("-")
    browser.key("v")
    start, end, at = in_sight(browser)
    need(start < at < end, "v does not go to the violation")
    need(browser.run("!document.getElementById('details').hidden"),
         "v shows no details")
    browser.key("p")
    browser.run(FRAME)
    need(browser.run("view.picked.event !== RUNS[0].violation"),
         "p does not step")
    browser.key("Escape")
    need(browser.run("document.getElementById('details').hidden"),
         "Escape does not close the details")


def check_click(browser):
    """On the first event of b1's lane, wherever that is drawn."""
    browser.key("0")
    browser.run(FRAME)
    x, y = browser.run(
        "(() => { const each = shown[0];"
        "const row = each.rows.find(r => r.lane && r.lane.name === 'b1');"
        "const event = row.lane.events.find(e => kindOf(e) === 'start');"
        "each.canvas.scrollIntoView({block: 'center'});"
        "const box = each.canvas.getBoundingClientRect();"
        "return [box.left + each.pen.x(event.at), box.top + row.top + 9]; })()")
    browser.click(x, y)
    browser.run(FRAME)
    words = browser.run("document.getElementById('details').innerText")
    need("b1 (broker)" in words, f"a click on b1 shows '{words}'")
    need("#t=" in browser.run("location.href") and
         "e=0." in browser.run("location.href"), "the address does not say it")
    browser.key("Escape")


def check_filters(browser):
    rows = "shown[0].rows.length"
    browser.run("$('partition').value = '';"
                "$('partition').dispatchEvent(new Event('change'))")
    browser.run(FRAME)
    every = browser.run(rows)
    browser.run("$('partition').value = 'orders/0';"
                "$('partition').dispatchEvent(new Event('change'))")
    browser.run(FRAME)
    need(browser.run(rows) < every, "one partition takes as many rows as all")
    need(browser.run("isShown(RUNS[0], RUNS[0].events.find(e =>"
                     "groupOf(e) === 'fault'))"), "faults are not shown")
    browser.run("[...document.querySelectorAll('.kind')].find(b =>"
                "b.textContent === 'faults').click()")
    need(not browser.run("isShown(RUNS[0], RUNS[0].events.find(e =>"
                         "groupOf(e) === 'fault'))"), "faults stay")


def check_calls(browser, records):
    """What was not acknowledged is shown as not answered, or given up."""
    open_records = browser.run(
        "[...RUNS[0].calls.byLane.values()].flat()"
        ".filter(call => call.state !== 'acked')"
        ".reduce((sum, call) => sum + call.last - call.first + 1, 0)")
    need(open_records == records["sent"] - records["acked"],
         f"{open_records} records are not acknowledged on the page: {records}")


def check_failing(browser):
    url, report = make(SCENARIO, "failing")
    papers = set()
    for width, height in SIZES:
        for scheme in ("light", "dark"):
            browser.look(width, height, scheme)
            browser.open(url)
            browser.run(FRAME)
            browser.screenshot(f"{SPARE}/page-{width}-{scheme}.png")
            check_shown(browser, report, width)
            papers.add(browser.run(
                "getComputedStyle(document.body).backgroundColor"))
            check_calls(browser, report["records"])
            check_keys(browser)
            check_click(browser)
            check_filters(browser)
            check_quiet(browser, url)
    need(len(papers) == 2, f"dark is as light as light: {papers}")


def check_difference(browser):
    """In each run what differs lies in sight, and what is before is alike."""
    need(not browser.run("document.getElementById('differ').hidden"),
         "no first difference is shown")
    browser.key("d")
    browser.run(FRAME)
    here, there = browser.run(
        "DATA.difference.map((at, i) => { const e = RUNS[i].events[at];"
        "return [RUNS[i].lanes[e.lane].name, kindOf(e), e.place]; })")
    need(here != there, f"both are {here}")
    need(browser.run("view.picked.event === RUNS[0].events"
                     "[DATA.difference[0]]"), "d does not go there")
    browser.key("Escape")


def check_beside(browser):
    url, _ = make(LONG, "beside", "--beside", "2")
    browser.look(*SIZES[0], "light")
    browser.open(url)
    browser.run(FRAME)
    browser.screenshot(f"{SPARE}/page-beside.png")
    need(browser.run("document.querySelectorAll('.run').length") == 2,
         "there are not two runs")
    check_difference(browser)
    check_quiet(browser, url)
    # the second time: what can be kept is kept
    took = browser.run("(() => { wholeRun(); draw(); const t = "
                       "performance.now(); draw();"
                       "return performance.now() - t; })()")
    events = browser.run("document.body.dataset.events")
    print(f"{events} events are drawn in {took:.0f} ms")
    need(took < DRAW_MS_MAX, f"to draw takes {took:.0f} ms")


def main():
    if shutil.which("chromium") is None:
        print("skipped: there is no chromium: ci/setup --full installs it")
        sys.exit(77)
    os.makedirs(SPARE, exist_ok=True)
    browser = Browser()
    try:
        check_failing(browser)
        check_beside(browser)
    finally:
        browser.end()


KQSIM, SCENARIO, SPARE, LONG = sys.argv[1:5]
main()
