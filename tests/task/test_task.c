/* SPDX-License-Identifier: MIT */
/* Is every bad descriptor refused by the name of its field, and every good one laid out right? */
#include "task/task.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "task/harness.h"
#include "tests/support/fake_sched.h"

enum {
    NO = 4,
    JI = 8,
    R = 64
};

static int poll_nothing(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)cx;
    (void)out;
    return 0;
}

static pirn_task_desc good(void)
{
    return (pirn_task_desc){.size = sizeof(pirn_task_desc), .poll = poll_nothing};
}

#define TERABYTE ((size_t)1 << 40)

static const struct bad {
    const char *field; /* what the text must begin with */
    int err;
    size_t size; /* 0: the right one */
    bool no_poll;
    size_t frame_size, frame_align, out_size, out_align;
    uint32_t flags;
} bad[] = {
    {.field = "pirn_task_desc.size: 1,", .err = -EINVAL, .size = 1},
    {.field = "pirn_task_desc.size: 79,", .err = -EINVAL, .size = sizeof(pirn_task_desc) - 1},
    {.field = "pirn_task_desc.size: 65537,", .err = -E2BIG, .size = 65537},
    {.field = "pirn_task_desc.size", .err = -E2BIG, .size = SIZE_MAX},
    {.field = "pirn_task_desc.poll", .err = -EINVAL, .no_poll = true},
    {.field = "pirn_task_desc.frame_size", .err = -EINVAL, .frame_size = TERABYTE + 1},
    {.field = "pirn_task_desc.frame_size", .err = -EINVAL, .frame_size = SIZE_MAX},
    {.field = "pirn_task_desc.out_size", .err = -EINVAL, .out_size = TERABYTE + 1},
    {.field = "pirn_task_desc.out_size", .err = -EINVAL, .out_size = SIZE_MAX},
    {.field = "pirn_task_desc.frame_align: 3,", .err = -EINVAL, .frame_align = 3},
    {.field = "pirn_task_desc.frame_align", .err = -EINVAL, .frame_align = 12},
    {.field = "pirn_task_desc.frame_align", .err = -EINVAL, .frame_align = 8192},
    {.field = "pirn_task_desc.frame_align", .err = -EINVAL, .frame_align = SIZE_MAX},
    {.field = "pirn_task_desc.out_align: 6,", .err = -EINVAL, .out_align = 6},
    {.field = "pirn_task_desc.out_align", .err = -EINVAL, .out_align = 8192},
    {.field = "pirn_task_desc.flags", .err = -EINVAL, .flags = PIRN_TASK_TRY},
    {.field = "pirn_task_desc.flags", .err = -EINVAL, .flags = PIRN_TASK_MANDATORY},
    {.field = "pirn_task_desc.flags: unknown bits 0x20", .err = -EINVAL, .flags = 1u << 5},
    {.field = "pirn_task_desc.flags", .err = -EINVAL, .flags = 1u << 31, .frame_size = 8},
    {.field = "pirn_task_desc.flags", .err = -EINVAL, .flags = PIRN_TASK_LINE, .frame_size = 3},
};

static pirn_task_desc made_of(const struct bad *b)
{
    pirn_task_desc d = good();

    d.size = b->size != 0 ? b->size : d.size;
    d.poll = b->no_poll ? NULL : d.poll;
    d.frame_size = b->frame_size;
    d.frame_align = b->frame_align;
    d.out_size = b->out_size;
    d.out_align = b->out_align;
    d.flags = b->flags;
    return d;
}

Test(task, a_bad_descriptor_is_refused_by_the_name_of_its_field)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pirn_task_desc d = made_of(&bad[i]);
        struct cell_layout l = {1, 2, 3};

        cr_expect_eq(pirn__task_check(&d), bad[i].err, "row %zu: %s", i, bad[i].field);
        cr_expect_eq(strncmp(pirn_last_error_text(), bad[i].field, strlen(bad[i].field)), 0,
                     "row %zu: \"%s\"", i, pirn_last_error_text());
        cr_expect_eq(pirn__task_prepare(&d, &l), bad[i].err);
        cr_expect_eq(l.bytes, 1, "nothing is changed");
    }
    cr_expect_eq(pirn__task_check(NULL), -EINVAL);
    cr_expect_str_eq(pirn_last_error_text(), "pirn_task_desc: NULL");
}

Test(task, all_flags_together)
{
    pirn_task_desc d = good();

    d.frame_size = 4;
    d.flags = PIRN_TASK_BLOCKING | PIRN_TASK_TRY | PIRN_TASK_MANDATORY | PIRN_TASK_UNCONSTRAINED |
              PIRN_TASK_LINE;
    cr_expect_eq(d.flags, 31);
    cr_expect_eq(pirn__task_check(&d), 0);
    d.flags |= PIRN_TASK_FRAME;
    cr_expect_eq(d.flags, 65567);
    cr_expect_eq(pirn__task_check(&d), 0);
    d.flags = PIRN_TASK_BLOCKING;
    cr_expect_eq(pirn__task_check(&d), 0);
}

