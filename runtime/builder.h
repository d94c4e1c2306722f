/* SPDX-License-Identifier: MIT */
/* From options to the fields of a handle. */
#ifndef PIRN_RUNTIME_BUILDER_H
#define PIRN_RUNTIME_BUILDER_H

#include "runtime/scheduler/rt_handle.h"

/* Checks @o and fills @h, flavour and all; the texts are copies. Return: 0, -EINVAL, -E2BIG, -ENOMEM. */
int pirn__builder_read(const pirn_runtime_opts *o, struct pirn_handle *h);

/* Of a struct that begins with its size: that it is one that this version knows. @known: what it has; a later
 * version may pass more, if that is zero. Return: 0; -EINVAL, -E2BIG with a text that names @what. */
int pirn__options_check(const char *what, const void *s, size_t size, size_t known);

#endif
