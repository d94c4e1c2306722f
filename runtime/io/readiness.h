/* SPDX-License-Identifier: MIT */
/* What is known of a descriptor: one word.
 *
 *    31                        8   7    6    5    4    3    2    1    0
 *   +---------------------------+----+----+----+----+----+----+----+----+
 *   | tick                      | GO | SH | ER | PR | WC | RC | WR | RD |
 *   +---------------------------+----+----+----+----+----+----+----+----+
 *
 * The driver sets, and with every event the tick moves on. Who got EAGAIN clears what it had seen, if
 * the tick is still that one: an event that came in between is not lost. SHUT and GONE are for good. */
#ifndef PIRN_RUNTIME_IO_READINESS_H
#define PIRN_RUNTIME_IO_READINESS_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    READY_READ = 1u << 0,        /* reading may give something */
    READY_WRITE = 1u << 1,       /* writing may take something */
    READY_READ_CLOSED = 1u << 2, /* nothing more will come after what is there; as the last event */
    READY_WRITE_CLOSED = 1u << 3, /* had it, as the next: no clear takes them away */
    READY_PRIORITY = 1u << 4,     /* out-of-band data, or what the descriptor takes for it */
    READY_ERROR = 1u << 5,        /* an error is to be read; READ and WRITE are set with it */
    READY_SHUT = 1u << 6,         /* the runtime has shut down */
    READY_GONE = 1u << 7,         /* the owner has given the descriptor up */
    READY_CLOSED = READY_READ_CLOSED | READY_WRITE_CLOSED,
    READY_OVER = READY_SHUT | READY_GONE,
};
#define READY_TICK ((uint32_t)1 << 8)

struct readiness {
    _Atomic(uint32_t) word;
};

/* @bits: what is taken for ready before anybody has looked. */
static inline void readiness_init(struct readiness *r, uint32_t bits)
{
    /* mo: release pairs with [watched] in set: the kernel hands the address on, and only this word says
     * that what stands beside it is there. */
    atomic_store_explicit(&r->word, bits, memory_order_release);
}

/* The word, from before the system call that is to be tried on the strength of it. */
static inline uint32_t readiness_look(const struct readiness *r)
{
    /* mo: seq_cst pairs with [seat]: who waits takes a seat, then looks; who makes ready does so, then
     * looks at the seat. Acquire, besides, keeps the call behind the look. */
    return atomic_load_explicit(&r->word, memory_order_seq_cst);
}

/* By whoever has got an event of @bits. Then those who wait are woken. Return: the word. */
uint32_t pirn__readiness_set(struct readiness *r, uint32_t bits);

/* What was seen ready in @seen is so no more, of @bits; those that say closed stay. Nothing if there was
 * an event since. */
void pirn__readiness_clear(struct readiness *r, uint32_t seen, uint32_t bits);

/* SHUT or GONE. Then those who wait are woken. Return: the word. */
uint32_t pirn__readiness_end(struct readiness *r, uint32_t bit);

#endif
