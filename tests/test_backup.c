/* test_backup.c - a backup is of one moment, whole, and known to be good before it is needed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/clock.h"
#include "office/backup.h"
#include "tests/faultvfs.h"
#include "tests/offices.h"
#include "tests/sql.h"
#include "tests/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct office office;
static char backup[300], restored[300];
static struct errmsg why;
static struct backup_report report;
static FILE *nowhere;

static void enrol(member_id member)
{
    struct txn t = {.kind = TXN_MEMBER, .member = member};
    must(books_post_own(office.books, &t, clock_now_s(), &why), &why);
    office_adjust(&office, member, 100);
}

/* Head office with some members, and where a backup of it is to be. */
static void open_office(void)
{
    office_open(&office);
    for (member_id m = 1; m <= 5; m++)
        enrol(m);
    snprintf(backup, sizeof backup, "%s/backup", test_scratch_dir());
    snprintf(restored, sizeof restored, "%s/restored", test_scratch_dir());
    nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
}

static void close_office(void)
{
    fclose(nowhere);
    office_close(&office);
}

static int64_t entries_in(const char *dir)
{
    char path[400];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/patron.db", dir);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    int64_t n = sql_number(db, "SELECT count(*) FROM entry");
    sqlite3_close(db);
    return n;
}

/* Names beside the backup that begin like it: what a failure left behind. */
static int leftovers(void)
{
    int count = 0;
    DIR *dir = opendir(test_scratch_dir());
    assert_non_null(dir);
    for (struct dirent *d; (d = readdir(dir));)
        count += strncmp(d->d_name, "backup.", 7) == 0 || strncmp(d->d_name, "restored", 8) == 0;
    closedir(dir);
    return count;
}

TEST(backup, is_restored_to_a_folder_whose_books_hold_and_say_the_same)
{
    open_office();
    must(backup_make(&office.home, office.books, backup, &report, &why), &why);
    assert_int_equal(report.entries, 11); /* five members, their points, the run of the day */
    enrol(6); /* after it */
    must(backup_drill(backup, nowhere, &report, &why), &why);
    assert_int_equal(report.broken, 0);
    assert_int_equal(report.entries, 11);
    assert_int_equal(leftovers(), 0);
    must(backup_restore(backup, restored, nowhere, &report, &why), &why);
    assert_int_equal(entries_in(restored), 11);
    struct home again;
    must(home_open(&again, restored, &why), &why); /* modes and keys are as they must be */
    assert_memory_equal(&again.card_keys, &office.home.card_keys, sizeof again.card_keys);
    home_finish(&again);
    close_office();
}

TEST(backup, does_not_wait_for_a_writer_and_has_nothing_of_what_is_not_committed)
{
    open_office();
    sqlite3 *other = NULL;
    char path[HOME_PATH_MAX];
    home_path(&office.home, HOME_BOOKS, path);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    sql_run(other, "BEGIN IMMEDIATE; UPDATE person SET note = 'half'; INSERT INTO person (member, name) VALUES (77, 'Half')");
    must(backup_make(&office.home, office.books, backup, &report, &why), &why);
    sql_run(other, "COMMIT");
    sqlite3_close(other);
    char copy[400];
    snprintf(copy, sizeof copy, "%s/patron.db", backup);
    assert_int_equal(sqlite3_open(copy, &other), SQLITE_OK);
    assert_int_equal(sql_number(other, "SELECT count(*) FROM person WHERE member = 77"), 0);
    sqlite3_close(other);
    close_office();
}

TEST(backup, is_not_taken_over_something_and_a_failed_one_leaves_nothing)
{
    open_office();
    assert_int_equal(mkdir(backup, 0700), 0);
    assert_int_equal(backup_make(&office.home, office.books, backup, &report, &why), ERR_EXISTS);
    rmdir(backup);
    char missing[320];
    snprintf(missing, sizeof missing, "%s/not/there", test_scratch_dir());
    assert_int_equal(backup_make(&office.home, office.books, missing, &report, &why), ERR_IO);
    close_office();
}

TEST(backup, a_disk_that_fills_while_it_is_taken_leaves_nothing)
{
    faultvfs_use();
    open_office();
    for (int64_t write = 1; write <= 40; write += 13) {
        faultvfs.writes = 0;
        faultvfs.fail_write = write;
        faultvfs.fail_for_ever = true;
        assert_int_equal(backup_make(&office.home, office.books, backup, &report, &why), ERR_FULL);
        faultvfs.fail_write = 0;
        faultvfs.fail_for_ever = false;
        assert_int_not_equal(access(backup, F_OK), 0);
        assert_int_equal(leftovers(), 0);
    }
    must(backup_make(&office.home, office.books, backup, &report, &why), &why);
    close_office();
}

