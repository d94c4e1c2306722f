/* SPDX-License-Identifier: MIT */
/* Do cells come from slabs of their class, come back from anywhere, and go away after a burst? */
#include "task/cache.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/join.h>

#include "task/base/compiler.h"
#include "tests/support/death.h"
#include "tests/support/fail_alloc.h"

enum {
    KEPT = 128,
    MANY = 4096
};

static struct fail_alloc memory;
static pirn_alloc alloc;
static struct cell_cache c;
static struct header *cells[MANY];

static void start(void)
{
    fail_alloc_init(&memory, &alloc);
    pirn__cache_init(&c, &alloc);
}

static struct header *take(size_t bytes)
{
    unsigned class = pirn__cache_class(bytes);
    struct header *h = pirn__cache_take(&c, class, bytes);

    if (h == NULL) {
        struct slab *s = pirn__cache_new_slab(&alloc);

        cr_assert_not_null(s);
        pirn__cache_add(&c, s);
        h = pirn__cache_take(&c, class, bytes);
    }
    cr_assert_not_null(h);
    return h;
}

static void give(struct header *h)
{
    struct slab *s = pirn__cache_give(&c, h);

    if (s != NULL)
        pirn__cache_free_slabs(&alloc, s);
}

static void end(void)
{
    pirn__cache_fini(&c);
    cr_expect_eq(atomic_load(&memory.live_blocks), 0);
    cr_expect_eq(atomic_load(&memory.live_bytes), 0);
}

Test(cache, classes_are_16_apart_and_then_256)
{
    cr_expect_eq(pirn__cache_class(CELL_STAGE), 0);
    for (size_t bytes = CELL_STAGE + 1; bytes <= CELL_BYTES_MAX; bytes++) {
        size_t step = bytes <= 1024 ? 16 : 256;
        bool next = (bytes - 1) % step == 0;

        cr_assert_eq(pirn__cache_class(bytes), pirn__cache_class(bytes - 1) + next, "%zu", bytes);
    }
    cr_expect_eq(pirn__cache_class(CELL_BYTES_MAX), CELL_CLASSES - 1);
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (struct header *const *)a;
    uintptr_t y = (uintptr_t) * (struct header *const *)b;

    return x < y ? -1 : x > y;
}

Test(cache, cells_of_every_class_lie_side_by_side)
{
    for (size_t bytes = CELL_STAGE; bytes <= CELL_BYTES_MAX; bytes += bytes < 1024 ? 16 : 256) {
        unsigned n = 0;

        start();
        cells[n++] = take(bytes);
        while ((cells[n] = pirn__cache_take(&c, pirn__cache_class(bytes), bytes)) != NULL)
            n++;
        cr_expect_eq(c.live, n);
        cr_expect_geq(n, (SLAB_BYTES - 128) / (bytes + 256), "no room is lost: %zu", bytes);
        qsort(cells, n, sizeof *cells, by_address);
        for (unsigned i = 0; i < n; i++) {
            memset(cells[i], 0xaa, bytes);
            cells[i]->owned.kind = 0;
            cr_expect_eq((uintptr_t)cells[i] % CELL_ALIGN, 0);
            cr_expect_eq((uintptr_t)cells[i] / SLAB_BYTES, (uintptr_t)cells[0] / SLAB_BYTES);
            cr_expect_eq(pirn__cache_of(cells[i]), &c);
            if (i > 0)
                cr_assert_geq((size_t)((char *)cells[i] - (char *)cells[i - 1]), bytes);
        }
        cr_expect_leq((uintptr_t)cells[n - 1] % SLAB_BYTES + bytes, SLAB_BYTES - 64);
        for (unsigned i = 0; i < n; i++)
            give(cells[i]);
        cr_expect_eq(c.live, 0);
        end();
    }
}

Test(cache, a_cell_that_came_back_is_the_next_to_go_out)
{
    struct header *a, *b;

    start();
    a = take(200);
    b = take(200);
    cr_expect_neq(a, b);
    give(a);
    cr_expect_eq(take(200), a);
    cr_expect_eq(a->owned.kind, 0);
    give(b);
    give(a);
    cr_expect_eq(take(200), a);
    cr_expect_eq(take(200), b);
    give(a);
    give(b);
    end();
}

Test(cache, without_memory_nothing_happens)
{
    start();
    memory.fail_at = 1;
    cr_expect_null(pirn__cache_take(&c, 0, CELL_STAGE));
    cr_expect_null(pirn__cache_new_slab(&alloc));
    cr_expect_null(pirn__cache_take(&c, 0, CELL_STAGE));
    cr_expect_eq(c.slabs, 0);
    give(take(CELL_STAGE));
    end();
}

/* ---- after a burst ------------------------------------------------------------------------------ */

