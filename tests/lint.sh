#!/bin/sh
# lint.sh BUILD - the layering, the purity of the core, and what may not be in the tree.  Prints a line a rule.
# SPDX-License-Identifier: Apache-2.0
set -u
build=$1
failed=0
result() { # NAME FINDINGS
    if [ -z "$2" ]; then
        printf '  ok      %s\n' "$1"
    else
        printf '  BROKEN  %s\n%s\n' "$1" "$2"
        failed=1
    fi
}

# FILES may include FOLDERS and single headers, named without .h (generated headers are sync's).
may_include() { # NAME 'FILES' 'FOLDERS'
    ours='base|rules|cardproto|hw|db|sync|terminal|office|tests'
    # shellcheck disable=SC2086
    bad=$(grep -HnE "^#include \"($ours)/" $2 2>/dev/null |
        grep -vE "#include \"($(echo "$3" | tr ' ' '|'))(/|\.h\")")
    result "$1 includes only: $3" "$bad"
}
files() { # GLOBS, less the names after '--'
    keep=''
    drop=''
    seen=''
    for f in "$@"; do
        if [ "$f" = -- ]; then seen=1; elif [ $seen ]; then drop="$drop $f"; else keep="$keep $f"; fi
    done
    for f in $keep; do case " $drop " in *" $f "*) ;; *) echo "$f" ;; esac; done
}

may_include base "$(files base/*.[ch])" 'base'
may_include rules "$(files rules/*.[ch])" 'base rules'
may_include cardproto "$(files cardproto/*.[ch])" 'base cardproto'
may_include db "$(files db/*.[ch])" 'base rules db'
may_include sync "$(files sync/*.[ch])" 'base sync'
may_include 'hw, devices' "$(files hw/*.[ch] -- hw/vcard*.[ch] hw/vtag*.[ch] hw/reader_sim.[ch] hw/pn532_sim.[ch] hw/cardsim*.[ch])" 'base hw'
may_include 'hw, simulators' "$(files hw/vcard*.[ch] hw/vtag*.[ch] hw/vtarget.h hw/reader_sim.[ch] hw/pn532_sim.[ch] hw/cardsim*.[ch])" 'base hw cardproto'
may_include 'terminal/sale' "$(files terminal/sale/*.[ch])" 'base rules cardproto terminal/sale'
may_include 'terminal/paper/receipt' "$(files terminal/paper/receipt.[ch])" 'base rules cardproto terminal/sale terminal/paper'
may_include 'terminal/nexo, messages' "$(files terminal/nexo/nexo_json.[ch] terminal/nexo/nexo_crypto.[ch] terminal/nexo/nexo_msg.[ch] terminal/nexo/nexo_parts.c)" 'base terminal'
may_include 'office/ledger' "$(files office/ledger/*.[ch])" 'base rules cardproto office/ledger'
may_include 'office/books' "$(files office/books/*.[ch])" 'base rules cardproto db sync office/ledger office/books office/home'
may_include 'office/close, sums' "$(files office/close/accounting.[ch] office/close/runoff.[ch])" 'base rules office/close'
may_include 'terminal, screens drawn' "$(files terminal/screen/*.[ch] terminal/display/display_state.[ch] terminal/display/display_draw.c -- terminal/screen/screen_tty.c terminal/screen/screen_tty.h)" 'base rules terminal/screen terminal/display terminal/sale terminal/view terminal/ask'

