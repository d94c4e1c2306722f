/* SPDX-License-Identifier: MIT */
/* pirn.h: all of pirn. */
#ifndef PIRN_H
#define PIRN_H

#include <pirn/alloc.h>
#include <pirn/async.h>
#include <pirn/channel.h>
#include <pirn/frame.h>
#include <pirn/group.h>
#include <pirn/io.h>
#include <pirn/join.h>
#include <pirn/local.h>
#include <pirn/net.h>
#include <pirn/op.h>
#include <pirn/runtime.h>
#include <pirn/sync.h>
#include <pirn/task.h>
#include <pirn/time.h>

#endif
