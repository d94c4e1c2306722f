/* SPDX-License-Identifier: MIT */
/* main.c: which rows does pirn have? */
#include <pirn.h>

#include "rows.h"

void check(const char *call, int status)
{
    if (status < 0) {
        bench_fail(call, pirn_strerror(status));
    }
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv,
                      (const struct bench_row *const[]){
                          ct_rows, mt_rows, ping_pong_rows, oneshot_rows, sync_rows, time_rows,
                          linking_rows, blocking_rows, memory_rows, latency_rows, NULL});
}
