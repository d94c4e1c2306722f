/* SPDX-License-Identifier: MIT */
/* rows.h: the groups of rows that the floor has. */
#ifndef BENCH_FLOOR_ROWS_H
#define BENCH_FLOOR_ROWS_H

#include "../harness.h"

extern const struct bench_row ct_rows[];
extern const struct bench_row memory_rows[];

#endif