# Only code that encodes bytes, SQL or text may look inside points and money.
bad=$(grep -nE '(points|redeemed|held|purse|left|expired|amount|total|value|clawed)\.(n|minor)\b' \
    rules/*.c terminal/*.c terminal/*/*.c office/ledger/*.c 2>/dev/null)
result 'points and money are opened by their own functions only' "$bad"

# The core asks nobody for anything: no clock, no disk, no memory, no network.
core=$(for f in $(files rules/*.c cardproto/*.c terminal/sale/*.c terminal/paper/receipt.c $(ls terminal/screen/*.c | grep -v screen_tty) sync/wire.c sync/outbox.c office/ledger/*.c office/members/advice.c office/close/accounting.c office/close/runoff.c office/care/care_core.c office/care/segment_core.c office/care/campaign_core.c base/*.c \
    -- rules/pack_read.c base/mbed.c base/crash.c base/settings.c); do echo "$build/${f%.c}.o"; done)
# shellcheck disable=SC2086
core=$(for o in $core; do [ -f "$o" ] && echo "$o"; done)
# shellcheck disable=SC2086
known=$(nm -g --defined-only $core "$build"/sync/*.pb.o 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
# shellcheck disable=SC2086
bad=$(nm -u -A $core 2>&1 | awk '{ print $NF, $1 }' | sort -u |
    grep -vE '^(mem(cpy|move|set|cmp|chr|rchr|mem)|str[a-z]*|wcwidth|v?snprintf|__[a-z]+_chk|__assert_fail|__stack_chk_fail|__[a-z]*ti[34]|__isoc.*_sscanf|mbedtls_(aes|sha256|platform_zeroize)[a-z0-9_]*|pb_[a-z0-9_]*|_GLOBAL_OFFSET_TABLE_|sqrt|fmin|mbed_sha256(_two)?|mbed_hmac_sha256|mbed_pbkdf2_sha256|mbed_p256_(public|ecdh|sign)|mbed_gcm_open|uncompress) ' |
    while read -r symbol where; do echo "$known" | grep -qx "$symbol" || echo "    $where needs $symbol"; done)
result 'the core is pure: mem*, str*, assert, ciphers, nothing else' "$bad"

bad=$(grep -rnE '^(static )?(struct [a-z_]+|[a-z_0-9]+) \*?[a-z_]+( = [^(]*)?;' rules/*.c cardproto/*.c \
    terminal/sale/*.c $(ls terminal/screen/*.c | grep -v screen_tty) office/ledger/*.c office/care/care_core.c office/care/segment_core.c office/care/campaign_core.c sync/wire.c sync/outbox.c 2>/dev/null | grep -v const)
result 'the core keeps no state at file scope' "$bad"

bad=$(grep -rnE '\b(float|double)\b' rules/*.[ch] office/ledger/*.[ch] office/care/*.[ch] terminal/sale/*.[ch] base/*.[ch] 2>/dev/null |
    grep -vE '/\*|\* |//|"')
result 'no floating point where points or money are' "$bad"

bad=$(for po in po/*.po; do
    msgcmp "$po" "$build/po/patron.pot" 2>&1 | grep -v "^$po:4: warning" # its head
    msgfmt --check-format -o /dev/null "$po" 2>&1
    msgattrib --only-fuzzy "$po" 2>&1
done)
result 'every sentence of a till is translated, with the same values in it' "$bad"

bad=$(git grep -nIE '(/home|/root|/work)/[a-z]|BEGIN (EC |RSA )?PRIVATE KEY' -- . ':!tests/lint.sh' 2>/dev/null |
    grep -v 'tests/data/' | head -5)
result 'no path of a machine, no private key in the tree' "$bad"

bad=$(for f in $(git ls-files '*.c' '*.h' '*.sh' '*.sql' '*.proto' 2>/dev/null); do
    [ -f "$f" ] && { head -60 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "    $f"; }
done)
result 'every source names its licence' "$bad"
bad=$(git ls-files '*.md' 2>/dev/null | while read -r doc; do
    grep -oE '`(base|rules|cardproto|hw|db|sync|terminal|office|tests|docs)/[A-Za-z0-9_./]*`' "$doc" | tr -d '`' |
        while read -r path; do
            ls -d "$path" "$path".[ch] >/dev/null 2>&1 || [ -e "$path" ] || ls "$path".c >/dev/null 2>&1 ||
                echo "    $doc names $path"
        done
done)
result 'every file the documents name is there' "$bad"
bad=$(grep -ohE '`[a-z_0-9]+\.[a-z0-9]+(_[a-z0-9]+){3,}`' docs/*.md | tr -d '`' | sort -u | while IFS=. read -r module claim; do
    grep -qsE "^TEST\($module, $claim\)" tests/*.c || echo "    docs name the test $module.$claim"
done)
result 'every test the documents name is there' "$bad"

# A capture in the README is a page of the tests, but for empty rows: its rows joined are found in theirs.
rows() { sed 's/^|//' "$@" | grep -v '^ *$' | tr '\n' '@'; }
shots=$(rows tests/data/screens/day-en.txt tests/data/screens/day-zh.txt)
bad=$(awk '/^```/ { inside = !inside; shot = 0; next } inside && /^ T1 / { shot = ++n } inside && shot && !/^ *$/ { print n "\t" $0 }' README.md |
    awk -F'\t' '{ text[$1] = text[$1] $2 "@" } END { for (i in text) print text[i] }' |
    while IFS= read -r shot; do
        case $shots in *"$shot"*) ;; *) echo "    $(printf '%s' "$shot" | tr '@' '\n' | head -2 | tail -1)" ;; esac
    done)
result 'every screen in the README is one that the tests compare' "$bad"

exit $failed
