# SPDX-License-Identifier: MIT
"""Which mistakes in the channels must be noticed? As in mutants.py."""
from mutant import Mutant

MPSC = "task/sync/mpsc.c"
MPSC_H = "task/sync/mpsc.h"
RING = "task/sync/mpsc_ring.c"
SEND = "task/sync/mpsc_send.c"
RECV = "task/sync/mpsc_recv.c"
ONESHOT = "task/sync/oneshot.c"
HUB = "task/sync/hub.c"
HUB_H = "task/sync/hub.h"
WATCH = "task/sync/watch.c"
BROADCAST = "task/sync/broadcast.c"
VALUE = "task/sync/chan_value.c"
REF = "task/base/ref.h"

FILES = (MPSC, MPSC_H, RING, SEND, RECV, HUB, HUB_H)

MUTANTS = [
    # ---- mpsc: the two words ----------------------------------------------------------------------
    Mutant("element-unpublished", MPSC_H,
           "atomic_store_explicit(&c->tail, tail + 1, memory_order_release);",
           "atomic_store_explicit(&c->tail, tail + 1, memory_order_relaxed);",
           ["mpsc_order"]),
    Mutant("element-seen-relaxed", MPSC_H,
           "return atomic_load_explicit(&c->tail, memory_order_acquire);",
           "return atomic_load_explicit(&c->tail, memory_order_relaxed);",
           ["mpsc_order"]),
    Mutant("room-unpublished", MPSC_H,
           "n * HEAD_ONE, memory_order_release) & HEAD_WANTED;",
           "n * HEAD_ONE, memory_order_relaxed) & HEAD_WANTED;",
           ["mpsc_full"]),
    Mutant("room-of-a-ring-unpublished", MPSC_H,
           "atomic_store_explicit(&c->head, (head + n) * HEAD_ONE, memory_order_release);",
           "atomic_store_explicit(&c->head, (head + n) * HEAD_ONE, memory_order_relaxed);",
           ["mpsc_grow"]),
    Mutant("room-seen-relaxed", MPSC_H,
           "return atomic_load_explicit(&c->head, memory_order_acquire) / HEAD_ONE;",
           "return atomic_load_explicit(&c->head, memory_order_relaxed) / HEAD_ONE;",
           ["mpsc_full", "mpsc_grow"]),
    Mutant("room-made-silently", MPSC_H,
           "n * HEAD_ONE, memory_order_release) & HEAD_WANTED;",
           "n * HEAD_ONE, memory_order_release) == UINT64_MAX;",
           ["mpsc_full", "mpsc_drop"]),
    Mutant("waits-without-saying-so", SEND,
           "    (void)atomic_fetch_or_explicit(&c->head, HEAD_WANTED, memory_order_relaxed);\n",
           "",
           ["mpsc_full", "mpsc_drop"]),
    Mutant("waits-without-a-second-look", SEND,
           """    if (c->waiting.first == NULL && pirn__mpsc_room(c) >= n)
        return 0;
""",
           "",
           ["mpsc_full"]),
    Mutant("ring-room-of-older-rings", RING,
           "(head > r->base ? head : r->base)",
           "head",
           ["mpsc_grow"]),
    Mutant("ring-left-too-late", RING,
           "atomic_load_explicit(&r->end, memory_order_relaxed) == head",
           "atomic_load_explicit(&r->end, memory_order_relaxed) + 1 == head",
           ["mpsc_grow"]),
    # ---- mpsc: wakes --------------------------------------------------------------------------------
    Mutant("sent-silently", SEND,
           """    mpsc_put(c, elem, c->elem_size);
    mpsc_wake_receiver(c, wakes);""",
           """    mpsc_put(c, elem, c->elem_size);
    (void)wakes;""",
           ["mpsc_order"]),
    Mutant("quick-past-a-sleeper", SEND,
           """ < c->quick_until &&
               c->receiver == NULL)) {""",
           " < c->quick_until)) {",
           ["mpsc_order"]),
    Mutant("sleeps-without-a-second-look", RECV,
           "    result = mpsc_look(c, w, r);",
           "    result = w->chan == NULL ? PIRN_PENDING : mpsc_look(c, w, r);",
           ["mpsc_order"]),
    Mutant("last-sender-goes-silently", MPSC,
           """        mpsc_wake_receiver(c, &wakes);
    end_senders(c, CHAN_CANCELED, CHAN_CANCELED, &wakes);""",
           """        (void)c;
    end_senders(c, CHAN_CANCELED, CHAN_CANCELED, &wakes);""",
           ["mpsc_last"]),
    Mutant("last-permit-goes-silently", MPSC,
           """    c->permits -= n;
    if (mpsc_is_closed(c))
        mpsc_wake_receiver(c, wakes);""",
           "    c->permits -= n;",
           ["mpsc_permit"]),
    Mutant("closed-though-a-permit-is-out", MPSC_H,
           "return (c->rx_closed || c->tx_gone) && c->permits == 0;",
           "return c->rx_closed || c->tx_gone;",
           ["mpsc_permit"]),
    Mutant("grant-dies-with-its-waiter", SEND,
           """        pirn__mpsc_return_permits(c, w->want, &wakes);
    }
    last""",
           """    }
    last""",
           ["mpsc_drop"]),
    # ---- mpsc: ends ---------------------------------------------------------------------------------
    Mutant("sent-to-nobody", SEND,
           """    if (c->rx_closed)
        return PIRN_ECLOSED;
    if (c->waiting""",
           "    if (c->waiting",
           ["mpsc_close"]),
    Mutant("quick-to-nobody", MPSC,
           """    c->rx_gone = true;
    c->quick_until = 0;""",
           "    c->rx_gone = true;",
           ["mpsc_close"]),
    Mutant("waiting-senders-not-told", MPSC,
           """    c->quick_until = 0;
    mpsc_wake_receiver(c, &wakes);
    end_senders(c, CHAN_CLOSED, CHAN_CLOSED, &wakes);""",
           """    c->quick_until = 0;
    mpsc_wake_receiver(c, &wakes);""",
           ["mpsc_close"]),
    Mutant("waiting-receiver-not-told", MPSC,
           """    c->quick_until = 0;
    mpsc_wake_receiver(c, &wakes);
    end_senders(c, CHAN_CLOSED, CHAN_CLOSED, &wakes);""",
           "    end_senders(c, CHAN_CLOSED, CHAN_CLOSED, &wakes);",
           ["mpsc_polled"]),
    Mutant("takes-from-what-is-freed", RECV,
           """    if (w->chan != NULL && c->rx_gone)
        return -ECANCELED;
""",
           "",
           ["mpsc_polled"]),
    Mutant("sleeps-without-holding-the-channel", RECV,
           "    c->holders += w->chan == NULL;\n",
           "",
           ["mpsc_gone"]),
    # ---- oneshot ------------------------------------------------------------------------------------
    Mutant("oneshot-sent-silently", ONESHOT,
           "        wake_end(o, ONESHOT_RX, &wakes);\n    }\n",
           "    }\n",
           ["oneshot_send"]),
    Mutant("oneshot-sent-to-nobody", ONESHOT,
           """    if (o->rx_closed) {
        r = PIRN_ECLOSED;
    } else {""",
           "    {",
           ["oneshot_close"]),
    Mutant("oneshot-left-behind", ONESHOT,
           "left = o->sent && !o->taken && o->elem_drop != NULL;",
           "left = false;",
           ["oneshot_polled"]),
    Mutant("oneshot-ready-and-left-behind", ONESHOT,
           """    case ONESHOT_READY:
        elem_discard(o->elem_drop, o->elem);
        break;""",
           """    case ONESHOT_READY:
        break;""",
           ["oneshot_close"]),
    Mutant("oneshot-taken-from-what-is-freed", ONESHOT,
           """    if (w->chan != NULL && own_gone)
        return -ECANCELED;
""",
           "    (void)own_gone;\n",
           ["oneshot_polled"]),
    Mutant("oneshot-waits-without-holding-it", ONESHOT,
           "        o->holders += w->chan == NULL;\n",
           "",
           ["oneshot_drop"]),
    Mutant("oneshot-left-unpublished", ONESHOT,
           "atomic_store_explicit(&o->stage, (uint8_t)stage, memory_order_release);",
           "atomic_store_explicit(&o->stage, (uint8_t)stage, memory_order_relaxed);",
           ["oneshot_send"]),
    Mutant("oneshot-left-seen-relaxed", ONESHOT,
           "(enum oneshot_stage)atomic_load_explicit(&o->stage, memory_order_acquire);",
           "(enum oneshot_stage)atomic_load_explicit(&o->stage, memory_order_relaxed);",
           ["oneshot_send"]),
    Mutant("oneshot-left-though-one-waits", ONESHOT,
           "if (--o->holders == 1 && o->sent && !o->rx_gone)",
           "if (--o->holders != 0 && o->sent && !o->rx_gone)",
           ["oneshot_send"]),
    Mutant("oneshot-locked-past-its-end", ONESHOT,
           "    stage = lock_if_shared(o); /* it",
           "    spin_take(&o->lock); stage = ONESHOT_SHARED; /* it",
           ["oneshot_send"]),
    Mutant("oneshot-closed-silently", ONESHOT,
           """    wake_end(o, ONESHOT_RX, &wakes);
    wake_end(o, ONESHOT_TX, &wakes);
    left =""",
           """    wake_end(o, ONESHOT_RX, &wakes);
    left =""",
           ["oneshot_closed"]),
    # ---- watch and broadcast ----------------------------------------------------------------------------
    Mutant("version-unpublished", HUB,
           "atomic_store_explicit(&h->version, version + 1, memory_order_release);",
           "atomic_store_explicit(&h->version, version + 1, memory_order_relaxed);",
           ["chan_watch_send"]),
    Mutant("version-seen-relaxed", HUB_H,
           "return atomic_load_explicit(&h->version, memory_order_acquire);",
           "return atomic_load_explicit(&h->version, memory_order_relaxed);",
           ["chan_watch_send"]),
    Mutant("published-silently", HUB,
           "    wake_waiting(h, false, wakes);\n",
           "    (void)wakes;\n",
           ["chan_watch_send"]),
    Mutant("hub-last-sender-silently", HUB,
           "    wake_waiting(h, true, &wakes);\n",
           "",
           ["chan_watch_last", "broadcast_lag"]),
    Mutant("hub-waits-without-a-look", HUB,
           "        r = look(rx, arg);",
           "        r = w->chan == NULL ? PIRN_PENDING : look(rx, arg);",
           ["chan_watch_send", "broadcast_lag"]),
    Mutant("hub-waits-without-holding-it", HUB,
           """        rx->refs++;
        h->holders++;
    } else""",
           """        h->holders++;
    } else""",
           ["chan_watch_gone"]),
    Mutant("hub-freed-without-its-waiter", HUB,
           """            chan_list_remove(&h->waiting, w);
        w->verdict = CHAN_CANCELED;""",
           """            chan_list_remove(&h->waiting, w);
        w->verdict = CHAN_GRANTED;""",
           ["broadcast_gone"]),
    Mutant("change-over-a-change", WATCH,
           "(expected != NULL && *expected != hub_version(h))",
           "(expected != NULL && *expected > hub_version(h))",
           ["chan_watch_modify"]),
    Mutant("looked-at-without-holding-it", WATCH,
           "    ref_add(&v->refs, 1);\n",
           "    ref_add(&v->refs, 0);\n",
           ["chan_watch_modify"]),
    Mutant("lag-off-by-one", BROADCAST,
           """    if (sent - rx->place > b->capacity) {
        r->missed""",
           """    if (sent - rx->place > b->capacity + 1) {
        r->missed""",
           ["broadcast_lag"]),
    Mutant("copied-without-holding-it", BROADCAST,
           "        ref_add(&v->refs, 1);\n",
           "        ref_add(&v->refs, 0);\n",
           ["broadcast_clone"]),
    Mutant("overwritten-and-forgotten", BROADCAST,
           "    pirn__value_unref(&b->type, old);\n",
           "",
           ["broadcast_clone"]),
    Mutant("moved-out-while-it-is-copied", VALUE,
           "    if (ref_is_last(&v->refs)) {",
           "    if (1) {",
           ["broadcast_clone"]),
    Mutant("last-seen-relaxed", REF,
           "return atomic_load_explicit(r, memory_order_acquire) == 1;",
           "return atomic_load_explicit(r, memory_order_relaxed) == 1;",
           ["broadcast_clone"]),
    Mutant("share-not-given-up", BROADCAST,
           "    if (b->type.clone != NULL)\n        give_up_rest(b, inside, until);\n",
           "    (void)until;\n",
           ["broadcast_free"]),
]
