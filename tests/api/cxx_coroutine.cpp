// SPDX-License-Identifier: MIT
// Do coroutines run, wait, throw and end as tasks? C++20.
#include <pirn.hpp>

#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

#include "cxx.hpp"

#ifndef PIRN_CXX_COROUTINE_HPP
#    error "this compiler has coroutines, and pirn.hpp did not see them"
#endif

#if defined(__has_feature)
#    define SEES_LEAKS __has_feature(address_sanitizer)
#else
#    define SEES_LEAKS 0
#endif

namespace
{

pirn::task<int> slow(int n)
{
    counted c;

    co_await pirn::yield();
    co_return n;
}

pirn::task<int> at_once(int n)
{
    co_return n;
}

// A million awaits in a row that all are ready: no stack is used up.
pirn::task<long> sums(int n)
{
    long sum = 0;

    for (int i = 0; i < n; i++)
        sum += co_await at_once(1);
    for (int i = 0; i < 3; i++)
        sum += co_await slow(10);
    co_return sum;
}

pirn::task<int> nested(int depth)
{
    counted c;

    if (depth == 0)
        co_return co_await slow(0);
    co_return 1 + co_await nested(depth - 1);
}

pirn::task<> throws(bool late)
{
    counted c;

    if (late)
        co_await pirn::yield();
    throw std::runtime_error("boom");
}

pirn::task<std::string> catches(bool late)
{
    try {
        co_await throws(late);
    } catch (const std::runtime_error &e) {
        co_return std::string("caught ") + e.what();
    }
    co_return "nothing";
}

pirn::task<std::string> joins()
{
    auto one = pirn::spawn(nullptr, slow(1));
    auto bad = pirn::spawn(nullptr, throws(true));
    int sum = co_await one + co_await pirn::spawn(nullptr, slow(2)) +
              co_await pirn::spawn_blocking(nullptr, [] { return 3; });

    CHECK(sum == 6);
    try {
        co_await bad;
    } catch (const pirn::fault &e) {
        co_return e.what();
    }
    co_return "nothing";
}

// Operations of the C interface, with and without an op.
void note_drop(void *order)
{
    static_cast<std::vector<int> *>(order)->push_back(0);
}

struct noted {
    std::vector<int> *order;
    int what;

    noted(std::vector<int> *to, int n) : order(to), what(n)
    {
    }
    ~noted()
    {
        order->push_back(what);
    }
};

pirn::task<> waits_inside(std::vector<int> *order)
{
    noted inner(order, 1);

    co_await pirn::poll([order](pirn_op *op, pirn_cx *cx) {
        pirn_defer(op, cx, note_drop, order);
        return pirn_pending_poll(cx);
    });
}

pirn::task<> waits(std::vector<int> *order, std::atomic<bool> *there)
{
    noted outer(order, 2);
    unsigned state = 0;
    int r = co_await pirn::poll([&](pirn_cx *cx) { return pirn_yield_poll(&state, cx); });

    CHECK(r == 0);
    r = co_await pirn::poll([](pirn_cx *) { return -EDOM; });
    CHECK(r == -EDOM);
    *there = true;
    co_await waits_inside(order);
}

void ends_half_way(pirn_handle *h)
{
    std::vector<int> order;
    std::atomic<bool> there{false};
    pirn::join<void> j = pirn::spawn(h, waits(&order, &there));

    while (!there)
        continue;
    j.abort();
    THROWS(pirn::cancelled, -ECANCELED, "", j.wait());
    // The operation, then the locals from the inside out.
    CHECK((order == std::vector<int>{0, 1, 2}));
}

// What a later poll throws comes out of the co_await.
pirn::task<std::string> late_throw()
{
    int polls = 0;

    try {
        co_await pirn::poll([&polls](pirn_cx *cx) {
            unsigned state = 0;

            if (polls++ > 0)
                throw std::runtime_error("second poll");
            return pirn_yield_poll(&state, cx);
        });
    } catch (const std::runtime_error &e) {
        co_return e.what();
    }
    co_return "nothing";
}

[[maybe_unused]] pirn::task<> leaks_by_jump()
{
    co_await pirn::yield();
    pirn_fault(9, "by jump");
}

pirn::task<int> twice()
{
    auto t = slow(4);
    int r = co_await t;

    try {
        r += co_await t;
    } catch (const pirn::error &e) {
        co_return e.code() == -EINVAL ? r : 0;
    }
    co_return 0;
}

struct seen {
    unsigned line;
    const char *name;
};

int see(void *user, const pirn_task_info *t)
{
    seen *s = static_cast<seen *>(user);

    s->line = t->await_line;
    s->name = t->name;
    return 1;
}

unsigned waits_at;

pirn::task<> for_ever()
{
    waits_at = __LINE__ + 1;
    co_await pirn::poll([](pirn_cx *cx) { return pirn_pending_poll(cx); });
}

pirn::task<> looks()
{
    seen s = {0, nullptr};
    auto j = pirn::spawn(nullptr, for_ever());

    co_await pirn::yield();
    CHECK(pirn_runtime_each_task(nullptr, see, &s) == 1);
    CHECK(s.line == waits_at && std::strcmp(s.name, "c++ coroutine") == 0);
    j.abort();
}

void everywhere(pirn_handle *h)
{
    CHECK(pirn::block_on(h, sums(1000000)) == 1000030);
    CHECK(pirn::spawn(h, nested(200)).wait() == 200);
    CHECK(pirn::spawn(h, catches(false)).wait() == "caught boom");
    CHECK(pirn::spawn(h, catches(true)).wait() == "caught boom");
    THROWS(pirn::fault, PIRN_EFAULT, "boom", pirn::spawn(h, throws(false)).wait());
    THROWS(pirn::fault, PIRN_EFAULT, "boom", pirn::block_on(h, throws(true)));
    CHECK(pirn::spawn(h, joins()).wait() == "boom");
    CHECK(pirn::block_on(h, late_throw()) == "second poll");
    CHECK(pirn::block_on(h, twice()) == 4);
    ends_half_way(h);
}

} // namespace

int main()
{
    {
        pirn::runtime rt;

        everywhere(rt.handle());
        {
            auto unused = slow(1); // never run: destroyed
        }
        auto moved = slow(1), there = std::move(moved);
        THROWS(pirn::error, -EINVAL, "once", pirn::spawn(rt.handle(), std::move(moved)));
        CHECK(pirn::spawn(rt.handle(), std::move(there)).wait() == 1);
        THROWS(pirn::error, PIRN_ENORUNTIME, "", pirn::spawn(nullptr, slow(1)));
#if !defined(__SANITIZE_ADDRESS__) && !SEES_LEAKS
        THROWS(pirn::fault, 9, "by jump", pirn::spawn(rt.handle(), leaks_by_jump()).wait());
#endif
    }
    CHECK(counted::alive == 0);
    pirn::runtime one(PIRN_CURRENT_THREAD);
    pirn::block_on(one.handle(), looks());
    CHECK(pirn::block_on(one.handle(), catches(true)) == "caught boom");
    CHECK(pirn::block_on(one.handle(), sums(10)) == 40);
    return 0;
}
