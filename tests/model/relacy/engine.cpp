// SPDX-License-Identifier: MIT
// How a scenario, compiled as C with -fsanitize=thread, runs on relacy instead of that sanitizer's
// library: every access to memory comes here as a call, atomic or plain, and goes through relacy's
// memory model and scheduler. So the sources are checked as they stand.
//
// Values are kept in the memory itself, its newest ones; what a thread may still read of older ones
// is relacy's to say, from a history of three. Plain accesses are checked for races byte by byte,
// against relacy's clocks. Memory is not used twice in one round, so that a late access is noticed.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <relacy/relacy.hpp>

#undef new
#undef delete
#undef malloc
#undef free
#undef assert
#undef errno
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst

extern "C" {
#include "tests/model/scenario.h"

// What is called from C; nothing declares it there but the compiler.
void __assert_fail(const char *cond, const char *file, unsigned line, const char *func) noexcept;
}

namespace
{

constexpr int THREADS = MODEL_THREADS_MAX;
constexpr size_t SLOTS = 64, SLOT_BYTES = 512, PLACES = 4096;

using time_stamp = rl::timestamp_t;

[[noreturn]] void fail(const char *text, rl::test_result_e why)
{
    rl::ctx().fail_test(text, why, RL_INFO);
    abort();
}

rl::thread_info_base &self()
{
    return *rl::ctx().threadx_;
}

// ---- plain accesses -----------------------------------------------------------------------------

// When each thread last read and wrote one byte.
struct touched {
    time_stamp read[THREADS], written[THREADS];

