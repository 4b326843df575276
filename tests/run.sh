#!/bin/sh
# run.sh TEST... - run test programs and scripts (a script is called with the build folder), print what
# failed whole, then "N passed, N failed".  JOBS at a time (default: one for each core).  WRAP is put
# before each program (valgrind).
# SPDX-License-Identifier: Apache-2.0
set -u
# What the parts' tests write goes to memory where there is room: thousands of fsyncs are counted, not waited for.
# Not where libnfc is: it opens no reader below /dev.
MEMORY=
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && [ "$(df -Pk /dev/shm | awk 'NR == 2 { print $4 }')" -gt 2000000 ]; then
    MEMORY=/dev/shm
fi
export MEMORY
out=$(mktemp -d) || exit 2
trap 'rm -rf "$out"' EXIT
printf '%s\n' "$@" | BUILD=${BUILD:-build} OUT=$out xargs -P "${JOBS:-$(nproc)}" -I{} sh -c '
    name=$(basename "{}")
    case {} in *.sh) arg=$BUILD ;; *) arg= ;; esac
    case $name in test_reader | test_printer | test_receipts | e2e_* | *.sh) ;; *) [ -z "$MEMORY" ] || export TMPDIR=$MEMORY ;; esac
    if ${WRAP:-} "{}" $arg >"$OUT/$name.log" 2>&1; then status=ok; else status=FAILED; fi
    passed=$(grep -cE "^(\[       OK \]|ok - )" "$OUT/$name.log")
    failed=$(grep "^\[  FAILED  \]" "$OUT/$name.log" | grep -vc "test(s)")
    failed=$((failed / 2 + $(grep -c "^not ok - " "$OUT/$name.log")))
    if [ $status = FAILED ] && [ $failed -eq 0 ]; then failed=1; fi
    echo "$passed $failed" >"$OUT/$name.count"
    printf "  %-7s %-28s %4d passed, %d failed\n" $status "$name" $passed $failed
    if [ $status = FAILED ]; then cat "$OUT/$name.log"; fi
'
cat "$out"/*.count | awk '{ p += $1; f += $2 } END { printf "%d passed, %d failed\n", p, f; exit f > 0 }'
