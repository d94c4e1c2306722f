/* SPDX-License-Identifier: MIT */
/* Does the wheel hand out each timer at its tick, in order, whatever its distance? */
#include <inttypes.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "runtime/time/wheel.h"

#define TICK  (INT64_C(1) << 16)
#define START INT64_C(5000000000000) /* of the clock, at tick 0 */

static struct wheel wheel;

static void reset(pirn_time start, unsigned shift)
{
    pirn__wheel_init(&wheel, start, shift);
}

static void add(struct timer *t, pirn_time when)
{
    *t = (struct timer){.when = when};
    pirn__wheel_insert(&wheel, t);
}

static struct timer *take(pirn_time now)
{
    unsigned work = 1000000;
    struct timer *t = pirn__wheel_take_due(&wheel, now, &work);

    cr_assert_gt(work, 0);
    return t;
}

/* Row by row: how far away, in ticks, and the tick at which the wheel wants to be asked first. */
static const struct distance {
    uint64_t ticks, first_look;
} distances[] = {
    {1, 1},
    {63, 63},
    {64, 64},
    {65, 64},
    {127, 64},
    {4095, 4032},
    {4096, 4096},
    {4097, 4096},
    {262144, 262144},
    {915527, 786432}, /* a minute: the third slot of level 3 */
    {UINT64_C(1) << 24, UINT64_C(1) << 24},
    {(UINT64_C(1) << 30) + 5, UINT64_C(1) << 30},
    {(UINT64_C(1) << 36) - 1, UINT64_C(63) << 30},
    {UINT64_C(1) << 36, UINT64_C(1) << 36}, /* beyond the top level: in its slot 0, a round later */
    {UINT64_C(5) << 36, UINT64_C(1) << 36},
    {(UINT64_C(1) << 36) + (UINT64_C(7) << 30), UINT64_C(7) << 30},
};

Test(wheel, a_timer_of_any_distance_is_handed_out_at_its_tick)
{
    for (size_t i = 0; i < sizeof distances / sizeof *distances; i++) {
        const struct distance *d = &distances[i];
        struct timer t;
        pirn_time due = START + (pirn_time)d->ticks * TICK;

        reset(START, WHEEL_SHIFT);
        add(&t, due);
        cr_expect_eq(pirn__wheel_next(&wheel), START + (pirn_time)d->first_look * TICK,
                     "%" PRIu64 " ticks: looked at at %" PRId64, d->ticks,
                     (pirn__wheel_next(&wheel) - START) / TICK);
        cr_expect_null(take(due - 1), "%" PRIu64 " ticks: early", d->ticks);
        cr_expect_eq(pirn__wheel_earliest(&wheel), due);
        cr_expect_eq(take(due), &t, "%" PRIu64 " ticks: late", d->ticks);
        cr_expect_eq(pirn__wheel_next(&wheel), PIRN_NEVER);
        cr_expect_eq(wheel.count, 0);
    }
}

Test(wheel, looking_only_when_it_wants_to_be_asked_is_enough)
{
    static const uint64_t far[] = {1, 64, 70, 4097, 915527, 70000000, UINT64_C(3) << 36};

    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        struct timer t;
        pirn_time due = START + (pirn_time)far[i] * TICK, at;
        unsigned looks = 0;

        reset(START, WHEEL_SHIFT);
        add(&t, due);
        do {
            at = pirn__wheel_next(&wheel);
            cr_assert_leq(at, due, "%" PRIu64 " ticks", far[i]);
            looks++;
        } while (take(at) == NULL);
        cr_expect_eq(at, due);
        cr_expect_leq(looks, 10, "%" PRIu64 " ticks: %u looks", far[i], looks);
    }
}

