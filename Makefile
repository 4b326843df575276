# patron - loyalty points and membership cards for shops.  `make help` lists the commands.
# SPDX-License-Identifier: Apache-2.0

.DEFAULT_GOAL := all
B ?= build
CC := $(if $(shell command -v ccache),ccache )$(CC)
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wvla -Wformat=2 -Wswitch-enum \
        -Wstrict-prototypes -Wmissing-prototypes $(WERROR)
PKGS := zlib sqlite3 libnfc libusb-1.0 jansson inih libmicrohttpd libqrencode libcurl libargon2 ncursesw
# Debian 13 keeps nanopb's headers in a folder of their own.
cflags = -std=c11 -isystem /usr/include/nanopb -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -MMD -MP -I. -I$B $(WARN) $(CFLAGS) $(SAN) \
         $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
# mbedTLS 2.28 has no .pc file, so it is linked by name; 3.6 takes the same names.
LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lprotobuf-nanopb -lmbedtls -lmbedx509 -lmbedcrypto -lm

# A folder's *.c and those of its folders are its part; main.c and *_main.c are programs.
PARTS := base rules cardproto hw db sync terminal office
sources := $(sort $(wildcard $(PARTS:%=%/*.c) $(PARTS:%=%/*/*.c)))
srcs := $(filter-out %/main.c %_main.c,$(sources))
proto := $(wildcard sync/*.proto)
gen := $(proto:%.proto=$B/%.pb.c)
sql := $(wildcard db/*.sql)
objs := $(srcs:%.c=$B/%.o) $(gen:.c=.o) $(sql:%.sql=$B/%.sql.o) $B/docs/openapi.json.o $B/office/web_files.o
main_patron-terminal := terminal/main
main_patron-office := office/main
main_patronctl := office/ctl/patronctl_main
main_patron-cardsim := hw/cardsim_main
main_patron-display := terminal/display/display_main
PROGRAMS := patron-terminal patron-display patron-office patronctl patron-cardsim
# Only what has a main yet.
programs := $(foreach p,$(PROGRAMS),$(if $(wildcard $(main_$p).c),$B/$p))
tests := $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/test_*.c))
# These pretend a USB device with umockdev; without it they are left out, here and of e2e below.
usb_tests := test_printer test_receipts e2e_receipts
no_usb := $(if $(shell pkg-config --exists umockdev-1.0 && echo yes),,$(usb_tests:%=$B/tests/%))
tests := $(filter-out $(no_usb),$(tests))
$B/tests/usb_printer.o: cflags += $(shell pkg-config --cflags umockdev-1.0 2>/dev/null)
$(usb_tests:%=$B/tests/%): LIBS += $(shell pkg-config --libs umockdev-1.0 2>/dev/null)
$(usb_tests:%=$B/tests/%): $B/tests/usb_printer.o
testobjs := $(patsubst %.c,$B/%.o,$(filter-out tests/test_%.c tests/e2e_%.c tests/fuzz_%.c tests/bench_%.c tests/demo.c tests/usb_printer.c,$(wildcard tests/*.c)))
# A fuzz target is tried with its corpus and seeded damage in the unit tests, unless it has a test of its own, and
# for as long as one likes by make fuzz.
fuzzers := $(patsubst tests/%.c,$B/tests/%,$(filter-out tests/fuzz_main.c,$(wildcard tests/fuzz_*.c)))
fuzz_tests := $(foreach f,$(fuzzers),$(if $(wildcard tests/test_$(notdir $f).c),,$f))
tests += $(fuzz_tests)

all: $(programs) ## build the programs into build/

$B/libpatron.a: $(objs)
	$(call say,AR,$@)
	$Q rm -f $@ && $(AR) rcs $@ $^

$(programs): $B/%: $B/libpatron.a
$(foreach p,$(PROGRAMS),$(eval $B/$p: $B/$(main_$p).o))
$(programs):
	$(call say,LD,$@)
	$Q $(CC) $(CFLAGS) $(SAN) -o $@ $(filter %.o,$^) $B/libpatron.a $(LIBS)

$B/%.o: %.c
	$(call say,CC,$<)
	$Q mkdir -p $(@D) && $(CC) $(cflags) -c -o $@ $<

# Generated code is not ours to warn about.
$B/%.pb.o: $B/%.pb.c
	$(call say,CC,$<)
	$Q $(CC) $(cflags) -w -c -o $@ $<

$B/%.pb.c $B/%.pb.h: %.proto %.options
	$(call say,PROTO,$<)
	$Q mkdir -p $(@D) && protoc -Isync --nanopb_out=-Isync:$(@D) $<
$(filter %.o,$(objs)): | $(gen:.c=.h)

# A .sql or .json file becomes a string: const char db_NAME_sql[].
define as_string
	$(call say,TEXT,$<)
	$Q mkdir -p $(@D) && awk 'BEGIN { n = ARGV[1]; gsub(/[\/.]/, "_", n); \
	  print "extern const char " n "[];\nconst char " n "[] =" } \
	  { gsub(/\\/, "&&"); gsub(/"/, "\\\""); print "\"" $$0 "\\n\"" } END { print ";" }' $< > $@
endef
$B/%.sql.c: %.sql
	$(as_string)
$B/%.json.c: %.json
	$(as_string)
$B/%.sql.o: $B/%.sql.c
	$Q $(CC) $(CFLAGS) $(SAN) -c -o $@ $<
$B/%.json.o: $B/%.json.c
	$Q $(CC) $(CFLAGS) $(SAN) -c -o $@ $<

# The operations of the console, by what there is: #define API_LISTS(X) X(api_cards) X(api_session) ...
$B/office/console/api_lists.h: $(wildcard office/console/api_*.c)
	$(call say,TEXT,$@)
	$Q mkdir -p $(@D) && { echo '#define API_LISTS(X) \'; \
	  sed -n 's/^const struct api_op \(api_[a-z_]*\)\[\] = {.*/    X(\1) \\/p' $(sort $^); echo; } > $@
$B/office/console/api.o: $B/office/console/api_lists.h

# The files of the pages, as they are, in the program.
web := $(sort $(shell find office/web -type f ! -name '*.md'))
$B/office/web_files.c: $(web) office/console/console.h
	$(call say,TEXT,$@)
	$Q mkdir -p $(@D) && { echo '#include "office/console/console.h"'; n=0; for f in $(web); do n=$$((n + 1)); \
	  echo "__asm__(\".section .rodata; web_$$n: .incbin \\\"$$f\\\"; web_end_$$n: .byte 0; .previous\");"; \
	  echo "extern const uint8_t web_$$n[], web_end_$$n[];"; done; \
	  echo 'const struct web_file web_files[] = {'; n=0; for f in $(web); do n=$$((n + 1)); case $$f in \
	  *.html) t='text/html; charset=utf-8';; *.js) t='text/javascript; charset=utf-8';; *.css) t='text/css; charset=utf-8';; \
	  *.json) t=application/json;; *.svg) t=image/svg+xml;; *.png) t=image/png;; *.webmanifest) t=application/manifest+json;; \
	  *) echo "$$f: of which type?" >&2; exit 1;; esac; \
	  echo "    {\"$${f#office/web}\", \"$$t\", \"\\\"$$(sha256sum $$f | cut -c1-32)\\\"\", web_$$n, web_end_$$n},"; done; \
	  echo '    {0},'; echo '};'; } > $@ || { rm -f $@; exit 1; }
