# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Steps of ci/test and ci/full: each is a function or a command that runs
# with its output in build/ci/NAME.log, under a time limit, and counts as one
# passed or failed test; a step that runs many tests counts them itself by
# `counted PASSED FAILED`. The last line printed is "N passed, N failed".
# Sourced by bash from the root of the repository.

LOGS=build/ci
SKIPPED=77 # exit code of a step that this machine cannot run
PASSED=0
FAILED=0
FAILED_STEPS=()
STEP_PID=
BESIDE_PID=

mkdir -p "$LOGS"

# What a step found, instead of the 1 that it counts for itself.
counted() {
    echo "$1 $2" >"$LOGS/counted"
}

# Ends the running step and what it started, and nothing else. Scripts that
# started a cluster need a moment to stop it.
stop_step() {
    local i

    [ -n "$STEP_PID" ] || return 0
    kill -TERM -- "-$STEP_PID" 2>/dev/null
    for i in {1..30}; do
        kill -0 -- "-$STEP_PID" 2>/dev/null || return 0
        sleep 1
    done
    kill -KILL -- "-$STEP_PID" 2>/dev/null
}

interrupted() {
    echo "ci: interrupted; stopping what was started" >&2
    stop_step
    [ -z "$BESIDE_PID" ] || { kill -TERM "$BESIDE_PID" && wait "$BESIDE_PID"; }
    exit 1
}
trap interrupted INT TERM

# Waits for the step, at most $1 seconds.
wait_step() {
    local end=$((SECONDS + $1))

    while kill -0 "$STEP_PID" 2>/dev/null; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "ci: gave up after $1 seconds"
            stop_step
            wait "$STEP_PID" 2>/dev/null
            return 124
        fi
        sleep 0.2
    done
    wait "$STEP_PID"
}

