// SPDX-License-Identifier: MIT
// pirn/cxx/coroutine.hpp: C++20 coroutines as tasks, and what they may wait on.
//
//     pirn::task<int> add(pirn::join<int> &a, pirn::join<int> &b)
//     {
//         co_await pirn::sleep_for(PIRN_MS);
//         co_return co_await a + co_await b;
//     }
//     pirn::join<int> sum = pirn::spawn(rt.handle(), add(a, b));
//
// co_await takes a task; a join: its output, or throws as join<Out>::wait(); and what the functions here and
// in pirn/cxx/socket.hpp return. Ended while it awaits a join, the other task goes on.
//
// A task is lazy: nothing of it runs before it is spawned, blocked on, or awaited by another. An abort ends
// it where it waits, as any task: operations are dropped, then the coroutine's locals are destroyed, from
// the inner ones to the outer. An exception leaves an awaited task into the one that awaits; from the
// outermost it is a fault. pirn_fault() in a coroutine leaks the coroutine, for nothing tells what of it
// is alive: throw instead.
//
// g++ 12 destroys the value of a co_await inside ?: twice if it is a class: use if and else.
//
// Memory: each coroutine that the compiler does not fold into its caller is one block of ::operator new,
// whatever allocator the runtime has, because its size is known to the compiled coroutine alone.
#ifndef PIRN_CXX_COROUTINE_HPP
#define PIRN_CXX_COROUTINE_HPP

