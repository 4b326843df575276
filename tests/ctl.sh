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
[ "$(wc -l <commands)" -ge 42 ]
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
does 0 'points get a later end' points extend M1 --to never --reason 'was ill'
does 2 'only for a reason' points extend M1 --to never
does 2 'and to a day' points extend M1 --to soon --reason x
does 0 'what ends soon is listed' points ending --days 400
does 0 'a tier is given by hand' member tier M2 gold --until 2099-12-31 --reason 'a trial'
said out '^tier  *gold' 'and is held'
does 1 'a tier there is not is not given' member tier M2 platinum --until 2099-12-31 --reason 'a trial'
said err 'no such tier: platinum' 'and it says so'
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

# ---- people ----
does 0 'a member is enrolled with all that is asked' member add --name 'Li Wei' --phone '+86 10 1234 5678' \
    --birthday 12-03 --language zh --consent yes
li=$(value member)
does 0 'and shown' member show "$li"
said out '^phone +\+861012345678' 'with the number in one spelling'
said out '^consent +2010-12-01' 'and since when the name may be shown'
does 1 "another member's telephone number is refused" member edit M2 --phone +861012345678
said err "$li is known" 'and it says whose it is'
does 2 'a number without its country is refused' member edit M2 --phone 030123456
does 2 'a birthday that no year has is refused' member edit M2 --birthday 02-30
does 2 'so is a language no till speaks' member edit M2 --language tlh
does 2 'and a consent that is neither' member edit M2 --consent perhaps
does 0 'consent is taken back' member edit "$li" --consent no
said out '^consent +-$' 'and it is gone'
does 0 'a member gets a PIN' member pin "$li" 2468
echo 13579 | "$ctl" member pin "$li" - >out 2>err
ok $? 'also from standard input'
! grep -aq 13579 office/patron.db
ok $? 'and it is stored as a hash only'
does 2 'a PIN of letters is refused' member pin "$li" abcd
does 2 'a PIN or none, not both' member pin "$li" 2468 --none
does 0 'and it can be taken away' member pin "$li" --none
does 1 'nobody gets a PIN who is no member' member pin M99 2468
does 0 'a member code is made' member code "$li"
value code | grep -qE '^P1[0-9A-Z]{120}$'
ok $? 'that a QR code holds'
does 1 'but not for nobody' member code M99
does 0 'a tag is bound' tag bind 04a1b2c3d4e5f6 "$li"
does 0 'bound again it is the same' tag bind 04A1B2C3D4E5F6 "$li"
does 1 "not to another member" tag bind 04a1b2c3d4e5f6 M2
does 0 'the same number of another kind is another tag' tag bind 04a1b2c3d4e5f6 M2 --kind sun
does 0 'a pass is bound' tag bind 'pass 0815' "$li" --kind pass
does 2 'a tag of 5 bytes is none' tag bind 0102030405 "$li"
does 2 'an NTAG 424 has 7' tag bind 01020304 "$li" --kind sun
does 2 'no till knows one of 10 bytes' tag bind 04112233445566778899 "$li"
does 2 'a number that a phone makes up is nobodys' tag bind 08a1b2c3 "$li"
does 0 'one of 4 bytes is bound for tills that take it' tag bind 09a1b2c3 "$li"
does 2 'a text that no till reads is refused' tag bind HELLO "$li" --kind text
does 2 'in any other spelling than the cards' tag bind m12 "$li" --kind text
does 0 'a member number is one' tag bind M12 "$li" --kind text
does 0 'and let go again' tag remove M12 --kind text
does 2 'a kind that is none is refused' tag bind 01020304 "$li" --kind magic
does 0 'tags are listed' tag list
[ "$(grep -cE '04a1b2c3d4e5f6|pass 0815' out)" -eq 3 ]
ok $? 'all of them'
does 0 "or a member's" tag list M2
[ "$(grep -c 'sun' out)" -eq 1 ] && ! grep -q pass out
ok $? 'and only those'
does 0 'a tag is let go' tag remove 04a1b2c3d4e5f6
does 1 'once' tag remove 04a1b2c3d4e5f6
does 0 'forgetting a person' member erase "$li"
does 0 'frees the telephone number' member edit M2 --phone '+86 10 12345678'
! grep -aq 'Li Wei' office/patron.db
ok $? 'and the name is gone'

# ---- books of the program before ----
does 1 'the books are of this program' upgrade
said err 'of schema 4 already' 'and it says so'

