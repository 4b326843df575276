/* chain.c - see chain.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/chain.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static char *program(const struct chain *c, const char *name)
{
    return path_of("%s/%s", c->bin, name);
}

int chain_ctl_status(struct chain *c, char *out, size_t size, const char *const args[])
{
    char *name = program(c, "patronctl");
    const char *argv[PROC_ARGS_MAX] = {name, "--home", c->office_home, "--clock", c->office_clock,
                                       "--json"};
    int n = 6;
    for (int i = 0; args[i]; i++)
        argv[n++] = args[i];
    argv[n] = NULL;
    int status = run(c->log, NULL, out, size, argv);
    free(name);
    return status;
}

void chain_ctl(struct chain *c, char *out, size_t size, const char *const args[])
{
    int status = chain_ctl_status(c, out, size, args);
    if (status)
        die("chain: patronctl %s %s ended with %d; see %s", args[0], args[1] ? args[1] : "", status,
            c->log);
}

void chain_office_clock(struct chain *c, const char *time)
{
    char text[64];
    snprintf(text, sizeof text, "%s\n", time);
    write_file(c->office_clock, text);
}

void chain_office_start(struct chain *c, const char *env)
{
    char *name = program(c, "patron-office"), line[256];
    proc_start(&c->office, c->log, env,
               ARGS(name, "--home", c->office_home, "--listen", "127.0.0.1:0", "--clock", c->office_clock,
                    c->office_config ? "--config" : NULL, c->office_config));
    free(name);
    proc_line(&c->office, line, sizeof line, 20000);
    char *colon = strrchr(line, ':');
    if (strncmp(line, "listening on ", 13) != 0 || !colon)
        die("chain: head office said '%s'", line);
    c->office_port = atoi(colon + 1);
    for (int i = 0; i < c->till_count; i++)
        if (!c->tills[i].cut)
            relay_target(&c->tills[i].relay, c->office_port);
}

void chain_open(struct chain *c, const char *bin, const char *root, const char *pack, const char *time)
{
    memset(c, 0, sizeof *c);
    c->bin = bin;
    c->root = path_of("%s", root);
    c->log = path_of("%s/log", root);
    c->office_home = path_of("%s/office", root);
    c->office_clock = path_of("%s/office.clock", root);
    remove_tree(root);
    if (mkdir(root, 0777))
        die("chain: %s: %s", root, strerror(errno));
    chain_office_clock(c, time);
    char out[4096];
    chain_ctl(c, out, sizeof out,
              ARGS("init", "--pack", pack));
    chain_office_start(c, NULL);
}

/* A program asked to end does so with 0: nothing half done, no leak where a sanitizer looks. */
static void end_well(struct chain *c, struct proc *p, const char *what)
{
    int status = proc_end(p, SIGTERM);
    if (status)
        die("chain: %s did not end well, wait status %d; see %s", what, status, c->log);
}

void chain_close(struct chain *c)
{
    chain_desk_close(c);
    for (int i = 0; i < c->till_count; i++) {
        struct till *t = &c->tills[i];
        control_close(&t->control);
        control_close(&t->cards);
        end_well(c, &t->program, "a till");
        end_well(c, &t->sim, "a card simulator");
        relay_stop(&t->relay);
        free(t->home);
        free(t->clock);
        free(t->link);
        free(t->socket);
    }
    end_well(c, &c->office, "head office");
    free(c->root);
    free(c->log);
    free(c->office_home);
    free(c->office_clock);
}

void till_clock(struct till *t, const char *time)
{
    char text[64];
    snprintf(text, sizeof text, "%s\n", time);
    write_file(t->clock, text);
}

void till_start(struct chain *c, struct till *t, const char *env)
{
    char *name = program(c, "patron-terminal"), *reader = path_of("pn532_uart:%s", t->link);
    char *address = path_of("127.0.0.1:%d", t->relay.port);
    proc_start(&t->program, c->log, env,
               ARGS(name, "--home", t->home, "--reader", reader, "--office", address, "--control",
                    t->socket, "--clock", t->clock, t->config ? "--config" : NULL, t->config));
    control_open(&t->control, t->socket, 20000);
    free(name);
    free(reader);
    free(address);
}

struct till *chain_add_till(struct chain *c, const char *shop)
{
    struct till *t = &c->tills[c->till_count++];
    t->number = c->till_count;
    char out[1024], code[200], clock[32];
    chain_ctl(c, out, sizeof out, ARGS("till", "add", "--shop", shop));
    json_text_of(out, "code", code, sizeof code);
    t->home = path_of("%s/till%d", c->root, t->number);
    t->clock = path_of("%s/clock", t->home);
    t->link = path_of("%s/nfc", t->home);
    t->socket = path_of("%s/control", t->home);
    mkdir(t->home, 0700);
    FILE *f = fopen(c->office_clock, "r");
    if (!f || !fgets(clock, sizeof clock, f))
        die("chain: %s cannot be read", c->office_clock);
    fclose(f);
    write_file(t->clock, clock);
    relay_start(&t->relay, c->office_port);
    char *address = path_of("127.0.0.1:%d", t->relay.port), *name = program(c, "patron-terminal");
    if (run(c->log, NULL, NULL, 0,
            ARGS(name, "enrol", "--home", t->home, "--office", address, "--code", code)))
        die("chain: till %d could not enrol; see %s", t->number, c->log);
    free(name);
    free(address);

