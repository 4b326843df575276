/* nexo_devices.c - Display, Print and Input: what a register may use of this till besides points.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_inside.h"

#include "hw/clock.h"

#include <string.h>

enum { DISPLAY_LINES = 16, QUESTION_LINES = 8 }; /* what is more is not shown */

/* The texts of an output; borrowed from it. */
static int text_lines(const json_t *output, const char **lines, int cap)
{
    const json_t *texts = json_object_get(json_object_get(output, "OutputContent"), "OutputText"), *one;
    int count = 0;
    for (size_t i = 0; count < cap && (one = nexo_json_element(texts, i)) != NULL; i++) {
        const char *s = nexo_json_string_text(json_object_get(one, "Text"));
        if (s)
            lines[count++] = s;
    }
    return count;
}

static enum nexo_error show(const struct nexo *n, const json_t *output)
{
    const struct nexo_devices *dev = &n->config.devices;
    const char *device = nexo_json_string_text(json_object_get(output, "Device"));
    const char *lines[DISPLAY_LINES];
    bool customer = device && strncmp(device, "Customer", 8) == 0;
    bool (*by)(void *, const char *const *, int) = customer ? dev->show : dev->show_cashier;
    bool shown = by && by(dev->arg, lines, text_lines(output, lines, DISPLAY_LINES));
    return shown ? NEXO_SUCCESS : NEXO_E_UNAVAILABLE_DEVICE;
}

/* Each output has a result of its own: the cashier's is shown where no member's display is. */
json_t *nexo_display(struct nexo *n, const struct nexo_request *r)
{
    json_t *reply = nexo_plain(r, NEXO_SUCCESS, NULL), *result;
    json_t *results = json_object_get(json_object_get(reply, "DisplayResponse"), "OutputResult");
    size_t i;
    json_array_foreach(results, i, result)
        json_object_set_new(result, "Response", nexo_response(show(n, nexo_json_element(r->outputs, i)), NULL));
    return reply;
}

json_t *nexo_print(struct nexo *n, const struct nexo_request *r)
{
    const struct nexo_devices *dev = &n->config.devices;
    const char *lines[NEXO_PRINT_LINES];
    enum nexo_error e = NEXO_E_UNAVAILABLE_DEVICE;
    if (dev->print)
        e = dev->print(dev->arg, lines, text_lines(r->print, lines, NEXO_PRINT_LINES)) ? NEXO_SUCCESS
                                                                                  : NEXO_E_DEVICE_OUT;
    return nexo_plain(r, e, NULL);
}

void nexo_begin_input(struct nexo *n)
{
    const struct nexo_devices *dev = &n->config.devices;
    struct nexo_dialogue *d = &n->d;
    const char *device = nexo_json_string_text(json_object_get(d->r.input, "Device"));
    const char *command = nexo_json_string_text(json_object_get(d->r.input, "InputCommand"));
    const char *lines[QUESTION_LINES];
    int count = text_lines(nexo_json_element(d->r.outputs, 0), lines, QUESTION_LINES);
    if (!dev->confirm || !device || strcmp(device, "CustomerInput") != 0 || !command ||
        strcmp(command, "GetConfirmation") != 0) {
        nexo_fail(n, NEXO_E_UNAVAILABLE_DEVICE, "%s", "");
        return;
    }
    const char *seconds = nexo_json_number_text(json_object_get(d->r.input, "MaxInputTime"));
    int64_t s = 0;
    if (seconds && nexo_decimal(&s, seconds, 0) && s > 0 && s * 1000 < nexo_rest_ms(n))
        d->deadline_ms = clock_tick_ms() + s * 1000;
    d->step = NEXO_PERSON;
    if (!dev->confirm(dev->arg, lines, count))
        nexo_fail(n, NEXO_E_UNAVAILABLE_DEVICE, "%s", "");
}

void nexo_confirmed(struct nexo *n, bool yes)
{
    if (n->d.on && n->d.step == NEXO_PERSON)
        nexo_finish(
            n, nexo_input_reply(&n->d.r, NEXO_SUCCESS, NULL, "ConfirmedFlag", json_boolean(yes)),
            true);
}
