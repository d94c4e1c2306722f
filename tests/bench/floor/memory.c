/* SPDX-License-Identifier: MIT */
/* memory.c: how many bytes has an idle task, if cells lie side by side and nothing is added? */
#include <stdlib.h>

#include "cell.h"
#include "rows.h"

enum {
    TASKS = 1000000
};

static struct bench_bytes idle_task_bytes(void)
{
    uint64_t rss = bench_rss(), idle = 0;
    struct cell *cells = malloc(TASKS * sizeof *cells);
    struct bench_bytes b;

    if (!cells) {
        bench_fail("idle_task_bytes", "out of memory");
    }
    for (size_t i = 0; i < TASKS; i++) {
        cells[i] = (struct cell){.state = 2 * REF + JOIN_INTEREST, .id = i + 1};
    }
    b.rss = (double)(bench_rss() - rss) / TASKS;
    b.held = (double)bench_block_bytes(cells) / TASKS;
    for (size_t i = 0; i < TASKS; i++) {
        idle += cells[i].id == i + 1;
    }
    bench_expect("idle_task_bytes", idle, 1000000);
    free(cells);
    return b;
}

const struct bench_row memory_rows[] = {
    {.name = "idle_task_bytes", .ops = TASKS, .measure = idle_task_bytes},
    {0},
};
