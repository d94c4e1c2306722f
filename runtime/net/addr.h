/* SPDX-License-Identifier: MIT */
/* Is this an address that a socket of ours can have? */
#ifndef PIRN_RUNTIME_NET_ADDR_H
#define PIRN_RUNTIME_NET_ADDR_H

#include <pirn/addr.h>

/* That it is IPv4 or IPv6, and as long as that. Return: 0; -EINVAL, -EAFNOSUPPORT with a text that
 * names @call. */
int pirn__addr_check_inet(const struct sockaddr *sa, socklen_t n, const char *call);

/* Of a path, or of an abstract name with a leading '@'. Return: 0; -EINVAL, -ENAMETOOLONG with a text
 * that names @call; then *@out is as it was. */
int pirn__addr_of_path(const char *path, pirn_addr *out, const char *call);

/* Makes @a whole after the kernel has filled it in: @len is what it says. */
void pirn__addr_received(pirn_addr *a, socklen_t len);

#endif
