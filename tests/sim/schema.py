#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `kqsim schema` prints is JSON Schema, and agrees with `kqsim lint`.

    schema.py KQSIM TREE

Every scenario of the tree must fit it; some wrong ones must not.
"""
import json
import pathlib
import subprocess
import sys

import jsonschema
import yaml

WHOLE = """
description: A sentence.
duration: 5s
topics: {orders: {partitions: 2, config: {retention.ms: 5s}}}
producers: [{topic: orders, rate: 5/s, acks: all}]
steps: [{at: 1s, kill: b1, for: [1s, 2s]}]
faults: [{point: zookeeper/delay, rate: 10%}]
"""
# A part of it, what is there instead, and what the schema names.
WRONG = [
    ("description: A sentence.\n", "", "description"),
    ("duration: 5s", "duration: 5", "duration"),
    ("duration: 5s", "duration: 5 parsecs", "duration"),
    ("partitions: 2", "partitions: 1000", "partitions"),
    ("partitions: 2", "partitons: 2", "orders"),
    ("retention.ms", "retention.mss", "config"),
    ("rate: 5/s", "rate: fast", "rate"),
    ("acks: all", "acks: 2", "acks"),
    ("kill: b1", "kil: b1", "steps"),
    ("kill: b1", "kill: 1", "kill"),
    ("kill: b1", "kill: leder(orders/0)", "kill"),
    ("kill: b1", "kill: [b1, leader(orders)]", "kill"),
    ("[1s, 2s]", "[1s]", "for"),
    ("zookeeper/delay", "zookeeper/dealy", "point"),
    ("10%", "110", "rate"),
]


def check(condition, message):
    if not condition:
        sys.exit(f"schema.py: {message}")


def main(kqsim, tree):
    schema = json.loads(subprocess.run([kqsim, "schema"], check=True,
                                       stdout=subprocess.PIPE).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    files = sorted((pathlib.Path(tree) / "scenarios").rglob("*.yaml"))
    check(len(files) > 100, f"only {len(files)} scenarios in {tree}")
    for file in files:
        for error in validator.iter_errors(yaml.safe_load(file.read_text())):
            sys.exit(f"schema.py: {file}: {error.json_path}: {error.message}")
    check(validator.is_valid(yaml.safe_load(WHOLE)), "refuses what is right")
    for right, wrong, where in WRONG:
        check(right in WHOLE, f"'{right}' is not in the example")
        document = yaml.safe_load(WHOLE.replace(right, wrong))
        errors = list(validator.iter_errors(document))
        check(errors, f"takes '{wrong}'")
        check(any(where in error.json_path + error.message
                  for error in errors),
              f"'{wrong}': {[error.message for error in errors]}")
    print(f"{len(files)} scenarios fit, {len(WRONG)} wrong ones do not")


if __name__ == "__main__":
    main(*sys.argv[1:])
