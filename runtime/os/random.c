/* SPDX-License-Identifier: MIT */
/* Random bits: the kernel's, and splitmix64. */
#include "runtime/os/random.h"

#include <sys/random.h>

#include "runtime/os/clock.h"

uint64_t pirn__random_seed(void)
{
    uint64_t seed;

    /* A kernel that has no entropy yet, early at boot, is not waited for. */
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = (uint64_t)pirn__clock_now();
    return seed;
}

uint64_t pirn__random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
