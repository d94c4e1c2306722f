/* SPDX-License-Identifier: MIT */
/* Does a move bring every byte over, also where the places overlap? */
#include "task/move.h"

#include <criterion/criterion.h>

enum {
    ROOM = 96
};

Test(move, every_size_at_every_distance)
{
    for (size_t n = 0; n <= 40; n++) {
        for (size_t distance = 0; distance <= 40; distance++) {
            unsigned char bytes[ROOM];

            for (size_t i = 0; i < ROOM; i++)
                bytes[i] = (unsigned char)i;
            pirn__move_bytes(bytes + 8, bytes + 8 + distance, n);
            for (size_t i = 0; i < ROOM; i++) {
                bool moved = i >= 8 && i < 8 + n;

                cr_assert_eq(bytes[i], moved ? i + distance : i, "%zu bytes from %zu on: byte %zu",
                             n, distance, i);
            }
        }
    }
}
