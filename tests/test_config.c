/* test_config.c - how a till is set up: a slip must be told with file, line and what is expected.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/config.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static const char *file_of(const char *text)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/till.conf", test_scratch_dir());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static enum err read_text(struct config *c, const char *text, struct errmsg *why)
{
    config_init(c);
    return config_read(c, file_of(text), why);
}

TEST(config, what_the_file_says_holds_and_the_rest_is_as_usual)
{
    struct config c;
    struct errmsg why = {""};
    assert_int_equal(read_text(&c, "# a shop\n[till]\nhome = /srv/till\noffice=hq:7443\n"
                                   "[screen]\non = yes\n[printer]\ncolumns = 48\n", &why), OK);
    assert_string_equal(c.home, "/srv/till");
    assert_string_equal(c.office, "hq:7443");
    assert_true(c.screen);
    assert_int_equal(c.columns, 48);
    assert_int_equal(c.nexo_wait_s, 60);
    assert_string_equal(c.language, "en");
    assert_int_equal(config_check(&c, &why), OK);
}

TEST(config, a_slip_in_the_file_names_its_line_and_what_is_expected)
{
    static const struct {
        const char *text, *line, *say;
    } wrong[] = {
        {"[till]\nhome=/x\nofice=hq:1\n", ":3:", "no key ofice in [till]"},
        {"[screen]\non = 1\n", ":2:", "yes or no"},
        {"[nexo]\nwait = 0\n", ":2:", "1 to 600"},
        {"[nexo]\nwait = 601\n", ":2:", "1 to 600"},
        {"[nexo]\nwait = 6x\n", ":2:", "1 to 600"},
        {"[nexo]\nwait =\n", ":2:", "1 to 600"},
        {"[till]\nhome\n", ":2:", "neither"},
        {"home = /x\n", ":1:", "home stands in no section"},
        {"[till\nhome = /x\n", ":1:", "[till] is missing before it, or broken"},
        {"[till]\nlanguage = english-uk\n", ":2:", "longer than 7"},
        {"[till]\nhome=/x\n[screen]\non=maybe\n[nexo]\nwait=0\n", ":4:", "yes or no"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct config c;
        struct errmsg why = {""};
        assert_int_equal(read_text(&c, wrong[i].text, &why), ERR_FORMAT);
        if (!strstr(why.text, wrong[i].line) || !strstr(why.text, wrong[i].say))
            fail_msg("%s said: %s", wrong[i].text, why.text);
    }
}

TEST(config, options_come_on_top_of_the_file_and_each_has_a_key)
{
    struct config c;
    struct errmsg why = {""};
    bool takes_value;
    assert_int_equal(read_text(&c, "[till]\nhome=/x\n[prompt]\non=no\n", &why), OK);
    assert_int_equal(config_option(&c, "home", "/y", &why), OK);
    assert_int_equal(config_option(&c, "prompt", NULL, &why), OK);
    assert_string_equal(c.home, "/y");
    assert_true(c.prompt);
    assert_int_equal(config_option(&c, "hom", "/y", &why), ERR_NOT_FOUND);
    int count = 0;
    while (config_option_name(count, &takes_value))
        count++;
    assert_in_range(count, 10, 40);
}

TEST(config, what_does_not_hold_together_is_refused_with_what_to_do)
{
    static const struct {
        const char *text, *say;
    } wrong[] = {
        {"[prompt]\non=yes\n", "--home"},
        {"[till]\nhome=/x\n", "--screen, --prompt"},
        {"[till]\nhome=/x\n[prompt]\non=yes\n[screen]\non=yes\n", "give one"},
        {"[till]\nhome=/x\n[prompt]\non=yes\n[printer]\ndevice=lpt1\n", "usb:VID:PID"},
        {"[till]\nhome=/x\n[prompt]\non=yes\n[printer]\ncolumns=40\n", "32 or 48"},
        {"[till]\nhome=/x\ncountry=49\n[prompt]\non=yes\n", "+49"},
        {"[till]\nhome=/x\noffice=nowhere\n[prompt]\non=yes\n", "HOST:PORT"},
        {"[till]\nhome=/x\nlanguage=fr\n[prompt]\non=yes\n", "en or zh"},
        {"[till]\nhome=/x\n[nexo]\nlisten=127.0.0.1:8443\n", "certificate, key and keys"},
        {"[till]\nhome=/x\n[http]\nlisten=127.0.0.1:1\nkey=k\n", "or neither"},
        {"[till]\nhome=/x\n[http]\nlisten=0.0.0.0:1\nanywhere=yes\n", "needs a certificate"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct config c;
        struct errmsg why = {""};
        assert_int_equal(read_text(&c, wrong[i].text, &why), OK);
        assert_int_equal(config_check(&c, &why), ERR_FORMAT);
        if (!strstr(why.text, wrong[i].say))
            fail_msg("%s said: %s", wrong[i].text, why.text);
    }
}