# ---- staff ----
does 2 'staff without a name is wrong usage' staff add --role cashier
does 0 'staff is added' staff add --name 'Bo' --pin 2468 --badge 04aabbccddeeff --gift 50 --gifts-a-day 200
[ "$(value number)" = 1 ] && [ "$(value role)" = cashier ] && [ "$(value pin)" = yes ]
ok $? 'a cashier, with a PIN'
does 0 'and a supervisor' staff add --name '王芳' --role supervisor --language zh
does 2 'a role that is none is refused' staff change 1 --role king
does 1 'a badge is one person'"'"'s' staff change 2 --badge 04aabbccddeeff
does 2 'something has to change' staff change 2
does 0 'the first one loses the badge' staff change 1 --badge ''
does 0 'so the second may have it' staff change 2 --badge 04aabbccddeeff
does 0 'staff is listed' staff list
said out '  2  王芳  supervisor  zh .*04aabbccddeeff' 'with what they may'
does 0 'one is removed' staff remove 1
does 1 'once' staff remove 1
does 0 'and listed no more' staff list
! grep -q Bo out
ok $? 'by any name'
does 0 'the next one gets another number' staff add --name Cy
[ "$(value number)" = 3 ]
ok $? 'since entries name the old one'

does 0 'what they did is reported' staff report
does 0 'of some days' staff report --from 2026-01-01 --to 2026-01-31
does 2 'which are days' staff report --from yesterday

# ---- users of the console ----
does 2 'a user without a role is wrong usage' user add ada
does 2 'a role that is none is refused too' user add ada --roles king
does 0 'an administrator is added' user add ada --roles admin,auditor
[ ${#?} = 1 ] && value password | grep -qE '^[a-z2-9]{4}(-[a-z2-9]{4}){3}$'
ok $? 'with a password to be handed over'
does 1 'a name is one user'"'"'s' user add Ada --roles clerk
does 1 'the only administrator stays' user disable ada
does 0 'another one comes' user add bo --roles admin --language zh
does 0 'so the first may go' user disable ada
does 0 'users are listed' user list
said out '  1  ada  +auditor, admin  en .* no ' 'with what they may'
does 0 'who has lost the password gets another' user reset bo
does 1 'but nobody who is not there' user reset cy
does 0 'the audit log is as it was written' audit verify
[ "$(value lines)" = 4 ]
ok $? 'with a line for each of these'

# ---- orders ----
does 0 'a till is locked' till lock 1
said out '^orders +lock$' 'and it says so'
does 0 'and is to send all it owes' till upload 1
said out '^orders +upload, lock$' 'as well'
does 2 'keys are wiped only when it is meant' till wipe 1
does 0 'and then they are' till wipe 1 --yes
said out '^orders +upload, lock, wipe$' 'when it comes'
does 0 'until it came that can be taken back' till unlock 1
said out '^orders +upload$' 'with the lock'
does 1 'a revoked till gets no orders' till lock 2
does 0 'the fleet shows it' till list
said out '  1  LONDON .* upload' 'in its row'
does 0 'and all it said of itself' till list --json
said out '"receipts_waiting": 0' 'as JSON'

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

# ---- two numbers, one person; the programme before ----
does 0 'a second number' member add --name 'Ada L.'
two=$(value member)
does 0 'is the same person' member merge M1 "$two" --reason 'two cards'
entry=$(value entry)
does 1 'not twice' member merge M1 "$two" --reason 'two cards'
does 2 'and only for a reason' member merge M1 "$two"
does 0 'points go to another' points adjust "$two" +5 --reason 'for M1 now'
does 0 'it was her daughter' member unmerge "$entry" --reason 'her daughter'
does 1 'once' member unmerge "$entry" --reason 'her daughter'
does 2 'an entry is meant' member unmerge M1 --reason x
does 0 'points are passed on' points transfer M1 "$two" 20 --reason 'a present'
does 1 'what is there' points transfer M1 "$two" 2000 --reason 'a present'
printf 'member,points,last_day\n%s,70,never\nM99,x,never\n' "$two" >old.csv
does 1 'a file with faults is not taken' opening import old.csv
said out 'M99 is not a member' 'and each is said'
printf 'member,points,last_day\n%s,70,never\n' "$two" >old.csv
does 0 'a good one is looked at' opening import old.csv --dry-run
said out '^done +no' 'only'
does 0 'and taken' opening import old.csv
said out '^done +yes' 'whole'
does 1 'once' opening import old.csv
said err 'taken before' 'and it says when'
does 0 'the ledger holds with all that' ledger verify
does 0 'and replays to the same' ledger replay

# ---- what is said to members, what is due in campaigns ----
does 1 'without an address nothing is sent' messages send
said err 'no address' 'and it says why'
does 1 'messages go nowhere in plain' messages to http://example.org/
does 0 'but over https' messages to https://example.org/hook
said out '^key +[0-9a-f]{64}$' 'signed with a key that is shown'
does 0 'the outbox is empty' messages send
said out '^sent +0' 'and it says so'
does 0 'as a file too' messages export sms
said out '^key,to,template' 'with its header'
does 2 'a channel is meant' messages export pigeon
does 0 'what is due is done' care run
said out '^bonuses +0' 'and told'

exit $failed
