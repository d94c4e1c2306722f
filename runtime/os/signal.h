/* SPDX-License-Identifier: MIT */
/* Signals of the process, counted: one handler, installed per signal for good, and one descriptor that
 * tells of any.
 *
 * The descriptor is an eventfd that nobody reads: every write makes an edge for every epoll descriptor
 * that watches it, and each runtime compares counts. */
#ifndef PIRN_RUNTIME_OS_SIGNAL_H
#define PIRN_RUNTIME_OS_SIGNAL_H

#include <stdint.h>

enum {
    SIGNAL_MAX = 64 /* numbers from 1 on */
};

/* Counts @signo from now on; again: nothing. Any thread. Return: 0 and *@channel, the descriptor; -EINVAL:
 * there is no such signal or it cannot be handled; -EMFILE, -ENFILE, -ENOMEM. */
int pirn__signal_install(int signo, int *channel);

/* An edge for everybody who watches the channel. */
void pirn__signal_poke(int channel);

/* How often it came, modulo 2^32. Any thread. */
uint32_t pirn__signal_count(int signo);

#endif
