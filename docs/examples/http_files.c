/* SPDX-License-Identifier: MIT */
/* Opening, reading and keeping files. A path is resolved by the kernel, beneath the root and nowhere else,
 * symbolic links included (openat2). */
#include "http_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "http_reply.h"

struct http_file *http_file_ref(struct http_file *f)
{
    (void)atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void http_file_unref(struct http_file *f)
{
    if (f == NULL || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (f->fd >= 0)
        (void)close(f->fd);
    free(f);
}

/* ---- the store, under its lock ------------------------------------------------------------------------- */

static struct http_file **bucket_of(struct http_store *s, const char *key)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (; *key != '\0'; key++)
        h = (h ^ (unsigned char)*key) * 16777619u;
    return &s->buckets[(h ^ h >> 16) & (HTTP_BUCKETS - 1)];
}

static struct http_file *lookup(struct http_store *s, const char *key)
{
    struct http_file *f = *bucket_of(s, key);

    while (f != NULL && strcmp(f->key, key) != 0)
        f = f->next;
    return f;
}

static void unlink_age(struct http_store *s, struct http_file *f)
{
    *(f->newer != NULL ? &f->newer->older : &s->newest) = f->older;
    *(f->older != NULL ? &f->older->newer : &s->oldest) = f->newer;
}

static void link_newest(struct http_store *s, struct http_file *f)
{
    f->newer = NULL;
    f->older = s->newest;
    *(s->newest != NULL ? &s->newest->newer : &s->oldest) = f;
    s->newest = f;
}

/* Out of the store, whose reference is the caller's then. */
static struct http_file *take_out(struct http_store *s, struct http_file *f)
{
    struct http_file **at = bucket_of(s, f->key);

    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    unlink_age(s, f);
    f->kept = false;
    s->count--;
    return f;
}

/* @f in the place of what there is by its path. Return: references to be given up, up to two. */
static void keep(struct http_store *s, struct http_file *f, struct http_file *gone[2])
{
    struct http_file *old = lookup(s, f->key);
    struct http_file **at;

    gone[0] = old != NULL ? take_out(s, old) : NULL;
    gone[1] = s->count == HTTP_FILES_MAX ? take_out(s, s->oldest) : NULL;
    at = bucket_of(s, f->key);
    f->next = *at;
    *at = http_file_ref(f);
    link_newest(s, f);
    f->kept = true;
    s->count++;
}

struct http_file *http_store_find(struct http_store *s, const char *key, bool *stale)
{
    pirn_time now = pirn_now();
    struct http_file *f;

    *stale = false;
    (void)pthread_mutex_lock(&s->lock);
    f = lookup(s, key);
    if (f != NULL) {
        *stale = !f->checking && now - f->checked_at > s->valid_ns;
        f->checking = f->checking || *stale;
        if (s->newest != f) {
            unlink_age(s, f);
            link_newest(s, f);
        }
        (void)http_file_ref(f);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return f;
}

/* @f is as it was at @now; or (not @same) is not there any more. */
static void note_check(struct http_store *s, struct http_file *f, pirn_time now, bool same)
{
    struct http_file *gone = NULL;

    (void)pthread_mutex_lock(&s->lock);
    f->checking = false;
    f->checked_at = now;
    if (!same && f->kept)
        gone = take_out(s, f);
    (void)pthread_mutex_unlock(&s->lock);
    http_file_unref(gone);
}

void http_store_leave(struct http_store *s, struct http_file *f)
{
    (void)pthread_mutex_lock(&s->lock);
    f->checking = false;
    (void)pthread_mutex_unlock(&s->lock);
}

int http_store_open(struct http_store *s, const char *root, int64_t valid_ns)
{
    *s = (struct http_store){.valid_ns = valid_ns};
    s->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->root < 0)
        return -errno;
    (void)pthread_mutex_init(&s->lock, NULL);
    return 0;
}

void http_store_close(struct http_store *s)
{
    while (s->newest != NULL)
        http_file_unref(take_out(s, s->newest));
    (void)pthread_mutex_destroy(&s->lock);
    (void)close(s->root);
}

/* ---- loading, on a thread that may block ---------------------------------------------------------------- */

static int open_beneath(int folder, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, /* a fifo does not wait */
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

static int status_of_errno(int err)
{
    switch (err) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EXDEV: /* it led out of the root */
    case ENXIO:
        return 404;
    case EACCES:
    case EPERM:
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return 503;
    default:
        return 500;
    }
}

static bool read_whole(int fd, char *bytes, size_t n)
{
    size_t got = 0;

    while (got < n) {
        ssize_t r = pread(fd, bytes + got, n - got, (off_t)got);

        if (r <= 0 && !(r < 0 && errno == EINTR))
            return false;
        got += r > 0 ? (size_t)r : 0;
    }
    return true;
}

/* Takes @fd. Return: NULL: it cannot be read, or there is no memory. */
static struct http_file *make_file(int fd, const struct stat *st, const char *key)
{
    bool small = st->st_size <= HTTP_SMALL_MAX;
    struct http_file *f = calloc(1, sizeof *f + (small ? (size_t)st->st_size : 0));

