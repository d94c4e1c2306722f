/* SPDX-License-Identifier: MIT */
/* A static file server for HTTP/1.1: GET and HEAD, keep-alive, pipelining, ranges, conditional requests.
 *
 *     http_server PORT ROOT [--workers N] [--current-thread] [--revalidate SECONDS]
 *
 * Small files are kept in memory, and looked at again after a second, or what --revalidate says; large ones are
 * kept open, while they are asked for, and sent from the page cache. Whatever may wait for a disk is done by a blocking task, so no worker waits.
 * Names that begin with a dot are not served, nor is anything outside of ROOT. */
#include <errno.h>

#include "http_files.h"
#include "http_reply.h"
#include "http_request.h"
#include "server.h"

/* How long a client may take. */
#define HEAD_NS  (10 * PIRN_SEC) /* to send a request, once it has sent anything */
#define IDLE_NS  (60 * PIRN_SEC) /* to begin the next one */
#define SEND_NS  (30 * PIRN_SEC) /* to take some of an answer */
#define CLOSE_NS (2 * PIRN_SEC)  /* to close, after the last answer */

/* How long a file that nobody asks for is kept open, give or take as much again. */
#define UNUSED_NS (3 * PIRN_SEC)

enum {
    IN_ROOM = 4096,
    LINGER_MAX = 1 << 24,    /* bytes that are thrown away after the last answer */
    SENDFILE_PART = 1 << 18, /* bytes of a file that are sent within SEND_NS */
};

struct conn {
    PIRN_FRAME;
    pirn_op op, limit;
    pirn_stream *s;
    struct http_store *store;
    pirn_join *load;
    struct http_file *file;
    bool stale;
    pirn_time until; /* what has begun must be over; 0: nothing has */
    size_t in_n, in_used, got, sent, lingered;
    struct http_loaded loaded;
    struct iovec iov[2];
    struct http_request request;
    struct http_reply reply;
    char key[HTTP_KEY_MAX + 1];
    char in[IN_ROOM];
};

/* What a client may take @ns for: late, the operation is dropped, and -ETIMEDOUT the answer. */
#define WITHIN(f, cx, ns, poll) pirn_timeout_after_poll(&(f)->limit, cx, ns, &(f)->op, poll)

/* ---- finding the answer --------------------------------------------------------------------------------- */

static void redirect(struct conn *f)
{
    char location[HTTP_URL_MAX + 1];

    if (http_url_of_folder(f->key, f->request.url, location))
        http_reply_status(&f->reply, &f->request, 301, location);
    else
        http_reply_status(&f->reply, &f->request, 414, NULL);
}

/* Return: 0: the file's key is in `key`; else the status of the answer. */
static int check_request(struct conn *f)
{
    struct http_request *r = &f->request;
    bool folder;
    int status = r->status;

    if (status == 0 && r->parser.method != HTTP_GET && r->parser.method != HTTP_HEAD)
        status = 405;
    if (status == 0)
        status = http_path_of_url(r->url, f->key, &folder);
    if (status == 0 && folder)
        (void)strcat(f->key, "/");
    return status;
}

/* If it must be. A file that is kept is served though it is stale, if there is no thread to look at it.
 * Return: false: there is a file, or the answer is made. */
static bool begin_load(struct conn *f)
{
    struct http_file *old;

    f->file = http_store_find(f->store, f->key, &f->stale);
    old = f->stale ? f->file : NULL;
    if (f->file != NULL && old == NULL)
        return false;
    if (http_load_spawn(f->store, f->key, old, &f->load) == 0) {
        f->file = NULL;
        return true;
    }
    if (old != NULL)
        http_store_leave(f->store, old);
    else
        http_reply_status(&f->reply, &f->request, 503, NULL);
    return false;
}

