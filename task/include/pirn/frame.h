/* SPDX-License-Identifier: MIT */
/* pirn/frame.h: what the macros of pirn/async.h are made of. Names that end in _ are theirs alone. */
#ifndef PIRN_FRAME_H
#define PIRN_FRAME_H

#include <pirn/op.h>
#include <pirn/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * pirn_frame_lost() - PIRN_BEGIN() found no place to go on at: message with all of this, abort
 * Not for calling by hand.
 */
PIRN_NORETURN PIRN_API void pirn_frame_lost(uint32_t at, const char *file, int line,
                                            const char *function);

/* What the frame's first word holds while it waits: the mark plus the line, which has 20 bits; zero is
 * fresh. */
#define PIRN_FRAME_MARK UINT32_C(0x5a500000)
#define PIRN_LINE_BITS  20

/* A case number needs more than 32 bits: in a user's own switch over an int it does not fit, and the
 * compiler says so. That stays a warning under -Werror (an error in clang++), because an await that
 * stands there does no harm until it waits; then PIRN_BEGIN() reports it. What is left of the number in 32
 * bits is no likely case of the user's either. */
#define PIRN_CASE_(word) (UINT64_C(0x5a5a5a5a00000000) + (word))
#if defined(__clang__)
#    define PIRN_SOFT_                                                                             \
        _Pragma("clang diagnostic push") _Pragma("clang diagnostic warning \"-Wswitch\"")
#    define PIRN_HARD_ _Pragma("clang diagnostic pop")
#elif defined(__GNUC__)
#    define PIRN_SOFT_                                                                             \
        _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic warning \"-Woverflow\"")            \
            _Pragma("GCC diagnostic warning \"-Wnarrowing\"")
#    define PIRN_HARD_ _Pragma("GCC diagnostic pop")
#else
#    define PIRN_SOFT_
#    define PIRN_HARD_
#endif
#if defined(__GNUC__)
#    define PIRN_FALL_   __attribute__((fallthrough));
#    define PIRN_UNUSED_ __attribute__((unused))
#else
#    define PIRN_FALL_
#    define PIRN_UNUSED_
#endif
/* Where a frame goes on that stopped at `line`. */
#define PIRN_BACK_(line)                                                                           \
    PIRN_SOFT_ case PIRN_CASE_(PIRN_FRAME_MARK + (line)) :;                                        \
    PIRN_HARD_
/* The same, and where it comes from above. */
#define PIRN_HERE_(line)                                                                           \
    PIRN_SOFT_ PIRN_FALL_ case PIRN_CASE_(PIRN_FRAME_MARK + (line)) :;                             \
    PIRN_HARD_

static inline uint64_t pirn_frame_enter_(uint32_t *at)
{
    uint32_t was = *at;

    *at = 0;
    return PIRN_CASE_(was);
}

static inline void pirn_frame_yield_(pirn_cx *cx)
{
    unsigned state = 0;

    (void)!pirn_yield_poll(&state, cx);
}

static inline void pirn_frame_lose_(pirn_op *op)
{
    if (op != NULL && op->kind != NULL)
        pirn_op_drop(op);
}

/* Of branch i of n: whether it is polled in this pass of two: those from the first one on, then those
 * before it. The upper half of the mask is which is first. */
static inline int pirn_frame_turn_(unsigned mask, unsigned i, unsigned pass)
{
    return (mask >> i & 1u) == 0 && (i < mask >> 16) == (pass != 0);
}

static inline int pirn_frame_all_(unsigned mask, unsigned n)
{
    return (mask & 0xffffu) == (1u << n) - 1;
}

static inline unsigned pirn_frame_next_(unsigned mask, unsigned n)
{
    unsigned first = (mask >> 16) + 1;

    return (mask & 0xffffu) | (first < n ? first : 0) << 16;
}

/* `line` comes in as an argument so that it is one number everywhere in an expansion. */
#define PIRN_STOP_(f, line)                                                                        \
    do {                                                                                           \
        (f)->pirn_at_ = PIRN_FRAME_MARK + (line);                                                  \
        return PIRN_PENDING;                                                                       \
    } while (0)