    static bool seen(const time_stamp *when)
    {
        for (int i = 0; i < THREADS; i++)
            if (self().acq_rel_order_[i] < when[i])
                return false;
        return true;
    }
    void note_read()
    {
        if (!seen(written))
            fail("a plain read", rl::test_result_data_race);
        read[self().index_] = ++self().own_acq_rel_order_;
    }
    void note_write(const char *what)
    {
        if (!seen(written) || !seen(read))
            fail(what, rl::test_result_data_race);
        written[self().index_] = ++self().own_acq_rel_order_;
    }
};

// ---- atomic objects -----------------------------------------------------------------------------

struct atomic {
    rl::atomic_data *data;
    uint64_t history[rl::atomic_history_size], newest;
};

// Eight bytes of memory, aligned: what is known of them in this round.
struct place {
    uintptr_t address; // 0: unused
    bool split;        // the bytes differ; else bytes[0] stands for all
    touched bytes[8];
    touched by_atomics; // only `read` is used: any atomic access, for the end of the memory
    atomic objects[8];  // by the offset of their first byte
};

place places[PLACES];
size_t used[PLACES], used_count;
alignas(64) unsigned char arena[SLOTS][SLOT_BYTES];
bool freed[SLOTS];
size_t slots_taken;
bool in_threads; // neither setting up nor checking

place &place_of(uintptr_t address)
{
    uintptr_t key = address & ~(uintptr_t)7;
    size_t i = (key >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 40 & (PLACES - 1);

    for (; places[i].address != key; i = (i + 1) & (PLACES - 1)) {
        if (places[i].address == 0) {
            if (used_count == PLACES / 2)
                fail("the model touches too much memory", rl::test_result_inconsistent_test_suite);
            memset(&places[i], 0, sizeof places[i]);
            places[i].address = key;
            used[used_count++] = i;
            break;
        }
    }
    return places[i];
}

void forget_places()
{
    while (used_count > 0)
        places[used[--used_count]].address = 0;
}

void must_live(uintptr_t address)
{
    size_t offset = address - (uintptr_t)arena;

    if (offset < sizeof arena && (offset / SLOT_BYTES >= slots_taken || freed[offset / SLOT_BYTES]))
        fail("", rl::test_result_access_to_freed_memory);
}

template <typename F> void each_byte(place &p, size_t first, size_t n, F note)
{
    if (n == 8 && !p.split) {
        note(p.bytes[0]);
        return;
    }
    if (!p.split) {
        for (int i = 1; i < 8; i++)
            p.bytes[i] = p.bytes[0];
        p.split = true;
    }
    for (size_t i = first; i < first + n; i++)
        note(p.bytes[i]);
}

template <typename F> void each_place(const void *where, size_t n, F note)
{
    uintptr_t at = (uintptr_t)where, end = at + n;

    while (at != end) {
        size_t first = at & 7, now = end - at < 8 - first ? end - at : 8 - first;

        each_byte(place_of(at), first, now, note);
        at += now;
    }
}

void plain_read(const void *where, size_t n)
{
    if (!rl::is_ctx())
        return;
    must_live((uintptr_t)where);
    each_place(where, n, [](touched &t) { t.note_read(); });
}

void plain_write(const void *where, size_t n)
{
    if (!rl::is_ctx())
        return;
    must_live((uintptr_t)where);
    each_place(where, n, [](touched &t) { t.note_write("a plain write"); });
}

// Seen for the first time, an object has had the value it has for ever.
template <typename T> atomic &object_at(volatile T *where)
{
    place &p = place_of((uintptr_t)where);
    atomic &a = p.objects[(uintptr_t)where & 7];

    must_live((uintptr_t)where);
    if (a.data == nullptr) {
        using impl = rl::atomic_data_impl<THREADS>;
        unsigned index;

        a.data = rl::ctx().atomic_ctor(nullptr);
        index = self().atomic_init(a.data);
        for (int i = 0; i < THREADS; i++)
            static_cast<impl *>(a.data)->history_[index].first_seen_order_[i] = (time_stamp)-1;
        a.newest = a.history[index] = *where;
    }
    p.by_atomics.read[self().index_] = self().own_acq_rel_order_;
    return a;
}

void release_objects()
{
    for (size_t i = 0; i < used_count; i++)
        for (atomic &a : places[used[i]].objects)
            if (a.data != nullptr)
                rl::ctx().atomic_dtor(a.data);
}

// The orders, as the compiler numbers them.
enum order {
    RELAXED,
    CONSUME,
    ACQUIRE,
    RELEASE,
    ACQ_REL,
    SEQ_CST
};

template <typename T> T load(volatile T *where, int mo)
{
    if (!rl::is_ctx())
        return *where;
    rl::ctx().sched();
    atomic &a = object_at(where);
    unsigned index = mo == RELAXED   ? self().atomic_load_relaxed(a.data)
                     : mo == SEQ_CST ? self().atomic_load_seq_cst(a.data)
                                     : self().atomic_load_acquire(a.data);

    if (index == (unsigned)-1)
        fail("an atomic read", rl::test_result_unitialized_access);
    return (T)a.history[index];
}

template <typename T> void remember(atomic &a, volatile T *where, unsigned index, T value)
{
    a.history[index] = a.newest = value;
    *where = value;
}

template <typename T> void store(volatile T *where, T value, int mo)
{
    if (!rl::is_ctx()) {
        *where = value;
        return;
    }
    rl::ctx().sched();
    atomic &a = object_at(where);
    unsigned index = mo == RELAXED   ? self().atomic_store_relaxed(a.data)
                     : mo == SEQ_CST ? self().atomic_store_seq_cst(a.data)
                                     : self().atomic_store_release(a.data);

    remember(a, where, index, value);
}

unsigned modify(atomic &a, int mo)
{
    bool aba;

    switch (mo) {
    case RELAXED:
        return self().atomic_rmw_relaxed(a.data, aba);
    case RELEASE:
        return self().atomic_rmw_release(a.data, aba);
    case ACQ_REL:
        return self().atomic_rmw_acq_rel(a.data, aba);
    case SEQ_CST:
        return self().atomic_rmw_seq_cst(a.data, aba);
    default:
        return self().atomic_rmw_acquire(a.data, aba);
    }
}

template <typename T, typename F> T change(volatile T *where, int mo, F next)
{
    T was;

    if (!rl::is_ctx()) {
        was = *where;
        *where = next(was);
        return was;
    }
    rl::ctx().sched();
    atomic &a = object_at(where);

    was = (T)a.newest;
    remember(a, where, modify(a, mo), (T)next(was));
    return was;
}

template <typename T>
bool exchange_if(volatile T *where, T *expected, T value, int mo, int failed, bool weak)
{
    if (!rl::is_ctx()) {
        T was = *where;
        bool same = was == *expected;

        *(same ? where : expected) = same ? value : was;
        return same;
    }
    rl::ctx().sched();
    atomic &a = object_at(where);

    if ((T)a.newest == *expected &&
        !(weak && in_threads && rl::ctx().rand(4, rl::sched_type_cas_fail) == 0)) {
        remember(a, where, modify(a, mo), value);
        return true;
    }
    if (failed == RELAXED)
        self().atomic_load_relaxed_rmw(a.data);
    else if (failed == SEQ_CST)
        self().atomic_load_seq_cst_rmw(a.data);
    else
        self().atomic_load_acquire_rmw(a.data);
    *expected = (T)a.newest;
    return false;
}

// What fences have ordered: nothing. relacy takes it for what it finds there.
void forget_fences()
{
    auto &me = static_cast<rl::thread_info<THREADS> &>(self());

    memset(me.acquire_fence_order_, 0, sizeof me.acquire_fence_order_);
    memset(me.release_fence_order_, 0, sizeof me.release_fence_order_);
}

// ---- a round --------------------------------------------------------------------------------------

struct suite : rl::test_suite<suite, THREADS> {
    void before()
    {
        in_threads = false;
        forget_fences();
        forget_places();
        memset(freed, 0, sizeof freed);
        slots_taken = 0;
        model_scenario.setup();
        in_threads = true;
    }
    void thread(unsigned index)
    {
        forget_fences();
        if (index >= model_scenario.threads)
            return;
        // A scheduler that picks anybody at every step hardly ever lets one fall far behind.
        for (unsigned late = rl::rand(2) == 0 ? rl::rand(40) : 0; late > 0; late--)
            rl::ctx().sched();
        model_scenario.run(index);
    }
    void after()
    {
        in_threads = false;
        model_scenario.check();
        for (size_t i = 0; i < slots_taken; i++)
            if (!freed[i])
                fail("", rl::test_result_memory_leak);
        release_objects();
    }
};

} // namespace

extern "C" {

unsigned model_me(void)
{
    return in_threads ? (unsigned)self().index_ : MODEL_MAIN;
}

void *model_alloc(size_t n)
{
    if (n > SLOT_BYTES || slots_taken == SLOTS)
        fail("the model takes too much memory", rl::test_result_inconsistent_test_suite);
    return arena[slots_taken++];
}

// The end of memory is a write to all of it: whoever used it must have come before.
void model_free(void *memory)
{
    uintptr_t first = (uintptr_t)memory;
    size_t slot = (first - (uintptr_t)arena) / SLOT_BYTES;

    if (slot >= slots_taken || memory != arena[slot] || freed[slot])
        fail("", rl::test_result_double_free);
    for (size_t i = 0; i < used_count; i++) {
        place &p = places[used[i]];

        if (p.address - first >= SLOT_BYTES)
            continue;
        each_byte(p, 0, 8, [](touched &t) { t.note_write("a free"); });
        if (!touched::seen(p.by_atomics.read))
            fail("a free, and an atomic access", rl::test_result_data_race);
    }
    freed[slot] = true;
}

void model_relax(void)
{
    rl::ctx().yield(1, RL_INFO);
}

void __assert_fail(const char *cond, const char *file, unsigned line, const char *) noexcept
{
    static char text[256];

    snprintf(text, sizeof text, "%s, %s:%u", cond, file, line);
    if (!rl::is_ctx()) {
        fprintf(stderr, "%s\n", text);
        abort();
    }
    fail(text, rl::test_result_user_assert_failed);
}

// ---- what the compiler calls ------------------------------------------------------------------------

void __tsan_init()
{
}
void __tsan_func_entry(void *)
{
}
void __tsan_func_exit()
{
}

#define PLAIN_CALLS(n)                                                                             \
    void __tsan_read##n(void *p)                                                                   \
    {                                                                                              \
        plain_read(p, n);                                                                          \
    }                                                                                              \
    void __tsan_write##n(void *p)                                                                  \
    {                                                                                              \
        plain_write(p, n);                                                                         \
    }                                                                                              \
    void __tsan_unaligned_read##n(void *p)                                                         \
    {                                                                                              \
        plain_read(p, n);                                                                          \
    }                                                                                              \
    void __tsan_unaligned_write##n(void *p)                                                        \
    {                                                                                              \
        plain_write(p, n);                                                                         \
    }
PLAIN_CALLS(1)
PLAIN_CALLS(2)
PLAIN_CALLS(4)
PLAIN_CALLS(8)
PLAIN_CALLS(16)
void __tsan_read_range(void *p, size_t n)
{
    plain_read(p, n);
}
void __tsan_write_range(void *p, size_t n)
{
    plain_write(p, n);
}

#define ATOMIC_CALLS(bits, T)                                                                      \
    T __tsan_atomic##bits##_load(T *p, int mo)                                                     \
    {                                                                                              \
        return load<T>(p, mo);                                                                     \
    }                                                                                              \
    void __tsan_atomic##bits##_store(T *p, T v, int mo)                                            \
    {                                                                                              \
        store<T>(p, v, mo);                                                                        \
    }                                                                                              \
    T __tsan_atomic##bits##_exchange(T *p, T v, int mo)                                            \
    {                                                                                              \
        return change<T>(p, mo, [v](T) { return v; });                                             \
    }                                                                                              \
    T __tsan_atomic##bits##_fetch_add(T *p, T v, int mo)                                           \
    {                                                                                              \
        return change<T>(p, mo, [v](T was) { return (T)(was + v); });                              \
    }                                                                                              \
    T __tsan_atomic##bits##_fetch_sub(T *p, T v, int mo)                                           \
    {                                                                                              \
        return change<T>(p, mo, [v](T was) { return (T)(was - v); });                              \
    }                                                                                              \
    T __tsan_atomic##bits##_fetch_and(T *p, T v, int mo)                                           \
    {                                                                                              \
        return change<T>(p, mo, [v](T was) { return (T)(was & v); });                              \
    }                                                                                              \
    T __tsan_atomic##bits##_fetch_or(T *p, T v, int mo)                                            \
    {                                                                                              \
        return change<T>(p, mo, [v](T was) { return (T)(was | v); });                              \
    }                                                                                              \
    T __tsan_atomic##bits##_fetch_xor(T *p, T v, int mo)                                           \
    {                                                                                              \
        return change<T>(p, mo, [v](T was) { return (T)(was ^ v); });                              \
    }                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_strong(T *p, T *e, T v, int mo, int failed)         \
    {                                                                                              \
        return exchange_if<T>(p, e, v, mo, failed, false);                                         \
    }                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_weak(T *p, T *e, T v, int mo, int failed)           \
    {                                                                                              \
        return exchange_if<T>(p, e, v, mo, failed, true);                                          \
    }                                                                                              \
    T __tsan_atomic##bits##_compare_exchange_val(T *p, T e, T v, int mo, int failed)               \
    {                                                                                              \
        exchange_if<T>(p, &e, v, mo, failed, false);                                               \
        return e;                                                                                  \
    }
ATOMIC_CALLS(8, uint8_t)
ATOMIC_CALLS(16, uint16_t)
ATOMIC_CALLS(32, uint32_t)
ATOMIC_CALLS(64, uint64_t)
}

// ROUNDS [1]: with a second argument the history of the round that fails is shown.
int main(int argc, char **argv)
{
    rl::test_params params;
    rl::ostringstream out;
    bool good;

    params.iteration_count = argc > 1 ? strtoull(argv[1], nullptr, 10) : 10000;
    params.execution_depth_limit = 20000;
    params.output_stream = &out;
    params.progress_stream = &out;
    good = rl::simulate<suite>(params);
    if (good) {
        printf("ok: %s: %llu rounds\n", model_scenario.name,
               (unsigned long long)params.stop_iteration);
    } else {
        printf("failed: %s: round %llu: %s\n", model_scenario.name,
               (unsigned long long)params.stop_iteration, rl::test_result_str(params.test_result));
        if (argc > 2)
            fputs(out.str().c_str(), stdout);
    }
    return good ? 0 : 1;
}