static void end_load(struct conn *f, const pirn_result *res)
{
    int status = pirn_result_status(res) == 0 ? f->loaded.status : 500;

    pirn_join_free(f->load);
    f->load = NULL;
    if (status == 200)
        f->file = f->loaded.file;
    else if (status == 301)
        redirect(f);
    else
        http_reply_status(&f->reply, &f->request, status, NULL);
}

/* ---- a connection ------------------------------------------------------------------------------------------- */

/* Who has sent something has a limit for all of the request, or it could go on for ever, byte by byte, or with
 * blank lines before it. */
static int read_more(struct conn *f, pirn_cx *cx)
{
    int r = pirn_stream_read_poll(&f->op, cx, f->s, f->in, sizeof f->in, &f->got);

    return f->until != 0 ? pirn_timeout_poll(&f->limit, cx, f->until, &f->op, r)
                         : pirn_timeout_after_poll(&f->limit, cx, IDLE_NS, &f->op, r);
}

/* How the read went. Return: false: nobody waits for an answer. */
static bool end_read(struct conn *f, int r)
{
    f->in_n = r == 0 ? f->got : 0;
    if (f->in_n != 0)
        return true;
    if (!f->request.begun || (r != 0 && r != -ETIMEDOUT))
        return false;
    http_request_refuse(&f->request, r == 0 ? 400 : 408); /* a request that was cut, or is late */
    return true;
}

/* What is in the buffer goes to the parser. Return: whether a request is whole. */
static bool take_input(struct conn *f)
{
    if (f->in_used == f->in_n)
        return f->request.done;
    f->in_used += http_request_take(&f->request, f->in + f->in_used, f->in_n - f->in_used);
    if (f->in_used == f->in_n || f->request.status != 0)
        f->in_used = f->in_n = 0;
    if (f->until == 0 && !f->request.done)
        f->until = pirn_after(HEAD_NS);
    return f->request.done;
}

/* What is to be written in one call. */
static size_t gather(struct conn *f)
{
    const struct http_reply *reply = &f->reply;
    size_t n = 0;

    if (f->sent < reply->head_n)
        f->iov[n++] = (struct iovec){f->reply.head + f->sent, reply->head_n - f->sent};
    if (reply->file != NULL && reply->file->fd < 0) {
        size_t done = f->sent > reply->head_n ? f->sent - reply->head_n : 0;

        if (done < reply->n)
            f->iov[n++] = (struct iovec){
                (char *)(uintptr_t)reply->file->bytes + reply->offset + done, reply->n - done};
    }
    return n;
}

/* Of a large file: what is left after so many bytes. */
static size_t next_part(const struct conn *f)
{
    size_t done = f->sent - f->reply.head_n;
    size_t left = f->reply.n - done;

    return left < SENDFILE_PART ? left : SENDFILE_PART;
}

static bool is_sent(const struct conn *f)
{
    return f->sent == f->reply.head_n + (f->reply.file != NULL ? f->reply.n : 0);
}

static void end_answer(struct conn *f)
{
    http_file_unref(f->file);
    f->file = NULL;
    f->stale = false;
}

