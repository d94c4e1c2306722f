// SPDX-License-Identifier: MIT
// Does pirn.hpp build, run and end objects as tasks as it says? C++17.
#include <pirn.hpp>

#include <new>
#include <stdexcept>
#include <string>
#include <typeinfo>

#include "cxx.hpp"

namespace
{

struct square {
    static constexpr const char *name = "square";
    int n;

    explicit square(int of) : n(of)
    {
    }
    int poll(pirn_cx *, std::optional<int> &out)
    {
        out = n * n;
        return 0;
    }
};

// Neither copied nor moved; its output is larger than a word and points into itself.
struct greeting {
    counted c;
    greeting *self;
    std::string name;
    unsigned yielded = 0;

    explicit greeting(const char *to) : self(this), name(to)
    {
    }
    greeting(const greeting &) = delete;
    int poll(pirn_cx *cx, std::optional<std::string> &out)
    {
        CHECK(self == this);
        if (pirn_yield_poll(&yielded, cx) == PIRN_PENDING)
            return PIRN_PENDING;
        out = "hello, " + name;
        return 0;
    }
};

struct aggregate {
    int a;
    std::string b;

    int poll(pirn_cx *, std::string *out) noexcept
    {
        *out = b + std::to_string(a);
        return 0;
    }
};

struct alignas(256) wide {
    int poll(pirn_cx *)
    {
        return reinterpret_cast<std::uintptr_t>(this) % 256 == 0 ? 0 : -EFAULT;
    }
};

// Written with pirn/async.h; its constructor leaves the frame's first word as it finds it.
struct steps {
    PIRN_FRAME;
    int i, sum;

    explicit steps(int from) : i(from), sum(0)
    {
        std::memset(static_cast<void *>(&pirn_at_), 0xee, sizeof pirn_at_);
    }
    int poll(pirn_cx *cx, std::optional<int> &out)
    {
        PIRN_BEGIN(this);
        for (; i > 0; i--) {
            PIRN_YIELD(this, cx);
            sum += i;
        }
        out = sum;
        PIRN_END(this);
    }
};

enum how {
    RUNTIME_ERROR,
    PIRN_ERROR,
    SYSTEM_ERROR,
    BAD_ALLOC,
    AN_INT,
    BY_JUMP,
    BY_CX,
    NO_OUTPUT,
    RETURNS,
    WAITS,
    IN_CONSTRUCTOR,
    IN_DESTRUCTOR
};

struct fails {
    counted c;
    how h;

