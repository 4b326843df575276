/* config.c - see config.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/config.h"

#include <string.h>

#define TEXT_AT(field)                                                                             \
    SETTING_TEXT, offsetof(struct office_config, field), sizeof ((struct office_config *)0)->field, 0, 0
#define SWITCH_AT(field) SETTING_SWITCH, offsetof(struct office_config, field), sizeof(bool), 0, 0
#define NUMBER_AT(field, least, most)                                                              \
    SETTING_NUMBER, offsetof(struct office_config, field), sizeof(int64_t), least, most

static const struct setting keys[] = {
    {"office", "home", "home", "DIR", TEXT_AT(home), "the head-office folder; patronctl init makes it"},
    {"office", "listen", "listen", "HOST:PORT", TEXT_AT(listen),
     "where tills come in; 127.0.0.1:7443 unless said; port 0: the system picks one"},
    {"office", "clock", "clock", "FILE", TEXT_AT(clock),
     "take the business time from a file (\"2010-12-01T08:34\"), for trying out"},
    {"office", "least_free_mb", NULL, NULL, NUMBER_AT(least_free_mb, 0, 1000000),
     "with less left on the disk nothing is written any more, and tills keep their entries; 64 unless said"},
    {"office", "stop", NULL, NULL, NUMBER_AT(stop_s, 0, 60),
     "seconds to wait for card loads under way when it is told to stop; 5 unless said"},
    {"console", "listen", "console", "HOST:PORT", TEXT_AT(console),
     "the console and the member page, for browsers; without it there are none"},
    {"console", "certificate", NULL, NULL, TEXT_AT(certificate),
     "PEM file; without it head office makes one by its own CA, which browsers have to be told to trust"},
    {"console", "key", NULL, NULL, TEXT_AT(key), "PEM file of its private key"},
    {"console", "name", NULL, NULL, TEXT_AT(name),
     "host name by which browsers know the console; localhost unless said"},
    {"metrics", "listen", "metrics", "HOST:PORT", TEXT_AT(metrics),
     "figures (/metrics) and state (/health) for monitoring, on this machine only"},
    {"log", "file", "log", "FILE", TEXT_AT(log),
     "events, one a line, without personal data; opened anew on SIGHUP; standard error unless said"},
    {"log", "quiet", "quiet", NULL, SWITCH_AT(quiet), "no log"},
};
static const struct settings settings = {keys, sizeof keys / sizeof keys[0]};

void office_config_init(struct office_config *c)
{
    *c = (struct office_config){
        .listen = "127.0.0.1:7443", .least_free_mb = 64, .stop_s = 5, .name = "localhost"};
}

enum err office_config_read(struct office_config *c, const char *path, struct errmsg *why)
{
    return settings_read(&settings, c, path, why);
}

enum err office_config_option(struct office_config *c, const char *option, const char *value, struct errmsg *why)
{
    return settings_option(&settings, c, option, value, why);
}

const char *office_config_option_name(int n, bool *takes_value)
{
    return settings_option_name(&settings, n, takes_value);
}

void office_config_help(FILE *out)
{
    settings_help(&settings, out);
}

enum err office_config_check(const struct office_config *c, struct errmsg *why)
{
    if (!c->home[0])
        return err_set(why, ERR_FORMAT, "it has no folder: --home DIR, or home in [office]");
    if (!c->certificate[0] != !c->key[0])
        return err_set(why, ERR_FORMAT, "[console] needs certificate and key, or neither");
    if (c->certificate[0] && !c->console[0])
        return err_set(why, ERR_FORMAT, "[console] has a certificate and nowhere to listen");
    if (strchr(c->name, '/') || strchr(c->name, ':') || !c->name[0])
        return err_set(why, ERR_FORMAT, "name of [console] is a host name, without https:// and port");
    return OK;
}