Test(task, a_larger_descriptor_is_fine_while_its_unknown_tail_is_zero)
{
    struct {
        pirn_task_desc known;
        unsigned char unknown[32];
    } d = {good(), {0}};

    d.known.size = sizeof d;
    cr_expect_eq(pirn__task_check(&d.known), 0);
    for (size_t i = 0; i < sizeof d.unknown; i++) {
        d.unknown[i] = 1;
        cr_expect_eq(pirn__task_check(&d.known), -E2BIG, "byte %zu", i);
        cr_expect_not_null(strstr(pirn_last_error_text(), "pirn_task_desc.size"));
        d.unknown[i] = 0;
    }
    d.unknown[31] = 1;
    d.known.size = sizeof d - 1;
    cr_expect_eq(pirn__task_check(&d.known), 0, "behind its end");
}

Test(task, the_largest_values_are_fine)
{
    pirn_task_desc d = good();

    d.frame_size = d.out_size = TERABYTE;
    d.frame_align = d.out_align = 4096;
    d.flags = PIRN_TASK_LINE | PIRN_TASK_UNCONSTRAINED;
    cr_expect_eq(pirn__task_check(&d), 0);
    d = good();
    d.frame_size = 4;
    d.flags = PIRN_TASK_LINE;
    cr_expect_eq(pirn__task_check(&d), 0);
}

/* Every layout: header directly before the stage, everything aligned, nothing overlaps, no waste. */
static void check_layout(const pirn_task_desc *d)
{
    size_t frame_align = d->frame_align > 16 ? d->frame_align : 16;
    size_t out_align = d->out_align > 16 ? d->out_align : 16;
    struct cell_layout l, prepared;
    size_t stage;

    pirn__task_layout(d, &l);
    cr_assert_eq(pirn__task_prepare(d, &prepared), 0);
    cr_expect(prepared.bytes == l.bytes && prepared.align == l.align &&
                  prepared.header_offset == l.header_offset,
              "both ways agree");
    stage = l.header_offset + CELL_STAGE;
    cr_expect_eq(stage % frame_align, 0);
    cr_expect_eq(stage % out_align, 0);
    cr_expect_eq(l.align % frame_align + l.align % out_align, 0);
    cr_expect_lt(l.header_offset, l.align);
    cr_expect_geq(l.bytes, stage + d->frame_size);
    cr_expect_geq(l.bytes, stage + d->out_size);
    if (d->out_size > SCRATCH_BYTES || d->out_align > SCRATCH_ALIGN) {
        size_t at = stage + (d->frame_size + out_align - 1) / out_align * out_align;

        cr_expect_eq(l.bytes, at + d->out_size, "room behind the frame");
    } else {
        cr_expect_eq(l.bytes, stage + (d->frame_size > d->out_size ? d->frame_size : d->out_size));
    }
}

Test(task, layouts)
{
    static const size_t sizes[] = {0, 1, 8, 100, 255, 256, 257, 1000, 70000};
    static const size_t aligns[] = {0, 1, 8, 16, 32, 64, 128, 4096};
    enum {
        SIZES = sizeof sizes / sizeof *sizes,
        ALIGNS = sizeof aligns / sizeof *aligns
    };

    for (size_t n = 0; n < (size_t)SIZES * SIZES * ALIGNS * ALIGNS; n++) {
        pirn_task_desc d = good();

        d.frame_size = sizes[n % SIZES];
        d.out_size = sizes[n / SIZES % SIZES];
        d.frame_align = aligns[n / SIZES / SIZES % ALIGNS];
        d.out_align = aligns[n / SIZES / SIZES / ALIGNS];
        check_layout(&d);
    }
}

/* All the references of a task that never ran. */
static void give_up(struct header *h, size_t refs)
{
    cr_assert(pirn__state_ref_dec(&h->state, refs));
    pirn__harness_free(h);
}

Test(task, room_for_a_large_output_lies_behind_the_frame)
{
    pirn_task_desc d = good();
    struct fake_sched f;
    struct header *h;
    char frame[100] = {0};

    d.frame_size = sizeof frame;
    d.out_size = 300;
    d.out_align = 64;
    fake_init(&f);
    h = fake_new(&f, &d, frame, true);
    cr_expect_eq((char *)pirn__task_output_room(h) - (char *)cell_stage(h), 128);
    cr_expect_eq((uintptr_t)pirn__task_output_room(h) % 64, 0);
    give_up(h, 3);
    cr_expect(fake_is_empty(&f));
}

Test(task, a_new_task_is_queued_unlinked_and_without_result)
{
    pirn_task_desc d = good();
    struct fake_sched f;
    struct header *h;
    struct task_facts facts;

    fake_init(&f);
    for (int joined = 0; joined < 2; joined++) {
        h = fake_new(&f, &d, NULL, joined);
        cr_expect_eq(fake_word(h), joined ? 3 * R + NO + JI : 2 * R + NO);
        cr_expect_not(cell_is_linked(h));
        cr_expect_eq(cell_outcome(h), OUTCOME_NONE);
        cr_expect_null(slot_vt(&h->join_waker));
        cr_expect_null(h->end.ops);
        pirn__task_init(h, &d, &f.base, 77, (void *)0x123456, 55, joined);
        pirn__harness_facts(h, &facts);
        cr_expect_eq(facts.id, 77);
        cr_expect_eq(facts.spawn_site, (void *)0x123456);
        cr_expect_eq(facts.spawned_tick, 55);
        cr_expect_eq(facts.polls, 0);
        cr_expect_eq(facts.await_line, 0);
        cr_expect_not(facts.forever);
        give_up(h, joined ? 3 : 2);
    }
}
