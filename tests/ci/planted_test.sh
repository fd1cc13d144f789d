#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# ci/planted must refuse a patch that no longer stands where it was made: with
# a line or two of context it applies to any place with the same words.
set -u
cd "$(dirname "$0")/../.." || exit 3
COPY=$(mktemp -d /tmp/kq-planted.XXXXXX)
trap 'rm -rf "$COPY"' EXIT
trap 'exit 1' INT TERM
FAILED=0

mkdir -p "$COPY/broker" "$COPY/tests/planted" "$COPY/scenarios"
cp -r ci "$COPY"
touch "$COPY/scenarios/one.yaml"

# A function that looks before it does; a second one after it does not differ.
function_of() { # name, first line
    printf 'int %s(int a)\n{\n    %s\n        return 0;\n    return a;\n}\n\n' \
        "$1" "$2"
}

source_of() { # lines of first() and of second()
    { function_of first "$1" && function_of second "$2"; } \
        >"$COPY/broker/two.c"
}

cat >"$COPY/tests/planted/a-bug.patch" <<'END'
What follows from it.

Rows: B1
Guard: first(): it looks
In: first
Scenario: scenarios/one.yaml

diff --git a/broker/two.c b/broker/two.c
--- a/broker/two.c
+++ b/broker/two.c
@@ -2,4 +2,4 @@ int first(int a)
 {
-    if (a < 0)
+    if (a < 1)
         return 0;
     return a;
END
cat >"$COPY/tests/planted/TABLE.md" <<'END'
| a-bug | B1 | first(): it looks | durable-stays | one | 1 |
END

# expect NAME EXIT SENTENCE: what ci/planted --check must say
expect() {
    local out code

    out=$("$COPY/ci/planted" --check 2>&1)
    code=$?
    if [ "$code" -ne "$2" ] || ! grep -qF -- "$3" <<<"$out"; then
        echo "FAILED: $1: exit $code, no sentence with: $3"
        head -n 5 <<<"$out"
        FAILED=$((FAILED + 1))
    else
        echo "ok: $1: $(grep -F -m 1 -- "$3" <<<"$out")"
    fi
}

source_of 'if (a < 0)' 'if (a < 0)'
expect 'a patch where it was made' 0 '1 planted bugs, 0 wrong'

{ function_of zeroth 'if (a > 9)' && cat "$COPY/broker/two.c"; } \
    >"$COPY/moved.c" && mv "$COPY/moved.c" "$COPY/broker/two.c"
expect 'a patch that moved with its function' 0 '1 planted bugs, 0 wrong'

source_of 'if (a < 0 || a > 9)' 'if (a < 0)'
expect 'a patch that slid' 1 'a-bug: stands in second, and its line'

source_of 'if (a < 0 || a > 9)' 'if (a > 9)'
expect 'a patch without a place' 1 'a-bug: does not apply any more'

source_of 'if (a < 0)' 'if (a < 0)'
sed -i '/^In:/d' "$COPY/tests/planted/a-bug.patch"
expect 'a patch that names no function' 1 "'In:' names nothing"

echo "$FAILED failed"
[ "$FAILED" -eq 0 ]
