/* config.c - see config.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/config.h"

#include "base/settings.h"
#include "hw/printer.h"
#include "sync/link.h"

#include <string.h>

#define TEXT_AT(field) SETTING_TEXT, offsetof(struct config, field), sizeof ((struct config *)0)->field, 0, 0
#define SWITCH_AT(field) SETTING_SWITCH, offsetof(struct config, field), sizeof(bool), 0, 0
#define NUMBER_AT(field, least, most)                                                              \
    SETTING_NUMBER, offsetof(struct config, field), sizeof(int64_t), least, most

static const struct setting keys[] = {
    {"till", "home", "home", "DIR", TEXT_AT(home),
     "this till's folder: keys, certificate, journal; made by enrol"},
    {"till", "office", "office", "HOST:PORT", TEXT_AT(office),
     "head office; without it the till works alone"},
    {"till", "clock", "clock", "FILE", TEXT_AT(clock),
     "read the time of day from this file (for demos and tests)"},
    {"till", "language", "language", "en|zh", TEXT_AT(language),
     "language until somebody logs in"},
    {"till", "country", NULL, NULL, TEXT_AT(country),
     "country code of telephone numbers typed without one, \"+49\""},
    {"reader", "device", "reader", "CONNSTRING", TEXT_AT(reader),
     "the card reader as libnfc names it (\"pn532_uart:/dev/ttyUSB0\"); without it the first "
     "one found; \"none\": no reader"},
    {"reader", "passes", NULL, NULL, TEXT_AT(passes),
     "file of the keys of wallet passes (terminal/passes.h): telephones are asked for them too"},
    {"reader", "tags", NULL, NULL, SWITCH_AT(tags),
     "know members by tags that say their number; on unless \"no\""},
    {"reader", "uids", NULL, NULL, SWITCH_AT(uids),
     "know members by the number (UID) of any card or tag; on unless \"no\""},
    {"reader", "short_uids", NULL, NULL, SWITCH_AT(short_uids),
     "also by numbers of 4 bytes, of which two cards may have the same"},
    {"printer", "device", "printer", "NAME", TEXT_AT(printer),
     "print receipts: usb, the first printer there is, or usb:VID:PID"},
    {"printer", "columns", NULL, NULL, NUMBER_AT(columns, 32, 48),
     "characters in a line: 32 on 58 mm paper, 48 on 80 mm"},
    {"printer", "drawer", NULL, NULL, SWITCH_AT(drawer), "open the drawer at each sale paid in money"},
    {"screen", "on", "screen", NULL, SWITCH_AT(screen), "the cashier's screen"},
    {"screen", "tty", "tty", "PATH", TEXT_AT(tty),
     "terminal the screen is on; without it the one the program was started from"},
    {"prompt", "on", "prompt", NULL, SWITCH_AT(prompt), "take commands from a person on the terminal"},
    {"register", "socket", "control", "SOCKET", TEXT_AT(control),
     "take commands from registers on this unix socket"},
    {"display", "socket", "display", "SOCKET", TEXT_AT(display),
     "where patron-display finds this till"},
    {"http", "listen", "http", "HOST:PORT", TEXT_AT(http), "the plain HTTP door"},
    {"http", "certificate", NULL, NULL, TEXT_AT(http_certificate), "PEM file; without it clear text"},
    {"http", "key", NULL, NULL, TEXT_AT(http_key), "PEM file of its private key"},
    {"http", "anywhere", NULL, NULL, SWITCH_AT(http_anywhere),
     "listen elsewhere than on the loopback; needs a certificate"},
    {"nexo", "listen", "nexo", "HOST:PORT", TEXT_AT(nexo), "the nexo door (HTTPS)"},
    {"nexo", "certificate", NULL, NULL, TEXT_AT(nexo_certificate), "PEM file"},
    {"nexo", "key", NULL, NULL, TEXT_AT(nexo_key), "PEM file of its private key"},
    {"nexo", "keys", NULL, NULL, TEXT_AT(nexo_keys),
     "file of passphrases: \"identifier version passphrase\" a line"},
    {"nexo", "wait", NULL, NULL, NUMBER_AT(nexo_wait_s, 1, 600),
     "seconds a request waits for a card or a person"},
    {"nexo", "login", NULL, NULL, SWITCH_AT(nexo_login), "no service without a Login"},
    {"nexo", "brand", NULL, NULL, TEXT_AT(nexo_brand),
     "LoyaltyBrand of the replies; else the programme's name"},
    {"nexo", "poi", NULL, NULL, TEXT_AT(nexo_poi), "POIID of this terminal; others are refused"},
    {"log", "file", "log", "FILE", TEXT_AT(log),
     "events, one a line, without personal data; \"-\": on standard error, for a service manager's log"},
    {"metrics", "socket", "metrics", "SOCKET", TEXT_AT(metrics),
     "figures for monitoring, as text, to whoever connects"},
};
static const struct settings settings = {keys, sizeof keys / sizeof keys[0]};

void config_init(struct config *c)
{
    *c = (struct config){.columns = 32, .nexo_wait_s = 60, .language = "en", .tags = true, .uids = true};
}

enum err config_read(struct config *c, const char *path, struct errmsg *why)
{
    return settings_read(&settings, c, path, why);
}

enum err config_option(struct config *c, const char *option, const char *value, struct errmsg *why)
{
    return settings_option(&settings, c, option, value, why);
}

const char *config_option_name(int n, bool *takes_value)
{
    return settings_option_name(&settings, n, takes_value);
}

void config_help(FILE *out)
{
    settings_help(&settings, out);
}

enum err config_check(const struct config *c, struct errmsg *why)
{
    bool door = c->control[0] || c->http[0] || c->nexo[0];
    if (!c->home[0])
        return err_set(why, ERR_FORMAT, "it has no folder: --home DIR, or home in [till]");
    if (!c->prompt && !c->screen && !door)
        return err_set(why, ERR_FORMAT,
                       "nobody could use it: give one of --screen, --prompt, --control, --http, --nexo");
    if (c->prompt && c->screen)
        return err_set(why, ERR_FORMAT, "--prompt and --screen want the same terminal; give one");
    if (c->printer[0] && !printer_is_name(c->printer))
        return err_set(why, ERR_FORMAT,
                       "--printer is usb or usb:VID:PID, with VID and PID in hex");
    if (strcmp(c->language, "en") != 0 && strcmp(c->language, "zh") != 0)
        return err_set(why, ERR_FORMAT, "--language is en or zh");
    if (c->country[0] && (c->country[0] != '+' || !c->country[1] ||
                          strspn(c->country + 1, "0123456789") != strlen(c->country + 1)))
        return err_set(why, ERR_FORMAT, "country of [till] is like +49");
    if (c->office[0] && !link_is_address(c->office))
        return err_set(why, ERR_FORMAT, "--office is HOST:PORT, such as office.example:7443");
    if (c->columns != 32 && c->columns != 48)
        return err_set(why, ERR_FORMAT, "columns of [printer] is 32 or 48");
    if (c->nexo[0] && (!c->nexo_certificate[0] || !c->nexo_key[0] || !c->nexo_keys[0]))
        return err_set(why, ERR_FORMAT, "[nexo] needs certificate, key and keys beside listen");
    if (c->http[0] && !c->http_certificate[0] != !c->http_key[0])
        return err_set(why, ERR_FORMAT, "[http] needs certificate and key, or neither");
    if (c->http_anywhere && !c->http_certificate[0])
        return err_set(why, ERR_FORMAT, "[http] anywhere needs a certificate");
    return OK;
}
