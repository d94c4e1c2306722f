// SPDX-License-Identifier: MIT
// pirn/cxx/spawn.hpp: classes and functions as tasks.
#ifndef PIRN_CXX_SPAWN_HPP
#define PIRN_CXX_SPAWN_HPP

#include <pirn/cxx/join.hpp>
#include <pirn/runtime.h>

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

namespace pirn
{
namespace detail
{

// What a T::poll is: its output, and how it gets at it.
template <class F> struct poll_traits;
template <class T> struct poll_traits<int (T::*)(pirn_cx *)> {
    using out = void;
    static constexpr bool pointer = false;
};
template <class T, class Out> struct poll_traits<int (T::*)(pirn_cx *, std::optional<Out> &)> {
    using out = Out;
    static constexpr bool pointer = false;
};
template <class T, class Out> struct poll_traits<int (T::*)(pirn_cx *, Out *)> {
    using out = Out;
    static constexpr bool pointer = true;
};
template <class T, class... A>
struct poll_traits<int (T::*)(A...) noexcept> : poll_traits<int (T::*)(A...)> {
};

template <class T> using traits_of = poll_traits<decltype(&T::poll)>;
template <class T> using out_of = typename traits_of<T>::out;

template <class T, class = void> struct has_name : std::false_type {
};
template <class T>
struct has_name<T, std::void_t<decltype(static_cast<const char *>(T::name))>> : std::true_type {
};
template <class T, class = void> struct has_flags : std::false_type {
};
template <class T>
struct has_flags<T, std::void_t<decltype(static_cast<std::uint32_t>(T::task_flags))>>
    : std::true_type {
};
template <class T, class = void> struct has_frame : std::false_type {
};
template <class T> struct has_frame<T, std::void_t<decltype(T::pirn_at_)>> : std::true_type {
};

// The functions behind the descriptor of the tasks that are a T.
template <class T> struct frame {
    using out = out_of<T>;

    static int poll(void *at, pirn_cx *cx, void *room)
    {
        caught c;
        int r = 0;

        if (c.by([&] { r = poll_or_throw(*static_cast<T *>(at), cx, room); }))
            return pirn_cx_fault(cx, c.code, "%s", c.text);
        return r;
    }

    static int poll_or_throw(T &t, pirn_cx *cx, void *room)
    {
        if constexpr (std::is_void<out>::value) {
            (void)room;
            return t.poll(cx);
        } else if constexpr (traits_of<T>::pointer) {
            out value{};
            int r = t.poll(cx, &value);

            if (r == 0)
                carrier<out>::put(room, std::move(value));
            return r;
        } else {
            std::optional<out> value;
            int r = t.poll(cx, value);

            if (r == 0 && !value.has_value())
                throw error(PIRN_EFAULT, "poll returned 0 without an output");
            if (r == 0)
                carrier<out>::put(room, std::move(*value));
            return r;
        }
    }

    static void drop(void *at)
    {
        caught c;

        if (c.by([&] { static_cast<T *>(at)->~T(); }))
            pirn_fault(c.code, "%s", c.text);
    }

    static void drop_out(void *at)
    {
        caught c;

        if (c.by([&] { carrier<out>::drop(at); }))
            pirn_fault(c.code, "%s", c.text);
    }

    static constexpr const char *name()
    {
        if constexpr (has_name<T>::value)
            return T::name;
        else
            return "c++ task";
    }

    static constexpr std::uint32_t flags()
    {
        std::uint32_t f = 0;

        if constexpr (has_flags<T>::value)
            f |= T::task_flags;
        if constexpr (has_frame<T>::value)
            f |= static_cast<std::uint32_t>(PIRN_TASK_FRAME);
        return f;
    }

    static constexpr std::size_t align(std::size_t a)
    {
        return a > alignof(std::max_align_t) ? a : 0;
    }

    // A frame is fresh whatever the constructor left there.
    template <class... A> static void build(void *at, A &&...args)
    {
        T *t;

        if constexpr (std::is_constructible<T, A...>::value)
            t = ::new (at) T(std::forward<A>(args)...);
        else
            t = ::new (at) T{std::forward<A>(args)...};
        if constexpr (has_frame<T>::value)
            t->pirn_at_ = 0;
        (void)t;
    }

    static constexpr pirn_task_desc desc = {
        sizeof(pirn_task_desc),
        name(),
        poll,
        drop,
        sizeof(T),
        align(alignof(T)),
        carrier<out>::size,
        align(carrier<out>::align),
        std::is_void<out>::value ? nullptr : drop_out,
        flags(),
    };
};

} // namespace detail

// Builds a T from @args where it will stay, and starts it. @h: NULL: the current runtime.
//
// T has `int poll(pirn_cx *cx)`, or `int poll(pirn_cx *cx, std::optional<Out> &out)`, or `int poll(pirn_cx
// *cx, Out *out)` with an Out that can be made from nothing; they return what a pirn_task_desc's poll
// returns, and set the output when they return 0. Its destructor is the frame's drop, on the
// thread where the task ends. It need be neither copied nor moved; pirn_ops in it are to be
// initialised (`pirn_op op{};`), and in a T with PIRN_BEGIN, PIRN_FRAME is the first member. It may have
// `static constexpr const char *name`, for dumps, and `static constexpr std::uint32_t task_flags`, PIRN_TASK_*.
//
// An exception that leaves poll or the destructor is a fault of the task. pirn_fault() in C++ code skips
// destructors: throw instead.
//
// Throws what T's constructor throws; pirn::error: as pirn_spawn_begin(). Then nothing was started.
template <class T, class... A> join<detail::out_of<T>> spawn(pirn_handle *h, A &&...args)
{
    void *at;
    pirn_join *j;

    check(pirn_spawn_begin(h, &detail::frame<T>::desc, &at));
    try {
        detail::frame<T>::build(at, std::forward<A>(args)...);
    } catch (...) {
        pirn_spawn_cancel(at);
        throw;
    }
    pirn_spawn_commit(at, &j);
    return join<detail::out_of<T>>(j);
}

namespace detail
{

template <class F> struct blocking_call {
    static constexpr const char *name = "c++ blocking call";
    static constexpr std::uint32_t task_flags = PIRN_TASK_BLOCKING;
    using result = typename std::decay<typename std::invoke_result<F &>::type>::type;
    F f;

    template <class G> explicit blocking_call(G &&g) : f(std::forward<G>(g))
    {
    }
    int poll(pirn_cx *, std::optional<result> &out)
    {
        out.emplace(f());
        return 0;
    }
};

template <class F> struct blocking_void {
    static constexpr const char *name = "c++ blocking call";
    static constexpr std::uint32_t task_flags = PIRN_TASK_BLOCKING;
    F f;

    template <class G> explicit blocking_void(G &&g) : f(std::forward<G>(g))
    {
    }
    int poll(pirn_cx *)
    {
        f();
        return 0;
    }
};

template <class F>
using blocking_of =
    typename std::conditional<std::is_void<typename std::invoke_result<F &>::type>::value,
                              blocking_void<F>, blocking_call<F>>::type;

} // namespace detail

// Runs f() on a thread of the blocking pool; what it returns is the output, what it throws a fault. Throws
// as spawn(). (tokio: spawn_blocking)
template <class F> auto spawn_blocking(pirn_handle *h, F &&f)
{
    return spawn<detail::blocking_of<typename std::decay<F>::type>>(h, std::forward<F>(f));
}

} // namespace pirn

#endif
