#!/bin/sh
# freefare.sh BUILD - the unmodified Debian programs of libnfc and libfreefare against patron-cardsim: each
# as a user would start it.  Prints "ok - what" or "not ok - what" and what the program said.
# SPDX-License-Identifier: Apache-2.0
set -u
build=${1:?usage: freefare.sh BUILD}
sim=$build/patron-cardsim
dir=$(mktemp -d) || exit 2
pid=
poller=
failed=0

finish() {
    [ -n "$poller" ] && kill "$poller" 2>/dev/null
    [ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid"
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 2' INT TERM

export LIBNFC_AUTO_SCAN=false LIBNFC_DEFAULT_DEVICE="pn532_uart:$dir/nfc" LC_ALL=C

ok() { echo "ok - $1"; }
no() { # WHAT FILE
    echo "not ok - $1"
    sed 's/^/    /' "$2"
    failed=1
}
# Waits until the command is true, at most 10 seconds.
until_true() {
    tries=500
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.02
    done
}
control() { "$sim" --control "$dir/control" -- "$@"; }
start() {
    : >"$dir/ready"
    "$sim" --link "$dir/nfc" --cards "$dir/cards" --control "$dir/control" >"$dir/ready" 2>"$dir/sim.err" &
    pid=$!
    until_true grep -q '^ready' "$dir/ready" || {
        echo "not ok - the simulator starts"
        cat "$dir/sim.err"
        exit 1
    }
}
# check WHAT PATTERN COMMAND...: exits 0, and its output has every line pattern (| between).
check() {
    what=$1
    pattern=$2
    shift 2
    if ! timeout 20 "$@" >"$dir/out" 2>&1 </dev/null; then
        no "$what" "$dir/out"
        return
    fi
    missing=$(echo "$pattern" | tr '|' '\n' | while read -r p; do grep -q -- "$p" "$dir/out" || echo "$p"; done)
    if [ -n "$missing" ]; then
        echo "no: $missing" >>"$dir/out"
        no "$what" "$dir/out"
    else
        ok "$what"
    fi
}

start
check 'a blank EV1 is made' '^ok name=OLD kind=ev1' "$sim" --control "$dir/control" -- new ev1 04112233445566 OLD
check 'a blank EV3 is made' '^ok name=NEW kind=ev3' "$sim" --control "$dir/control" -- new ev3 04aabbccddeeff NEW
check 'nfc-scan-device finds the reader' '1 NFC device(s) found|pn532_uart' nfc-scan-device
check 'nfc-list sees an empty field' '^NFC device:' nfc-list
control present OLD >"$dir/out"
check 'nfc-list sees the card and takes it for a DESFire' \
    'UID (NFCID1): 04  11  22  33  44  55  66|ATS: 75  77  81  02  80|MIFARE DESFire' nfc-list -v
control present NEW >"$dir/out"
check 'nfc-list sees two cards' '2 ISO14443A|04  11  22|04  aa  bb' nfc-list -t 1 -v
control remove NEW >"$dir/out"
check 'nfc-list runs the eleventh time as the first' '04  11  22' sh -c \
    'for i in 1 2 3 4 5 6 7 8 9 10; do nfc-list -t 1 >/dev/null || exit 1; done; nfc-list -t 1'

# nfc-poll waits for a card, tells of it, and ends when it is taken away.
control remove >"$dir/out"
nfc-poll >"$dir/poll" 2>&1 &
poller=$!
looking() { control status | grep -q 'looking=1'; }
until_true looking
control present OLD >"$dir/out"
until_true grep -q 'NFCID1' "$dir/poll"
control remove >"$dir/out"
if until_true grep -q 'card removed\|done' "$dir/poll" && wait "$poller"; then
    ok 'nfc-poll sees a card come and go'
else
    no 'nfc-poll sees a card come and go' "$dir/poll"
fi
poller=
control present OLD >"$dir/out"

check 'mifare-desfire-info' 'UID: *0x04112233445566|Version: *1.0|Free memory: 7936 bytes|Use random UID: no' \
    mifare-desfire-info
check 'mifare-desfire-format' 'Found Mifare DESFire with UID 04112233445566' mifare-desfire-format -y
check 'mifare-desfire-create-ndef' 'Found Mifare DESFire' mifare-desfire-create-ndef -y
head -c 680 /dev/urandom >"$dir/in.ndef"
check 'mifare-desfire-write-ndef' 'NDEF file is 682 bytes long' mifare-desfire-write-ndef -y -i "$dir/in.ndef"
check 'mifare-desfire-read-ndef' 'NDEF size: 680 bytes' mifare-desfire-read-ndef -y -o "$dir/out.ndef"
if cmp "$dir/in.ndef" "$dir/out.ndef" >"$dir/out" 2>&1; then
    ok 'the message comes back byte for byte'
else
    no 'the message comes back byte for byte' "$dir/out"
fi

# The same after the simulator was killed: the card is in its file.
kill -9 "$pid"
wait "$pid" 2>/dev/null
start
control present OLD >"$dir/out"
rm -f "$dir/out.ndef"
check 'the card is there after the simulator was killed' 'NDEF size: 680 bytes' \
    mifare-desfire-read-ndef -y -o "$dir/out.ndef"
check 'and so is the message' '' cmp "$dir/in.ndef" "$dir/out.ndef"

check 'mifare-desfire-access' '' mifare-desfire-access
check 'mifare-desfire-format empties the card' '' mifare-desfire-format -y
check 'mifare-desfire-info sees it empty' 'Free memory: 7936 bytes' mifare-desfire-info
check 'mifare-desfire-ev1-configure-default-key' 'Found' mifare-desfire-ev1-configure-default-key -y
check 'mifare-desfire-ev1-configure-ats' 'Found' mifare-desfire-ev1-configure-ats -y
check 'nfc-list sees the ATS that was set' 'ATS: 75  77  81  02  80' nfc-list -t 1 -v
check 'mifare-desfire-ev1-configure-random-uid' 'Found' mifare-desfire-ev1-configure-random-uid -y
check 'nfc-list sees a random identity' 'UID (NFCID3): 08 ' nfc-list -t 1 -v
check 'mifare-desfire-info knows that it is random' 'Use random UID: yes' mifare-desfire-info
control swap OLD NEW >"$dir/out"
check 'an EV3 is a DESFire to them too' 'UID: *0x04aabbccddeeff|Version: *51.0' mifare-desfire-info
check 'mifare-ultralight-info finds no card of its kind' '' mifare-ultralight-info

# Tags.
control remove >"$dir/out"
control new ntag213 04a1b2c3d4e5f6 TAG M12345 >"$dir/out"
control new ntag424 04a1b2c3d4e5f7 SUN 000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f >"$dir/out"
control new uid 0badcafe BARE >"$dir/out"
control present TAG >"$dir/out"
check 'nfc-list takes an NTAG213 for a type 2 tag' 'SENS_RES): 00  44|04  a1  b2  c3  d4  e5  f6|SEL_RES): 00' nfc-list -t 1
check 'mifare-ultralight-info knows it' '04a1b2c3d4e5f6 is a Mifare UltraLight' mifare-ultralight-info
check 'nfc-mfultralight reads it' '16 of 16 pages read (0 pages failed)' nfc-mfultralight r "$dir/tag.mfd"
check 'and its text is there' 'enM12345' grep -ao enM12345 "$dir/tag.mfd"
nfc-poll >"$dir/poll" 2>&1 &
poller=$!
until_true grep -q 'NFCID1' "$dir/poll"
control remove >"$dir/out"
if until_true grep -q 'card removed\|done' "$dir/poll" && wait "$poller"; then
    ok 'nfc-poll sees a tag go'
else
    no 'nfc-poll sees a tag go' "$dir/poll"
fi
poller=
control present SUN >"$dir/out"
check 'nfc-list sees an NTAG 424' 'SENS_RES): 03  44|04  a1  b2  c3  d4  e5  f7|SEL_RES): 20' nfc-list -t 1
control swap SUN BARE >"$dir/out"
check 'nfc-list sees a UID of four bytes' '0b  ad  ca  fe' nfc-list -t 1
control swap BARE NEW >"$dir/out"

# What may be wrong with a reader.
control unplug >"$dir/out"
timeout 20 nfc-list -t 1 >"$dir/out" 2>&1
if grep -q 'Invalid serial port' "$dir/out"; then ok 'an unplugged reader is not there'; else no 'an unplugged reader is not there' "$dir/out"; fi
control plug >"$dir/out"
check 'and is there again when it was plugged in' '04  aa  bb' nfc-list -t 1
control fault silent >"$dir/out"
timeout 20 nfc-list -t 1 >"$dir/out" 2>&1
control fault off >"$dir/out2"
if grep -q 'Unable to open' "$dir/out"; then ok 'a dumb reader is given up'; else no 'a dumb reader is given up' "$dir/out"; fi
check 'and works again' '04  aa  bb' nfc-list -t 1

# A card lies on one reader only; its file may go to another's folder meanwhile.
: >"$dir/ready2"
"$sim" --link "$dir/nfc2" --cards "$dir/cards" --control "$dir/control2" >"$dir/ready2" 2>>"$dir/sim.err" &
second=$!
until_true grep -q '^ready' "$dir/ready2"
control2() { "$sim" --control "$dir/control2" -- "$@"; }
if control2 present NEW >"$dir/out"; then
    no 'a card on another reader of the same folder is refused' "$dir/out"
else
    ok 'a card on another reader of the same folder is refused'
fi
control remove >"$dir/out"
check 'and taken once it was removed there' '^ok' "$sim" --control "$dir/control2" -- present NEW
check 'so the other reader sees it' '04  aa  bb' env LIBNFC_DEFAULT_DEVICE="pn532_uart:$dir/nfc2" nfc-list -t 1
control2 quit >"$dir/out"
wait "$second"
check 'a reader that ended has given its cards back' '^ok' "$sim" --control "$dir/control" -- present NEW
control remove >"$dir/out"
mkdir "$dir/away" && mv "$dir/cards/NEW.card" "$dir/away"
if control present NEW >"$dir/out" || control list | grep -q NEW=; then
    no 'a card whose file is gone is not there' "$dir/out"
else
    ok 'a card whose file is gone is not there'
fi
mv "$dir/away/NEW.card" "$dir/cards"
check 'and is there again with its file' '^ok' "$sim" --control "$dir/control" -- present NEW

# What a user does wrong is answered with a sentence.
refused() { # WHAT PATTERN COMMAND...
    what=$1
    pattern=$2
    shift 2
    if timeout 20 "$@" >"$dir/out" 2>&1 </dev/null || ! grep -q -- "$pattern" "$dir/out"; then
        no "$what" "$dir/out"
    else
        ok "$what"
    fi
}
refused 'an unknown card is refused' '^error there is no card NOBODY' "$sim" --control "$dir/control" -- present NOBODY
refused 'an unknown command is refused' '^error no such command: dance' "$sim" --control "$dir/control" -- dance
refused 'a second simulator at the same place is refused' 'another patron-cardsim runs' \
    "$sim" --link "$dir/nfc" --cards "$dir/other"
refused 'a link in /dev is refused' 'not in /dev' "$sim" --link /dev/nfc0 --cards "$dir/other"
echo mine >"$dir/file"
refused 'what is no simulator'\''s is left alone' 'it stays' "$sim" --link "$dir/file" --cards "$dir/other"
echo '{"format": "patron-card 1"}' >"$dir/cards/BAD.card"
kill "$pid"
wait "$pid"
if [ $? -eq 0 ] && [ ! -e "$dir/nfc" ] && [ ! -L "$dir/nfc" ] && [ ! -e "$dir/control" ]; then
    ok 'SIGTERM ends it cleanly and its link is gone'
else
    ls -la "$dir" >"$dir/out"
    no 'SIGTERM ends it cleanly and its link is gone' "$dir/out"
fi
pid=
refused 'a damaged card file is named' 'BAD.card: field uid' "$sim" --link "$dir/nfc" --cards "$dir/cards"
rm "$dir/cards/BAD.card"
ln -s /dev/pts/99999 "$dir/nfc"
start
control present NEW >"$dir/out"
check 'a stale link is replaced' '04  aa  bb' nfc-list -t 1

if command -v valgrind >/dev/null && ! nm "$sim" 2>/dev/null | grep -q __asan_init; then
    kill "$pid"
    wait "$pid"
    : >"$dir/ready"
    valgrind -q --error-exitcode=9 --leak-check=full \
        "$sim" --link "$dir/nfc" --cards "$dir/cards" --control "$dir/control" >"$dir/ready" 2>"$dir/valgrind" &
    pid=$!
    until_true grep -q '^ready' "$dir/ready"
    control present NEW >"$dir/out"
    nfc-list -t 1 >"$dir/list" 2>&1
    mifare-desfire-info >"$dir/info" 2>&1
    control quit >"$dir/out"
    if wait "$pid" && grep -q '04  aa  bb' "$dir/list" && grep -q 'Version: *51.0' "$dir/info"; then
        ok 'valgrind finds nothing in the simulator'
    else
        cat "$dir/list" "$dir/info" >>"$dir/valgrind"
        no 'valgrind finds nothing in the simulator' "$dir/valgrind"
    fi
    pid=
fi
exit $failed
