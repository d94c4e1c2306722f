// SPDX-License-Identifier: MIT
// pirn/cxx/join.hpp: the handle of a task whose output is an Out.
#ifndef PIRN_CXX_JOIN_HPP
#define PIRN_CXX_JOIN_HPP

#include <pirn/cxx/error.hpp>
#include <pirn/join.h>

#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace pirn
{
namespace detail
{

// How an Out crosses the C interface, which moves it with memcpy: as itself if that is allowed, else as
// a pointer to one on the heap.
template <class Out> struct carrier {
    static constexpr bool direct = std::is_trivially_copyable<Out>::value && alignof(Out) <= 64;
    using value = Out;
    using raw = typename std::conditional<direct, Out, Out *>::type;
    static constexpr std::size_t size = sizeof(raw), align = alignof(raw);

    alignas(raw) unsigned char room[sizeof(raw)];

    static void put(void *to, Out &&v)
    {
        if constexpr (direct)
            ::new (to) Out(std::move(v));
        else
            ::new (to) raw(new Out(std::move(v)));
    }
    Out take()
    {
        raw *r = std::launder(reinterpret_cast<raw *>(room));

        if constexpr (direct) {
            return std::move(*r);
        } else {
            std::unique_ptr<Out> owned(*r);
            return std::move(*owned);
        }
    }
    static void drop(void *at)
    {
        if constexpr (!direct)
            delete *static_cast<raw *>(at);
        else
            (void)at;
    }
    void *out()
    {
        return room;
    }
};

template <> struct carrier<void> {
    using value = std::monostate;
    static constexpr std::size_t size = 0, align = 0;

    void take()
    {
    }
    static void drop(void *)
    {
    }
    void *out()
    {
        return nullptr;
    }
};

} // namespace detail

// Owns a pirn_join. Destroyed, it gives the task up, which runs on, detached: abort() first to end it.
// (tokio: JoinHandle<T>)
template <class Out> class join
{
  public:
    using value_type = typename detail::carrier<Out>::value; // std::monostate for void

    join() noexcept = default;
    // Takes @j over: the handle of a task that was spawned with this Out.
    explicit join(pirn_join *j) noexcept : j_(j)
    {
    }
    join(join &&other) noexcept : j_(other.release())
    {
    }
    join &operator=(join &&other) noexcept
    {
        if (this != &other) {
            pirn_join_free(j_);
            j_ = other.release();
        }
        return *this;
    }
    join(const join &) = delete;
    join &operator=(const join &) = delete;
    ~join()
    {
        pirn_join_free(j_);
    }

    // Blocks this thread until the task has ended. Return: its output. Throws pirn::fault,
    // pirn::cancelled, or pirn::error with its code; and pirn::error with the handle as it was:
    // -ETIMEDOUT, -EDEADLK on a thread that runs tasks, -EINVAL if the result was taken before.
    Out wait(pirn_time deadline = PIRN_NEVER)
    {
        detail::carrier<Out> c;
        pirn_result res;

        check(pirn_join_wait(j_, deadline, &res, c.out()));
        detail::check_result(res, pirn_join_fault_text(j_));
        return c.take();
    }

    // Its output if it has ended, else nothing; otherwise as wait().
    std::optional<value_type> try_take()
    {
        detail::carrier<Out> c;
        pirn_result res;
        int r = pirn_join_try(j_, &res, c.out());

        if (r == -EAGAIN)
            return std::nullopt;
        check(r);
        detail::check_result(res, pirn_join_fault_text(j_));
        return taken(c);
    }

    // From a poll: PIRN_PENDING, or 0 and the output in @out; otherwise throws as wait().
    int poll(pirn_cx *cx, std::optional<value_type> &out)
    {
        detail::carrier<Out> c;
        pirn_result res;
        int r = check(pirn_join_poll(j_, cx, &res, c.out()));

        if (r == PIRN_PENDING)
            return r;
        detail::check_result(res, pirn_join_fault_text(j_));
        out = taken(c);
        return 0;
    }
    int poll(pirn_cx *cx)
    {
        std::optional<value_type> ignored;

        return poll(cx, ignored);
    }

    void abort() noexcept
    {
        pirn_join_abort(j_);
    }
    bool is_finished() const noexcept
    {
        return j_ != nullptr && pirn_join_is_finished(j_);
    }
    std::uint64_t id() const noexcept
    {
        return j_ != nullptr ? pirn_join_id(j_) : 0;
    }
    explicit operator bool() const noexcept
    {
        return j_ != nullptr;
    }
    pirn_join *get() const noexcept
    {
        return j_;
    }
    pirn_join *release() noexcept
    {
        return std::exchange(j_, nullptr);
    }

  private:
    static std::optional<value_type> taken(detail::carrier<Out> &c)
    {
        if constexpr (std::is_void<Out>::value)
            return value_type();
        else
            return c.take();
    }

    pirn_join *j_ = nullptr;
};

} // namespace pirn

#endif
