/* test_passes.c - the file of wallet keys: taken exactly, and refused with the line that is wrong.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/passes.h"
#include "base/mbed.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define KEY "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"

static enum err read_text(struct passes *p, const char *text, mode_t mode, struct errmsg *why)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/passes", test_scratch_dir());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
    return passes_read(p, path, why);
}

TEST(passes, both_wallets_or_one_or_none)
{
    static struct passes p;
    struct errmsg why = {""};
    struct kind_keys keys = {.tags = true};
    assert_int_equal(mbed_init(&why), OK);
    assert_int_equal(read_text(&p, "# nothing yet\n\n", 0600, &why), OK);
    passes_use(&keys, &p);
    assert_null(keys.vas);
    assert_null(keys.smart_tap);
    assert_int_equal(read_text(&p, "apple pass.com.passkit.pksamples.nfcdemo " KEY " # ours\ngoogle 20180608 1 " KEY, 0600, &why),
                     OK);
    passes_use(&keys, &p);
    assert_ptr_equal(keys.vas->memory, &p.seen);
    assert_memory_equal(keys.vas->pass_hash, "\x03\xb5\x7c\xdb", 4); /* as in the vectors */
    assert_memory_equal(keys.smart_tap->collector, "\x01\x33\xee\x80", 4);
    assert_memory_equal(keys.smart_tap->key_version, "\0\0\0\1", 4);
    assert_int_equal(keys.smart_tap->private_key[31], 0x20);
    assert_true(keys.tags);
    passes_finish(&p);
}

TEST(passes, a_slip_is_told_with_its_line_and_a_file_that_others_read_is_refused)
{
    static struct passes p;
    struct errmsg why = {""};
    assert_int_equal(mbed_init(&why), OK);
    static const char *const bad[] = {
        "\napple a.b " KEY "00\n", "\napple a.b 01\n", "\napple a.b\n", "\nsamsung a.b " KEY "\n",
        "\ngoogle x 1 " KEY "\n", "\ngoogle 4294967296 1 " KEY "\n", "\ngoogle 1 -1 " KEY "\n",
        "apple a.b " KEY "\napple a.c " KEY "\n", "google 1 1 " KEY "\ngoogle 1 1 " KEY "\n",
        "\napple a.b ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\n",
        "\ngoogle 1 1 " KEY " more\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (read_text(&p, bad[i], 0600, &why) != ERR_FORMAT || !strstr(why.text, "passes:2: "))
            fail_msg("%s: %s", bad[i], why.text);
        assert_false(p.has_apple || p.has_google);
    }
    assert_int_equal(read_text(&p, "", 0644, &why), ERR_REFUSED);
    assert_int_equal(passes_read(&p, "/no/such/file", &why), ERR_NOT_FOUND);
}