tally() { # name, exit code
    local passed=1 failed=0

    [ "$2" -ne "$SKIPPED" ] || return 0
    [ "$2" -eq 0 ] || { passed=0 failed=1; }
    if [ -f "$LOGS/counted" ]; then
        read -r passed failed <"$LOGS/counted"
        # a failed step has failed something, whatever it counted
        [ "$2" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
    fi
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
    [ "$2" -eq 0 ] || FAILED_STEPS+=("$1")
}

# step NAME COMMAND...
step() {
    local name=$1 log="$LOGS/$1.log" start=$SECONDS code

    shift
    printf '%-28s ' "$name"
    rm -f "$LOGS/counted"
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    STEP_PID=$!
    set +m
    wait_step "$STEP_SECONDS" >>"$log"
    code=$?
    STEP_PID=
    tally "$name" "$code"
    if [ "$code" -eq "$SKIPPED" ]; then
        printf 'skipped %4d s  %s\n' $((SECONDS - start)) \
            "$(grep -m 1 '^skipped: ' "$log" | cut -c 10-)"
        return 0
    fi
    if [ "$code" -eq 0 ]; then
        printf 'ok      %4d s' $((SECONDS - start))
        [ ! -f "$LOGS/counted" ] ||
            printf '  %s passed' "$(cut -d' ' -f1 "$LOGS/counted")"
        echo
        return 0
    fi
    printf 'FAILED  %4d s  (exit %d, see %s)\n' $((SECONDS - start)) \
        "$code" "$log"
    tail -n 30 "$log" | sed 's/^/    | /'
    return 1
}

# Steps that wait more than they work are made by a function beside the others,
# which come in between; join waits for them and tells of them.
beside() { # function
    (
        trap interrupted INT TERM
        PASSED=0 FAILED=0 FAILED_STEPS=()
        LOGS=$LOGS/beside
        mkdir -p "$LOGS"
        rm -f "$LOGS/sum"
        "$1" >"$LOGS/steps"
        echo "PASSED=\$((PASSED + $PASSED)) FAILED=\$((FAILED + $FAILED))" \
            "FAILED_STEPS+=(${FAILED_STEPS[*]})" >"$LOGS/sum"
    ) &
    BESIDE_PID=$!
}

join() {
    # bash may have forgotten a child that ended long ago
    while kill -0 "$BESIDE_PID" 2>/dev/null; do
        sleep 0.2
    done
    BESIDE_PID=
    cat "$LOGS/beside/steps"
    if [ ! -f "$LOGS/beside/sum" ]; then
        echo "what ran beside ended early"
        FAILED=$((FAILED + 1)) FAILED_STEPS+=(beside)
        return 1
    fi
    # shellcheck disable=SC1091
    . "$LOGS/beside/sum"
}

# A step without which the rest cannot run.
must() {
    step "$@" && return
    echo "ci: '$1' failed, so nothing after it can be tried"
    finish
}

finish() {
    echo
    [ "${#FAILED_STEPS[@]}" -eq 0 ] || echo "failed: ${FAILED_STEPS[*]}"
    echo "took $SECONDS s"
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" -eq 0 ]
    exit
}

# ---- what steps do ----

build() { # preset
    cmake --preset "$1" && cmake --build --preset "$1"
}

# Unit tests and, where a world is real, seam tests.
ctests() { # build directory
    local out total failed

    out=$(ctest --test-dir "$1" --output-on-failure -j "$JOBS" 2>&1)
    local code=$?
    echo "$out"
    total=$(sed -n 's/.* tests failed out of \([0-9]*\)$/\1/p' <<<"$out")
    failed=$(sed -n 's/.*, \([0-9]*\) tests failed out of.*/\1/p' <<<"$out")
    if [ -z "$total" ] || [ "$total" -eq 0 ]; then
        echo "ctest ran no test"
        return 1
    fi
    counted $((total - failed)) "$failed"
    return "$code"
}

# How many lines of results passed, and which did not; every run counts.
judged() { # results
    local passed failed

    passed=$(grep -c '"result" *: *"pass"' "$1")
    failed=$(grep -vc '"result" *: *"pass"' "$1")
    grep -v '"result" *: *"pass"' "$1" | head -n 20
    counted "$passed" "$failed"
    if [ "$passed" -eq 0 ]; then
        echo "no run passed: are there scenarios?"
        return 1
    fi
    [ "$failed" -eq 0 ]
}

# All scenarios.
sweep() { # program, seeds, file for the results, then more options
    local program=$1 seeds=$2 results=$3 code

    shift 3
    "$program" run scenarios --seeds "$seeds" --jobs "$JOBS" --json "$@" \
        >"$results"
    code=$?
    judged "$results" && return "$code"
}

# Scenarios that nobody wrote.
swarm() { # program, seeds
    local results="$LOGS/swarm.json" code

    "$1" swarm --seeds "$2" --jobs "$JOBS" --json >"$results"
    code=$?
    judged "$results" && return "$code"
}

# Chance decides otherwise after rare marks and syncs.
explore() { # scenarios (a pattern), futures of each
    local file results="$LOGS/explore.json" good=0

    : >"$results"
    for file in $1; do
        build/kqsim explore "$file" --limit "$2" --jobs "$JOBS" --json \
            >>"$results" || good=1
    done
    judged "$results" && return "$good"
}

# A broker crashes at its disk operations, or they fail.
crash_everywhere() { # scenarios (a pattern), seeds, operations of each
    local file how results="$LOGS/crash-everywhere.json" good=0

    : >"$results"
    for file in $1; do
        for how in power process error full short; do
            build/kqsim crash-everywhere "$file" --how "$how" --seeds "$2" \
                --limit "$3" --jobs "$JOBS" --json >>"$results" || good=1
        done
    done
    judged "$results" && return "$good"
}

# Scenarios in the simulator and on real processes; every run counts, and its
# log says where the two worlds differed.
two_worlds() { # scenarios...
    local results="$LOGS/two-worlds.txt" passed failed code

    build/kqsim run "$@" --world both | tee "$results"
    code=${PIPESTATUS[0]}
    passed=$(grep -c '^pass .*: 1 run' "$results")
    failed=$(grep -cE '^(FAIL|ERROR) .*: 1 run' "$results")
    counted "$passed" "$failed"
    if [ $((passed + failed)) -ne $((2 * $#)) ]; then
        echo "not every scenario ran in both worlds"
        return 1
    fi
    return "$code"
}

# scenario, seed and trace hash of every run up to a seed, in one order.
hashes() { # last seed
    python3 -c '
import json, sys
runs = [json.loads(line) for line in sys.stdin if line.strip()]
for line in sorted("{scenario} {seed} {trace_hash} {result}".format(**run)
                   for run in runs if run["seed"] <= int(sys.argv[1])):
    print(line)
' "$1"
}

# A program must tell the same of the first seeds as the sweep that wrote
# these results, also when other processes share the work otherwise.
same_hashes() { # program, seeds, results of a sweep
    local a b

    a=$(hashes "$2" <"$3") || return 1
    b=$("$1" run scenarios --seeds "$2" --jobs $((JOBS + 1)) --json |
        hashes "$2") || return 1
    diff <(echo "$a") <(echo "$b") || {
        echo "the trace of a seed differs between $1 and $3"
        return 1
    }
    counted "$(echo "$a" | wc -l)" 0
    [ -n "$a" ]
}