Test(wheel, deadlines_are_rounded_up_and_saturate)
{
    struct timer t;

    reset(START, WHEEL_SHIFT);
    cr_expect_eq(pirn__wheel_round(&wheel, START + 1), START + TICK);
    cr_expect_eq(pirn__wheel_round(&wheel, START + TICK), START + TICK);
    cr_expect_eq(pirn__wheel_round(&wheel, START + TICK + 1), START + 2 * TICK);
    cr_expect_eq(pirn__wheel_round(&wheel, START), START);
    cr_expect_eq(pirn__wheel_round(&wheel, 0), START);
    cr_expect_eq(pirn__wheel_round(&wheel, -5), START);
    cr_expect_eq(pirn__wheel_round(&wheel, PIRN_NEVER - 1), PIRN_NEVER - 1);

    add(&t, START + 1);
    cr_expect_null(take(START + TICK - 1));
    cr_expect_eq(take(START + TICK), &t);
    add(&t, PIRN_NEVER - 1);
    cr_expect_lt(pirn__wheel_next(&wheel), PIRN_NEVER);
    cr_expect_null(take(START + (INT64_C(1) << 60)));
    pirn__wheel_remove(&wheel, &t);
    cr_expect_eq(pirn__wheel_next(&wheel), PIRN_NEVER);
}

Test(wheel, what_is_due_already_is_handed_out_next)
{
    struct timer a, b;

    reset(START, WHEEL_SHIFT);
    cr_expect_null(take(START + 1000 * TICK));
    add(&a, START + 999 * TICK);
    add(&b, START + 1001 * TICK);
    cr_expect_leq(pirn__wheel_next(&wheel), START + 1000 * TICK);
    cr_expect_eq(take(START + 1000 * TICK), &a);
    cr_expect_null(take(START + 1000 * TICK));
    cr_expect_eq(pirn__wheel_next(&wheel), START + 1001 * TICK);
}

Test(wheel, a_clock_that_goes_backward_changes_nothing)
{
    struct timer a, b;

    reset(START, WHEEL_SHIFT);
    add(&a, START + 10 * TICK);
    add(&b, START + 20 * TICK);
    cr_expect_eq(take(START + 15 * TICK), &a);
    cr_expect_null(take(START - 3 * TICK));
    cr_expect_null(take(START + 2 * TICK));
    cr_expect_null(take(START + 19 * TICK));
    cr_expect_eq(take(START + 20 * TICK), &b);
}

Test(wheel, timers_of_one_tick_come_in_the_order_they_were_inserted)
{
    static const uint64_t far[] = {5, 70, 5000};
    struct timer t[100];

    for (size_t d = 0; d < sizeof far / sizeof *far; d++) {
        reset(START, WHEEL_SHIFT);
        for (int i = 0; i < 100; i++)
            add(&t[i], START + (pirn_time)far[d] * TICK - i);
        for (int i = 0; i < 100; i++)
            cr_assert_eq(take(START + (pirn_time)far[d] * TICK), &t[i], "timer %d", i);
    }
}

Test(wheel, work_is_done_a_few_timers_at_a_time)
{
    struct timer t[100];
    unsigned work, asked = 0, got = 0;

    reset(START, WHEEL_SHIFT);
    for (int i = 0; i < 100; i++)
        add(&t[i], START + 5000 * TICK);
    do {
        work = 16;
        while (pirn__wheel_take_due(&wheel, START + 5000 * TICK, &work) != NULL)
            got++;
        asked++;
        cr_assert_lt(asked, 100);
    } while (work == 0);
    cr_expect_eq(got, 100);
    /* Turned around, placed in level 0, turned around, handed out: four times 100. */
    cr_expect_geq(asked, 300 / 16);
}

/* Between two askings a timer may be anywhere: in `taken`, in `due`, placed again. */
Test(wheel, removing_between_two_askings_finds_it_wherever_it_is)
{
    enum {
        N = 40
    };

    for (unsigned stop = 1; stop < 5 * N; stop++) {
        struct timer t[N];
        unsigned work = stop, got = 0;

        reset(START, WHEEL_SHIFT);
        for (int i = 0; i < N; i++)
            add(&t[i], START + 5000 * TICK);
        while (pirn__wheel_take_due(&wheel, START + 5000 * TICK, &work) != NULL)
            got++;
        for (int i = 0; i < N; i++)
            if (t[i].link != NULL && i % 2 == 0) {
                pirn__wheel_remove(&wheel, &t[i]);
                got++;
            }
        while (take(START + 5000 * TICK) != NULL)
            got++;
        cr_assert_eq(got, N, "stopped after %u: %u", stop, got);
        cr_assert_eq(pirn__wheel_next(&wheel), PIRN_NEVER);
        cr_assert_eq(wheel.count, 0);
    }
}

