/* SPDX-License-Identifier: MIT */
/* A lock for the slow ways. Never held over code of the caller's. */
#ifndef PIRN_RUNTIME_OS_LOCK_H
#define PIRN_RUNTIME_OS_LOCK_H

#include <pthread.h>

struct lock {
    pthread_mutex_t mutex;
};

static inline void lock_init(struct lock *l)
{
    (void)pthread_mutex_init(&l->mutex, NULL); /* fails for no default mutex */
}

static inline void lock_fini(struct lock *l)
{
    (void)pthread_mutex_destroy(&l->mutex);
}

static inline void lock_take(struct lock *l)
{
    (void)pthread_mutex_lock(&l->mutex);
}

static inline void lock_give(struct lock *l)
{
    (void)pthread_mutex_unlock(&l->mutex);
}

#endif
