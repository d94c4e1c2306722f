/* SPDX-License-Identifier: MIT */
/* rows.h: the groups of rows that pirn has. A new group is a file of its own and a line here and
 * in main.c; a new row is an entry at the end of its group's file. */
#ifndef BENCH_PIRN_ROWS_H
#define BENCH_PIRN_ROWS_H

#include "../harness.h"

extern const struct bench_row ct_rows[];
extern const struct bench_row mt_rows[];
extern const struct bench_row ping_pong_rows[];
extern const struct bench_row oneshot_rows[];
extern const struct bench_row sync_rows[];
extern const struct bench_row time_rows[];
extern const struct bench_row linking_rows[];
extern const struct bench_row blocking_rows[];
extern const struct bench_row memory_rows[];
extern const struct bench_row latency_rows[];

/* Ends the program with status 1 if a call of pirn's failed. */
void check(const char *call, int status);

#endif
