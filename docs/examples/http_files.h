/* SPDX-License-Identifier: MIT */
/* Files below a root, opened and read where that may block, and kept for a while. */
#ifndef PIRN_EXAMPLES_HTTP_FILES_H
#define PIRN_EXAMPLES_HTTP_FILES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <pirn.h>

enum {
    HTTP_KEY_MAX = 1026, /* bytes of a path below the root; with a slash at its end, of a folder */
    HTTP_SMALL_MAX = 65536, /* bytes of a file whose contents are kept */
    HTTP_FILES_MAX = 1000,  /* kept at a time; with a descriptor, a quarter of what there may be */
    HTTP_BUCKETS = 1024,    /* a power of two */
    HTTP_HEAD_ROOM = 256,
};

/* One version of a file; immutable, but for what the store keeps in it. Shared. */
struct http_file {
    atomic_uint refs;
    int fd; /* of a large one; -1: the contents are in `bytes` */
    struct stat st;
    time_t modified; /* as clients are told: not in the future */
    uint32_t head_n; /* what every answer with this file says of it */
    char head[HTTP_HEAD_ROOM];
    char etag[40]; /* in quotes */
    char key[HTTP_KEY_MAX + 1];
    /* guard, of all below: the store's lock */
    struct http_file *next;          /* in its bucket */
    struct http_file *older, *newer; /* by when it was asked for last */
    pirn_time checked_at, used_at;
    bool kept, checking; /* in the store; a task looks whether it is still so */
    char bytes[];
};

/* Files by when they were asked for last. guard: the store's lock; `max`: immutable */
struct http_kept {
    size_t count, max;
    struct http_file *newest, *oldest;
};

struct http_store {
    int root;             /* a folder's descriptor; immutable, as the next */
    int64_t valid_ns;     /* how long a file is not looked at again */
    pthread_mutex_t lock; /* held for some instructions */
    struct http_kept in_memory, open;
    struct http_file *buckets[HTTP_BUCKETS];
    pthread_mutex_t spare_lock; /* held while a file is read; before the other one */
    int spare; /* a descriptor for a load, when connections have all others; -1: it is gone, too */
};

/* Return: 0; a negative errno: @root is no folder that can be opened. */
int http_store_open(struct http_store *s, const char *root, int64_t valid_ns);
void http_store_close(struct http_store *s);

/* A file that is kept, with a reference; NULL: it must be loaded. *@stale: it is to be looked at again, by
 * the caller: who was given another one meanwhile. */
struct http_file *http_store_find(struct http_store *s, const char *key, bool *stale);
/* The caller could not look at a stale one. */
void http_store_leave(struct http_store *s, struct http_file *f);

/* Gives up the descriptors that nobody has asked for since then. One that is being sent from is closed when
 * that is over. */
void http_store_tidy(struct http_store *s, pirn_time since);

/* What a load has found. */
struct http_loaded {
    int status;             /* 200, or 301 (a folder without its slash), 403, 404, 500, 503 */
    struct http_file *file; /* with 200: a reference, the receiver's */
};

/* A blocking task: opens what @key names, of a folder its index.html, and keeps it. @old: what was kept and
 * is stale, or NULL; a reference that the task takes. Given back if it is still the same, or if that cannot be
 * found out just now. On failure it is the caller's still. */
int http_load_spawn(struct http_store *s, const char *key, struct http_file *old, pirn_join **out);

struct http_file *http_file_ref(struct http_file *f);
void http_file_unref(struct http_file *f); /* NULL is fine */

#endif
