/* SPDX-License-Identifier: MIT */
/* Elements for the scenarios of channels: each is made once, and ends once: received, dropped by its
 * channel, or still the sender's. The bookkeeping is plain: a race of two that end one shows. */
#ifndef PIRN_TESTS_MODEL_CHAN_MODEL_H
#define PIRN_TESTS_MODEL_CHAN_MODEL_H

#include "tests/model/sync_model.h"

#undef free
#define free(p)             free_if_any(p)
#define aligned_alloc(a, n) model_alloc(n)

static inline void free_if_any(void *p)
{
    if (p != NULL)
        model_free(p);
}

enum {
    ELEMS_MAX = 8 /* numbered from 1 */
};

enum fate {
    FATE_NONE,
    FATE_RECEIVED,
    FATE_DROPPED,
    FATE_KEPT,
};

static int fates[ELEMS_MAX]; /* plain: the end of an element is one thread's */

/* Elements are words; bytes of several are several. */
#define pirn__move_bytes move_elems
static void move_elems(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n / sizeof(uint64_t); i++)
        ((uint64_t *)to)[i] = ((const uint64_t *)from)[i];
}

static void end_elem(uint64_t elem, enum fate fate)
{
    assert(elem > 0 && elem < ELEMS_MAX && fates[elem] == FATE_NONE);
    fates[elem] = (int)fate;
}

static void drop_elem(void *elem)
{
    end_elem(*(uint64_t *)elem, FATE_DROPPED);
}

/* What a send returned for it. Return: the same. */
static int note_sent(int r, uint64_t elem)
{
    if (r < 0)
        end_elem(elem, FATE_KEPT);
    return r;
}

/* What a receive returned, and into what. Return: the same. */
static int note_received(int r, uint64_t elem)
{
    if (r == 0)
        end_elem(elem, FATE_RECEIVED);
    return r;
}

/* First in setup. */
static void chan_reset(void)
{
    sync_reset();
    for (int i = 0; i < ELEMS_MAX; i++)
        fates[i] = FATE_NONE;
}

/* Last in check: @count elements have ended. */
static void chan_check(int count)
{
    for (int i = 1; i <= count; i++)
        assert(fates[i] != FATE_NONE);
    sync_check();
}

/* One that waits must have been woken before it can go on. */
static void must_be_woken(unsigned who)
{
    assert(waiting[who].result != PIRN_PENDING || is_woken(&waiting[who]));
}
#endif
