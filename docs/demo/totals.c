/* SPDX-License-Identifier: MIT */
/* totals.c: how do threads share the table of totals.h? */
#include "totals.h"

#include <errno.h>

void totals_init(struct totals *t)
{
    *t = (struct totals){0};
    for (size_t i = 0; i < TOTALS_PARTS; i++) {
        pthread_mutex_init(&t->parts[i].lock, NULL);
        t->parts[i].words.copies = true;
    }
}

void totals_fini(struct totals *t)
{
    for (size_t i = 0; i < TOTALS_PARTS; i++) {
        pthread_mutex_destroy(&t->parts[i].lock);
        words_fini(&t->parts[i].words);
    }
}

int totals_add(struct totals *t, const struct word *word)
{
    struct totals_part *part = &t->parts[totals_part_of(word)];
    int r;

    pthread_mutex_lock(&part->lock);
    r = words_add(&part->words, word);
    pthread_mutex_unlock(&part->lock);
    return r;
}

int totals_merge(struct totals *t, const struct words words[TOTALS_PARTS], size_t first)
{
    int r = 0;

    for (size_t n = 0; n < TOTALS_PARTS && r == 0; n++) {
        size_t i = (first + n) % TOTALS_PARTS;
        struct totals_part *part = &t->parts[i];

        pthread_mutex_lock(&part->lock);
        r = words_merge(&part->words, &words[i]);
        pthread_mutex_unlock(&part->lock);
    }
    return r;
}

size_t totals_used(struct totals *t)
{
    size_t used = 0;

    for (size_t i = 0; i < TOTALS_PARTS; i++) {
        struct totals_part *part = &t->parts[i];

        pthread_mutex_lock(&part->lock);
        used += part->words.used;
        pthread_mutex_unlock(&part->lock);
    }
    return used;
}

void totals_sort(struct totals *t)
{
    for (size_t i = 0; i < TOTALS_PARTS; i++) {
        words_sort(&t->parts[i].words);
    }
}

const struct word *totals_next(struct totals *t)
{
    struct totals_part *from = NULL;
    const struct word *first = NULL;

    for (size_t i = 0; i < TOTALS_PARTS; i++) {
        struct totals_part *part = &t->parts[i];

        if (part->taken < part->words.used) {
            const struct word *word = &part->words.list[part->taken];

            if (first == NULL || words_order(word, first) < 0) {
                from = part;
                first = word;
            }
        }
    }
    if (from != NULL) {
        from->taken++;
    }
    return first;
}