    explicit fails(how to) : h(to)
    {
        if (h == IN_CONSTRUCTOR)
            throw std::logic_error("no such task");
    }
    ~fails() noexcept(false)
    {
        if (h == IN_DESTRUCTOR)
            throw std::runtime_error("at the end");
    }
    int poll(pirn_cx *cx, std::optional<std::string> &out)
    {
        switch (h) {
        case RUNTIME_ERROR:
            throw std::runtime_error("boom");
        case PIRN_ERROR:
            throw pirn::error(-EPIPE);
        case SYSTEM_ERROR:
            throw std::system_error(EBUSY, std::generic_category(), "the device");
        case BAD_ALLOC:
            throw std::bad_alloc();
        case AN_INT:
            throw 5;
        case BY_JUMP:
            pirn_fault(77, "jumped %d", 1);
        case BY_CX:
            return pirn_cx_fault(cx, 78, "returned");
        case NO_OUTPUT:
            return 0;
        case RETURNS:
            return -ENOENT;
        case WAITS:
            return pirn_pending_poll(cx);
        default:
            out = "done";
            return 0;
        }
    }
};

// An output that is counted.
struct makes {
    int poll(pirn_cx *, std::optional<counted> &out)
    {
        out.emplace();
        return 0;
    }
};

void outputs(pirn_handle *h)
{
    CHECK(pirn::spawn<square>(h, 12).wait() == 144);
    CHECK(pirn::spawn<greeting>(h, "world").wait() == "hello, world");
    CHECK(pirn::spawn<aggregate>(h, 7, "seven ").wait() == "seven 7");
    pirn::spawn<wide>(h).wait();
    CHECK(pirn::spawn<steps>(h, 4).wait() == 10);
    CHECK(std::strcmp(pirn::detail::frame<square>::desc.name, "square") == 0);
}

void faults(pirn_handle *h)
{
    THROWS(pirn::fault, PIRN_EFAULT, "boom", pirn::spawn<fails>(h, RUNTIME_ERROR).wait());
    THROWS(pirn::fault, -EPIPE, pirn_strerror(-EPIPE), pirn::spawn<fails>(h, PIRN_ERROR).wait());
    THROWS(pirn::fault, -EBUSY, "the device", pirn::spawn<fails>(h, SYSTEM_ERROR).wait());
    THROWS(pirn::fault, -ENOMEM, "bad_alloc", pirn::spawn<fails>(h, BAD_ALLOC).wait());
    THROWS(pirn::fault, PIRN_EFAULT, "no std::exception", pirn::spawn<fails>(h, AN_INT).wait());
    THROWS(pirn::fault, 77, "jumped 1", pirn::spawn<fails>(h, BY_JUMP).wait());
    THROWS(pirn::fault, 78, "returned", pirn::spawn<fails>(h, BY_CX).wait());
    THROWS(pirn::fault, PIRN_EFAULT, "without an output", pirn::spawn<fails>(h, NO_OUTPUT).wait());
    THROWS(pirn::fault, PIRN_EFAULT, "at the end", pirn::spawn<fails>(h, IN_DESTRUCTOR).wait());
    THROWS(pirn::error, -ENOENT, pirn_strerror(-ENOENT), pirn::spawn<fails>(h, RETURNS).wait());
}

void not_started(pirn_handle *h)
{
    bool threw = false;

    try {
        pirn::spawn<fails>(h, IN_CONSTRUCTOR);
    } catch (const std::logic_error &e) {
        threw = std::strcmp(e.what(), "no such task") == 0;
    }
    CHECK(threw);
    CHECK(counted::alive == 0);
    THROWS(pirn::error, PIRN_ENORUNTIME, "pirn_spawn_begin", pirn::spawn<fails>(nullptr, WAITS));
    THROWS(pirn::error, PIRN_ENORUNTIME, "pirn_block_on", pirn::block_on<fails>(nullptr, WAITS));
}

void joins(pirn_handle *h)
{
    pirn::join<std::string> j = pirn::spawn<fails>(h, WAITS), other;

    CHECK(j && !other && j.id() != 0 && other.id() == 0 && !other.is_finished());
    CHECK(!j.try_take());
    THROWS(pirn::error, -ETIMEDOUT, "", j.wait(0));
    other = std::move(j);
    other.abort();
    THROWS(pirn::cancelled, -ECANCELED, "cancelled", other.wait());
    CHECK(other.is_finished());
    THROWS(pirn::error, -EINVAL, "", other.wait());
    THROWS(pirn::error, -EINVAL, "", other.try_take());
    THROWS(pirn::error, -EINVAL, "", j.wait());

    pirn::join<counted> made = pirn::spawn<makes>(h);
    while (!made.is_finished())
        continue;
    CHECK(counted::alive == 1);
    CHECK(made.try_take().has_value());
    CHECK(counted::alive == 0);
    made = pirn::spawn<makes>(h); // nobody takes it
}

void blocking(pirn_handle *h)
{
    auto text = std::make_unique<std::string>("from the pool");
    bool ran = false;

    CHECK(pirn::spawn_blocking(h, [t = std::move(text)] { return *t; }).wait() == "from the pool");
    pirn::spawn_blocking(h, [&ran] { ran = true; }).wait();
    CHECK(ran);
    THROWS(pirn::fault, PIRN_EFAULT, "boom",
           pirn::spawn_blocking(h, []() -> int { throw std::runtime_error("boom"); }).wait());
}

void roots(pirn_handle *h)
{
    CHECK(pirn::block_on<square>(h, 9) == 81);
    CHECK(pirn::block_on<greeting>(h, "root") == "hello, root");
    CHECK(pirn::block_on<steps>(h, 3) == 6);
    pirn::block_on<wide>(h);
    THROWS(pirn::fault, PIRN_EFAULT, "boom", pirn::block_on<fails>(h, RUNTIME_ERROR));
    THROWS(pirn::fault, 77, "jumped 1", pirn::block_on<fails>(h, BY_JUMP));
    THROWS(pirn::error, -ENOENT, "", pirn::block_on<fails>(h, RETURNS));
}

// A poll of C++ that awaits another task.
struct relay {
    pirn::join<std::string> from;

    explicit relay(pirn::join<std::string> j) : from(std::move(j))
    {
    }
    int poll(pirn_cx *cx, std::optional<std::string> &out)
    {
        return from.poll(cx, out);
    }
};

void relays(pirn_handle *h)
{
    CHECK(pirn::spawn<relay>(h, pirn::spawn<greeting>(h, "relay")).wait() == "hello, relay");
    THROWS(pirn::fault, PIRN_EFAULT, "boom",
           pirn::spawn<relay>(h, pirn::spawn<fails>(h, RUNTIME_ERROR)).wait());
}

void settle(pirn::runtime &rt)
{
    CHECK(pirn_runtime_shutdown(rt.get(), PIRN_NEVER) == 0);
    CHECK(counted::alive == 0);
}

} // namespace

int main()
{
    for (unsigned threads : {1u, 2u}) {
        pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
        o.worker_threads = threads;
        pirn::runtime made(o), rt(std::move(made));

        not_started(rt.handle());
        outputs(rt.handle());
        faults(rt.handle());
        joins(rt.handle());
        blocking(rt.handle());
        roots(rt.handle());
        relays(rt.handle());
        settle(rt);
        THROWS(pirn::cancelled, -ECANCELED, "", pirn::spawn<fails>(rt.handle(), WAITS).wait());
        CHECK(counted::alive == 0);
    }
    pirn::runtime one(PIRN_CURRENT_THREAD);
    roots(one.handle());
    settle(one);
    return 0;
}
