/* SPDX-License-Identifier: MIT */
/* Memory of cells.
 *
 * A slab holds cells of one class and lists its free ones itself, so that a slab whose cells have
 * all come back serves any class, or can be given back whole. As many empty slabs as are in use are
 * kept, and up to 128: a burst's memory goes away, a steady rhythm's does not. The last slab of a
 * class stays with it even when it is empty: one task that comes and goes moves no slab.
 *
 * A cell that is freed by another thread than its cache's owner goes onto the cache's `remote`
 * stack, which the owner takes whole when it runs out. Free cells are poisoned for AddressSanitizer
 * and carry the state word of no task, so that a stale handle is noticed. */
#include "task/cache.h"

#include "task/base/assert.h"
#include "task/base/compiler.h"
#include "task/base/poison.h"

enum {
    SLAB_HEADER = 64,
    SLAB_TAIL =
        64, /* left to the allocator's own header, so that slabs of malloc lie side by side */
    SPARES_KEPT = 128,
};

struct slab {
    struct cell_cache *owner;
    struct slab *next, *prev; /* in owner->with_room while there is room, or in owner->spare */
    struct slab *all_next, *all_prev;
    struct header *free; /* linked by queue_next */
    uint32_t cell_bytes;
    uint16_t used, fresh, capacity; /* cells out; cells never handed out begin at `fresh` */
    uint16_t class;
};
_Static_assert(sizeof(struct slab) <= SLAB_HEADER, "a slab's header fits before its first cell");

/* In `remote` of a closed cache. */
#define CLOSED ((struct header *)(uintptr_t)1)

void pirn__cache_init(struct cell_cache *c, const pirn_alloc *a)
{
    c->alloc = a;
    for (unsigned i = 0; i < CELL_CLASSES; i++)
        c->with_room[i] = NULL;
    c->all = c->spare = NULL;
    c->slabs = c->spares = 0;
    c->live = 0;
    /* mo: relaxed, both: not shared yet. */
    atomic_store_explicit(&c->remote, NULL, memory_order_relaxed);
    atomic_store_explicit(&c->bytes, 0, memory_order_relaxed);
}

unsigned pirn__cache_class(size_t bytes)
{
    if (bytes <= 1024)
        return (unsigned)((bytes - CELL_STAGE + 15) / 16);
    return (unsigned)((1024 - CELL_STAGE) / 16 + (bytes - 1024 + 255) / 256);
}

static uint32_t class_bytes(unsigned class)
{
    const unsigned small = (1024 - CELL_STAGE) / 16;

    return class <= small ? CELL_STAGE + class * 16 : 1024 + (class - small) * 256;
}

static struct slab *slab_of(const struct header *h)
{
    return (struct slab *)((uintptr_t)h & ~(uintptr_t)(SLAB_BYTES - 1));
}

struct cell_cache *pirn__cache_of(const struct header *h)
{
    return slab_of(h)->owner;
}

/* ---- lists of slabs ------------------------------------------------------------------------- */

static void list_with_room(struct cell_cache *c, struct slab *s)
{
    s->prev = NULL;
    s->next = c->with_room[s->class];
    if (s->next != NULL)
        s->next->prev = s;
    c->with_room[s->class] = s;
}

static void unlist_with_room(struct cell_cache *c, struct slab *s)
{
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        c->with_room[s->class] = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
}

static void set_bytes(struct cell_cache *c)
{
    /* mo: relaxed, a statistic. */
    atomic_store_explicit(&c->bytes, (uint64_t)c->slabs * SLAB_BYTES, memory_order_relaxed);
}

struct slab *pirn__cache_new_slab(const pirn_alloc *a)
{
    struct slab *s = a->alloc(a->user, SLAB_BYTES - SLAB_TAIL, SLAB_BYTES);

    if (s != NULL)
        s->next = NULL;
    return s;
}