static int conn_poll(void *frame, pirn_cx *cx, void *out)
{
    struct conn *f = frame;
    pirn_result res;
    int r;

    (void)out;
    PIRN_BEGIN(f);
    do {
        http_request_begin(&f->request);
        f->until = 0;
        while (!take_input(f)) {
            PIRN_AWAIT(f, r = read_more(f, cx));
            if (!end_read(f, r))
                return r;
        }
        r = check_request(f);
        if (r != 0) {
            http_reply_status(&f->reply, &f->request, r, NULL);
        } else {
            if (begin_load(f)) {
                PIRN_AWAIT(f, r = pirn_join_poll(f->load, cx, &res, &f->loaded));
                end_load(f, &res);
            }
            if (f->file != NULL)
                http_reply_file(&f->reply, &f->request, f->file);
        }
        for (f->sent = 0; !is_sent(f); f->sent += f->got) {
            if (gather(f) != 0)
                PIRN_TRY(f, WITHIN(f, cx, SEND_NS,
                                   pirn_stream_writev_poll(&f->op, cx, f->s, f->iov, gather(f),
                                                           &f->got)));
            else
                PIRN_TRY(f, WITHIN(f, cx, SEND_NS,
                                   pirn_stream_sendfile_poll(&f->op, cx, f->s, f->file->fd,
                                                             f->reply.offset +
                                                                 (off_t)(f->sent - f->reply.head_n),
                                                             next_part(f), &f->got)));
            if (f->got == 0)
                return -EIO; /* the file has shrunk: the length that was promised cannot be kept */
        }
        end_answer(f);
    } while (f->request.keep_alive);

    /* Closed with bytes unread, the kernel would reset the connection, and the answer be lost. */
    PIRN_TRY(f, pirn_stream_shutdown(f->s));
    f->until = pirn_after(CLOSE_NS);
    do {
        PIRN_TRY(f, read_more(f, cx));
        f->lingered += f->got;
    } while (f->got != 0 && f->lingered < LINGER_MAX);
    PIRN_END(f);
}

static void conn_drop(void *frame)
{
    struct conn *f = frame;

    pirn_join_abort(f->load);
    pirn_join_free(f->load);
    http_file_unref(f->file);
    pirn_stream_unref(f->s);
}

static const pirn_task_desc conn_task = PIRN_TASK_INIT("http", struct conn, conn_poll, conn_drop);

static void conn_begin(void *frame, pirn_stream *s, void *user)
{
    struct conn *f = frame;

    f->s = s;
    f->store = user;
}

/* ---- files that are open for nobody -------------------------------------------------------------------------- */

struct tidier {
    PIRN_FRAME;
    pirn_op op;
    struct http_store *store;
};

static int tidier_poll(void *frame, pirn_cx *cx, void *out)
{
    struct tidier *f = frame;

    (void)out;
    PIRN_BEGIN(f);
    for (;;) {
        PIRN_TRY(f, pirn_sleep_after_poll(&f->op, cx, UNUSED_NS));
        http_store_tidy(f->store, pirn_now() - UNUSED_NS);
    }
    PIRN_END(f);
}

static const pirn_task_desc tidier_task =
    PIRN_TASK_INIT("tidier", struct tidier, tidier_poll, NULL);

static int tidier_spawn(pirn_group *group, void *user)
{
    return pirn_group_spawn(group, &tidier_task, &(struct tidier){.store = user}, NULL);
}

/* ---- the command line ------------------------------------------------------------------------------------------ */

/* Takes `--revalidate SECONDS` out of the arguments. Return: how many are left; -1: no number follows. */
static int take_revalidate(int argc, char **argv, unsigned long *seconds)
{
    int n = 1;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--revalidate") != 0)
            argv[n++] = argv[i];
        else if (i + 1 == argc || !server_read_number(argv[++i], 86400, seconds))
            return -1;
    }
    return n;
}

int main(int argc, char **argv)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct http_store store;
    struct server server = {
        .connection = &conn_task, .begin = conn_begin, .beside = tidier_spawn, .user = &store};
    unsigned long seconds = 1;
    const char *root;
    int r;

    argc = take_revalidate(argc, argv, &seconds);
    root = argc > 2 ? argv[2] : NULL;
    if (argc > 2) {
        memmove(&argv[2], &argv[3], sizeof *argv * (size_t)(argc - 3));
        argc--;
    }
    if (root == NULL || !server_read_options(argc, argv, &server.port, &o)) {
        fprintf(stderr, "usage: http_server PORT ROOT [--workers N] [--current-thread]"
                        " [--revalidate SECONDS]\n");
        return 2;
    }
    r = http_store_open(&store, root, (int64_t)seconds * PIRN_SEC);
    if (r != 0) {
        fprintf(stderr, "http_server: %s: %s\n", root, pirn_strerror(r));
        return 1;
    }
    r = server_run(&server, &o, "http_server");
    http_store_close(&store);
    return r;
}