    char *cards = path_of("%s/cards", t->home), *socket = path_of("%s/cards.sock", t->home);
    mkdir(cards, 0777);
    name = program(c, "patron-cardsim");
    proc_start(&t->sim, c->log, NULL,
               ARGS(name, "--link", t->link, "--cards", cards, "--control", socket));
    control_open(&t->cards, socket, 10000);
    free(name);
    free(cards);
    free(socket);
    till_start(c, t, NULL);
    return t;
}

void till_cut(struct till *t)
{
    t->cut = true;
    relay_cut(&t->relay);
}

int till_restore(struct till *t)
{
    t->cut = false;
    return relay_restore(&t->relay);
}

void card_put(struct till *t, const char *name)
{
    char line[512];
    control_ok(&t->cards, line, sizeof line, "present %s", name);
}

void card_take(struct till *t)
{
    char line[512];
    control_ok(&t->cards, line, sizeof line, "remove");
}

int64_t card_purse(struct till *t, const char *name)
{
    char line[4096];
    control_ok(&t->cards, line, sizeof line, "show %s", name);
    return answer_number(line, "purse");
}

static void send_card(const char *from_home, struct till *to, const char *name)
{
    char *a = path_of("%s/cards/%s.card", from_home, name);
    char *b = path_of("%s/cards/%s.card", to->home, name);
    if (rename(a, b))
        die("chain: %s: %s", a, strerror(errno));
    free(a);
    free(b);
}

void chain_move_card(struct till *from, struct till *to, const char *name)
{
    send_card(from->home, to, name);
}

static void desk_open(struct chain *c)
{
    char *dir = path_of("%s/desk", c->root), *cards = path_of("%s/desk/cards", c->root);
    char *link = path_of("%s/desk/nfc", c->root), *socket = path_of("%s/desk/sock", c->root);
    char *reader = path_of("pn532_uart:%s", link);
    char *sim = program(c, "patron-cardsim"), *ctl = program(c, "patronctl");
    mkdir(dir, 0777);
    mkdir(cards, 0777);
    proc_start(&c->desk_sim, c->log, NULL,
               ARGS(sim, "--link", link, "--cards", cards, "--control", socket));
    control_open(&c->desk_cards, socket, 10000);
    proc_start_fed(&c->desk, &c->desk_in, c->log,
                   ARGS(ctl, "--home", c->office_home, "--clock", c->office_clock, "card", "issue",
                        "--reader", reader, "--enrol", "--follow"));
    free(dir);
    free(cards);
    free(link);
    free(socket);
    free(reader);
    free(sim);
    free(ctl);
}

void chain_issue(struct chain *c, struct till *t, const char *kind, const char *name)
{
    char line[512], uid[16], order[80];
    if (!c->desk.pid)
        desk_open(c);
    control_ok(&c->desk_cards, line, sizeof line, "new %s random %s", kind, name);
    if (!answer_text(line, "uid", uid, sizeof uid))
        die("chain: no uid in '%s'", line);
    control_ok(&c->desk_cards, line, sizeof line, "present %s", name);
    int n = snprintf(order, sizeof order, "%s - %s\n", uid, name);
    if (write(c->desk_in, order, (size_t)n) != n)
        die("chain: the desk is gone; see %s", c->log);
    proc_line(&c->desk, line, sizeof line, 20000);
    if (strncmp(line, "ok", 2) != 0)
        die("chain: the desk said '%s' of card %s", line, name);
    control_ok(&c->desk_cards, line, sizeof line, "remove");
    char *home = path_of("%s/desk", c->root);
    send_card(home, t, name);
    free(home);
}

void chain_desk_close(struct chain *c)
{
    if (!c->desk.pid)
        return;
    close(c->desk_in);
    if (proc_wait(&c->desk, 10000))
        die("chain: the desk did not end well; see %s", c->log);
    control_close(&c->desk_cards);
    proc_end(&c->desk_sim, SIGTERM);
}

static json_t *member_of(const char *text, const char *key, json_t **root)
{
    json_error_t e;
    *root = json_loads(text, JSON_DISABLE_EOF_CHECK, &e);
    json_t *v = *root ? json_object_get(*root, key) : NULL;
    if (!v)
        die("chain: no \"%s\" in %s", key, text);
    return v;
}

int64_t json_number_of(const char *text, const char *key)
{
    json_t *root, *v = member_of(text, key, &root);
    if (!json_is_integer(v))
        die("chain: \"%s\" is no number in %s", key, text);
    int64_t n = json_integer_value(v);
    json_decref(root);
    return n;
}

void json_text_of(const char *text, const char *key, char *out, size_t size)
{
    json_t *root, *v = member_of(text, key, &root);
    if (!json_is_string(v))
        die("chain: \"%s\" is no text in %s", key, text);
    snprintf(out, size, "%s", json_string_value(v));
    json_decref(root);
}
