/* SPDX-License-Identifier: MIT */
/* Memory of cells: slabs by size class, owned by one thread at a time, freed to from anywhere. */
#ifndef PIRN_TASK_CACHE_H
#define PIRN_TASK_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pirn/alloc.h>

#include "task/cell.h"

enum {
    SLAB_BYTES = 32768,    /* and its alignment: a cell finds its slab by masking */
    CELL_BYTES_MAX = 8192, /* larger cells are allocated one by one: CELL_LARGE */
    /* 16 bytes apart up to 1,024, 256 apart beyond */
    CELL_CLASSES = (1024 - CELL_STAGE) / 16 + 1 + (CELL_BYTES_MAX - 1024) / 256,
};

struct slab;

/* guard, of all but `remote` and `bytes`: whoever owns the cache. */
struct cell_cache {
    const pirn_alloc *alloc;
    struct slab *with_room[CELL_CLASSES]; /* lists */
    struct slab *all;
    struct slab *spare;              /* without a class */
    uint32_t slabs, spares;          /* how many in all, and how many of those */
    uint64_t live;                   /* cells handed out and not come back */
    _Atomic(struct header *) remote; /* cells freed elsewhere: a stack by queue_next */
    _Atomic(uint64_t) bytes;         /* held; written by the owner, read for metrics */
};

void pirn__cache_init(struct cell_cache *c, const pirn_alloc *a);

/* Return: the class of a cell of so many bytes, at most CELL_BYTES_MAX. */
unsigned pirn__cache_class(size_t bytes);

/* A cell from what is there, or NULL: then pirn__cache_new_slab(), with no lock held, and
 * pirn__cache_add(). `owned.kind` is set. */
struct header *pirn__cache_take(struct cell_cache *c, unsigned class, size_t bytes);
struct slab *pirn__cache_new_slab(const pirn_alloc *a);
void pirn__cache_add(struct cell_cache *c, struct slab *s);

/* The cache a cell came from. */
struct cell_cache *pirn__cache_of(const struct header *h);

/* Gives a cell back, as the owner. Return: slabs to free, holding no lock; NULL: none. */
struct slab *pirn__cache_give(struct cell_cache *c, struct header *h);
void pirn__cache_free_slabs(const pirn_alloc *a, struct slab *s);

/* Gives a cell back from anywhere. False: the cache is closed; the caller accounts for the cell,
 * whose memory goes with the cache's. */
bool pirn__cache_give_remote(struct cell_cache *c, struct header *h);

/* Freed cells of somebody else's cache, collected to go back at once. */
struct cell_batch {
    struct cell_cache *to; /* while there are any */
    struct header *first, *last;
    uint32_t count;
};
void pirn__cache_batch(struct cell_batch *b, struct header *h);
/* Gives them back, as the cache's owner, and empties the batch. Return: as give. */
struct slab *pirn__cache_give_batch(struct cell_cache *c, struct cell_batch *b);
/* Gives them back from anywhere, in one exchange. The cache is not closed. */
void pirn__cache_give_batch_remote(struct cell_batch *b);

/* Takes in what came back from elsewhere. Return: slabs to free, as give. */
struct slab *pirn__cache_trim(struct cell_cache *c);

/* From now on cells do not come back. Return: how many are out. */
uint64_t pirn__cache_close(struct cell_cache *c);

/* Frees every slab. No cell is used any more. */
void pirn__cache_fini(struct cell_cache *c);

#endif
