// SPDX-License-Identifier: MIT
// pirn/cxx/socket.hpp: streams and listeners as objects, with co_await.
//
// What is awaited throws pirn::error where the call of the C interface returns one, and loses what that
// says when it is ended half-way. A buffer stays where it is until the await is over. For what is not here:
// `co_await pirn::poll(…)` around any poll function, with get() for the handle.
#ifndef PIRN_CXX_SOCKET_HPP
#define PIRN_CXX_SOCKET_HPP

#include <pirn/cxx/coroutine.hpp>
#include <pirn/net.h>

#include <cstddef>
#include <string>
#include <utility>

namespace pirn
{

// One reference to a pirn_stream. For a reader and a writer in two tasks: share() gives a second one.
class stream
{
  public:
    stream() noexcept = default;
    // Takes the reference over.
    explicit stream(pirn_stream *s) noexcept : s_(s)
    {
    }
    stream(stream &&other) noexcept : s_(std::exchange(other.s_, nullptr))
    {
    }
    stream &operator=(stream &&other) noexcept
    {
        if (this != &other) {
            pirn_stream_unref(s_);
            s_ = std::exchange(other.s_, nullptr);
        }
        return *this;
    }
    stream(const stream &) = delete;
    stream &operator=(const stream &) = delete;
    ~stream()
    {
        pirn_stream_unref(s_);
    }

    stream share() const noexcept
    {
        return stream(pirn_stream_ref(s_));
    }
    pirn_stream *get() const noexcept
    {
        return s_;
    }
    explicit operator bool() const noexcept
    {
        return s_ != nullptr;
    }

    // Up to @n bytes; 0: the end of the stream. pirn_stream_read_poll()
    auto read(void *buf, std::size_t n)
    {
        return detail::value_of<std::size_t>(
            [s = s_, buf, n](pirn_op *op, pirn_cx *cx, std::size_t *got) {
                return pirn_stream_read_poll(op, cx, s, buf, n, got);
            });
    }
    // All @n bytes, or an error: PIRN_EOF if the stream ends before. pirn_stream_read_exact_poll()
    auto read_exact(void *buf, std::size_t n)
    {
        return detail::value_of<std::size_t>(
            [s = s_, buf, n](pirn_op *op, pirn_cx *cx, std::size_t *got) {
                return pirn_stream_read_exact_poll(op, cx, s, buf, n, got);
            });
    }
    // What there is room for: how many bytes. pirn_stream_write_poll()
    auto write(const void *buf, std::size_t n)
    {
        return detail::value_of<std::size_t>(
            [s = s_, buf, n](pirn_op *op, pirn_cx *cx, std::size_t *sent) {
                return pirn_stream_write_poll(op, cx, s, buf, n, sent);
            });
    }
    // All of them. pirn_stream_write_all_poll()
    auto write_all(const void *buf, std::size_t n)
    {
        return detail::value_of<std::size_t>(
            [s = s_, buf, n](pirn_op *op, pirn_cx *cx, std::size_t *sent) {
                return pirn_stream_write_all_poll(op, cx, s, buf, n, sent);
            });
    }
    // No more is written; the other end reads on to its end. Throws pirn::error.
    void shutdown()
    {
        check(pirn_stream_shutdown(s_));
    }

  private:
    pirn_stream *s_ = nullptr;
};

namespace detail
{

// A stream that a poll function gives.
template <class F> auto stream_of(F f)
{
    return value_of<stream>([f = std::move(f)](pirn_op *op, pirn_cx *cx, stream *out) mutable {
        pirn_stream *s = nullptr;
        int r = f(op, cx, &s);

        if (r == 0)
            *out = stream(s);
        return r;
    });
}

} // namespace detail

// Owns a pirn_listener; destroyed, it stops listening.
class listener
{
  public:
    // TCP. @h: NULL: the current runtime. Throws pirn::error: as pirn_tcp_listen().
    listener(pirn_handle *h, const pirn_addr &at, const pirn_tcp_opts &o = PIRN_TCP_OPTS_INIT)
    {
        check(pirn_tcp_listen(h, &at.sa, at.len, &o, &l_));
    }
    // Takes it over.
    explicit listener(pirn_listener *l) noexcept : l_(l)
    {
    }
    listener(listener &&other) noexcept : l_(std::exchange(other.l_, nullptr))
    {
    }
    listener &operator=(listener &&other) noexcept
    {
        if (this != &other) {
            pirn_listener_free(l_);
            l_ = std::exchange(other.l_, nullptr);
        }
        return *this;
    }
    listener(const listener &) = delete;
    listener &operator=(const listener &) = delete;
    ~listener()
    {
        pirn_listener_free(l_);
    }

    // A pirn::stream. pirn_listener_accept_poll()
    auto accept()
    {
        return detail::stream_of([l = l_](pirn_op *op, pirn_cx *cx, pirn_stream **out) {
            return pirn_listener_accept_poll(op, cx, l, out);
        });
    }
    // Where it listens. Throws pirn::error.
    pirn_addr addr() const
    {
        pirn_addr a;

        check(pirn_listener_addr(l_, &a));
        return a;
    }
    pirn_listener *get() const noexcept
    {
        return l_;
    }

  private:
    pirn_listener *l_ = nullptr;
};

// `pirn::stream s = co_await pirn::connect(addr)`: TCP. pirn_tcp_connect_poll()
inline auto connect(const pirn_addr &to)
{
    return detail::stream_of([to](pirn_op *op, pirn_cx *cx, pirn_stream **out) {
        return pirn_tcp_connect_poll(op, cx, &to.sa, to.len, out);
    });
}

// `co_await pirn::dial("host", "service")`: looks the name up and tries each address. pirn_tcp_dial_poll()
inline auto dial(std::string host, std::string service)
{
    return detail::stream_of([host = std::move(host), service = std::move(service)](
                                 pirn_op *op, pirn_cx *cx, pirn_stream **out) {
        return pirn_tcp_dial_poll(op, cx, host.c_str(), service.c_str(), out);
    });
}

// An address from "1.2.3.4:80", "[::1]:80" and the like; pirn_addr_parse(). Throws pirn::error.
inline pirn_addr addr(const char *text)
{
    pirn_addr a;

    check(pirn_addr_parse(text, &a));
    return a;
}

} // namespace pirn

#endif
