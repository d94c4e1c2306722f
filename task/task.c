/* SPDX-License-Identifier: MIT */
/* Making a task: where its way begins.
 *
 * A spawn checks the descriptor, takes a cell for it, writes header and core, and copies the frame
 * into the stage; then there are three references: the owned list's and the Notified's, which
 * travel together until the task is linked, and the join handle's. From here the Notified goes to
 * a queue (runtime/scheduler/), is run (harness.c), by way of the state word (state.c), is woken
 * (waker.c), and joined (join.c). */
#include "task/task.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

#include "task/base/error.h"

enum {
    ALIGN_MAX = 4096
};
#define FLAGS_KNOWN                                                                                \
    ((uint32_t)(PIRN_TASK_BLOCKING | PIRN_TASK_TRY | PIRN_TASK_MANDATORY |                         \
                PIRN_TASK_UNCONSTRAINED | PIRN_TASK_LINE | PIRN_TASK_FRAME))
#define BYTES_MAX ((size_t)1 << 40) /* no frame is that large: a size that went negative is */

static size_t align_up(size_t n, size_t align)
{
    return (n + align - 1) & ~(align - 1);
}

static size_t effective_align(size_t align)
{
    return align < CELL_ALIGN ? CELL_ALIGN : align;
}

static bool bad_align(size_t align)
{
    return align > ALIGN_MAX || (align & (align - 1)) != 0;
}

/* Bytes beyond the struct we know must be zero: they ask for something we do not have. */
static bool tail_is_zero(const pirn_task_desc *d)
{
    const unsigned char *p = (const unsigned char *)d;

    for (size_t i = sizeof *d; i < d->size; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static COLD int check_slowly(const pirn_task_desc *d)
{
    if (d == NULL)
        return pirn__error(-EINVAL, "pirn_task_desc: NULL");
    if (d->size < sizeof *d)
        return pirn__error(-EINVAL, "pirn_task_desc.size: %zu, must be %zu or more", d->size,
                           sizeof *d);
    if (d->size > 65536 || !tail_is_zero(d))
        return pirn__error(-E2BIG, "pirn_task_desc.size: %zu, fields beyond %zu are unknown",
                           d->size, sizeof *d);
    if (d->poll == NULL)
        return pirn__error(-EINVAL, "pirn_task_desc.poll: NULL");
    if (d->frame_size > BYTES_MAX)
        return pirn__error(-EINVAL, "pirn_task_desc.frame_size: %zu", d->frame_size);
    if (d->out_size > BYTES_MAX)
        return pirn__error(-EINVAL, "pirn_task_desc.out_size: %zu", d->out_size);
    if (bad_align(d->frame_align))
        return pirn__error(-EINVAL,
                           "pirn_task_desc.frame_align: %zu, must be a power of two up to "
                           "%d",
                           d->frame_align, ALIGN_MAX);
    if (bad_align(d->out_align))
        return pirn__error(-EINVAL,
                           "pirn_task_desc.out_align: %zu, must be a power of two up to "
                           "%d",
                           d->out_align, ALIGN_MAX);
    if (d->flags & ~FLAGS_KNOWN)
        return pirn__error(-EINVAL, "pirn_task_desc.flags: unknown bits 0x%x",
                           d->flags & ~FLAGS_KNOWN);
    if ((d->flags & (PIRN_TASK_TRY | PIRN_TASK_MANDATORY)) && !(d->flags & PIRN_TASK_BLOCKING))
        return pirn__error(-EINVAL,
                           "pirn_task_desc.flags: PIRN_TASK_TRY and PIRN_TASK_MANDATORY go "
                           "with PIRN_TASK_BLOCKING");
    if ((d->flags & PIRN_TASK_LINE) && d->frame_size < sizeof(uint32_t))
        return pirn__error(-EINVAL, "pirn_task_desc.flags: PIRN_TASK_LINE needs a frame that "
                                    "starts with a uint32_t");
    return 0;
}

/* The descriptor nearly everybody has, seen in few comparisons: valid, and laid out plainly. */
static bool is_plain(const pirn_task_desc *d)
{
    return LIKELY(d != NULL && d->size == sizeof *d && d->poll != NULL && d->frame_size < 65536 &&
                  d->out_size <= SCRATCH_BYTES &&
                  (d->frame_align | d->out_align | (d->flags & ~(uint32_t)PIRN_TASK_FRAME)) == 0);
}

int pirn__task_check(const pirn_task_desc *d)
{
    return is_plain(d) ? 0 : check_slowly(d);
}

/* Whether outputs are polled into room of their own behind the frame. */
static bool output_is_large(const pirn_task_desc *d)
{
    return d->out_size > SCRATCH_BYTES || d->out_align > SCRATCH_ALIGN;
}

bool pirn__task_uses_scratch(const pirn_task_desc *d)
{
    return !output_is_large(d);
}

void pirn__task_layout(const pirn_task_desc *d, struct cell_layout *l)
{
    size_t stage = d->frame_size > d->out_size ? d->frame_size : d->out_size;
    size_t frame_align, out_align;

    l->header_offset = 0;
    l->align = CELL_ALIGN;
    if (UNLIKELY(d->frame_align > CELL_ALIGN || d->out_align > CELL_ALIGN || output_is_large(d))) {
        frame_align = effective_align(d->frame_align);
        out_align = effective_align(d->out_align);
        l->align = frame_align > out_align ? frame_align : out_align;
        l->header_offset = align_up(CELL_STAGE, l->align) - CELL_STAGE;
        if (output_is_large(d))
            stage = align_up(d->frame_size, out_align) + d->out_size;
    }
    l->bytes = l->header_offset + CELL_STAGE + stage;
}

int pirn__task_prepare(const pirn_task_desc *d, struct cell_layout *l)
{
    int r;

    if (is_plain(d)) {
        l->bytes = CELL_STAGE + (d->frame_size > d->out_size ? d->frame_size : d->out_size);
        l->align = CELL_ALIGN;
        l->header_offset = 0;
        return 0;
    }
    r = check_slowly(d);
    if (r == 0)
        pirn__task_layout(d, l);
    return r;
}

void *pirn__task_output_room(struct header *h)
{
    return (char *)cell_stage(h) +
           align_up(h->desc->frame_size, effective_align(h->desc->out_align));
}

void pirn__task_init(struct header *h, const pirn_task_desc *d, struct sched *s, uint64_t id,
                     const void *spawn_site, uint64_t tick, bool joined)
{
    h->queue_next = NULL;
    h->desc = d;
    h->sched = s;
    h->id = id;
    h->end.ops = NULL;
    /* mo: relaxed, all of them: the cell is not shared yet; the queue or list that shares it
     * publishes. */
    atomic_store_explicit(&h->site, (uintptr_t)spawn_site & CELL_SITE_MASK, memory_order_relaxed);
    atomic_store_explicit(&h->born, tick & CELL_TICK_MASK, memory_order_relaxed);
    atomic_store_explicit(&h->seen, 0, memory_order_relaxed);
    h->owned.prev = NULL;
    h->owned.seq_low = 0;
    h->owned.seq_high = 0;
    h->owned.outcome = OUTCOME_NONE;
    slot_set(&h->join_waker, NULL, NULL);
    pirn__state_init(&h->state, joined ? STATE_INITIAL : STATE_INITIAL_DETACHED);
}