$B/office/web_files.o: $B/office/web_files.c
	$Q $(CC) $(cflags) -c -o $@ $<

# A catalogue becomes bytes in the program.  A msgid with PRId64 is in the .po as "%<PRId64>"; what that is here
# the compiler knows.  One that is missing in the list would stay English: it ends the build.
pri := $(foreach p,PRId64 PRIu32,-e 's/<$p>/$(shell printf '\043include <inttypes.h>\n$p\n' | $(CC) -E -P - | tail -1 | tr -d '" ')/g')
$B/po/%.mo.h: po/%.po
	$(call say,MSGFMT,$<)
	$Q mkdir -p $(@D) && msgfmt --check-format -o /dev/null $<
	$Q sed $(pri) $< >$(@:.mo.h=.here.po) && ! grep -n '%<PRI' $(@:.mo.h=.here.po)
	$Q msgfmt --no-hash --endianness=little -o $(@:.h=) $(@:.mo.h=.here.po)
	$Q { echo 'static const unsigned char po_$*[] = {'; od -An -v -tu1 $(@:.h=) | sed 's/[0-9][0-9]*/&,/g'; echo '};'; } > $@
$B/base/tr.o: | $(patsubst %.po,$B/%.mo.h,$(wildcard po/*.po))

# All sentences of the sources.
pot:
	$Q mkdir -p $B/po
	$Q xgettext --from-code=UTF-8 --language=C --keyword=tr --keyword=TR_LATER --keyword=X:2 --flag=tr:1:pass-c-format \
	  --no-location --sort-output --omit-header -o $B/po/patron.pot $(sources) office/ledger/ledger.h

po: pot ## gather the sentences of the sources into po/, to be translated there
	$Q msgmerge --quiet --update --backup=none --no-fuzzy-matching --sort-output --no-location po/zh.po $B/po/patron.pot
	$Q msgattrib --no-obsolete --sort-output -o po/zh.po po/zh.po
	$Q msgfmt --statistics -o /dev/null po/zh.po

# What a fuzzer runs for hours, a test runs on seeded input.
$B/tests/test_fuzz_card: $B/tests/fuzz_card.o
$(fuzz_tests): $B/tests/fuzz_main.o
$B/tests/test_fuzz_wire: $B/tests/fuzz_wire.o
$B/tests/test_fuzz_doors: $B/tests/fuzz_doors.o
$(tests): $B/tests/%: $B/tests/%.o $(testobjs) $B/libpatron.a
	$(call say,LD,$@)
	$Q $(CC) $(CFLAGS) $(SAN) -o $@ $(filter %.o,$^) $B/libpatron.a $(LIBS) -lcmocka

.PHONY: web web-flows all bench pot po unit test every-test check check-sanitized fuzz fuzz-each lint demo run format install clean help
.SECONDARY:

# The tests that start whole programs, and the scripts that drive them.
e2e := $(filter-out $(no_usb),$(patsubst tests/%.c,$B/tests/%,$(wildcard tests/e2e_*.c))) $(wildcard tests/freefare.sh tests/ctl.sh tests/valgrind.sh tests/web.sh)
# An independent terminal for our cards, of this test alone; left out where it is not installed.
ifneq ($(shell pkg-config --exists libfreefare 2>/dev/null && echo yes),yes)
e2e := $(filter-out %/e2e_freefare,$(e2e))
endif
$B/tests/e2e_freefare: LIBS += -lfreefare
$(filter $B/tests/e2e_%,$(e2e)): $B/tests/%: $B/tests/%.o $(testobjs) $B/libpatron.a
	$(call say,LD,$@)
	$Q $(CC) $(CFLAGS) $(SAN) -o $@ $^ $(LIBS) -lcmocka

$B/demo: $B/tests/demo.o $B/tests/chain.o $B/tests/harness.o $B/libpatron.a
	$(call say,LD,$@)
	$Q $(CC) $(CFLAGS) $(SAN) -o $@ $^ $(LIBS)

# demo, run and test install what a fresh machine lacks first, so the rest is a second make.
demo: ## a chain of four shops sells real invoices through faults, and shows that the books balance
	$Q tests/deps.sh build
	$Q $(MAKE) -s --no-print-directory -j$$(nproc) $(programs) $B/demo
	$Q $B/demo $B

$B/bench_preview: $B/tests/bench_preview.o $B/libpatron.a
	$(call say,LD,$@)
	$Q $(CC) $(CFLAGS) $(SAN) -o $@ $^ $(LIBS)

run: ## head office and one till to try by hand, with virtual cards on the desk
	$Q tests/deps.sh build
	$Q $(MAKE) -s --no-print-directory -j$$(nproc) $(programs)
	$Q tests/run_by_hand.sh $B

test: ## every test: the parts, then whole programs (about three minutes)
	$Q tests/deps.sh test
	$Q $(MAKE) -s --no-print-directory -j$$(nproc) every-test

# The real client of a cash register, from npm, kept in the build folder.
$B/nexo/node_modules/.package-lock.json: tests/nexo/package.json tests/nexo/package-lock.json
	$(call say,NPM,$(@D))
	$Q mkdir -p $B/nexo && cp tests/nexo/package.json tests/nexo/package-lock.json $B/nexo/
	$Q cd $B/nexo && npm ci --no-audit --no-fund --loglevel=error >/dev/null && touch node_modules/.package-lock.json || \
	  echo '  npm did not bring the client; e2e_nexo will say so and fail'
$B/tests/e2e_nexo: | $B/nexo/node_modules/.package-lock.json

# The browser's tests: playwright from npm as above, a head office with a past.
$B/web/node_modules/.package-lock.json: tests/web/package.json tests/web/package-lock.json
	$(call say,NPM,$(@D))
	$Q mkdir -p $B/web && cp tests/web/package.json tests/web/package-lock.json $B/web/
	$Q cd $B/web && npm ci --no-audit --no-fund --loglevel=error >/dev/null && touch node_modules/.package-lock.json || \
	  echo '  npm did not bring playwright; tests/web.sh will say so and fail'
$B/web/seed: $B/tests/web/seed.o $B/libpatron.a
	$(call say,LD,$@)
	$Q mkdir -p $(@D) && $(CC) $(CFLAGS) $(SAN) -o $@ $^ $(LIBS)
web: ## the browser's tests alone; pictures in build/web
	$Q tests/deps.sh test
	$Q $(MAKE) -s --no-print-directory -j$$(nproc) web-flows
web-flows: $(programs) $B/web/seed $B/web/node_modules/.package-lock.json
	$Q BUILD=$B tests/run.sh tests/web.sh

every-test: $B/web/seed $B/web/node_modules/.package-lock.json $(programs) $(tests) $(filter $B/%,$(e2e))
	$Q BUILD=$B tests/run.sh $(tests) $(e2e)

unit: $(tests) $(programs) ## the tests of the parts alone: seconds
	$Q BUILD=$B tests/run.sh $(tests)

FUZZ_S ?= 30
fuzz: ## every parser that strangers reach, by libFuzzer under the sanitizers, FUZZ_S=30 seconds each (clang)
	$Q $(MAKE) -s --no-print-directory -j$$(nproc) fuzz-each FUZZING=1 B=build-fuzz CC=clang WARN= CFLAGS='-O1 -g' \
	  SAN='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined'

# libFuzzer has a main of its own; test_random is still wanted.
ifdef FUZZING
$B/tests/testmain.o: cflags += -Dmain=main_of_tests
endif

fuzz-each: $(fuzzers:%=%.fuzz)
	$Q for f in $(notdir $(fuzzers)); do echo "== $$f"; mkdir -p $B/corpus/$$f; \
	  $B/tests/$$f.fuzz -max_total_time=$(FUZZ_S) -timeout=30 -rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 \
	  $$(for d in tests/data/fuzz/$$f.dict; do [ -f $$d ] && echo -dict=$$d; done) \
	  -artifact_prefix=$B/$$f- $B/corpus/$$f $$(ls -d tests/data/fuzz/$$f 2>/dev/null) || exit 1; done

$(fuzzers:%=%.fuzz): %.fuzz: %.o $(testobjs) $B/libpatron.a
	$(call say,LD,$@)
	$Q $(CC) $(CFLAGS) $(SAN) -fsanitize=fuzzer -o $@ $^ $(LIBS) -lcmocka

check: ## lint; parts, and whole programs through faults, under the address and undefined-behaviour sanitizers
	$Q tests/deps.sh test
	$Q $(MAKE) -s --no-print-directory lint WERROR=-Werror
	$Q $(MAKE) -s --no-print-directory -j$$(nproc) check-sanitized B=build-asan WERROR=-Werror \
	  CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	  SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined'

check-sanitized: $(programs) $(tests) $B/tests/e2e_faults $B/tests/e2e_plain
	$Q BUILD=$B PATRON_BIN=$B tests/run.sh $(tests) $B/tests/e2e_faults $B/tests/e2e_plain

bench: ## what a tap costs on the air and over a serial line; a journal of a million entries; a preview of a million purchases
	$Q tests/deps.sh test
	$Q $(MAKE) -s --no-print-directory -j$$(nproc) $(programs) $B/tests/e2e_bench $B/bench_preview
	$Q rm -rf $B/bench && $B/bench_preview $B/bench && rm -rf $B/bench
	$Q PATRON_BIN=$B $B/tests/e2e_bench | grep '^ '

lint: $B/libpatron.a pot ## the layering, the purity of the core, what may not be in the tree
	$Q tests/lint.sh $B

PREFIX ?= /usr/local
install: $(programs) ## programs, the units and an example of its file into DESTDIR/PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(programs) $(DESTDIR)$(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/share/doc/patron
	for u in terminal/patron-terminal terminal/patron-display office/patron-office; do \
	  sed 's|/usr/local|$(PREFIX)|' $$u.service \
	  > $(DESTDIR)$(PREFIX)/lib/systemd/system/$$(basename $$u).service || exit 1; done
	install -d $(DESTDIR)$(PREFIX)/lib/sysusers.d
	install -m 644 terminal/patron.sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/patron.conf
	install -m 644 terminal/patron-terminal.conf office/patron-office.conf $(DESTDIR)$(PREFIX)/share/doc/patron

format: ## lay the sources out by .clang-format
	clang-format -i $(wildcard $(addsuffix /*.[ch],$(PARTS) $(PARTS:%=%/*) tests))

clean: ## remove what was built
	rm -rf $B build-asan build-fuzz

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

-include $(shell find $B -name '*.d' 2>/dev/null)
