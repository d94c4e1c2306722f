// SPDX-License-Identifier: MIT
// pirn/cxx/error.hpp: codes of pirn as exceptions, and exceptions as faults.
#ifndef PIRN_CXX_ERROR_HPP
#define PIRN_CXX_ERROR_HPP

#include <pirn/join.h>
#include <pirn/task.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

namespace pirn
{

// A call failed, or a task ended with a negative code; code() is that code.
class error : public std::runtime_error
{
  public:
    explicit error(int code) : std::runtime_error(pirn_strerror(code)), code_(code)
    {
    }
    error(int code, const char *text)
        : std::runtime_error(text != nullptr && *text != '\0' ? text : pirn_strerror(code)),
          code_(code)
    {
    }
    int code() const noexcept
    {
        return code_;
    }

  private:
    int code_;
};

// The task was aborted, or its runtime shut down. code() is -ECANCELED.
class cancelled : public error
{
  public:
    cancelled() : error(-ECANCELED, "the task was cancelled")
    {
    }
};

// The task faulted: pirn_fault(), an exception that left its poll or its destructor, or a broken
// contract. what() is the fault's text or the exception's, up to 255 bytes; code() the fault's code: the
// exception's if it was a pirn::error, the negative errno of a std::system_error, -ENOMEM for
// std::bad_alloc, else PIRN_EFAULT.
class fault : public error
{
  public:
    using error::error;
};

// For calls that leave a text (pirn_last_error_text()): throws pirn::error if @r is negative.
inline int check(int r)
{
    if (r < 0)
        throw error(r, pirn_last_error_text());
    return r;
}

namespace detail
{

// How a task went, as exceptions. @text: of the fault.
inline void check_result(const pirn_result &res, const char *text)
{
    if (res.outcome == PIRN_CANCELLED)
        throw cancelled();
    if (res.outcome == PIRN_FAULTED)
        throw fault(res.code, text);
    if (res.code < 0)
        throw error(res.code);
}

// What is left of an exception once its handler has ended. Only then may the fault be raised: it may jump,
// and a handler that is jumped out of leaks its exception.
struct caught {
    int code;
    char text[256];

    void note(int c, const char *what) noexcept
    {
        code = c;
        std::snprintf(text, sizeof text, "%s", what);
    }

    // Calls @f. Return: whether it threw.
    template <class F> bool by(F &&f) noexcept
    {
        try {
            f();
            return false;
        } catch (const error &e) {
            note(e.code(), e.what());
        } catch (const std::system_error &e) {
            note(-e.code().value(), e.what());
        } catch (const std::bad_alloc &e) {
            note(-ENOMEM, e.what());
        } catch (const std::exception &e) {
            note(PIRN_EFAULT, e.what());
        } catch (...) {
            note(PIRN_EFAULT, "an exception that is no std::exception");
        }
        return true;
    }
};

} // namespace detail
} // namespace pirn

#endif