/* What happens to a backup that lies about; the drill has to see each. */
static void spoil(const char *name, const char *how)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", backup, name);
    if (strcmp(how, "gone") == 0) {
        assert_int_equal(unlink(path), 0);
        return;
    }
    if (strcmp(how, "open to all") == 0) {
        assert_int_equal(chmod(path, 0644), 0);
        return;
    }
    int fd = open(path, strcmp(how, "new") == 0 ? O_WRONLY | O_CREAT : O_RDWR, 0600);
    assert_true(fd >= 0);
    if (strcmp(how, "cut") == 0)
        assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - 1), 0);
    else if (strcmp(how, "bit") == 0) {
        char c;
        off_t middle = lseek(fd, 0, SEEK_END) / 2;
        assert_int_equal(pread(fd, &c, 1, middle), 1);
        c ^= 1;
        assert_int_equal(pwrite(fd, &c, 1, middle), 1);
    }
    close(fd);
}

TEST(backup, the_drill_sees_every_damage_and_nothing_is_restored_from_it)
{
    static const struct {
        const char *name, *how;
        enum err e;
        const char *says;
    } rows[] = {
        {"patron.db", "bit", ERR_CORRUPT, "patron.db is not what was backed up"},
        {"patron.db", "cut", ERR_CORRUPT, "patron.db is not what was backed up"},
        {"patron.db", "gone", ERR_IO, "No such file"},
        {"keys/card.keys", "bit", ERR_CORRUPT, "keys/card.keys is not what was backed up"},
        {"keys/card.keys", "gone", ERR_IO, "No such file"},
        {"office.crt", "cut", ERR_CORRUPT, "office.crt is not what was backed up"},
        {"keys/extra", "new", ERR_CORRUPT, "files, its SHA256SUMS says"},
        {"SHA256SUMS", "gone", ERR_NOT_FOUND, "is no backup: it has no SHA256SUMS"},
        {"SHA256SUMS", "cut", ERR_CORRUPT, "is no digest and name"},
    };
    open_office();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        must(backup_make(&office.home, office.books, backup, &report, &why), &why);
        spoil(rows[i].name, rows[i].how);
        enum err drill = backup_drill(backup, nowhere, &report, &why);
        if (drill != rows[i].e || !strstr(why.text, rows[i].says))
            fail_msg("%s %s: %d %s", rows[i].name, rows[i].how, (int)drill, why.text);
        assert_int_equal(backup_restore(backup, restored, nowhere, &report, &why), rows[i].e);
        assert_int_equal(leftovers(), 0);
        char command[400];
        snprintf(command, sizeof command, "rm -r '%s'", backup);
        assert_int_equal(system(command), 0);
    }
    close_office();
}

TEST(backup, books_that_do_not_hold_are_said_by_the_drill_and_are_not_restored)
{
    open_office();
    sqlite3 *db = NULL;
    char path[HOME_PATH_MAX];
    home_path(&office.home, HOME_BOOKS, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sql_run(db, "UPDATE member SET held = held + 1 WHERE member = 3"); /* before it was backed up */
    sqlite3_close(db);
    must(backup_make(&office.home, office.books, backup, &report, &why), &why);
    must(backup_drill(backup, nowhere, &report, &why), &why);
    assert_true(report.broken > 0);
    assert_int_equal(backup_restore(backup, restored, nowhere, &report, &why), ERR_CORRUPT);
    assert_int_equal(leftovers(), 0);
    close_office();
}

/* What a replay cannot see: a log that is not as it arrived. */
TEST(backup, a_log_with_another_hash_is_said_by_the_drill)
{
    open_office();
    sqlite3 *db = NULL;
    char path[HOME_PATH_MAX];
    home_path(&office.home, HOME_BOOKS, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sql_run(db, "DROP TRIGGER entry_not_changed; UPDATE entry SET hash = zeroblob(32) WHERE position = 3");
    sqlite3_close(db);
    must(backup_make(&office.home, office.books, backup, &report, &why), &why);
    must(backup_drill(backup, nowhere, &report, &why), &why);
    assert_int_equal(report.broken, 1);
    close_office();
}
