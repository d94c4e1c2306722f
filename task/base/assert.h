/* SPDX-License-Identifier: MIT */
/* The two families of "this cannot be": the caller's fault, and ours. Both end the process. */
#ifndef PIRN_TASK_BASE_ASSERT_H
#define PIRN_TASK_BASE_ASSERT_H

#if defined(PIRN_MODEL)
#    include <assert.h>
#    define ASSERT(cond)           assert(cond)
#    define CLIENT_BUG(call, text) ((void)(call), assert(!(text)))
#else

#    include "task/base/compiler.h"

_Noreturn COLD void pirn__assert_failed(const char *what, const char *file, int line);
_Noreturn COLD void pirn__client_bug(const char *call, const char *text);

/* Ours: stays on in release builds; the message says where. */
#    define ASSERT(cond)           (LIKELY(cond) ? (void)0 : pirn__assert_failed(#    cond, __FILE__, __LINE__))

/* Theirs: names the public call that was misused. */
#    define CLIENT_BUG(call, text) pirn__client_bug(call, text)
#endif

/* Costs more than the code around it: only in builds with -Dslow_asserts=true. */
#if defined(PIRN_SLOW_ASSERTS) && PIRN_SLOW_ASSERTS
#    define ASSERT_SLOW(cond) ASSERT(cond)
#else
#    define ASSERT_SLOW(cond) ((void)sizeof(cond))
#endif

#endif
