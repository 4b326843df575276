#!/bin/sh
# valgrind.sh BUILD - one sale through every program under valgrind: no error, nothing lost.
# SPDX-License-Identifier: Apache-2.0
set -u
build=${1:-build}
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
PATRON_BIN=$build valgrind -q --trace-children=yes --leak-check=full --show-leak-kinds=definite,indirect \
    --log-file="$dir/%p.log" "$build/tests/e2e_faults" --only a_tap_becomes >"$dir/out" 2>&1
status=$?
programs=$(ls "$dir"/*.log | wc -l)
found=$(cat "$dir"/*.log)
if [ $status -eq 0 ] && [ "$programs" -ge 10 ] && [ -z "$found" ]; then
    echo "ok - one sale through $programs processes without an error or a leak"
else
    echo "not ok - one sale under valgrind ($programs processes, exit $status)"
    cat "$dir/out" "$dir"/*.log
    exit 1
fi
