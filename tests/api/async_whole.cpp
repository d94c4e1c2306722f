// SPDX-License-Identifier: MIT
// async_whole.c as C++.
#include "async_whole.c"