/* ---- against a list ---------------------------------------------------------------------------
 * */

enum {
    MANY = 400
};

static uint64_t seed;

static uint64_t roll(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Any length: as many of some nanoseconds as of some years. */
static pirn_time some_length(void)
{
    return (pirn_time)(roll() >> (16 + roll() % 48));
}

static pirn_time round_up(pirn_time when, unsigned shift)
{
    pirn_time tick = INT64_C(1) << shift;

    return START + (when - START + tick - 1) / tick * tick;
}

static void check_due(struct timer *t, const bool *in, pirn_time now, unsigned shift)
{
    pirn_time first = PIRN_NEVER;

    for (unsigned i = 0; i < MANY; i++)
        if (in[i]) {
            cr_assert_gt(round_up(t[i].when, shift), now, "timer %u is late", i);
            if (t[i].when < first)
                first = t[i].when;
        }
    cr_assert_eq(pirn__wheel_earliest(&wheel), first);
    cr_assert_leq(pirn__wheel_next(&wheel),
                  first == PIRN_NEVER ? PIRN_NEVER : round_up(first, shift));
}

static void play(uint64_t from, unsigned shift)
{
    static struct timer t[MANY];
    bool in[MANY] = {false};
    pirn_time now = START;
    struct timer *due;

    seed = from;
    reset(START, shift);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = (unsigned)(roll() % MANY);

        if (roll() % 16 == 0) {
            now += roll() % 2 != 0 ? some_length() / 4 : 50;
            if (now > START + (INT64_C(1) << 61)) {
                now = START; /* and anew */
                reset(START, shift);
                for (unsigned k = 0; k < MANY; k++)
                    in[k] = false;
            }
            while ((due = take(now)) != NULL) {
                unsigned k = (unsigned)(due - t);

                cr_assert(in[k], "timer %u was handed out twice", k);
                cr_assert_leq(round_up(t[k].when, shift), now, "timer %u is early", k);
                in[k] = false;
            }
            check_due(t, in, now, shift);
        } else if (in[i]) {
            pirn__wheel_remove(&wheel, &t[i]);
            in[i] = false;
        } else {
            add(&t[i], now + some_length());
            in[i] = true;
        }
        if (step % 5000 == 4999) {
            shift = shift == WHEEL_SHIFT ? WHEEL_SHIFT_EXACT : WHEEL_SHIFT;
            pirn__wheel_rescale(&wheel, now, shift);
        }
    }
}

Test(wheel, agrees_with_a_list_that_is_searched)
{
    for (uint64_t s = 1; s <= 20; s++) {
        play(s * UINT64_C(0x9e3779b97f4a7c15), WHEEL_SHIFT);
        play(s * UINT64_C(0xbf58476d1ce4e5b9), WHEEL_SHIFT_EXACT);
    }
}

Test(wheel, any_hands_out_everything)
{
    struct timer t[8];
    unsigned got = 0, work = 3;

    reset(START, WHEEL_SHIFT);
    for (int i = 0; i < 6; i++)
        add(&t[i], START + 5000 * TICK);
    add(&t[6], START + (INT64_C(1) << 60));
    add(&t[7], START + TICK);
    cr_expect_eq(take(START + TICK), &t[7]);
    cr_expect_null(
        pirn__wheel_take_due(&wheel, START + 5000 * TICK, &work)); /* some are on the way */
    while (pirn__wheel_take_any(&wheel) != NULL)
        got++;
    cr_expect_eq(got, 7);
    cr_expect_eq(wheel.count, 0);
    cr_expect_eq(pirn__wheel_next(&wheel), PIRN_NEVER);
}