#define PIRN_AWAIT_(f, line, poll)                                                                 \
    do {                                                                                           \
        PIRN_HERE_(line)                                                                           \
        if (poll == PIRN_PENDING)                                                                  \
            PIRN_STOP_(f, line);                                                                   \
    } while (0)

#define PIRN_TRY_(f, line, poll)                                                                   \
    do {                                                                                           \
        PIRN_HERE_(line)                                                                           \
        {                                                                                          \
            int pirn_r_ = poll;                                                                    \
                                                                                                   \
            if (pirn_r_ == PIRN_PENDING)                                                           \
                PIRN_STOP_(f, line);                                                               \
            if (pirn_r_ < 0)                                                                       \
                return pirn_r_;                                                                    \
        }                                                                                          \
    } while (0)

#define PIRN_YIELD_(f, cx, line)                                                                   \
    do {                                                                                           \
        pirn_frame_yield_(cx);                                                                     \
        PIRN_STOP_(f, line);                                                                       \
        PIRN_BACK_(line)                                                                           \
    } while (0)

#define PIRN_SELECT_(f, line, won, r, n, ...)                                                      \
    do {                                                                                           \
        PIRN_HERE_(line)                                                                           \
        PIRN_CAT_(PIRN_POLL_, n)(won, r, 0, __VA_ARGS__) PIRN_STOP_(f, line);                      \
        PIRN_CAT_(PIRN_LOSE_, n)(won, 0, __VA_ARGS__)                                              \
    } while (0)

#define PIRN_JOIN_(f, line, mask, n, ...)                                                          \
    do {                                                                                           \
        PIRN_HERE_(line)                                                                           \
        {                                                                                          \
            unsigned pirn_pass_;                                                                   \
                                                                                                   \
            for (pirn_pass_ = 0; pirn_pass_ < 2; pirn_pass_++) {                                   \
                PIRN_CAT_(PIRN_EACH_, n)(mask, 0, __VA_ARGS__)                                     \
            }                                                                                      \
            if (!pirn_frame_all_(mask, n)) {                                                       \
                (mask) = pirn_frame_next_(mask, n);                                                \
                PIRN_STOP_(f, line);                                                               \
            }                                                                                      \
            (mask) = 0;                                                                            \
        }                                                                                          \
    } while (0)

#define PIRN_CAT_(a, b)  PIRN_CAT2_(a, b)
#define PIRN_CAT2_(a, b) a##b
/* How many arguments there are, 1 to 16. */
#define PIRN_COUNT_(...)                                                                           \
    PIRN_COUNT2_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define PIRN_COUNT2_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, count, ...) count

#define PIRN_POLL_2(won, r, i, op, poll)                                                           \
    if (((r) = (poll)) != PIRN_PENDING)                                                            \
        (won) = (i);                                                                               \
    else
#define PIRN_POLL_4(won, r, i, op, poll, ...)                                                      \
    PIRN_POLL_2(won, r, i, op, poll) PIRN_POLL_2(won, r, i + 1, __VA_ARGS__)
#define PIRN_POLL_6(won, r, i, op, poll, ...)                                                      \
    PIRN_POLL_2(won, r, i, op, poll) PIRN_POLL_4(won, r, i + 1, __VA_ARGS__)
#define PIRN_POLL_8(won, r, i, op, poll, ...)                                                      \
    PIRN_POLL_2(won, r, i, op, poll) PIRN_POLL_6(won, r, i + 1, __VA_ARGS__)
#define PIRN_POLL_10(won, r, i, op, poll, ...)                                                     \
    PIRN_POLL_2(won, r, i, op, poll) PIRN_POLL_8(won, r, i + 1, __VA_ARGS__)
#define PIRN_POLL_12(won, r, i, op, poll, ...)                                                     \
    PIRN_POLL_2(won, r, i, op, poll) PIRN_POLL_10(won, r, i + 1, __VA_ARGS__)
#define PIRN_POLL_14(won, r, i, op, poll, ...)                                                     \
    PIRN_POLL_2(won, r, i, op, poll) PIRN_POLL_12(won, r, i + 1, __VA_ARGS__)
