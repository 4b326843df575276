/* test_home.c - the head-office folder: whole or not there, and closed to everybody else.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/ca.h"
#include "office/home.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char dir[256];

static const char *in_home(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void make_home(void)
{
    struct home home;
    struct errmsg why;
    snprintf(dir, sizeof dir, "%s/office", test_scratch_dir());
    assert_int_equal(home_create(&home, dir, time(NULL), &why), OK);
    assert_int_equal(home_keep(&home, &why), OK);
    home_finish(&home);
}

/* What home_open says to the folder as it is. */
static enum err opened(struct errmsg *why)
{
    struct home home;
    enum err e = home_open(&home, dir, why);
    home_finish(&home);
    return e;
}

static void edit(const char *name, const char *from, const char *to)
{
    char text[4096], *at;
    FILE *f = fopen(in_home(name), "r+");
    assert_non_null(f);
    size_t size = fread(text, 1, sizeof text - 1, f);
    text[size] = 0;
    at = strstr(text, from);
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    rewind(f);
    assert_int_equal(fwrite(text, 1, size, f), size);
    fclose(f);
}

TEST(home, opens_with_the_same_keys_it_was_made_with)
{
    struct home a, b;
    struct errmsg why;
    snprintf(dir, sizeof dir, "%s/office", test_scratch_dir());
    assert_int_equal(home_create(&a, dir, time(NULL), &why), OK);
    assert_int_equal(home_keep(&a, &why), OK);
    assert_string_equal(a.dir, dir);
    assert_int_equal(home_open(&b, dir, &why), OK);
    assert_memory_equal(&a.card_keys, &b.card_keys, sizeof a.card_keys);
    assert_memory_not_equal(&a.card_keys.k2, &a.card_keys.k3, sizeof a.card_keys.k2);
    assert_int_equal(ca_check(&b.ca, &a.office, CA_ROLE_OFFICE, &why), OK);
    assert_non_null(b.office.next); /* the chain a till is shown */
    assert_int_equal(b.office.next->raw.len, b.ca.raw.len);
    struct card_till_keys till;
    home_till_keys(&b, &till);
    assert_memory_equal(&till.k2, &a.card_keys.k2, sizeof till.k2);
    home_finish(&a);
    home_finish(&b);
    home_finish(&b); /* twice is harmless */
}

