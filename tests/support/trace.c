/* SPDX-License-Identifier: MIT */
/* What happened, in order, as words in one string. */
#include "tests/support/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void trace_word(struct trace *t, const char *word)
{
    size_t used = strlen(t->text);
    size_t room = sizeof t->text - used;

    if ((size_t)snprintf(t->text + used, room, used != 0 ? " %s" : "%s", word) >= room) {
        fprintf(stderr, "trace: full\n");
        abort();
    }
}

const char *trace_take(struct trace *t)
{
    static char taken[sizeof t->text];

    memcpy(taken, t->text, sizeof taken);
    t->text[0] = '\0';
    return taken;
}