void pirn__cache_free_slabs(const pirn_alloc *a, struct slab *s)
{
    while (s != NULL) {
        struct slab *next = s->next;

        UNPOISON(s, SLAB_BYTES - SLAB_TAIL);
        a->free(a->user, s, SLAB_BYTES - SLAB_TAIL);
        s = next;
    }
}

void pirn__cache_add(struct cell_cache *c, struct slab *s)
{
    s->owner = c;
    s->all_prev = NULL;
    s->all_next = c->all;
    if (c->all != NULL)
        c->all->all_prev = s;
    c->all = s;
    c->slabs++;
    set_bytes(c);
    s->next = c->spare;
    c->spare = s;
    c->spares++;
    POISON((char *)s + SLAB_HEADER, SLAB_BYTES - SLAB_TAIL - SLAB_HEADER);
}

/* A spare slab becomes one of the class. */
static void open_slab(struct cell_cache *c, unsigned class)
{
    struct slab *s = c->spare;

    c->spare = s->next;
    c->spares--;
    s->class = (uint16_t) class;
    s->cell_bytes = class_bytes(class);
    s->capacity = (uint16_t)((SLAB_BYTES - SLAB_TAIL - SLAB_HEADER) / s->cell_bytes);
    s->used = s->fresh = 0;
    s->free = NULL;
    list_with_room(c, s);
}

static void forget_slab(struct cell_cache *c, struct slab *s)
{
    if (s->all_prev != NULL)
        s->all_prev->all_next = s->all_next;
    else
        c->all = s->all_next;
    if (s->all_next != NULL)
        s->all_next->all_prev = s->all_prev;
    c->slabs--;
}

static bool has_surplus(const struct cell_cache *c)
{
    return c->spares > SPARES_KEPT && c->spares > c->slabs - c->spares;
}

/* Return: a spare one, in front of @list. */
static struct slab *take_spare(struct cell_cache *c, struct slab *list)
{
    struct slab *s = c->spare;

    c->spare = s->next;
    c->spares--;
    forget_slab(c, s);
    s->next = list;
    return s;
}

/* Its cells are all back. Return: slabs that are too many now, up to two: one more is empty and one
 * fewer is in use. */
static struct slab *close_slab(struct cell_cache *c, struct slab *s)
{
    struct slab *surplus = NULL;

    if (s->prev == NULL && s->next == NULL)
        return NULL; /* the last of its class */
    unlist_with_room(c, s);
    s->next = c->spare;
    c->spare = s;
    c->spares++;
    for (unsigned i = 0; i < 2 && has_surplus(c); i++)
        surplus = take_spare(c, surplus);
    if (surplus != NULL)
        set_bytes(c);
    return surplus;
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void mark_free(struct header *h, struct header *next, size_t bytes)
{
    UNPOISON(h, CELL_STAGE); /* one that was freed elsewhere is poisoned already */
    pirn__state_init(&h->state, STATE_VACANT);
    h->queue_next = next;
    POISON(h, bytes);
}

static struct header *next_free(struct header *h)
{
    UNPOISON(&h->queue_next, sizeof h->queue_next);
    return h->queue_next;
}

struct slab *pirn__cache_give(struct cell_cache *c, struct header *h)
{
    struct slab *s = slab_of(h);

    ASSERT_SLOW(s->owner == c && s->used > 0);
    mark_free(h, s->free, s->cell_bytes);
    s->free = h;
    c->live--;
    if (UNLIKELY(s->used-- == s->capacity))
        list_with_room(c, s);
    return LIKELY(s->used != 0) ? NULL : close_slab(c, s);
}

/* Takes in what other threads have freed. Slabs that are too many go with the next give. */
static void take_in_remote(struct cell_cache *c)
{
    struct header *h, *next;

    /* mo: relaxed. Only whether to look closer. */
    if (atomic_load_explicit(&c->remote, memory_order_relaxed) == NULL)
        return;
    /* mo: acquire pairs with [remote] in push_remote: the cell is as its last user left it. */
    h = atomic_exchange_explicit(&c->remote, NULL, memory_order_acquire);
    for (; h != NULL; h = next) {
        struct slab *s = slab_of(h);

        next = next_free(h);
        mark_free(h, s->free, s->cell_bytes);
        s->free = h;
        c->live--;
        if (s->used-- == s->capacity)
            list_with_room(c, s);
        if (s->used == 0 && !(s->prev == NULL && s->next == NULL)) {
            unlist_with_room(c, s);
            s->next = c->spare;
            c->spare = s;
            c->spares++;
        }
    }
}

struct header *pirn__cache_take(struct cell_cache *c, unsigned class, size_t bytes)
{
    struct slab *s = c->with_room[class];
    struct header *h;