#define PIRN_POLL_16(won, r, i, op, poll, ...)                                                     \
    PIRN_POLL_2(won, r, i, op, poll) PIRN_POLL_14(won, r, i + 1, __VA_ARGS__)

#define PIRN_LOSE_2(won, i, op, poll)                                                              \
    if ((won) != (i))                                                                              \
        pirn_frame_lose_(op);
#define PIRN_LOSE_4(won, i, op, poll, ...)                                                         \
    PIRN_LOSE_2(won, i + 1, __VA_ARGS__) PIRN_LOSE_2(won, i, op, poll)
#define PIRN_LOSE_6(won, i, op, poll, ...)                                                         \
    PIRN_LOSE_4(won, i + 1, __VA_ARGS__) PIRN_LOSE_2(won, i, op, poll)
#define PIRN_LOSE_8(won, i, op, poll, ...)                                                         \
    PIRN_LOSE_6(won, i + 1, __VA_ARGS__) PIRN_LOSE_2(won, i, op, poll)
#define PIRN_LOSE_10(won, i, op, poll, ...)                                                        \
    PIRN_LOSE_8(won, i + 1, __VA_ARGS__) PIRN_LOSE_2(won, i, op, poll)
#define PIRN_LOSE_12(won, i, op, poll, ...)                                                        \
    PIRN_LOSE_10(won, i + 1, __VA_ARGS__) PIRN_LOSE_2(won, i, op, poll)
#define PIRN_LOSE_14(won, i, op, poll, ...)                                                        \
    PIRN_LOSE_12(won, i + 1, __VA_ARGS__) PIRN_LOSE_2(won, i, op, poll)
#define PIRN_LOSE_16(won, i, op, poll, ...)                                                        \
    PIRN_LOSE_14(won, i + 1, __VA_ARGS__) PIRN_LOSE_2(won, i, op, poll)

#define PIRN_EACH_1(mask, i, poll)                                                                 \
    if (pirn_frame_turn_(mask, i, pirn_pass_) && (poll) != PIRN_PENDING)                           \
        (mask) |= 1u << (i);
#define PIRN_EACH_2(mask, i, poll, ...)                                                            \
    PIRN_EACH_1(mask, i, poll) PIRN_EACH_1(mask, i + 1, __VA_ARGS__)
#define PIRN_EACH_3(mask, i, poll, ...)                                                            \
    PIRN_EACH_1(mask, i, poll) PIRN_EACH_2(mask, i + 1, __VA_ARGS__)
#define PIRN_EACH_4(mask, i, poll, ...)                                                            \
    PIRN_EACH_1(mask, i, poll) PIRN_EACH_3(mask, i + 1, __VA_ARGS__)
#define PIRN_EACH_5(mask, i, poll, ...)                                                            \
    PIRN_EACH_1(mask, i, poll) PIRN_EACH_4(mask, i + 1, __VA_ARGS__)
#define PIRN_EACH_6(mask, i, poll, ...)                                                            \
    PIRN_EACH_1(mask, i, poll) PIRN_EACH_5(mask, i + 1, __VA_ARGS__)
#define PIRN_EACH_7(mask, i, poll, ...)                                                            \
    PIRN_EACH_1(mask, i, poll) PIRN_EACH_6(mask, i + 1, __VA_ARGS__)
#define PIRN_EACH_8(mask, i, poll, ...)                                                            \
    PIRN_EACH_1(mask, i, poll) PIRN_EACH_7(mask, i + 1, __VA_ARGS__)

#define PIRN_ALIGN_(t) (PIRN_ALIGNOF_(t) > PIRN_ALIGNOF_(max_align_t) ? PIRN_ALIGNOF_(t) : 0)
#ifdef __cplusplus
#    define PIRN_ALIGNOF_(t) alignof(t)
#else
#    define PIRN_ALIGNOF_(t) _Alignof(t)
#endif
#define PIRN_DESC_(name, frame_t, poll, drop, out_size, out_align, out_drop)                       \
    {                                                                                              \
        sizeof(pirn_task_desc), name, poll, drop, sizeof(frame_t), PIRN_ALIGN_(frame_t), out_size, \
            out_align, out_drop, PIRN_TASK_FRAME                                                   \
    }

#ifdef __cplusplus
}
#endif
#endif
