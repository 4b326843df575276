/* metrics.c - see metrics.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/metrics.h"

#include "hw/clock.h"
#include "hw/machine.h"
#include "terminal/till.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { TEXT_MAX = 8192, AT_ONCE_MAX = 4 };

struct metrics {
    struct till_extra extra; /* first */
    int listener;
    char path[TILL_PATH_MAX];
    char text[TEXT_MAX];
    size_t size;
};

static void add(struct metrics *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct metrics *m, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(m->text + m->size, sizeof m->text - m->size, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof m->text - m->size)
        m->size += (size_t)n;
}

static void figure(struct metrics *m, const char *name, const char *type, const char *help,
                   int64_t value)
{
    add(m, "# HELP patron_%s %s\n# TYPE patron_%s %s\npatron_%s %" PRId64 "\n", name, help, name,
        type, name, value);
}

static void write_figures(struct metrics *m, struct till *t)
{
    struct till_view *v = &t->view;
    struct till_counts *n = &t->counts;
    struct link_counts line = t->up.link ? link_counts(t->up.link) : (struct link_counts){0};
    till_view(t, v);
    m->size = 0;
    figure(m, "selling", "gauge", "1: the journal takes entries", v->selling);
    figure(m, "training", "gauge", "1: training mode", v->training);
    figure(m, "online", "gauge", "1: the line to head office is up", v->online);
    figure(m, "contact_seconds", "gauge", "when head office answered last, 0 never", v->contact_s);
    figure(m, "clock_seconds", "gauge", "the till's own time", v->now_s);
    figure(m, "entries_total", "counter", "entries in the journal",
           (int64_t)journal_next_seq(t->journal) - 1);
    figure(m, "entries_owed", "gauge", "entries head office has not got", v->owed);
    figure(m, "entries_checked", "gauge", "entries whose chain was checked since the start",
           journal_checked(t->journal));
    figure(m, "pack_version", "gauge", "programme in effect", v->pack_version);
    figure(m, "reader_there", "gauge", "1: the card reader answers", v->reader == PART_THERE);
    figure(m, "printer_there", "gauge", "1: the printer answers", v->printer == PART_THERE);
    figure(m, "receipts_waiting", "gauge", "receipts not printed yet", v->receipts_waiting);
    figure(m, "taps_total", "counter", "cards taken", (int64_t)n->taps);
    figure(m, "card_exchanges_total", "counter", "frames to cards and back", (int64_t)n->exchanges);
    figure(m, "append_failures_total", "counter", "entries that could not be written",
           (int64_t)n->append_failures);
    figure(m, "line_handshakes_total", "counter", "TLS handshakes with head office",
           (int64_t)line.handshakes);
    figure(m, "line_sent_bytes_total", "counter", "to head office", (int64_t)line.bytes_out);
    figure(m, "line_received_bytes_total", "counter", "from head office", (int64_t)line.bytes_in);
    figure(m, "resident_bytes", "gauge", "memory of this process", machine_resident_bytes());
    figure(m, "disk_free_bytes", "gauge", "where the journal is", till_disk_free(t));
}

static int fds(struct till_extra *x, struct pollfd *f, int cap)
{
    struct metrics *m = (struct metrics *)x;
    if (cap < 1)
        return 0;
    f[0] = (struct pollfd){m->listener, POLLIN, 0};
    return 1;
}

/* The text fits a socket's buffer, so that one send is all: nobody is waited for. */
static void turn(struct till *t, struct till_extra *x, const struct pollfd *f, int count,
                 int64_t now_ms)
{
    struct metrics *m = (struct metrics *)x;
    (void)now_ms;
    if (count < 1 || !f[0].revents)
        return;
    for (int i = 0; i < AT_ONCE_MAX; i++) {
        int fd = till_accept(t, m->listener);
        if (fd < 0)
            return;
        write_figures(m, t);
        (void)!send(fd, m->text, m->size, MSG_NOSIGNAL | MSG_DONTWAIT);
        close(fd);
    }
}

enum err metrics_open(struct metrics **out, struct till *t, const char *path, struct errmsg *why)
{
    *out = NULL;
    struct metrics *m = calloc(1, sizeof *m);
    if (!m)
        return err_set(why, ERR_FULL, "no memory for the metrics");
    enum err e = till_unix_listen(&m->listener, path, AT_ONCE_MAX, why);
    if (e) {
        free(m);
        return e;
    }
    snprintf(m->path, sizeof m->path, "%s", path);
    m->extra = (struct till_extra){.fds = fds, .turn = turn};
    till_add_extra(t, &m->extra);
    *out = m;
    return OK;
}

void metrics_close(struct metrics *m)
{
    if (!m)
        return;
    close(m->listener);
    unlink(m->path);
    free(m);
}
