/* SPDX-License-Identifier: MIT */
/* Threads that pirn makes: they take no signals, and the kernel shows their names. */
#ifndef PIRN_RUNTIME_OS_THREAD_H
#define PIRN_RUNTIME_OS_THREAD_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* Runs fn(arg) on a new thread that blocks all signals. @stack_bytes: 0: the system's default. @name:
 * its first 15 bytes count. Return: 0, -EAGAIN, -ENOMEM. */
int pirn__thread_start(pthread_t *id, size_t stack_bytes, const char *name, void (*fn)(void *arg),
                       void *arg);
void pirn__thread_join(pthread_t id);

/* The kernel's number of the calling thread. */
uint64_t pirn__thread_id(void);

#endif
