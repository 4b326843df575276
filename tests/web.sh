#!/bin/sh
# web.sh BUILD [FLOW...] - the pages of head office: what can be said without a browser, then every tests/web/flow_*.mjs
# in Chromium, two at a time.  Pictures come to BUILD/web.
# SPDX-License-Identifier: Apache-2.0
cd "$(dirname "$0")/.." || exit 2
BUILD=$(cd "${1:-build}" && pwd) || exit 2
export BUILD
shift
out=$(mktemp -d) || exit 2
trap 'rm -rf "$out"' EXIT
[ $# -gt 0 ] || set -- tests/web/flow_*.mjs
fault=0
node tests/web/words.mjs || fault=1
if [ ! -d "$BUILD/web/node_modules/playwright-core" ]; then
    echo "not ok - playwright is there (make brings it with npm)"
    exit 1
fi
printf '%s\n' "$@" | OUT=$out xargs -P 2 -I{} sh -c 'node {} >"$OUT/$(basename {}).log" 2>&1 || echo {} >>"$OUT/faults"'
cat "$out"/*.log
[ ! -e "$out/faults" ] || fault=1
exit $fault
