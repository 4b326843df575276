#!/bin/sh
# ctl.sh BUILD - patronctl as people use it: the real program in a scratch folder, every command's help, the
# way from nothing to a member with points, and what is refused; cards are in e2e_ctl.c.  Prints "ok - claim" lines.
# SPDX-License-Identifier: Apache-2.0
set -u
build=$(cd "${1:-${BUILD:-build}}" && pwd) || exit 2
ctl=$build/patronctl
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' INT TERM
[ -x "$ctl" ] || { echo "not ok - $ctl is built"; exit 1; }
cd "$dir" || exit 2
failed=0
export PATRON_HOME="$dir/office"
unset LANG LC_ALL
echo 2010-12-01T08:00 >clock

ok() { # STATUS CLAIM
    if [ "$1" -eq 0 ]; then
        echo "ok - $2"
    else
        echo "not ok - $2"
        sed 's/^/    out: /' out
        sed 's/^/    err: /' err
        failed=1
    fi
}
# Runs patronctl: `does CODE CLAIM ARGUMENT...`; output in out and err.
does() {
    expected=$1 claim=$2
    shift 2
    "$ctl" --clock clock "$@" >out 2>err </dev/null
    code=$?
    [ $code -eq "$expected" ] || echo "    patronctl $*: exit code $code, not $expected"
    [ $code -eq "$expected" ]
    ok $? "$claim"
}
said() { # FILE PATTERN CLAIM
    grep -qE -e "$2" "$1"
    ok $? "$3"
}
value() { # NAME: the value of a line "NAME  value" of out
    sed -n "s/^$1  *//p" out | head -1
}

# ---- help and usage ----
does 0 'help lists the commands' --help
said out '^  member show ' 'and each with a summary'
"$ctl" --help | sed -n 's/^  \([a-z]* *[a-z]*\)  .*/\1/p' | grep -vE '^(json|$)' >commands
[ "$(wc -l <commands)" -ge 30 ]
ok $? "there are $(wc -l <commands) of them"
bad=
while read -r one two; do
    # shellcheck disable=SC2086
    "$ctl" $one $two --help >out 2>err || bad="$bad $one $two;"
    grep -q '^usage: patronctl' out || bad="$bad $one $two;"
done <commands
[ -z "$bad" ]
ok $? "every command has --help$bad"
does 2 'no command is wrong usage' 
does 2 'an unknown command is wrong usage' dance
does 2 'a group alone is wrong usage' card
said err 'card block' 'and its commands are listed'
does 2 'an unknown option is wrong usage' init --colour red
does 2 'a word too many is wrong usage' pack check a b
does 2 'a word too few is wrong usage' pack check
does 2 'an option without its value is wrong usage' init --name

# ---- init ----
does 1 'without a programme nothing works' member list
said err 'patronctl --home DIR init' 'and it says how to make one'
does 1 'a currency that is none is refused' init --currency pounds
[ ! -e office ] && [ -z "$(ls -d office* 2>/dev/null)" ]
ok $? 'and a refused init leaves nothing behind'
printf '{\n "version": 1,\n "effective": "2010-12-01",\n "nmae": "x"\n}\n' >bad.json
does 1 'init with bad rules is refused' init --pack bad.json
said err 'bad.json:4:.*nmae' 'with file, line and key'
[ -z "$(ls -d office* 2>/dev/null)" ]
ok $? 'and leaves nothing behind either'
does 0 'init makes a programme' init --name 'Corner Shops' --currency GBP
[ "$(stat -c %a office/keys)" = 700 ] && [ "$(stat -c %a office/keys/card.keys)" = 600 ] &&
    [ -s office/patron.db ] && [ -z "$(ls -d office.* 2>/dev/null)" ]
ok $? 'its keys are closed to others'
cp office/keys/ca.key ca.key.before
does 1 'a second init is refused' init
cmp -s office/keys/ca.key ca.key.before
ok $? 'and changes nothing'
chmod 644 office/keys/card.keys
does 1 'a key that others may read is refused' member list
said err 'chmod 600' 'and it says what to do'
chmod 600 office/keys/card.keys
chmod 750 office
does 1 'a folder that others may read is refused' member list
said err 'chmod 700' 'and it says what to do'
chmod 700 office