static unsigned per_slab(size_t bytes)
{
    unsigned n = 1;

    start();
    give(take(bytes));
    cells[0] = take(bytes);
    while ((cells[n] = pirn__cache_take(&c, pirn__cache_class(bytes), bytes)) != NULL)
        n++;
    for (unsigned i = 0; i < n; i++)
        give(cells[i]);
    end();
    return n;
}

Test(cache, a_bursts_memory_goes_away)
{
    enum {
        SLABS = 4 * KEPT
    };
    unsigned each = per_slab(CELL_BYTES_MAX), n = 0;

    start();
    while (c.slabs < SLABS)
        cells[n++] = take(CELL_BYTES_MAX);
    cr_assert_leq(n, each * SLABS);
    cr_expect_eq(atomic_load(&c.bytes), (uint64_t)SLABS * SLAB_BYTES);
    while (n > 0)
        give(cells[--n]);
    cr_expect_eq(c.spares, KEPT);
    cr_expect_eq(c.slabs, KEPT + 1, "and the last one of its class");
    cr_expect_eq(atomic_load(&memory.live_blocks), KEPT + 1);
    cr_expect_eq(atomic_load(&c.bytes), (uint64_t)(KEPT + 1) * SLAB_BYTES);
    end();
}

Test(cache, a_rhythms_memory_stays)
{
    enum {
        SLABS = 3 * KEPT
    };
    unsigned n = 0, half;
    size_t calls;

    start();
    while (c.slabs < SLABS)
        cells[n++] = take(CELL_BYTES_MAX);
    half = n / 2;
    for (unsigned i = half; i < n; i++)
        give(cells[i]);
    calls = atomic_load(&memory.calls);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = half; i < n; i++)
            cells[i] = take(CELL_BYTES_MAX);
        for (unsigned i = half; i < n; i++)
            give(cells[i]);
    }
    cr_expect_eq(atomic_load(&memory.calls), calls, "as many are kept as are in use");
    while (half > 0)
        give(cells[--half]);
    end();
}

/* ---- from elsewhere ------------------------------------------------------------------------------ */

Test(cache, cells_freed_elsewhere_are_taken_in_when_they_are_needed)
{
    size_t bytes = 4096;
    unsigned n = per_slab(bytes);

    start();
    for (unsigned i = 0; i < n; i++)
        cells[i] = take(bytes);
    for (unsigned i = 0; i < n; i++)
        cr_expect(pirn__cache_give_remote(&c, cells[i]));
    cr_expect_eq(c.live, n, "not known yet");
    cr_expect_not_null(pirn__cache_take(&c, pirn__cache_class(bytes), bytes));
    cr_expect_eq(c.live, 1);
    cr_expect_eq(c.slabs, 1);
    for (unsigned i = 1; i < n; i++)
        cr_expect_not_null(pirn__cache_take(&c, pirn__cache_class(bytes), bytes));
    cr_expect_null(pirn__cache_take(&c, pirn__cache_class(bytes), bytes));
    end();
}

Test(cache, slabs_whose_cells_came_from_elsewhere_serve_another_class)
{
    unsigned n = per_slab(4096);
    size_t calls;

    start();
    for (unsigned i = 0; i < 2 * n; i++)
        cells[i] = take(4096);
    for (unsigned i = 0; i < 2 * n; i++)
        cr_expect(pirn__cache_give_remote(&c, cells[i]));
    calls = atomic_load(&memory.calls);
    cells[0] = take(200);
    cr_expect_eq(atomic_load(&memory.calls), calls, "one of the two was free for it");
    for (unsigned i = 1; i <= n; i++)
        cells[i] = take(4096);
    cr_expect_eq(atomic_load(&memory.calls), calls, "the other one stays");
    cr_expect_eq(c.live, n + 1);
    end();
}

Test(cache, a_slab_leaves_the_middle_of_the_list)
{
    enum {
        SLABS = 3
    };
    unsigned n = per_slab(CELL_BYTES_MAX), class = pirn__cache_class(CELL_BYTES_MAX), back = 0;

    start();
    for (unsigned i = 0; i < SLABS * n; i++)
        cells[i] = take(CELL_BYTES_MAX);
    cr_assert_eq(c.slabs, SLABS);
    for (unsigned i = 0; i < SLABS; i++)
        give(cells[i * n]); /* each has room now */
    for (unsigned i = 1; i < n; i++)
        give(cells[n + i]); /* the second one is empty */
    cr_expect_eq(c.spares, 1);
    while (pirn__cache_take(&c, class, CELL_BYTES_MAX) != NULL)
        back++;
    cr_expect_eq(back, n + SLABS - 1, "what was given, once each");
    cr_expect_eq(c.live, SLABS * n);
    end();
}

