#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a record costs on an idle cluster of three, counted in a trace.

usage: record_cost.py KQSIM SCENARIO

Between the sending of a produce request and its answer with acks=all there
may be at most three syncs (one a replica) and a chain of at most three round
trips, six messages each of which was sent after the one before it had come.
Counted, never timed.
"""
import subprocess
import sys
import tempfile

PRODUCE, PRODUCED = "19", "20"  # fields of Message in proto/wire.proto
SYNCS_MAX = 3
CHAIN_MAX = 6


def facts_of(path):
    """(node, fact, value) of every line that is a fact, in order."""
    with open(path, encoding="utf-8") as trace:
        for line in trace:
            words = line.split()
            if len(words) > 3 and words[2] == "fact":
                yield words[1], words[3], words[-1]


def costs_of(facts):
    """(syncs, longest chain of messages) of each acknowledged request."""
    syncs, client = 0, None
    depth = {}  # of a node: the longest chain that has come to it
    sent = {}   # of a kind of message: the longest chain that ends in one
    for node, fact, value in facts:
        if fact == "frame_sent" and value == PRODUCE:
            syncs, client, depth, sent = 0, node, {}, {}
        if client is None:
            continue
        if fact == "sync":
            syncs += 1
        elif fact == "frame_sent":
            sent[value] = max(sent.get(value, 0), depth.get(node, 0) + 1)
        elif fact == "frame_received":
            depth[node] = max(depth.get(node, 0), sent.get(value, 0))
        if fact == "frame_received" and value == PRODUCED and node == client:
            yield syncs, sent[PRODUCED]
            client = None


def main():
    kqsim, scenario = sys.argv[1:3]
    with tempfile.NamedTemporaryFile(suffix=".txt") as trace:
        subprocess.run([kqsim, "run", scenario, "--seed", "1", "--trace",
                        trace.name], check=True, stdout=subprocess.DEVNULL)
        # the first record waits for the topic's roles and the producer's id
        costs = list(costs_of(facts_of(trace.name)))[1:]
    if len(costs) < 4:
        print(f"only {len(costs)} records were acknowledged: nothing shown")
        return 1
    for number, (syncs, chain) in enumerate(costs, 2):
        print(f"record {number}: {syncs} syncs, {chain} messages in a row")
    within = all(0 < syncs <= SYNCS_MAX and 1 < chain <= CHAIN_MAX
                 for syncs, chain in costs)
    return 0 if within else 1


sys.exit(main())
