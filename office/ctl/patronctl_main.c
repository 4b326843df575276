/* patronctl_main.c - head office by hand: what the arguments mean, and which command they call.
 * The commands are in office/ctl/ctl_*.c; `patronctl --help` lists them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "hw/clock.h"
#include "office/ctl/ctl.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ctl_command *const tables[] = {
    ctl_setup_commands,
    ctl_member_commands,
    ctl_points_commands,
    ctl_people_commands,
    ctl_card_commands,
    ctl_merge_commands,
    ctl_ledger_commands,
    ctl_care_commands,
    ctl_backup_commands,
    ctl_user_commands,
    ctl_job_commands,
};
enum { TABLES = sizeof tables / sizeof *tables };

static void help_all(FILE *out)
{
    fputs("patronctl - a loyalty programme's head office, by hand\n\n"
          "usage: patronctl [--home DIR] [--clock FILE] [--json] COMMAND ...\n\n",
          out);
    for (int i = 0; i < TABLES; i++) {
        for (const struct ctl_command *k = tables[i]; k->name; k++)
            fprintf(out, "  %-14s %s\n", k->name, k->summary);
        fputc('\n', out);
    }
    fputs("  --home DIR     the head-office folder; else $PATRON_HOME, else ./office\n"
          "  --clock FILE   take the business time from this file (\"2010-12-01T08:34\")\n"
          "  --json         answers as JSON\n\n"
          "exit codes: 0 done, 1 refused or found wrong, 2 wrong usage\n"
          "`patronctl COMMAND --help` says more.  To begin: patronctl --home office init\n",
          out);
}

static void help_one(const struct ctl_command *k)
{
    bool options = k->options[0].name;
    printf("patronctl %s - %s\n\nusage: patronctl [--home DIR] %s%s%s%s\n", k->name, k->summary,
           k->name, *k->positions ? " " : "", k->positions, options ? " [OPTION]..." : "");
    if (options)
        putchar('\n');
    for (int i = 0; i < CTL_OPTIONS_MAX && k->options[i].name; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", k->options[i].name,
                 k->options[i].value ? k->options[i].value : "");
        printf("  %-20s %s\n", left, k->options[i].text);
    }
    if (k->text)
        printf("\n%s", k->text);
}

/* "card" -> true when some command is called "card ..." */
static bool is_group(const char *word)
{
    size_t size = strlen(word);
    for (int i = 0; i < TABLES; i++)
        for (const struct ctl_command *k = tables[i]; k->name; k++)
            if (strncmp(k->name, word, size) == 0 && k->name[size] == ' ')
                return true;
    return false;
}

static void list_group(FILE *out, const char *word)
{
    size_t size = strlen(word);
    for (int i = 0; i < TABLES; i++)
        for (const struct ctl_command *k = tables[i]; k->name; k++)
            if (strncmp(k->name, word, size) == 0 && k->name[size] == ' ')
                fprintf(out, "  patronctl %s%s%s\n      %s\n", k->name, *k->positions ? " " : "",
                        k->positions, k->summary);
}

static const struct ctl_command *find(const char *one, const char *two)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", one, two ? " " : "", two ? two : "");
    for (int i = 0; i < TABLES; i++)
        for (const struct ctl_command *k = tables[i]; k->name; k++)
            if (strcmp(k->name, name) == 0)
                return k;
    return NULL;
}

/* --home, --clock, --json: before the command, as git has them, or after it, as people type them.
 * True when argv[*at] was one; *at is then its last word. */
static bool global_option(struct ctl *c, int argc, char **argv, int *at)
{
    const char *word = argv[*at], *value = *at + 1 < argc ? argv[*at + 1] : NULL;
    if (strcmp(word, "--json") == 0) {
        c->json = true;
    } else if (strcmp(word, "--home") == 0 && value) {
        c->dir = argv[++*at];
    } else if (strncmp(word, "--home=", 7) == 0) {
        c->dir = word + 7;
    } else if (strcmp(word, "--clock") == 0 && value) {
        clock_use(argv[++*at]);
    } else if (strncmp(word, "--clock=", 8) == 0) {
        clock_use(word + 8);
    } else {
        return false;
    }
    return true;
}

/* Options anywhere, "--name value" or "--name=value"; what begins with - and a digit is a number.
 * */
