/* SPDX-License-Identifier: MIT */
/* main.c: which rows does the floor have? */
#include "rows.h"

int main(int argc, char **argv)
{
    return bench_main(argc, argv, (const struct bench_row *const[]){ct_rows, memory_rows, NULL});
}