    if (UNLIKELY(s == NULL)) {
        take_in_remote(c);
        if (c->with_room[class] == NULL && c->spare != NULL)
            open_slab(c, class);
        s = c->with_room[class];
        if (s == NULL)
            return NULL;
    }
    h = s->free;
    if (h != NULL)
        s->free = next_free(h);
    else
        h = (struct header *)((char *)s + SLAB_HEADER + (size_t)s->fresh++ * s->cell_bytes);
    if (++s->used == s->capacity)
        unlist_with_room(c, s);
    c->live++;
    UNPOISON(h, bytes);
    h->owned.kind = 0;
    return h;
}

/* A chain of free cells, marked so. False: the cache is closed. */
static bool push_remote(struct cell_cache *c, struct header *first, struct header *last)
{
    struct header *head;

    /* mo: relaxed. A guess; the exchange confirms it. */
    head = atomic_load_explicit(&c->remote, memory_order_relaxed);
    do {
        if (head == CLOSED)
            return false;
        UNPOISON(&last->queue_next, sizeof last->queue_next);
        last->queue_next = head;
        POISON(&last->queue_next, sizeof last->queue_next);
        /* mo: release pairs with [remote] in take_in_remote. Failure relaxed: we retry. */
    } while (!atomic_compare_exchange_weak_explicit(&c->remote, &head, first, memory_order_release,
                                                    memory_order_relaxed));
    return true;
}

bool pirn__cache_give_remote(struct cell_cache *c, struct header *h)
{
    mark_free(h, NULL, slab_of(h)->cell_bytes);
    return push_remote(c, h, h);
}

void pirn__cache_batch(struct cell_batch *b, struct header *h)
{
    if (b->first == NULL) {
        b->to = slab_of(h)->owner;
        b->last = h;
        b->count = 0;
    }
    mark_free(h, b->first, slab_of(h)->cell_bytes);
    b->first = h;
    b->count++;
}

struct slab *pirn__cache_give_batch(struct cell_cache *c, struct cell_batch *b)
{
    struct slab *surplus = NULL;

    while (b->first != NULL) {
        struct header *h = b->first;
        struct slab *s;

        b->first = next_free(h);
        s = pirn__cache_give(c, h);
        while (s != NULL) {
            struct slab *next = s->next;

            s->next = surplus;
            surplus = s;
            s = next;
        }
    }
    return surplus;
}

void pirn__cache_give_batch_remote(struct cell_batch *b)
{
    bool open = push_remote(b->to, b->first, b->last);

    ASSERT(open);
    (void)open;
    b->first = NULL;
}

struct slab *pirn__cache_trim(struct cell_cache *c)
{
    struct slab *surplus = NULL;

    take_in_remote(c);
    while (has_surplus(c))
        surplus = take_spare(c, surplus);
    if (surplus != NULL)
        set_bytes(c);
    return surplus;
}

uint64_t pirn__cache_close(struct cell_cache *c)
{
    /* mo: acquire pairs with [remote] in push_remote. */
    struct header *h = atomic_exchange_explicit(&c->remote, CLOSED, memory_order_acquire);

    for (; h != NULL; h = next_free(h))
        c->live--;
    return c->live;
}

void pirn__cache_fini(struct cell_cache *c)
{
    while (c->all != NULL) {
        struct slab *s = c->all;

        c->all = s->all_next;
        s->next = NULL;
        pirn__cache_free_slabs(c->alloc, s);
    }
}
