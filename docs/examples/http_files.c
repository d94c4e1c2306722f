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
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "http_reply.h"

enum {
    OPEN_TRIES = 64,   /* while anything is renamed, a path with ".." cannot be vouched for */
    SPARE_TRIES = 100, /* a second */
};

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

static struct http_kept *kept_of(struct http_store *s, const struct http_file *f)
{
    return f->fd >= 0 ? &s->open : &s->in_memory;
}

static void unlink_age(struct http_store *s, struct http_file *f)
{
    struct http_kept *k = kept_of(s, f);

    *(f->newer != NULL ? &f->newer->older : &k->newest) = f->older;
    *(f->older != NULL ? &f->older->newer : &k->oldest) = f->newer;
}

static void link_newest(struct http_store *s, struct http_file *f)
{
    struct http_kept *k = kept_of(s, f);

    f->newer = NULL;
    f->older = k->newest;
    *(k->newest != NULL ? &k->newest->newer : &k->oldest) = f;
    k->newest = f;
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
    kept_of(s, f)->count--;
    return f;
}

/* @f in the place of what there is by its path. Return: references to be given up, up to two. */
static void keep(struct http_store *s, struct http_file *f, struct http_file *gone[2])
{
    struct http_file *old = lookup(s, f->key);
    struct http_kept *k = kept_of(s, f);
    struct http_file **at;

    gone[0] = old != NULL ? take_out(s, old) : NULL;
    gone[1] = k->count == k->max ? take_out(s, k->oldest) : NULL;
    at = bucket_of(s, f->key);
    f->next = *at;
    *at = http_file_ref(f);
    link_newest(s, f);
    f->kept = true;
    k->count++;
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
        f->used_at = now;
        if (kept_of(s, f)->newest != f) {
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

/* The descriptor that was not asked for for longest, if that was before @before. Return: whether it was. */
static bool give_up(struct http_store *s, pirn_time before)
{
    struct http_file *f;

    (void)pthread_mutex_lock(&s->lock);
    f = s->open.oldest;
    f = f != NULL && f->used_at < before ? take_out(s, f) : NULL;
    (void)pthread_mutex_unlock(&s->lock);
    http_file_unref(f);
    return f != NULL;
}

static void make_spare(struct http_store *s)
{
    if (s->spare < 0)
        s->spare = fcntl(s->root, F_DUPFD_CLOEXEC, 0);
}

void http_store_tidy(struct http_store *s, pirn_time since)
{
    while (give_up(s, since))
        continue;
    if (pthread_mutex_trylock(&s->spare_lock) != 0)
        return;
    make_spare(s);
    (void)pthread_mutex_unlock(&s->spare_lock);
}

static size_t descriptors_to_keep(void)
{
    struct rlimit limit;
    rlim_t n = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur / 4 : 1;

    return n > HTTP_FILES_MAX ? HTTP_FILES_MAX : n > 1 ? (size_t)n : 1;
}

int http_store_open(struct http_store *s, const char *root, int64_t valid_ns)
{
    *s = (struct http_store){.valid_ns = valid_ns,
                             .in_memory.max = HTTP_FILES_MAX,
                             .open.max = descriptors_to_keep(),
                             .spare = -1};
    s->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->root < 0)
        return -errno;
    make_spare(s);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_mutex_init(&s->spare_lock, NULL);
    return 0;
}

void http_store_close(struct http_store *s)
{
    while (s->in_memory.newest != NULL)
        http_file_unref(take_out(s, s->in_memory.newest));
    while (give_up(s, PIRN_NEVER))
        continue;
    (void)pthread_mutex_destroy(&s->spare_lock);
    (void)pthread_mutex_destroy(&s->lock);
    if (s->spare >= 0)
        (void)close(s->spare);
    (void)close(s->root);
}

/* ---- loading, on a thread that may block ---------------------------------------------------------------- */

static int open_beneath(int folder, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, /* a fifo does not wait */
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd, tries = 0;

    do
        fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR) && ++tries < OPEN_TRIES);
    return fd;
}

static bool is_shortage(int err)
{
    return err == EMFILE || err == ENFILE;
}

/* What is kept open for others gives way. */
static int open_file(struct http_store *s, const char *path)
{
    int fd;

    do
        fd = open_beneath(s->root, path);
    while (fd < 0 && is_shortage(errno) && give_up(s, PIRN_NEVER));
    return fd;
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
    case EAGAIN:
    case EINTR:
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
    f->checked_at = f->used_at = pirn_now();
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
    bool looked;           /* for the old one */
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

/* What another load has put into the store meanwhile; NULL: nothing. */
static struct http_file *found_meanwhile(struct load *l)
{
    struct http_file *f;

    (void)pthread_mutex_lock(&l->store->lock);
    f = lookup(l->store, l->key);
    f = f != NULL && f != l->old ? http_file_ref(f) : NULL;
    (void)pthread_mutex_unlock(&l->store->lock);
    return f;
}

/* Connections have all descriptors: one load after the other gets the one that was put aside. An accept may be
 * faster and take it: then it waits for others to give one back, or to load the same file. */
static struct http_loaded load_with_spare(struct load *l, const char *path)
{
    static const struct timespec moment = {.tv_nsec = 10000000};
    struct http_store *s = l->store;
    struct http_loaded loaded = {.status = 200};
    int fd = -1, tries = 0;

    (void)pthread_mutex_lock(&s->spare_lock);
    while ((loaded.file = found_meanwhile(l)) == NULL) {
        if (s->spare >= 0)
            (void)close(s->spare);
        s->spare = -1;
        fd = open_file(s, path);
        if (fd >= 0 || !is_shortage(errno) || ++tries == SPARE_TRIES)
            break;
        make_spare(s);
        (void)nanosleep(&moment, NULL); /* on a thread that may block */
    }
    if (loaded.file == NULL)
        loaded =
            fd >= 0 ? load_from(l, fd) : (struct http_loaded){.status = status_of_errno(errno)};
    make_spare(s);
    (void)pthread_mutex_unlock(&s->spare_lock);
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
    fd = open_file(l->store, path);
    if (fd >= 0)
        *loaded = load_from(l, fd);
    else if (is_shortage(errno))
        *loaded = load_with_spare(l, path);
    else
        *loaded = (struct http_loaded){.status = status_of_errno(errno)};
    if (loaded->status == 503 && l->old != NULL) {
        *loaded = (struct http_loaded){200, http_file_ref(l->old)};
        return 0;
    }
    if (loaded->status != 200 && l->old != NULL)
        note_check(l->store, l->old, pirn_now(), false);
    l->looked = true;
    return 0;
}

static void load_drop(void *frame)
{
    struct load *l = frame;

    if (l->old != NULL && !l->looked)
        http_store_leave(l->store, l->old); /* aborted while it waited for a thread, or in vain */
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
