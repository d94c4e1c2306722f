/* SPDX-License-Identifier: MIT */
/* Does a file arrive as it is, or the part of it that was asked for? */
#include "net.h"

#include <fcntl.h>
#include <pirn/async.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

struct slow {
    PIRN_FRAME;
    pirn_op op;
    pirn_stream *s;
    size_t n, done;
    unsigned char buf[777];
};

static int read_slowly(void *user, pirn_cx *cx, int *out)
{
    struct slow *s = user;

    PIRN_BEGIN(s);
    for (;;) {
        PIRN_TRY(s, pirn_stream_read_poll(&s->op, cx, s->s, s->buf, sizeof s->buf, &s->n));
        if (s->n == 0)
            break;
        CHECK(pattern_is(s->buf, s->n, s->done));
        s->done += s->n;
        PIRN_YIELD(s, cx);
    }
    *out = (int)s->done;
    PIRN_END(s);
}

struct sending {
    pirn_stream *s;
    int file;
    off_t offset;
    size_t n, sent;
};

static int sendfile_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct sending *f = user;

    return pirn_stream_sendfile_poll(op, cx, f->s, f->file, f->offset, f->n, &f->sent);
}

enum {
    FILE_BYTES = 3 << 20
};

static int pattern_file(void)
{
    static unsigned char big[FILE_BYTES];
    int fd = memfd_create("file", MFD_CLOEXEC);

    pattern_fill(big, sizeof big, 0);
    EQ(write(fd, big, sizeof big), sizeof big);
    return fd;
}

static void sends_a_file(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    static struct slow s;
    struct sending file = {.s = e.a, .file = pattern_file(), .n = FILE_BYTES};
    pirn_join *j;

    s = (struct slow){.s = e.b};
    j = spawn(h, read_slowly, &s);
    EQ(do_poll(h, sendfile_step, &file), 0);
    EQ(file.sent, FILE_BYTES);
    EQ(lseek(file.file, 0, SEEK_CUR), FILE_BYTES);
    EQ(pirn_stream_shutdown(e.a), 0);
    ends_done(h, j, FILE_BYTES);
    ends_free(&e);
    (void)close(file.file);
    rt_free(rt);
}
EACH_FLAVOR(sendfile, sends_a_file)

Test(sendfile, sends_a_part_of_a_file)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    unsigned char buf[100];
    struct sending file = {.s = e.a, .file = pattern_file(), .offset = 12345, .n = 100};

    EQ(do_poll(h, sendfile_step, &file), 0);
    EQ(file.sent, 100);
    EQ(do_read_exact(h, e.b, buf, 100), 0);
    CHECK(pattern_is(buf, 100, 12345));
    file.offset = FILE_BYTES - 10;
    EQ(do_poll(h, sendfile_step, &file), 0);
    EQ(file.sent, 10);
    file.offset = FILE_BYTES + 10;
    EQ(do_poll(h, sendfile_step, &file), 0);
    EQ(file.sent, 0);
    file.offset = -1;
    EQ(do_poll(h, sendfile_step, &file), -EINVAL);
    file.offset = 0;
    file.n = (size_t)1 << 40;
    EQ(do_poll(h, sendfile_step, &file), -EINVAL);
    file.n = 10;
    EQ(close(file.file), 0);
    EQ(do_poll(h, sendfile_step, &file), -EBADF);
    file.file = -1;
    EQ(do_poll(h, sendfile_step, &file), -EBADF);
    /* With SIGPIPE at its default this would end the process. */
    file.file = pattern_file();
    EQ(pirn_stream_shutdown(e.a), 0);
    EQ(signal(SIGPIPE, SIG_DFL) == SIG_ERR, 0);
    EQ(do_poll(h, sendfile_step, &file), -EPIPE);
    (void)close(file.file);
    ends_free(&e);
    rt_free(rt);
}
