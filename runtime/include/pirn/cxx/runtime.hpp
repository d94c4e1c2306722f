// SPDX-License-Identifier: MIT
// pirn/cxx/runtime.hpp: a runtime as an object, and a T as its root.
#ifndef PIRN_CXX_RUNTIME_HPP
#define PIRN_CXX_RUNTIME_HPP

#include <pirn/cxx/spawn.hpp>
#include <pirn/runtime.h>

#include <utility>

namespace pirn
{

// Owns a pirn_runtime; destroyed, it shuts it down without limit and frees it. (tokio: Runtime)
class runtime
{
  public:
    // Throws pirn::error: as pirn_runtime_new().
    explicit runtime(const pirn_runtime_opts &o = PIRN_RUNTIME_OPTS_INIT)
    {
        check(pirn_runtime_new(&o, &rt_));
    }
    explicit runtime(enum pirn_flavor flavor)
    {
        pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

        o.flavor = flavor;
        check(pirn_runtime_new(&o, &rt_));
    }
    runtime(runtime &&other) noexcept : rt_(std::exchange(other.rt_, nullptr))
    {
    }
    runtime &operator=(runtime &&other) noexcept
    {
        if (this != &other) {
            pirn_runtime_free(rt_);
            rt_ = std::exchange(other.rt_, nullptr);
        }
        return *this;
    }
    runtime(const runtime &) = delete;
    runtime &operator=(const runtime &) = delete;
    ~runtime()
    {
        pirn_runtime_free(rt_);
    }

    pirn_handle *handle() const noexcept
    {
        return pirn_runtime_handle(rt_);
    }
    pirn_runtime *get() const noexcept
    {
        return rt_;
    }

  private:
    pirn_runtime *rt_ = nullptr;
};

namespace detail
{

// A T that lies on the caller's stack and is destroyed by the runtime, unless it never got there.
template <class T> struct root {
    alignas(T) unsigned char room[sizeof(T)];
    bool alive = false;

    T *get()
    {
        return std::launder(reinterpret_cast<T *>(room));
    }
    ~root()
    {
        if (alive)
            get()->~T();
    }
    static int poll(void *at, pirn_cx *cx, void *out)
    {
        return frame<T>::poll(static_cast<root *>(at)->room, cx, out);
    }
    static void drop(void *at)
    {
        static_cast<root *>(at)->alive = false;
        frame<T>::drop(static_cast<root *>(at)->room);
    }
    static pirn_task_desc desc()
    {
        pirn_task_desc d = frame<T>::desc;

        d.poll = poll;
        d.drop = drop;
        d.frame_size = sizeof(root);
        d.flags &= ~static_cast<std::uint32_t>(PIRN_TASK_LINE);
        return d;
    }
};

} // namespace detail

// Runs a T, built from @args on this thread's stack, and with it the runtime, until it is done. Return: its
// output. Throws as join<Out>::wait() and pirn_block_on().
template <class T, class... A> detail::out_of<T> block_on(pirn_handle *h, A &&...args)
{
    detail::carrier<detail::out_of<T>> c;
    detail::root<T> root;
    const pirn_task_desc d = detail::root<T>::desc();
    pirn_result res;

    detail::frame<T>::build(root.room, std::forward<A>(args)...);
    root.alive = true;
    check(pirn_block_on(h, &d, &root, &res, c.out()));
    detail::check_result(res, pirn_last_error_text());
    return c.take();
}

} // namespace pirn

#endif
