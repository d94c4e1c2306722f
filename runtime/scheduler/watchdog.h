/* SPDX-License-Identifier: MIT */
/* The watchdog: a thread that finds polls which take too long. */
#ifndef PIRN_RUNTIME_SCHEDULER_WATCHDOG_H
#define PIRN_RUNTIME_SCHEDULER_WATCHDOG_H

#include <stdint.h>

struct pirn_handle;
struct watchdog;

/* Starts it for a runtime that asks for one. Return: 0; -ENOMEM, -EAGAIN. */
int pirn__watchdog_start(struct pirn_handle *h);
/* Ends its thread. Nobody calls it any more. */
void pirn__watchdog_stop(struct pirn_handle *h);
/* A worker wakes: the watchdog is up while one is. Any thread; one load if it is up. */
void pirn__watchdog_call(struct watchdog *d);

#endif
