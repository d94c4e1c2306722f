/* SPDX-License-Identifier: MIT */
/* Two senders and a receiver that waits: is it woken, does it see what was sent, each once, and each
 * sender's in order? */
#include "tests/model/mpsc_model.h"

static uint64_t payload[ELEMS_MAX]; /* plain: what was done before the element was sent */

static void setup(void)
{
    mpsc_reset(4);
    for (int i = 0; i < ELEMS_MAX; i++)
        payload[i] = 0;
}

static void send_with_payload(uint64_t elem)
{
    payload[elem] = elem;
    assert(mpsc_send_now(elem) == 0);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        send_with_payload(1);
        send_with_payload(2);
    } else if (thread == 1) {
        send_with_payload(3);
    } else {
        while (mpsc_recv(2) == 0) {
            assert(payload[got[2]] == got[2]);
            assert(got[2] != 2 || fates[1] == FATE_RECEIVED);
        }
    }
}

static void check(void)
{
    int left = 3;

    for (int i = 1; i <= 3; i++)
        left -= fates[i] == FATE_RECEIVED;
    /* With nothing left it may have been woken by what it took after. */
    if (left > 0)
        must_be_woken(2);
    while (mpsc_recv(2) == 0)
        left--;
    assert(left == 0);
    pirn_op_drop(&waiting[2].op);
    mpsc_free();
    chan_check(3);
}

MODEL_SCENARIO("mpsc_order", 3)
