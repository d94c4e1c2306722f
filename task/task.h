/* SPDX-License-Identifier: MIT */
/* Making a task: what its descriptor asks of the cell, and the cell's first state. */
#ifndef PIRN_TASK_TASK_H
#define PIRN_TASK_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "task/base/compiler.h"
#include "task/cell.h"
#include "task/handle.h"

/* Bytes of a cell, and where the header lies in them: at 0 unless the stage is over-aligned. */
struct cell_layout {
    size_t bytes;
    size_t align;
    size_t header_offset;
};

/* Return: 0; -EINVAL or -E2BIG with the field in the error text. */
int pirn__task_check(const pirn_task_desc *d);

/* Of a descriptor that was checked. */
void pirn__task_layout(const pirn_task_desc *d, struct cell_layout *l);

/* Both at once. */
int pirn__task_prepare(const pirn_task_desc *d, struct cell_layout *l);

/* Fills the header of a fresh cell; the stage is the caller's to fill. The task has three
 * references if it is to be joined, else two; the caller has them all. */
void pirn__task_init(struct header *h, const pirn_task_desc *d, struct sched *s, uint64_t id,
                     const void *spawn_site, uint64_t tick, bool joined);

/* Whether outputs are polled into the poller's scratch, not into room of the cell's own. */
bool pirn__task_uses_scratch(const pirn_task_desc *d);

/* Room for an output that does not fit the poller's scratch: behind the frame. */
void *pirn__task_output_room(struct header *h);

#endif
