/* SPDX-License-Identifier: MIT */
/* An operation joins an empty crowd while an event comes: is it told, or does it see? */
#include "tests/model/io_model.h"

static struct crowd crowd;
static uint32_t told; /* plain: the operation's */

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

static struct onlooker *onlooker(void)
{
    return (struct onlooker *)(void *)waiters[0].op.state;
}

static void setup(void)
{
    io_reset(&crowd_kind, 0);
    pirn__crowd_init(&crowd);
    onlooker()->mask = IO_READ;
    told = 0;
}

static void run(unsigned thread)
{
    if (thread == 0) {
        pirn__crowd_join(&crowd, reg, onlooker(), &waiters[0].cx);
        told = readiness_look(&reg->ready) & READY_READ;
    } else {
        event();
    }
}

static void check(void)
{
    assert(told != 0 || (has_mail(&waiters[0]) && pirn__crowd_told(&crowd, onlooker()) != 0));
    pirn__crowd_leave(&crowd, onlooker());
    pirn__registration_retire(reg);
    assert(buried == 1 && is_even(&waiters[0]));
}

MODEL_SCENARIO("io_crowd_join", 2)