#include <pirn/cxx/runtime.hpp>
#include <pirn/cxx/spawn.hpp>
#include <pirn/frame.h>
#include <pirn/op.h>
#include <pirn/time.h>

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace pirn
{
template <class T = void> class task;

namespace detail
{

template <class Derived> struct awaits;
template <class A> struct via;
template <class T> struct task_await;
template <class Out> struct join_await;
template <class A> via<A> awaiter_of(awaits<A> &a) noexcept;
template <class T> task_await<T> awaiter_of(task<T> &t);
template <class Out> join_await<Out> awaiter_of(join<Out> &j) noexcept;

// What a coroutine waits on now; lives in it.
struct leaf {
    int (*poll)(leaf *self, pirn_cx *cx); // may throw
};

// One per spawned coroutine: what runs next in it.
struct chain {
    pirn_cx *cx = nullptr;        // of this poll
    std::coroutine_handle<> next; // the innermost one
    leaf *waits = nullptr;        // what `next` waits on; null: it can go on
    std::exception_ptr thrown;    // by a later poll of `waits`; for its co_await
    bool running = false;         // inside a coroutine's code
    std::uint32_t line = 0;       // of that co_await
};

struct promise_base {
    chain *in = nullptr;
    std::coroutine_handle<> awaits_me;
    std::exception_ptr thrown;

    std::suspend_always initial_suspend() const noexcept
    {
        return {};
    }
    // Control goes back to the loop in chain_poll() and from there to who is next, so that a coroutine that
    // awaits a million others in a row needs no stack for them, at any level of optimisation.
    struct at_end {
        bool await_ready() const noexcept
        {
            return false;
        }
        template <class P> void await_suspend(std::coroutine_handle<P> h) const noexcept
        {
            h.promise().in->next = h.promise().awaits_me;
        }
        void await_resume() const noexcept
        {
        }
    };
    at_end final_suspend() const noexcept
    {
        return {};
    }
    // What co_await takes in a task: a task, a join, and what pirn:: has for it. The line is shown in dumps.
    template <class A> auto await_transform(A &&a, unsigned line = __builtin_LINE())
    {
        in->line = line;
        return awaiter_of(a);
    }
    void unhandled_exception() noexcept
    {
        thrown = std::current_exception();
    }
};

template <class T> struct promise : promise_base {
    std::optional<T> value;

    task<T> get_return_object() noexcept;
    template <class U> void return_value(U &&v)
    {
        value.emplace(std::forward<U>(v));
    }
    T take()
    {
        if (thrown)
            std::rethrow_exception(std::exchange(thrown, nullptr));
        return std::move(*value);
    }
};

template <> struct promise<void> : promise_base {
    task<void> get_return_object() noexcept;
    void return_void() noexcept
    {
    }
    void take()
    {
        if (thrown)
            std::rethrow_exception(std::exchange(thrown, nullptr));
    }
};

// Base of what is awaited: Derived has poll_once(cx), which may throw, and result().
template <class Derived> struct awaits : leaf {
    chain *in = nullptr;

    awaits() noexcept : leaf{poll_it}
    {
    }
    bool await_ready() const noexcept
    {
        return false;
    }
    // Polled once before it suspends: what is ready costs no suspension.
    template <class P> bool await_suspend(std::coroutine_handle<P> h)
    {
        in = h.promise().in;
        if (poll_it(this, in->cx) != PIRN_PENDING)
            return false;
        in->next = h;
        in->waits = this;
        return true;
    }
    decltype(auto) await_resume()
    {
        if (in->thrown)
            std::rethrow_exception(std::exchange(in->thrown, nullptr));
        return static_cast<Derived *>(this)->result();
    }
    static int poll_it(leaf *self, pirn_cx *cx)
    {
        return static_cast<Derived *>(static_cast<awaits *>(self))->poll_once(cx);
    }
};

// Stands in the coroutine for an operation that is a temporary beside it: g++ 12 copies an awaiter that
// comes by reference.
template <class A> struct via {
    A &to;

    bool await_ready() const noexcept
    {
        return false;
    }
    template <class P> bool await_suspend(std::coroutine_handle<P> h)
    {
        return to.await_suspend(h);
    }
    decltype(auto) await_resume()
    {
        return to.await_resume();
    }
};

// A task runs in the task that awaits it, on its waker and its budget.
template <class T> struct task_await {
    std::coroutine_handle<promise<T>> of;

    bool await_ready() const noexcept
    {
        return false;
    }
    template <class P> void await_suspend(std::coroutine_handle<P> h) const noexcept
    {
        of.promise().in = h.promise().in;
        of.promise().awaits_me = h;
        h.promise().in->next = of;
    }
    T await_resume() const
    {
        return of.promise().take();
    }
};

// Runs a chain until it waits or ends. Return: PIRN_PENDING, or 0 at its end.
inline int chain_poll(chain &c, pirn_cx *cx, std::coroutine_handle<> outermost)
{
    c.cx = cx;
    if (c.waits != nullptr) {
        try {
            if (c.waits->poll(c.waits, cx) == PIRN_PENDING)
                return PIRN_PENDING;
        } catch (...) {
            c.thrown = std::current_exception();
        }
        c.waits = nullptr;
    }
    while (!outermost.done()) {
        c.running = true;
        c.next.resume();
        c.running = false;
        if (c.waits != nullptr)
            return PIRN_PENDING;
    }
    return 0;
}

} // namespace detail

// A coroutine that is a task, or part of one: spawned, blocked on, or awaited, once. T is what it returns.
// Move-only; destroyed before its end, it destroys the coroutine. (Rust: an async fn's future)
template <class T> class [[nodiscard]] task
{
  public:
    using promise_type = detail::promise<T>;
    using handle_type = std::coroutine_handle<promise_type>;

    explicit task(handle_type h) noexcept : h_(h)
    {
    }
    task(task &&other) noexcept : h_(std::exchange(other.h_, nullptr))
    {
    }
    task &operator=(task &&other) noexcept
    {
        if (this != &other) {
            if (h_)
                h_.destroy();
            h_ = std::exchange(other.h_, nullptr);
        }
        return *this;
    }
    ~task()
    {
        if (h_)
            h_.destroy();
    }

    handle_type get() const noexcept
    {
        return h_;
    }
    handle_type release() noexcept
    {
        return std::exchange(h_, nullptr);
    }

  private:
    handle_type h_;
};

namespace detail
{

template <class T> task<T> promise<T>::get_return_object() noexcept
{
    return task<T>(std::coroutine_handle<promise<T>>::from_promise(*this));
}

inline task<void> promise<void>::get_return_object() noexcept
{
    return task<void>(std::coroutine_handle<promise<void>>::from_promise(*this));
}

template <class T> void check_unused(const task<T> &t)
{
    if (!t.get() || t.get().promise().in != nullptr)
        throw error(-EINVAL, "a pirn::task is spawned, blocked on or awaited once");
}

// The task around an outermost coroutine.
template <class T> struct coroutine {
    static constexpr const char *name = "c++ coroutine";
    PIRN_FRAME;
    task<T> outermost;
    chain in;

    int go_on(pirn_cx *cx)
    {
        int r = chain_poll(in, cx, outermost.get());

        pirn_at_ = r == PIRN_PENDING ? PIRN_FRAME_MARK + in.line : 0;
        return r;
    }
    explicit coroutine(task<T> &&t) : outermost(std::move(t))
    {
        check_unused(outermost);
        outermost.get().promise().in = &in;
        in.next = outermost.get();
    }
    coroutine(const coroutine &) = delete;
    ~coroutine()
    {
        if (in.running)
            (void)outermost
                .release(); // left by pirn_fault(): no coroutine that runs may be destroyed
    }
};

template <class T> struct coroutine_value : coroutine<T> {
    using coroutine<T>::coroutine;
    int poll(pirn_cx *cx, std::optional<T> &out)
    {
        int r = this->go_on(cx);

        if (r == 0)
            out.emplace(this->outermost.get().promise().take());
        return r;
    }
};

template <class T> struct coroutine_void : coroutine<T> {
    using coroutine<T>::coroutine;
    int poll(pirn_cx *cx)
    {
        int r = this->go_on(cx);

        if (r == 0)
            this->outermost.get().promise().take();
        return r;
    }
};

template <class T>
using coroutine_of =
    typename std::conditional<std::is_void<T>::value, coroutine_void<T>, coroutine_value<T>>::type;

} // namespace detail

// Starts a coroutine as a task. @h: NULL: the current runtime. Throws pirn::error: as pirn_spawn_begin().
template <class T> join<T> spawn(pirn_handle *h, task<T> t)
{
    return spawn<detail::coroutine_of<T>>(h, std::move(t));
}

// Runs a coroutine on this thread until it is done. Throws as block_on<T>().
template <class T> T block_on(pirn_handle *h, task<T> t)
{
    return block_on<detail::coroutine_of<T>>(h, std::move(t));
}

namespace detail
{

template <class F> struct [[nodiscard]] poll_await : awaits<poll_await<F>> {
    pirn_op op{};
    F f;
    int r = PIRN_PENDING;

    explicit poll_await(F &&g) : f(std::move(g))
    {
    }
    poll_await(const poll_await &) = delete;
    ~poll_await()
    {
        pirn_op_drop(&op);
    }
    int poll_once(pirn_cx *cx)
    {
        if constexpr (std::is_invocable<F &, pirn_op *, pirn_cx *>::value)
            r = f(&op, cx);
        else
            r = f(cx);
        return r;
    }
    int result() const noexcept
    {
        return r;
    }
};

template <class Out> struct join_await : awaits<join_await<Out>> {
    join<Out> &j;
    std::optional<typename join<Out>::value_type> out;

    explicit join_await(join<Out> &from) noexcept : j(from)
    {
    }
    int poll_once(pirn_cx *cx)
    {
        return j.poll(cx, out);
    }
    Out result()
    {
        if constexpr (!std::is_void<Out>::value)
            return std::move(*out);
    }
};

template <class A> via<A> awaiter_of(awaits<A> &a) noexcept
{
    return {static_cast<A &>(a)};
}
template <class T> task_await<T> awaiter_of(task<T> &t)
{
    check_unused(t);
    return {t.get()};
}
template <class Out> join_await<Out> awaiter_of(join<Out> &j) noexcept
{
    return join_await<Out>(j);
}

struct [[nodiscard]] yield_await : awaits<yield_await> {
    unsigned state = 0;

    int poll_once(pirn_cx *cx)
    {
        return pirn_yield_poll(&state, cx);
    }
    void result() const noexcept
    {
    }
};

} // namespace detail

// `int r = co_await pirn::poll([&](pirn_op *op, pirn_cx *cx) { return pirn_…_poll(op, cx, …); })`: any poll
// function, or one without an op: `[&](pirn_cx *cx) {…}`. r: 0 or the error. Called at every poll until it is
// not PIRN_PENDING. Ended half-way, its op is dropped.
template <class F> auto poll(F f)
{
    return detail::poll_await<F>(std::move(f));
}

namespace detail
{

// A poll function with an output: the value, or its error thrown.
template <class V, class F> struct [[nodiscard]] value_await : awaits<value_await<V, F>> {
    pirn_op op{};
    F f;
    V value{};
    int r = PIRN_PENDING;

    explicit value_await(F &&g) : f(std::move(g))
    {
    }
    value_await(const value_await &) = delete;
    ~value_await()
    {
        pirn_op_drop(&op);
    }
    int poll_once(pirn_cx *cx)
    {
        return r = f(&op, cx, &value);
    }
    V result()
    {
        if (r < 0)
            throw error(r);
        return std::move(value);
    }
};

template <class V, class F> value_await<V, F> value_of(F f)
{
    return value_await<V, F>(std::move(f));
}

} // namespace detail

// `co_await pirn::sleep_until(at)`: until a deadline; pirn_sleep_poll(). Throws pirn::error as it returns.
inline auto sleep_until(pirn_time at)
{
    return detail::value_of<std::monostate>(
        [at](pirn_op *op, pirn_cx *cx, std::monostate *) { return pirn_sleep_poll(op, cx, at); });
}
// `co_await pirn::sleep_for(ns)`: counted from this call. (tokio: time::sleep)
inline auto sleep_for(std::int64_t ns)
{
    return sleep_until(pirn_after(ns));
}

// `co_await pirn::yield()`: everything else that is ready goes first. (tokio: task::yield_now)
inline detail::yield_await yield() noexcept
{
    return {};
}

} // namespace pirn

#endif
