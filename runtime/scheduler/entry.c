/* SPDX-License-Identifier: MIT */
/* Entering and leaving a runtime on a caller's thread. */
#include "runtime/scheduler/entry.h"

#include <stddef.h>

void pirn__entry_begin(struct entry *e, struct pirn_handle *h)
{
    *e = (struct entry){pirn__context,       pirn__scope.cx,       pirn__scope.recovery,
                        pirn__scope.task_id, pirn__scope.busy,     pirn__scope.runtime,
                        pirn__scope.guards,  pirn__scope.blocking, pirn__scope.here};
    pirn__context = (struct context){.core = NULL};
    pirn__scope.runtime = h;
    pirn__scope.guards = NULL; /* those outside cannot end inside */
    pirn__scope.cx = NULL;
    pirn__scope.blocking = NULL;
    pirn__scope.here = NULL;
    pirn__scope.task_id = 0;
    pirn__scope.busy++;
    pirn__scope.recovery = NULL; /* until somebody sets one */
}

void pirn__entry_end(const struct entry *e)
{
    pirn__context = e->context;
    pirn__scope.cx = e->cx;
    pirn__scope.recovery = e->recovery;
    pirn__scope.task_id = e->task_id;
    pirn__scope.busy = e->busy;
    pirn__scope.runtime = e->runtime;
    pirn__scope.guards = e->guards;
    pirn__scope.blocking = e->blocking;
    pirn__scope.here = e->here;
}
