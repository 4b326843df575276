# patron - loyalty points and membership cards for shops.  `make help` lists the commands.
# SPDX-License-Identifier: Apache-2.0

B ?= build
CC := $(if $(shell command -v ccache),ccache )$(CC)
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wvla -Wformat=2 -Wswitch-enum \
        -Wstrict-prototypes -Wmissing-prototypes $(WERROR)
PKGS := sqlite3 libnfc libusb-1.0 jansson
cflags = -std=c11 -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -MMD -MP -I. -I$B $(WARN) $(CFLAGS) $(SAN) \
         $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
# mbedTLS 2.28 has no .pc file, so it is linked by name; 3.6 takes the same names.
LIBS = $(shell pkg-config --libs $(PKGS)) -lprotobuf-nanopb -lmbedtls -lmbedx509 -lmbedcrypto

# A folder's *.c are its part; main.c and *_main.c are programs.
PARTS := base rules cardproto hw db sync terminal office
srcs := $(foreach p,$(PARTS),$(sort $(filter-out $p/main.c $p/%_main.c,$(wildcard $p/*.c))))
proto := $(wildcard sync/*.proto)
gen := $(proto:%.proto=$B/%.pb.c)
sql := $(wildcard db/*.sql)
objs := $(srcs:%.c=$B/%.o) $(gen:.c=.o) $(sql:%.sql=$B/%.sql.o)
main_patron-terminal := terminal/main
main_patron-office := office/main
main_patronctl := office/patronctl_main
main_patron-cardsim := hw/cardsim_main
PROGRAMS := patron-terminal patron-office patronctl patron-cardsim
# Only what has a main yet.
programs := $(foreach p,$(PROGRAMS),$(if $(wildcard $(main_$p).c),$B/$p))
tests := $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/test_*.c))
testobjs := $(patsubst %.c,$B/%.o,$(filter-out tests/test_%.c tests/demo.c,$(wildcard tests/*.c)))

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

$B/%.pb.c $B/%.pb.h: %.proto
	$(call say,PROTO,$<)
	$Q mkdir -p $(@D) && protoc -Isync --nanopb_out=$(@D) $<
$(filter %.o,$(objs)): | $(gen:.c=.h)

# A .sql file becomes a string: const char db_NAME_sql[].
$B/%.sql.c: %.sql
	$(call say,SQL,$<)
	$Q mkdir -p $(@D) && awk 'BEGIN { n = ARGV[1]; gsub(/[\/.]/, "_", n); \
	  print "extern const char " n "[];\nconst char " n "[] =" } \
	  { gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); print "\"" $$0 "\\n\"" } END { print ";" }' $< > $@
$B/%.sql.o: $B/%.sql.c
	$Q $(CC) $(CFLAGS) $(SAN) -c -o $@ $<

$(tests): $B/tests/%: $B/tests/%.o $(testobjs) $B/libpatron.a
	$(call say,LD,$@)
	$Q $(CC) $(CFLAGS) $(SAN) -o $@ $^ $(LIBS) -lcmocka

.PHONY: all unit test check lint format clean help
.SECONDARY:

unit: $(tests) $(programs) ## every test program that needs no network and no simulator: seconds
	$Q tests/run.sh $(tests)

format: ## lay the sources out by .clang-format
	clang-format -i $(wildcard $(addsuffix /*.[ch],$(PARTS) tests))

clean: ## remove what was built
	rm -rf $B

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

-include $(shell find $B -name '*.d' 2>/dev/null)