# ---- pack ----
does 0 'the first rules are there' pack list
said out ' 1  2010-12-01  Corner Shops  GBP' 'and in force'
"$ctl" pack show >rules.json
does 0 'what is shown is a good pack' pack check rules.json
does 1 'the same version again is refused' pack publish rules.json
said err 'must be 2' 'and the next one is named'
sed 's/"version": 1/"version": 2/; s/2010-12-01/2010-11-30/' rules.json >rules2.json
does 1 'rules for the past are refused' pack publish rules2.json
said err '2010-12-01 or later' 'and the first possible day is named'
sed 's/"version": 1/"version": 2/; s/GBP/EUR/' rules.json >rules2.json
does 1 'another currency is refused' pack publish rules2.json
sed 's/"version": 1/"version": 2/; s/"silver"/"silverplated"/' rules.json >rules2.json
does 1 'a tier code that fits on no card is refused' pack publish rules2.json
sed 's/"version": 1/"version": 2/; s/2010-12-01/2010-12-02/; s/"max_share": "1\/2"/"max_share": 7/' rules.json >rules2.json
does 1 'rules that make no sense are refused' pack publish rules2.json
said err "rules2.json:$(grep -n max_share rules2.json | cut -d: -f1): redeem.max_share" 'with file, line and key'
sed 's/"version": 1/"version": 2/; s/2010-12-01/2010-12-02/' rules.json >rules2.json
does 0 'the next version is published' pack publish rules2.json
does 0 'both are listed' pack list
[ "$(grep -c Corner out)" -eq 2 ]
ok $? 'with their days'
"$ctl" pack show 2 | cmp -s - rules2.json
ok $? 'a pack is stored byte for byte'
does 1 'a version that is not there is refused' pack show 3

# ---- till ----
does 2 'a till without a shop is wrong usage' till add
does 0 'a till is added' till add --shop LONDON
[ "$(value terminal)" = 1 ]
ok $? 'its number is 1'
value code | grep -qE '^0001(-[0-9A-Z]{6}){6}$'
ok $? 'its code begins with it'
code=$(value code)
! grep -aq "$code" office/patron.db
ok $? 'the code itself is not stored'
does 0 'the next till' till add --shop PARIS
[ "$(value terminal)" = 2 ]
ok $? 'is number 2'
does 0 'a till gets a new code' till recode 1
[ "$(value code)" != "$code" ]
ok $? 'and it is another one'
does 0 'a till is revoked, by the name it has in entries' till revoke T0002
does 1 'a revoked till gets no code' till recode 2
does 1 'nor is it revoked twice' till revoke 2
does 1 'a till that is not there is refused' till revoke 77
does 0 'the tills are listed' till list
said out '  2  PARIS   revoked' 'with what they are'

# ---- member, points ----
does 0 'a member is enrolled' member add --name 'Ada Lovelace' --contact 'ada@example.org'
[ "$(value member)" = M1 ]
ok $? 'as M1'
does 0 'a nameless one too' member add
does 2 'a name that is no UTF-8 is refused' member add --name "$(printf 'A\377')"
does 2 'a name that draws on the screen is refused' member add --name "$(printf 'A\033[2J')"
does 0 'a Chinese name is taken' member add --name '王小明'
does 0 'names are found in part and in any case' member find LOVE
said out '^  M1 ' 'the right one'
does 1 'nobody found is exit code 1' member find nobody
does 0 'points are given' points adjust M1 +200 --reason 'opening balance'
[ "$(value held)" = 200 ]
ok $? 'and held'
does 0 'points are taken' points adjust M1 -50 --reason 'typing error'
does 2 'points need a reason' points adjust M1 5
said err 'say why' 'and it asks for one'
does 1 'an unknown member gets none' points adjust M99 5 --reason x
does 2 'M is a member number' points adjust Ada 5 --reason x
does 0 'a member is shown' member show M1
said out '^points +150' 'with the balance'
said out 'opening balance' 'and every posting with its why'
does 0 'the same as JSON' member show M1 --json
python3 -c 'import json; d = json.load(open("out")); assert d["points"] == 150, d; assert len(d["postings"]) >= 2' 2>/dev/null ||
    grep -q '"points": 150' out
ok $? 'which says the same'
does 1 'an unknown member is refused' member show M99
does 0 'master data can be changed' member edit M1 --note 'prefers tea'
does 0 'and forgotten' member erase M1
does 0 'the points stay' member show M1
said out '^points +150' 'all of them'
! grep -aq Lovelace office/patron.db
ok $? 'and the name is gone from the file'

# ---- the whole ----
does 0 'a day is run' run day 2010-12-01
does 0 'a day that is run already is nothing to do' run day 2010-11-30
said out '^Nothing to do' 'and it says so'
does 1 'not one that is still to come' run day 2010-12-24
does 2 'nor one that is none' run day 2010-13-01
does 0 'the books are shown' books
said out '^points held +150' 'with what is held'
said out '^points adjusted +150' 'and where it came from'
does 0 'nothing is to be reviewed' review
said out '^Nothing to review' 'and it says so'
does 0 'everything is exported' export --csv postings.csv
[ "$(wc -l <postings.csv)" -ge 5 ]
ok $? 'with a header and every posting'
does 1 'a file that is there is not overwritten' export --csv postings.csv
does 0 'the ledger holds' ledger verify
does 0 'and replays to the same' ledger replay

exit $failed
