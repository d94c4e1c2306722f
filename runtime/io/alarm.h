/* SPDX-License-Identifier: MIT */
/* A descriptor that makes a runtime's readable when a timer is due, for foreign loops that wait on it. */
#ifndef PIRN_RUNTIME_IO_ALARM_H
#define PIRN_RUNTIME_IO_ALARM_H

#include <stdbool.h>

#include <pirn/task.h>

struct io;

struct alarm {
    int fd;   /* -1: not open */
    bool set; /* it may be readable, now or later */
};

static inline void alarm_init(struct alarm *a)
{
    a->fd = -1;
    a->set = false;
}

/* Opens it, if it is not, and has @io wait on it. Return: 0, -EMFILE, -ENFILE, -ENOMEM, -ENOSPC. */
int pirn__alarm_open(struct alarm *a, const struct io *io);
void pirn__alarm_close(struct alarm *a);

/* Readable from @at on; PIRN_NEVER: not, also if it was. Nothing if it is not open. Keeps errno. */
void pirn__alarm_set(struct alarm *a, pirn_time at);

#endif