TEST(home, folder_and_keys_are_for_their_owner_only)
{
    static const char *const files[] = {"keys/ca.key", "keys/office.key", "keys/pack.key",
                                        "keys/card.keys", "keys/code.key", "keys/known.keys"};
    struct errmsg why;
    struct stat st;
    make_home();
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(stat(in_home(files[i]), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(chmod(in_home(files[i]), 0640), 0);
        assert_int_equal(opened(&why), ERR_REFUSED);
        assert_non_null(strstr(why.text, "chmod 600"));
        assert_non_null(strstr(why.text, files[i]));
        assert_int_equal(chmod(in_home(files[i]), 0600), 0);
        assert_int_equal(opened(&why), OK);
    }
    for (int i = 0; i < 2; i++) {
        const char *folder = i ? in_home("keys") : dir;
        assert_int_equal(stat(folder, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(chmod(folder, 0750), 0);
        assert_int_equal(opened(&why), ERR_REFUSED);
        assert_non_null(strstr(why.text, "chmod 700"));
        assert_int_equal(chmod(folder, 0700), 0);
        assert_int_equal(opened(&why), OK);
    }
}

TEST(home, a_folder_of_an_older_program_gets_the_keys_it_lacks_once)
{
    struct home a, b;
    struct errmsg why;
    make_home();
    assert_int_equal(home_open(&a, dir, &why), OK);
    assert_int_equal(unlink(in_home("keys/code.key")), 0);
    assert_int_equal(unlink(in_home("keys/known.keys")), 0);
    assert_int_equal(home_open(&b, dir, &why), OK);
    assert_false(mbed_same_key(&a.code_key, &b.code_key));
    assert_memory_not_equal(&a.known_keys, &b.known_keys, sizeof a.known_keys);
    assert_memory_equal(&a.card_keys, &b.card_keys, sizeof a.card_keys);
    home_finish(&a);
    assert_int_equal(home_open(&a, dir, &why), OK);
    assert_true(mbed_same_key(&a.code_key, &b.code_key));
    assert_memory_equal(&a.known_keys, &b.known_keys, sizeof a.known_keys);
    assert_memory_not_equal(a.known_keys.lookup, a.known_keys.sun_file, 16);
    home_finish(&a);
    home_finish(&b);
    edit("keys/known.keys", "\nsun-file", "\nsun-fire");
    assert_int_equal(opened(&why), ERR_CORRUPT);
    edit("keys/known.keys", "\nsun-fire", "\nsun-meta");
    assert_int_equal(opened(&why), ERR_CORRUPT);
}

TEST(home, a_second_start_is_refused_and_changes_nothing)
{
    struct home home;
    struct errmsg why;
    make_home();
    assert_int_equal(home_create(&home, dir, time(NULL), &why), ERR_EXISTS);
    home_finish(&home);
    assert_int_equal(opened(&why), OK);
}

TEST(home, an_unfinished_start_leaves_nothing)
{
    struct home home;
    struct errmsg why;
    snprintf(dir, sizeof dir, "%s/office", test_scratch_dir());
    assert_int_equal(home_create(&home, dir, time(NULL), &why), OK);
    char temporary[HOME_PATH_MAX];
    memcpy(temporary, home.dir, sizeof temporary);
    assert_int_equal(access(temporary, F_OK), 0);
    assert_int_equal(access(dir, F_OK), -1);
    home_finish(&home);
    assert_int_equal(access(temporary, F_OK), -1);
    assert_int_equal(access(dir, F_OK), -1);
}

TEST(home, a_folder_with_something_else_in_it_is_left_alone)
{
    struct home home;
    struct errmsg why;
    snprintf(dir, sizeof dir, "%s/office", test_scratch_dir());
    assert_int_equal(mkdir(dir, 0755), 0);
    FILE *f = fopen(in_home("letter.txt"), "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(home_create(&home, dir, time(NULL), &why), ERR_EXISTS);
    home_finish(&home);
    assert_int_equal(access(in_home("letter.txt"), F_OK), 0);
    /* emptied, it may be used */
    assert_int_equal(unlink(in_home("letter.txt")), 0);
    assert_int_equal(home_create(&home, dir, time(NULL), &why), OK);
    assert_int_equal(home_keep(&home, &why), OK);
    home_finish(&home);
    assert_int_equal(opened(&why), OK);
}

TEST(home, nothing_there_is_not_the_same_as_damaged)
{
    struct errmsg why;
    snprintf(dir, sizeof dir, "%s/nowhere", test_scratch_dir());
    assert_int_equal(opened(&why), ERR_NOT_FOUND);
    make_home();
    assert_int_equal(unlink(in_home("keys/pack.key")), 0);
    assert_int_equal(opened(&why), ERR_CORRUPT);
    assert_non_null(strstr(why.text, "keys/pack.key"));
}

TEST(home, keys_of_another_programme_are_noticed)
{
    struct errmsg why;
    char other[512], here[512];
    make_home();
    snprintf(other, sizeof other, "%s/other", test_scratch_dir());
    assert_int_equal(rename(dir, other), 0);
    make_home();
    snprintf(other, sizeof other, "%s/other/keys/ca.key", test_scratch_dir());
    snprintf(here, sizeof here, "%s/keys/ca.key", dir);
    assert_int_equal(rename(other, here), 0);
    assert_int_equal(opened(&why), ERR_CORRUPT);
    assert_non_null(strstr(why.text, "same backup"));
}

TEST(home, a_damaged_file_of_card_keys_is_refused_with_its_line)
{
    struct errmsg why;
    make_home();
    edit("keys/card.keys", "k3-credit ", "k4-credit ");
    assert_int_equal(opened(&why), ERR_CORRUPT);
    assert_non_null(strstr(why.text, "card.keys:8"));
    edit("keys/card.keys", "k4-credit ", "k2-till   ");
    assert_int_equal(opened(&why), ERR_CORRUPT); /* twice the same name */
    edit("keys/card.keys", "k2-till   ", "#2-till   ");
    assert_int_equal(opened(&why), ERR_CORRUPT); /* one is missing */
    assert_non_null(strstr(why.text, "missing"));
}
