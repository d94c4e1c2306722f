/* SPDX-License-Identifier: MIT */
/* A chat: what one connection says, all others hear, by way of a broadcast channel.
 *
 *     chat_server PORT [--workers N] [--current-thread]
 *
 * The first line a client sends is its name, cut if it is long. Control characters become "?". A client that does not read fast enough misses lines, and
 * is told how many; nobody waits for it. */
#include "server.h"

enum {
    LINE_MAX_BYTES = 400, /* a longer one is cut into several */
    NAME_MAX_BYTES = 32,
    LINES_KEPT = 64,
};

/* An element of the channel: plain bytes. */
struct line {
    uint64_t from; /* task id */
    uint32_t n;
    char text[NAME_MAX_BYTES + LINE_MAX_BYTES + 16];
};

struct client {
    PIRN_FRAME;
    pirn_op read, hear, write;
    pirn_stream *s;
    pirn_broadcast_tx *room; /* the server's */
    pirn_broadcast_rx *heard;
    size_t n;    /* of the last read */
    size_t held; /* bytes in `in` */
    uint64_t missed;
    bool over;    /* nothing more to read */
    bool in_rest; /* of a first line that is long: it is no message */
    char name[NAME_MAX_BYTES + 1];
    char in[LINE_MAX_BYTES + 2]; /* with its end */
    struct line line;            /* being written */
};

static void say(struct client *f, const char *format, const char *text, size_t n)
{
    struct line line = {.from = pirn_task_id()};
    int bytes = snprintf(line.text, sizeof line.text, format, f->name, (int)n, text);

    line.n = bytes > 0 ? (uint32_t)bytes : 0;
    if (pirn_broadcast_send(f->room, &line, NULL) != 0)
        return; /* nobody is there to hear it */
}

/* Others see it on their terminals. */
static void clean(char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
            text[i] = '?';
}

/* Up to @max of @n bytes: as many as are whole characters, if it is UTF-8. */
static size_t cut(const char *text, size_t n, size_t max)
{
    size_t at = max;

    if (n <= max)
        return n;
    while (at > max - 4 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    return at > max - 4 ? at : max;
}

static void take_name(struct client *f, size_t n)
{
    n = cut(f->in, n, NAME_MAX_BYTES);
    if (n == 0)
        return;
    clean(f->in, n);
    memcpy(f->name, f->in, n);
    say(f, "* %s has come%.*s\n", "", 0);
}

/* A line, or what there is of one that is too long, or is not ended before the end. Return: false: there is
 * none yet. */
static bool take_line(struct client *f)
{
    char *end = memchr(f->in, '\n', f->held);
    size_t n = end != NULL ? (size_t)(end - f->in) : f->held;
    size_t used = end != NULL ? n + 1 : n;

    if (used == 0 || (end == NULL && f->held < sizeof f->in && !f->over))
        return false;
    if ((end != NULL || f->over) && n != 0 && f->in[n - 1] == '\r')
        n--;
    if (f->in_rest) {
        f->in_rest = end == NULL;
    } else if (f->name[0] == '\0') {
        take_name(f, n);
        f->in_rest = end == NULL;
    } else {
        if (n > LINE_MAX_BYTES)
            n = used = cut(f->in, n, LINE_MAX_BYTES);
        clean(f->in, n);
        say(f, "[%s] %.*s\n", f->in, n);
    }
    f->held -= used;
    memmove(f->in, f->in + used, f->held);
    return true;
}

static void tell_missed(struct client *f)
{
    int bytes = snprintf(f->line.text, sizeof f->line.text, "* you have missed %llu lines\n",
                         (unsigned long long)f->missed);

    f->line.from = 0;
    f->line.n = bytes > 0 ? (uint32_t)bytes : 0;
}

static int client_poll(void *frame, pirn_cx *cx, void *out)
{
    struct client *f = frame;
    int won, r;

    (void)out;
    PIRN_BEGIN(f);
    if (f->heard == NULL)
        return -ENOMEM;
    while (!f->over) {
        /* The read is first: however much others say, this one is listened to. NULL: it goes on while a
         * line is written. */
        PIRN_SELECT(f, won, r, NULL,
                    pirn_stream_read_poll(&f->read, cx, f->s, f->in + f->held,
                                          sizeof f->in - f->held, &f->n),
                    &f->hear,
                    pirn_broadcast_recv_poll(&f->hear, cx, f->heard, &f->line, &f->missed));
        if (won == 0) {
            if (r != 0)
                return r;
            f->over = f->n == 0;
            f->held += f->n;
            while (take_line(f))
                continue;
            /* And hears a line for each read, however much it says. */
            r = pirn_broadcast_recv_try(f->heard, &f->line, &f->missed);
            if (r == -EAGAIN || f->over)
                continue;
        }
        if (r == PIRN_ELAGGED)
            tell_missed(f);
        else if (r != 0)
            return r;
        if (f->line.from != pirn_task_id())
            PIRN_TRY(
                f, pirn_stream_write_all_poll(&f->write, cx, f->s, f->line.text, f->line.n, NULL));
    }
    PIRN_END(f);
}

static void client_drop(void *frame)
{
    struct client *f = frame;

    if (f->name[0] != '\0')
        say(f, "* %s has left%.*s\n", "", 0);
    pirn_broadcast_rx_free(f->heard);
    pirn_stream_unref(f->s);
}

static const pirn_task_desc client_task =
    PIRN_TASK_INIT("client", struct client, client_poll, client_drop);

static void client_begin(void *frame, pirn_stream *s, void *user)
{
    struct client *f = frame;

    f->s = s;
    f->room = user;
    /* Here, not in the task: it hears all who come after it, whichever worker they get. */
    if (pirn_broadcast_subscribe(f->room, &f->heard) != 0)
        f->heard = NULL;
}

int main(int argc, char **argv)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct server server = {.connection = &client_task, .begin = client_begin};
    pirn_broadcast_tx *room;
    pirn_broadcast_rx *first;
    int r;

    if (!server_read_options(argc, argv, &server.port, &o)) {
        fprintf(stderr, "usage: chat_server PORT [--workers N] [--current-thread]\n");
        return 2;
    }
    r = pirn_broadcast_new(sizeof(struct line), LINES_KEPT, NULL, NULL, &room, &first);
    if (r != 0) {
        fprintf(stderr, "chat_server: %s\n", pirn_strerror(r));
        return 1;
    }
    pirn_broadcast_rx_free(first); /* each client has its own */
    server.user = room;
    r = server_run(&server, &o, "chat_server");
    pirn_broadcast_tx_unref(room);
    return r;
}
