/* SPDX-License-Identifier: MIT */
/* words.c: how does the table of words.h find, keep and order its words? */
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_BITS = 8,
    LAST_BITS = 32, /* what an index of uint32_t can tell apart: 3 billion different words */
    BLOCK_BYTES = 64 * 1024,
};

/* Copied words lie in blocks: no malloc for each, and all of them go at once. */
struct words_block {
    struct words_block *next;
    size_t used, size;
    char text[];
};

/* The slot of a word, or the free one where it belongs. Linear probing stays short because a
 * quarter of the slots is free, and because the product spreads the hash into its high bits. */
static uint32_t *find(const struct words *w, const struct word *word)
{
    size_t mask = ((size_t)1 << w->bits) - 1;
    size_t i = (size_t)(word->hash * UINT64_C(0x9e3779b97f4a7c15) >> (64 - w->bits));

    for (;; i = (i + 1) & mask) {
        const struct word *seen;

        if (w->index[i] == 0) {
            return &w->index[i];
        }
        seen = &w->list[w->index[i] - 1];
        if (seen->hash == word->hash && seen->len == word->len &&
            memcmp(seen->text, word->text, word->len) == 0) {
            return &w->index[i];
        }
    }
}

static size_t room(const struct words *w)
{
    return w->bits == 0 ? 0 : (size_t)3 << (w->bits - 2);
}

static int grow(struct words *w)
{
    struct words bigger = *w;
    struct word *list;

    bigger.bits = w->bits == 0 ? FIRST_BITS : w->bits + 1;
    if (bigger.bits > LAST_BITS) {
        return -ENOMEM;
    }
    list = realloc(w->list, room(&bigger) * sizeof *list);
    if (list == NULL) {
        return -ENOMEM;
    }
    w->list = bigger.list = list;
    bigger.index = calloc((size_t)1 << bigger.bits, sizeof *bigger.index);
    if (bigger.index == NULL) {
        return -ENOMEM;
    }
    /* In the order of the list, not of the old index: words that come sorted by hash would pile
     * up at one end of the new one. */
    for (size_t i = 0; i < w->used; i++) {
        *find(&bigger, &list[i]) = (uint32_t)i + 1;
    }
    free(w->index);
    *w = bigger;
    return 0;
}

static const char *keep(struct words *w, const char *text, size_t len)
{
    struct words_block *block = w->blocks;
    char *copy;

    if (block == NULL || block->size - block->used < len) {
        size_t size = len > BLOCK_BYTES ? len : BLOCK_BYTES;

        block = malloc(sizeof *block + size);
        if (block == NULL) {
            return NULL;
        }
        block->used = 0;
        block->size = size;
        if (size > BLOCK_BYTES && w->blocks != NULL) {
            /* Full from the start: goes behind the block that still has room. */
            block->next = w->blocks->next;
            w->blocks->next = block;
        } else {
            block->next = w->blocks;
            w->blocks = block;
        }
    }
    copy = block->text + block->used;
    memcpy(copy, text, len);
    block->used += len;
    return copy;
}

int words_add(struct words *w, const struct word *word)
{
    const char *text = word->text;
    uint32_t *slot;

    if (w->used == room(w) && grow(w) < 0) {
        return -ENOMEM;
    }
    slot = find(w, word);
    if (*slot != 0) {
        w->list[*slot - 1].count += word->count;
        return 0;
    }
    if (w->copies) {
        text = keep(w, text, word->len);
        if (text == NULL) {
            return -ENOMEM;
        }
    }
    w->list[w->used] = *word;
    w->list[w->used].text = text;
    *slot = (uint32_t)++w->used;
    return 0;
}

int words_merge(struct words *w, const struct words *from)
{
    for (size_t i = 0; i < from->used; i++) {
        if (words_add(w, &from->list[i]) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

int words_order(const void *left, const void *right)
{
    const struct word *a = left;
    const struct word *b = right;
    int order;

    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

void words_sort(struct words *w)
{
    if (w->used > 0) {
        qsort(w->list, w->used, sizeof *w->list, words_order);
    }
}

void words_fini(struct words *w)
{
    while (w->blocks != NULL) {
        struct words_block *next = w->blocks->next;

        free(w->blocks);
        w->blocks = next;
    }
    free(w->index);
    free(w->list);
    *w = (struct words){0};
}
