/* SPDX-License-Identifier: MIT */
/* The list of a frame's pending operations, as the harness sees it. */
#ifndef PIRN_TASK_OP_H
#define PIRN_TASK_OP_H

#include <pirn/op.h>

/* Cancels a pending operation: off its list, then its kind's drop. For pirn__contain(). */
void pirn__op_drop_listed(void *op);

/* The list's head has moved to *@ops; tell the first operation. */
void pirn__op_rehead(struct pirn_op **ops);

#endif