    if (f == NULL || (small && !read_whole(fd, f->bytes, (size_t)st->st_size))) {
        (void)close(fd);
        free(f);
        return NULL;
    }
    f->fd = fd;
    if (small) {
        (void)close(fd);
        f->fd = -1;
    }
    f->refs = 1;
    f->st = *st;
    (void)strcpy(f->key, key);
    f->checked_at = pirn_now();
    http_describe_file(f);
    return f;
}

static bool is_same(const struct http_file *f, const struct stat *st)
{
    return f->st.st_ino == st->st_ino && f->st.st_dev == st->st_dev &&
           f->st.st_size == st->st_size && f->st.st_mtim.tv_sec == st->st_mtim.tv_sec &&
           f->st.st_mtim.tv_nsec == st->st_mtim.tv_nsec;
}

struct load {
    struct http_store *store;
    struct http_file *old; /* owned */
    bool looked;           /* at the old one */
    char key[HTTP_KEY_MAX + 1];
};

static bool is_folder(const char *key)
{
    size_t n = strlen(key);

    return n != 0 && key[n - 1] == '/';
}

/* Of a descriptor: the file it is, or the status instead. Takes @fd. */
static struct http_loaded load_from(struct load *l, int fd)
{
    struct http_loaded loaded = {.status = 500};
    struct http_file *gone[2];
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        loaded.status = S_ISDIR(st.st_mode) && !is_folder(l->key) ? 301 : 404;
        (void)close(fd);
        return loaded;
    }
    if (l->old != NULL && is_same(l->old, &st)) {
        (void)close(fd);
        note_check(l->store, l->old, pirn_now(), true);
        return (struct http_loaded){200, http_file_ref(l->old)};
    }
    loaded.file = make_file(fd, &st, l->key);
    if (loaded.file == NULL)
        return loaded;
    (void)pthread_mutex_lock(&l->store->lock);
    keep(l->store, loaded.file, gone);
    (void)pthread_mutex_unlock(&l->store->lock);
    http_file_unref(gone[0]);
    http_file_unref(gone[1]);
    loaded.status = 200;
    return loaded;
}

static int load_poll(void *frame, pirn_cx *cx, void *out)
{
    struct load *l = frame;
    struct http_loaded *loaded = out;
    char path[HTTP_KEY_MAX + 16];
    int fd;

    (void)cx;
    /* The root's own key is a slash alone. */
    (void)snprintf(path, sizeof path, "%s%s", strcmp(l->key, "/") == 0 ? "" : l->key,
                   is_folder(l->key) ? "index.html" : "");
    fd = open_beneath(l->store->root, path);
    *loaded = fd >= 0 ? load_from(l, fd) : (struct http_loaded){.status = status_of_errno(errno)};
    if (loaded->status != 200 && l->old != NULL)
        note_check(l->store, l->old, pirn_now(), false);
    l->looked = true;
    return 0;
}

static void load_drop(void *frame)
{
    struct load *l = frame;

    if (l->old != NULL && !l->looked)
        http_store_leave(l->store, l->old); /* aborted while it waited for a thread */
    http_file_unref(l->old);
}

static void loaded_drop(void *out)
{
    http_file_unref(((struct http_loaded *)out)->file);
}

static const pirn_task_desc load_task =
    PIRN_TASK_OUT_INIT("load", struct load, load_poll, load_drop, struct http_loaded, loaded_drop);

int http_load_spawn(struct http_store *s, const char *key, struct http_file *old, pirn_join **out)
{
    struct load l = {.store = s, .old = old};

    (void)strcpy(l.key, key);
    return pirn_spawn_blocking(NULL, &load_task, &l, out);
}
