/* SPDX-License-Identifier: MIT */
/* words.h: how often was each word seen? A hash table from words to counts.
 *
 * Plain C, nothing of pirn. A zeroed struct words is an empty table. One thread at a time.
 */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct word {
    const char *text; /* not terminated */
    size_t len;
    uint64_t hash; /* words_hash() over all of text, from WORDS_HASH_START */
    uint64_t count;
};

struct words {
    struct word *list; /* used of them, in the order they were first seen */
    size_t used;
    uint32_t *index; /* 1 << bits slots: 0, or 1 + a place in list; a quarter stays free */
    unsigned bits;
    bool copies; /* keeps copies of its words; else text is borrowed and must outlive the table */
    struct words_block *blocks;
};

/* FNV-1a: one letter at a time, so that a scanner hashes a word while it looks for its end. */
#define WORDS_HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t words_hash(uint64_t hash, char letter)
{
    return (hash ^ (unsigned char)letter) * UINT64_C(0x100000001b3);
}

/* Count @word->count more of this word. Return: 0; -ENOMEM, and nothing is counted. */
int words_add(struct words *w, const struct word *word);

/* Count everything in @from. Return: 0; -ENOMEM, and a part is counted. */
int words_merge(struct words *w, const struct words *from);

/* The order of output: highest count first, then by bytes. For qsort(), of struct word. */
int words_order(const void *left, const void *right);

/* Put the list in that order. The table is a list from then on: only words_fini() may follow. */
void words_sort(struct words *w);

/* Free everything. */
void words_fini(struct words *w);

#endif
