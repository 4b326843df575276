#!/bin/sh
# run_by_hand.sh BUILD - `make run`: head office and one till by hand, with virtual cards.  With tmux three panes: the
# cashier's screen, the member's display, and a desk where `card anna` lays a card on the reader.  Without tmux (or
# PROMPT=1): the till at a prompt, cards laid from the same line.
# SPDX-License-Identifier: Apache-2.0
set -eu
bin=$(cd "$1" && pwd)
here=$1
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
rm -f "$dir/office.out" "$dir/cards.out"
"$bin/patron-office" --home "$dir/office" --listen 127.0.0.1:0 --console 127.0.0.1:0 >"$dir/office.out" 2>>"$dir/office.log" &
office=$!
await "$dir/office.out" 'console on'
console=$(sed -n 's/^console on //p' "$dir/office.out" | sed 's/127.0.0.1/localhost/')
address=$(sed -n 's/^listening on //p' "$dir/office.out")
"$bin/patron-cardsim" --link "$dir/nfc" --cards "$dir/cards" --control "$dir/cards.sock" >"$dir/cards.out" 2>&1 &
cardsim=$!
await "$dir/cards.out" '^ready'

if [ $fresh ]; then
    # Two people at the console; neither role moves points, so neither needs a second factor.
    $ctl user add clara --roles clerk,marketer >"$dir/users"
    $ctl user add audit --roles auditor >>"$dir/users"
    for name in anna bela carl; do
        $sim new ev2 random $name >/dev/null
        $sim present $name >/dev/null
        $ctl card issue --reader "pn532_uart:$dir/nfc" --enrol >/dev/null
        $sim remove >/dev/null
    done
    $sim new ev2 random newcard >/dev/null
    $sim present newcard >/dev/null
    $ctl card issue --reader "pn532_uart:$dir/nfc" >/dev/null
    $sim remove >/dev/null
    code=$($ctl --json till add --shop DESK | sed -n 's/.*"code": *"\([^"]*\)".*/\1/p')
    "$bin/patron-terminal" enrol --home "$dir/till" --office "$address" --code "$code" >/dev/null
fi
till="$bin/patron-terminal --home $dir/till --reader pn532_uart:$dir/nfc --office $address"

if [ -z "${PROMPT:-}" ] && command -v tmux >/dev/null && [ -t 1 ]; then
    cat >"$dir/desk" <<END
card() { if [ \$# -gt 0 ]; then $sim present "\$@"; else $sim remove; fi; }
office() { $ctl "\$@"; }
PS1='desk> '
cat <<TEXT
head office   $console in a browser (its certificate is made here); who and how: $dir/users
card anna     lays a card on the reader (anna, bela, carl; newcard is nobody's yet)
card          takes it away
office member list        head office; its log: $here/run/office.log
exit          ends all.  ctrl-b and an arrow key change between the panes
Try: card anna; in the till type 1500 and Enter, Enter, F5; card; card anna: the points are on the card.
TEXT
END
    export LC_ALL=C.UTF-8
    tmux -L patron-run -f /dev/null new-session -d -s run -x "$(tput cols)" -y "$(tput lines)" \
        "$till --screen --display $dir/display.sock 2>$dir/till.log || { cat $dir/till.log; sleep 5; }"
    tmux -L patron-run split-window -v -l 10 "ENV=$dir/desk sh -i; tmux -L patron-run kill-server"
    tmux -L patron-run split-window -h -t run:0.0 -l 42 \
        "until [ -S $dir/display.sock ]; do sleep 0.1; done; $bin/patron-display --socket $dir/display.sock"
    tmux -L patron-run set -g mouse on
    tmux -L patron-run select-pane -t run:0.2
    tmux -L patron-run attach || :
    exit 0
fi

cat <<END
Cards: anna, bela, carl.  'card anna' lays a card on the reader, 'card' takes it away.
Try:   card anna / tap / line 22745 2 150000 / total / pay / card / card anna / tap / line 22745 1 5000 / total / redeem max / pay / quit
Amounts are in pence. The second tap finds the points of the first sale: head office loads them on the card.
Head office: $here/patronctl --home $here/run/office member list
Its console: $console in a browser (its certificate is made here); who and how: $here/run/users
END
mkfifo "$dir/in" 2>/dev/null || :
$till --prompt <"$dir/in" &
pid=$!
exec 3>"$dir/in"
while IFS= read -r line; do
    case $line in
    card) $sim remove ;;
    'card '*) $sim present "${line#card }" ;;
    *) printf '%s\n' "$line" >&3 ;;
    esac
    kill -0 $pid 2>/dev/null || break
    [ "$line" != quit ] || break
done
exec 3>&-
wait $pid || :
