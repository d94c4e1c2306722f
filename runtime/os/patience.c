/* SPDX-License-Identifier: MIT */
/* When waiting awake is cheaper than sleeping.
 *
 * To be woken costs both sides some microseconds, and far more where the CPU has to be started again.
 * A thread whose last wait was that short looks around before it sleeps; one that waited long does not,
 * so that a program at rest burns nothing. */
#include "runtime/os/patience.h"

#include "runtime/os/clock.h"
#include "task/base/relax.h"

enum {
    LOOK_NS = 20000,
    SHORT_NS = 100000, /* a wait that a look might have spared */
    LOOKS_PER_CLOCK = 16,
};

bool pirn__patience_look(struct patience *p, bool (*done)(void *arg), void *arg)
{
    pirn_time now = p->began = pirn__clock_now();

    if (p->last > SHORT_NS)
        return false;
    for (; now - p->began < LOOK_NS; now = pirn__clock_now()) {
        for (unsigned i = 0; i < LOOKS_PER_CLOCK; i++) {
            if (done(arg)) {
                p->last = 0;
                return true;
            }
            cpu_relax(0);
        }
        cpu_give();
    }
    return false;
}

void pirn__patience_slept(struct patience *p)
{
    p->last = pirn__clock_now() - p->began;
}
