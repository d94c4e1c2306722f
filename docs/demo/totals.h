/* SPDX-License-Identifier: MIT */
/* totals.h: how often was each word seen, by all threads together?
 *
 * Plain C, nothing of pirn. A table of words cut into parts by the words' hashes, a lock for each
 * part: threads that add at the same time seldom meet.
 */
#ifndef TOTALS_H
#define TOTALS_H

#include <pthread.h>

#include "words.h"

enum {
    TOTALS_PARTS = 16, /* a power of two */
};

struct totals {
    struct totals_part {
        pthread_mutex_t lock;
        struct words words; /* guard: lock, until totals_sort() */
        size_t taken;       /* of them, by totals_next() */
    } parts[TOTALS_PARTS];
};

/* Whoever counts on its own first keeps such a table for each part. The hash's low bits choose the
 * part, for words.c goes by the high ones. */
static inline size_t totals_part_of(const struct word *word)
{
    return word->hash % TOTALS_PARTS;
}

void totals_init(struct totals *t);
void totals_fini(struct totals *t);

/* Count one more of @word, which need not outlive the call. Return: 0; -ENOMEM. Any thread. */
int totals_add(struct totals *t, const struct word *word);

/* Count all of @words, likewise, beginning with part number @first modulo their number. Return: 0;
 * -ENOMEM, and a part is counted. Any thread. */
int totals_merge(struct totals *t, const struct words words[TOTALS_PARTS], size_t first);

/* The number of different words. Any thread; while others add, it is already past. */
size_t totals_used(struct totals *t);

/* Put it in order. From then on it is one thread's, and only totals_next() and totals_fini() may
 * follow. */
void totals_sort(struct totals *t);

/* Return: the next word in order; NULL when all were taken. */
const struct word *totals_next(struct totals *t);

#endif
