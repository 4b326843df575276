#!/bin/sh
# run_by_hand.sh BUILD - `make run`: head office and one till in this terminal, with three virtual cards on the desk.
# `card NAME` lays a card on the reader, `card` takes it away; everything else goes to the till.
# SPDX-License-Identifier: Apache-2.0
set -eu
bin=$1
dir=$bin/run
mkdir -p "$dir"
ctl="$bin/patronctl --home $dir/office"
sim="$bin/patron-cardsim --control $dir/cards.sock --"
office='' cardsim=''
trap 'for p in $cardsim $office; do kill "$p" 2>/dev/null || :; done; rm -f "$dir/in"' EXIT
trap 'exit 1' INT TERM
await() { # FILE WORD: until the file says it, at most 10 s
    n=0
    until grep -qs "$2" "$1"; do
        n=$((n + 1))
        [ $n -lt 200 ] || { echo "run: $1 does not say '$2' after 10 s" >&2; exit 1; }
        sleep 0.05
    done
}

fresh=
if [ ! -d "$dir/office" ]; then
    fresh=1
    echo "Setting up a programme in $dir (remove that folder to begin anew)"
    $ctl init --pack tests/data/packs/demo.json >/dev/null
fi
$bin/patron-office --home "$dir/office" --listen 127.0.0.1:0 >"$dir/office.out" 2>>"$dir/office.log" &
office=$!
await "$dir/office.out" 'listening on'
address=$(sed -n 's/^listening on //p' "$dir/office.out")
$bin/patron-cardsim --link "$dir/nfc" --cards "$dir/cards" --control "$dir/cards.sock" >"$dir/cards.out" 2>&1 &
cardsim=$!
await "$dir/cards.out" '^ready'

if [ $fresh ]; then
    for name in anna bela carl; do
        $sim new ev2 random $name >/dev/null
        $sim present $name >/dev/null
        $ctl card issue --reader "pn532_uart:$dir/nfc" --enrol >/dev/null
        $sim remove >/dev/null
    done
    code=$($ctl --json till add --shop DESK | sed -n 's/.*"code": *"\([^"]*\)".*/\1/p')
    $bin/patron-terminal enrol --home "$dir/till" --office "$address" --code "$code" >/dev/null
fi
cat <<END
Cards: anna, bela, carl.  'card anna' lays a card on the reader, 'card' takes it away.
Try:   card anna / tap / line 22745 2 150000 / total / pay / card / card anna / tap / line 22745 1 5000 / total / redeem max / pay / quit
Amounts are in pence. The second tap finds the points of the first sale: head office loads them on the card.
Head office: $ctl member list
END
mkfifo "$dir/in" 2>/dev/null || :
$bin/patron-terminal --home "$dir/till" --reader "pn532_uart:$dir/nfc" --office "$address" --prompt <"$dir/in" &
till=$!
exec 3>"$dir/in"
while IFS= read -r line; do
    case $line in
    card) $sim remove ;;
    'card '*) $sim present "${line#card }" ;;
    *) printf '%s\n' "$line" >&3 ;;
    esac
    kill -0 $till 2>/dev/null || break
    [ "$line" != quit ] || break
done
exec 3>&-
wait $till || :
