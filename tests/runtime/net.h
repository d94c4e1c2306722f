/* SPDX-License-Identifier: MIT */
/* What the tests of the net share: loopback addresses, connected pairs, and single operations that a root
 * waits for. */
#ifndef PIRN_TESTS_RUNTIME_NET_H
#define PIRN_TESTS_RUNTIME_NET_H

#include "flavors.h"

/* ---- addresses ---- */
pirn_addr loopback4(void); /* 127.0.0.1, port 0 */
pirn_addr loopback6(void); /* ::1, port 0 */
/* A path that does not exist, of this process alone. */
const char *fresh_path(void);

/* ---- objects: anything but success fails the test ---- */
pirn_listener *tcp_listener(pirn_handle *h, pirn_addr *at);
struct ends {
    pirn_stream *a, *b; /* connected to each other: `a` has connected, `b` was accepted */
};
struct ends tcp_ends(pirn_handle *h);
struct ends unix_ends(pirn_handle *h);
void ends_free(struct ends *e);

/* ---- one operation, until it is done, on a root; the result is the call's ---- */
int do_read(pirn_handle *h, pirn_stream *s, void *buf, size_t n, size_t *got);
int do_read_exact(pirn_handle *h, pirn_stream *s, void *buf, size_t n);
int do_write(pirn_handle *h, pirn_stream *s, const void *buf, size_t n, size_t *sent);
int do_write_all(pirn_handle *h, pirn_stream *s, const void *buf, size_t n);
int do_accept(pirn_handle *h, pirn_listener *l, pirn_stream **out);
int do_connect(pirn_handle *h, const pirn_addr *to, const pirn_tcp_opts *o, pirn_stream **out);
/* Any other: @poll is called until it does not return PIRN_PENDING. */
int do_poll(pirn_handle *h, int (*poll)(void *user, pirn_op *op, pirn_cx *cx), void *user);

/* ---- one poll, with a waker that counts ---- */
int poll_once(struct wakes *w, int (*poll)(void *user, pirn_op *op, pirn_cx *cx), void *user,
              pirn_op *op);

/* Bytes that tell where they stand. */
void pattern_fill(void *buf, size_t n, size_t offset);
bool pattern_is(const void *buf, size_t n, size_t offset);

int count_fds(void); /* open in this process */

#endif