static enum ctl_exit parse(struct ctl *c, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || word[1] == 0 || (word[1] >= '0' && word[1] <= '9')) {
            if (c->position_count == c->command->most)
                return ctl_usage(c, "'%s' is one word too many", word);
            c->positions[c->position_count++] = word;
            continue;
        }
        if (global_option(c, argc, argv, &i))
            continue;
        size_t size = strcspn(word, "=");
        int k = 0;
        while (k < CTL_OPTIONS_MAX && c->command->options[k].name &&
               (strlen(c->command->options[k].name) != size ||
                strncmp(c->command->options[k].name, word, size) != 0))
            k++;
        if (k == CTL_OPTIONS_MAX || !c->command->options[k].name)
            return ctl_usage(c, "%s has no option %.*s", c->command->name, (int)size, word);
        if (c->values[k])
            return ctl_usage(c, "%.*s is given twice", (int)size, word);
        if (!c->command->options[k].value) {
            if (word[size])
                return ctl_usage(c, "%.*s takes no value", (int)size, word);
            c->values[k] = "";
        } else if (word[size]) {
            c->values[k] = word + size + 1;
        } else if (i + 1 < argc) {
            c->values[k] = argv[++i];
        } else {
            return ctl_usage(c, "%s needs a value: %s %s", word, word,
                             c->command->options[k].value);
        }
    }
    if (c->position_count < c->command->least)
        return ctl_usage(c, "%s needs %s", c->command->name, c->command->positions);
    return CTL_OK;
}

static enum ctl_exit open_all(struct ctl *c)
{
    struct errmsg why;
    char path[HOME_PATH_MAX];
    enum err e = home_open(&c->home, c->dir, &why);
    if (e == ERR_NOT_FOUND)
        return ctl_fail(&why,
                        "name it with --home DIR or PATRON_HOME, or make one: patronctl --home DIR "
                        "init");
    if (e)
        return ctl_fail(&why, "");
    home_path(&c->home, HOME_BOOKS, path);
    e = books_open(&c->books, path, &c->home.card_keys, &why);
    return e ? ctl_fail(&why, e == ERR_NOT_FOUND ? "restore it from a backup" : "") : CTL_OK;
}

int main(int argc, char **argv)
{
    static struct ctl c; /* zeroed: home_finish is safe from the start */
    const char *dir = getenv("PATRON_HOME");
    c.dir = dir && *dir ? dir : "office";
    signal(SIGPIPE, SIG_IGN); /* a reader process that died is an error we report */
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            help_all(stdout);
            return CTL_OK;
        }
        if (!global_option(&c, argc, argv, &at)) {
            fprintf(stderr,
                    "patronctl: %s is no option here, or lacks its value; see patronctl --help\n",
                    argv[at]);
            return CTL_USAGE;
        }
    }
    if (at == argc) {
        help_all(stderr);
        return CTL_USAGE;
    }
    const char *one = argv[at], *two = at + 1 < argc ? argv[at + 1] : NULL;
    if (strcmp(one, "help") == 0) {
        help_all(stdout);
        return CTL_OK;
    }
    c.command = find(one, two);
    int words = 2;
    if (!c.command) {
        c.command = find(one, NULL);
        words = 1;
    }
    if (!c.command && is_group(one)) {
        bool asked = two && (strcmp(two, "--help") == 0 || strcmp(two, "-h") == 0);
        if (!asked)
            fprintf(stderr, "patronctl: '%s%s%s' is no command; there are\n", one, two ? " " : "",
                    two ? two : "");
        list_group(asked ? stdout : stderr, one);
        return asked ? CTL_OK : CTL_USAGE;
    }
    if (!c.command) {
        fprintf(stderr, "patronctl: '%s' is no command; patronctl --help lists them\n", one);
        return CTL_USAGE;
    }
    for (int i = at + words; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help_one(c.command);
            return CTL_OK;
        }
    enum ctl_exit code = parse(&c, argc - at - words, argv + at + words);
    if (code == CTL_OK)
        c.now_s = clock_now_s();
    if (code == CTL_OK && c.command->needs == CTL_HOME)
        code = open_all(&c);
    if (code == CTL_OK)
        code = c.command->run(&c);
    if (c.books)
        books_close(c.books);
    home_finish(&c.home);
    if (fflush(stdout) || ferror(stdout))
        code = CTL_REFUSED; /* a cut answer is no answer: disk full, closed pipe */
    return code;
}