Test(cache, a_batch_goes_back_to_its_owner_at_once)
{
    struct cell_batch batch = {.first = NULL};
    unsigned n = per_slab(4096);

    start();
    for (unsigned i = 0; i < 2 * n; i++)
        cells[i] = take(4096);
    cells[2 * n] = take(300);
    for (unsigned i = 0; i <= 2 * n; i++)
        pirn__cache_batch(&batch, cells[i]);
    pirn__cache_free_slabs(&alloc, pirn__cache_give_batch(&c, &batch));
    cr_expect_null(batch.first);
    cr_expect_eq(c.live, 0);
    cr_expect_eq(c.slabs, 3);
    cr_expect_eq(c.spares, 1, "the last of each class is kept");
    end();
}

Test(cache, a_bursts_batch_gives_its_memory_back)
{
    enum {
        SLABS = 4 * KEPT
    };
    struct cell_batch batch = {.first = NULL};
    unsigned n = 0;

    start();
    while (c.slabs < SLABS)
        cells[n++] = take(CELL_BYTES_MAX);
    while (n > 0)
        pirn__cache_batch(&batch, cells[--n]);
    pirn__cache_free_slabs(&alloc, pirn__cache_give_batch(&c, &batch));
    cr_expect_eq(c.live, 0);
    cr_expect_eq(c.spares, KEPT);
    cr_expect_eq(atomic_load(&memory.live_blocks), KEPT + 1);
    end();
}

Test(cache, a_batch_from_elsewhere_is_taken_in_and_trimmed)
{
    enum {
        SLABS = 4 * KEPT
    };
    struct cell_batch batch = {.first = NULL};
    unsigned n = 0, given = 0;

    start();
    while (c.slabs < SLABS)
        cells[n++] = take(CELL_BYTES_MAX);
    for (; given < n; given++) {
        pirn__cache_batch(&batch, cells[given]);
        cr_expect_eq(batch.to, &c);
        cr_expect_eq(batch.count, given % 100 + 1);
        if (batch.count == 100) {
            pirn__cache_give_batch_remote(&batch);
            cr_expect_null(batch.first);
        }
    }
    pirn__cache_give_batch_remote(&batch);
    cr_expect_eq(c.live, n, "its owner has not looked");
    pirn__cache_free_slabs(&alloc, pirn__cache_trim(&c));
    cr_expect_eq(c.live, 0);
    cr_expect_eq(c.spares, KEPT);
    cr_expect_eq(atomic_load(&memory.live_blocks), KEPT + 1, "the last of its class stays too");
    cr_expect_null(pirn__cache_trim(&c), "once");
    end();
}

Test(cache, a_slab_whose_cells_are_back_serves_another_class)
{
    size_t calls;

    start();
    cells[0] = take(200);
    cells[1] = take(4096);
    while (c.slabs < 3)
        cells[2] = take(4096);
    calls = atomic_load(&memory.calls);
    give(cells[1]); /* so that its slab has room, and is the last of its class */
    give(cells[2]);
    cr_expect_eq(c.spares, 1);
    cells[2] = take(1000);
    cr_expect_eq(c.spares, 0);
    cr_expect_eq(atomic_load(&memory.calls), calls, "no memory is asked for");
    memset(cells[2], 0xaa, 1000);
    end();
}

Test(cache, a_closed_cache_counts_what_is_out_and_takes_nothing_back)
{
    start();
    for (unsigned i = 0; i < 5; i++)
        cells[i] = take(CELL_STAGE);
    cr_expect(pirn__cache_give_remote(&c, cells[0]));
    cr_expect(pirn__cache_give_remote(&c, cells[1]));
    cr_expect_eq(pirn__cache_close(&c), 3);
    cr_expect_not(pirn__cache_give_remote(&c, cells[2]));
    cr_expect_eq(c.live, 3);
    end();
}

/* ---- stale handles -------------------------------------------------------------------------------- */

static void use_stale_handle(void *h)
{
    (void)pirn_join_is_finished(h);
}

/* A free cell holds no task, and no sanitizer would know: the memory is the cache's. */
Test(cache, a_stale_handle_is_noticed)
{
    struct header *h, *remote;
    struct death d;

    start();
    h = take(128);
    remote = take(128);
    pirn__state_init(&h->state, STATE_INITIAL);
    pirn__state_init(&remote->state, STATE_INITIAL);
    death_of(use_stale_handle, h, &d);
    cr_expect_eq(d.signal | d.status, 0, "a live one is fine: %s", d.text);
    give(h);
    cr_expect(pirn__cache_give_remote(&c, remote));
    death_of(use_stale_handle, h, &d);
    cr_expect_neq(d.signal | d.status, 0);
    cr_expect_not_null(strstr(d.text, UNDER_ASAN ? "use-after-poison" : "pirn_join_is_finished"),
                       "%s", d.text);
    death_of(use_stale_handle, remote, &d);
    cr_expect_neq(d.signal | d.status, 0);
    cr_expect_not_null(strstr(d.text, UNDER_ASAN ? "use-after-poison" : "pirn_join_is_finished"),
                       "%s", d.text);
    end();
}
