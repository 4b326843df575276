/* nexo_login.c - Login, Logout and Diagnosis: who has logged in, who trains, how the till is.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_inside.h"

#include "base/tr.h"
#include "hw/clock.h"

#include <stdio.h>
#include <string.h>

static const char logins_setting[] = "nexo-logins";

struct nexo_login *nexo_login_of(struct nexo *n, const char *sale_id)
{
    for (int i = 0; i < NEXO_LOGINS_MAX; i++)
        if (strcmp(n->logins[i].sale_id, sale_id) == 0)
            return &n->logins[i];
    return NULL;
}

static void log_in(struct nexo *n, const char *sale_id, bool in, bool training)
{
    struct errmsg why = {""};
    struct nexo_login *l = nexo_login_of(n, sale_id);
    if (!l)
        l = nexo_login_of(n, ""); /* free */
    if (!l) { /* the one that has been there longest */
        memmove(n->logins, n->logins + 1, sizeof n->logins - sizeof n->logins[0]);
        l = &n->logins[NEXO_LOGINS_MAX - 1];
    }
    memset(l, 0, sizeof *l);
    snprintf(l->sale_id, sizeof l->sale_id, "%s", sale_id);
    l->in = in;
    l->training = training;
    /* Over a restart too: a register that trains must not sell by mistake. */
    if (journal_save(n->t->journal, logins_setting, bytes_of(n->logins, sizeof n->logins), &why))
        till_tell(n->t, tr("The journal: %s."), why.text);
}

/* A register that trained goes on training: only a Login ends that. */
void nexo_log_out(struct nexo *n, const char *sale_id)
{
    struct nexo_login *l = nexo_login_of(n, sale_id);
    if (l)
        log_in(n, sale_id, false, l->training);
}

void nexo_load_logins(struct nexo *n)
{
    struct buf b = {.data = (uint8_t *)n->logins, .cap = sizeof n->logins};
    if (journal_load(n->t->journal, logins_setting, &b, NULL) || b.size != sizeof n->logins)
        memset(n->logins, 0, sizeof n->logins);
    for (int i = 0; i < NEXO_LOGINS_MAX; i++)
        n->logins[i].sale_id[NEXO_ID_SIZE - 1] = 0;
}

/* ---- how the till is ---- */

static json_t *poi_status(struct nexo *n)
{
    struct till_view *v = &n->view;
    till_view(n->t, v);
    json_t *status = json_object();
    json_object_set_new(status, "GlobalStatus",
                        json_string(!v->selling || v->locked ? "OutOfOrder"
                                    : n->d.on                ? "Busy"
                                                             : "OK"));
    json_object_set_new(status, "CardReaderOKFlag", json_boolean(v->reader == PART_THERE));
    json_object_set_new(status, "CommunicationOKFlag", json_boolean(v->online));
    if (v->printer != PART_NONE)
        json_object_set_new(status, "PrinterStatus",
                            json_string(v->printer == PART_THERE ? "OK" : "OutOfOrder"));
    return status;
}

json_t *nexo_login(struct nexo *n, const struct nexo_request *r)
{
    char now[40], serial[16];
    log_in(n, r->sale_id, true, r->training);
    snprintf(serial, sizeof serial, "%06u", n->t->parts.identity->terminal);
    json_t *can = json_pack("[s]", "CashierDisplay");
    if (n->config.devices.show)
        json_array_append_new(can, json_string("CustomerDisplay"));
    if (n->config.devices.confirm)
        json_array_append_new(can, json_string("CustomerInput"));
    json_t *system = json_pack(
        "{s:s, s:{s:s, s:s, s:s, s:s}, s:{s:s, s:o, s:{s:s, s:[s]}, s:s}, s:o}", "DateTime",
        nexo_time(now, clock_now_s()), "POISoftware", "ManufacturerID", "patron", "ApplicationName",
        "patron-terminal", "SoftwareVersion", "1.0", "CertificationCode", "0", "POITerminalData",
        "TerminalEnvironment", "Attended", "POICapabilities", can, "POIProfile", "GenericProfile",
        "Basic", "ServiceProfiles", "Loyalty", "POISerialNumber", serial, "POIStatus",
        poi_status(n));
    return nexo_reply(r, json_pack("{s:o,s:o}", "Response", nexo_response(NEXO_SUCCESS, NULL),
                                   "POISystemData", system));
}

json_t *nexo_diagnosis(struct nexo *n, const struct nexo_request *r)
{
    json_t *body = json_pack("{s:o,s:o}", "Response", nexo_response(NEXO_SUCCESS, NULL),
                             "POIStatus", poi_status(n));
    json_t *in = json_array();
    for (int i = 0; i < NEXO_LOGINS_MAX; i++)
        if (n->logins[i].in)
            json_array_append_new(in, nexo_json_string(n->logins[i].sale_id));
    json_object_set_new(body, "LoggedSaleID", in);
    if (r->host_diagnosis)
        json_object_set_new(body, "HostStatus",
                            json_pack("[{s:s,s:b}]", "AcquirerID", "loyalty", "IsReachableFlag",
                                      uplink_is_up(n->t)));
    return nexo_reply(r, body);
}
