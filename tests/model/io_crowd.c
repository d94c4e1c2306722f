/* SPDX-License-Identifier: MIT */
/* Of two operations that wait for the same, one is polled again and one is dropped, while an event comes:
 * is the first told of it, though the other may take the readiness, and is nobody touched after leaving? */
#include "tests/model/io_model.h"

static struct crowd crowd;
static uint32_t told; /* plain: the first one's */

static void tell(struct registration *r, uint32_t word, struct wake_list *wakes)
{
    (void)r;
    (void)pirn__crowd_tell(&crowd, word, wakes);
}

static void release(struct registration *r)
{
    (void)r;
}

static const struct registration_kind crowd_kind = {release, tell};

static struct onlooker *onlooker_of(int i)
{
    return (struct onlooker *)(void *)waiters[i].op.state;
}

/* Likewise pirn_fd_ready_poll(). Return: what it was told, or has seen. */
static uint32_t look(int i)
{
    struct onlooker *o = onlooker_of(i);
    uint32_t word = o->at != NULL ? pirn__crowd_told(&crowd, o) : 0;

    if (word == 0)
        word = readiness_look(&reg->ready);
    return word & READY_READ;
}

static uint32_t poll_one(int i)
{
    uint32_t word = look(i);

    if (word == 0) {
        pirn__crowd_join(&crowd, reg, onlooker_of(i), &waiters[i].cx);
        word = look(i);
    }
    return word;
}

static void setup(void)
{
    io_reset(&crowd_kind, 0);
    pirn__crowd_init(&crowd);
    onlooker_of(0)->mask = onlooker_of(1)->mask = IO_READ;
    assert(poll_one(0) == 0);
    assert(poll_one(1) == 0);
}

static void run(unsigned thread)
{
    uint32_t seen;

    if (thread == 0) {
        told = poll_one(0);
    } else if (thread == 1) {
        seen = readiness_look(&reg->ready);
        pirn__readiness_clear(&reg->ready, seen, IO_READ); /* takes it, if it is there */
        pirn__crowd_leave(&crowd, onlooker_of(1));
    } else {
        event();
    }
}

static void check(void)
{
    if (told == 0) {
        assert(has_mail(&waiters[0]));
        told = poll_one(0);
    }
    assert(told & READY_READ);
    pirn__crowd_leave(&crowd, onlooker_of(0));
    pirn__registration_retire(reg);
    assert(buried == 1);
    for (int i = 0; i < 2; i++)
        assert(is_even(&waiters[i]));
}

MODEL_SCENARIO("io_crowd", 3)
