// SPDX-License-Identifier: MIT
// pirn.hpp: pirn for C++17: typed spawn and join over the C interface, exceptions turned into faults.
//
//     struct square {
//         int n;
//         explicit square(int n) : n(n) {}
//         int poll(pirn_cx *, std::optional<int> &out) { out = n * n; return 0; }
//     };
//     pirn::runtime rt;
//     int answer = pirn::spawn<square>(rt.handle(), 7).wait();
//
// Everything stands in headers; what pirn.h says of a call holds for its wrapper, and the two mix. With
// C++20 coroutines there is more in pirn/cxx/coroutine.hpp and pirn/cxx/socket.hpp, included here.
#ifndef PIRN_HPP
#define PIRN_HPP

#include <pirn.h>

#include <pirn/cxx/error.hpp>
#include <pirn/cxx/join.hpp>
#include <pirn/cxx/runtime.hpp>
#include <pirn/cxx/spawn.hpp>

#if defined(__cpp_impl_coroutine) || defined(__cpp_coroutines)
#    include <pirn/cxx/coroutine.hpp>
#    include <pirn/cxx/socket.hpp>
#endif

#endif
