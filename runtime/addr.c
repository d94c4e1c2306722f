/* SPDX-License-Identifier: MIT */
/* Addresses as texts, and texts as addresses: no names, no system calls but for an interface's. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <pirn/net.h>

#include "runtime/net/addr.h"
#include "task/base/error.h"

static int refuse(const char *text, const char *why)
{
    return pirn__error(-EINVAL, "pirn_addr_parse: \"%s\": %s", text, why);
}

/* Digits only, and no more than 65,535. */
static bool parse_port(const char *s, in_port_t *out)
{
    unsigned long port = 0;
    size_t n = strspn(s, "0123456789");

    if (n == 0 || n > 5 || s[n] != '\0')
        return false;
    port = strtoul(s, NULL, 10);
    *out = htons((uint16_t)port);
    return port <= UINT16_MAX;
}

/* "%eth0" or "%2"; @s is behind the '%'. */
static bool parse_scope(const char *s, uint32_t *out)
{
    size_t n = strspn(s, "0123456789");

    if (n > 0 && s[n] == '\0' && n < 10)
        *out = (uint32_t)strtoul(s, NULL, 10);
    else
        *out = if_nametoindex(s);
    return *out != 0;
}

/* What stands between the brackets, @n bytes. */
static bool parse_in6(const char *s, size_t n, struct sockaddr_in6 *in6)
{
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
    char *scope;

    if (n >= sizeof host)
        return false;
    memcpy(host, s, n);
    host[n] = '\0';
    scope = strchr(host, '%');
    if (scope != NULL) {
        *scope = '\0';
        if (!parse_scope(scope + 1, &in6->sin6_scope_id))
            return false;
    }
    return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1;
}

static bool parse_in4(const char *s, size_t n, struct sockaddr_in *in4)
{
    char host[INET_ADDRSTRLEN];

    if (n >= sizeof host)
        return false;
    memcpy(host, s, n);
    host[n] = '\0';
    return inet_pton(AF_INET, host, &in4->sin_addr) == 1;
}

int pirn_addr_parse(const char *text, pirn_addr *out)
{
    const char *colon;
    pirn_addr a;

    if (text == NULL || out == NULL)
        return pirn__error(-EINVAL, "pirn_addr_parse: an argument is NULL");
    memset(&a, 0, sizeof a);
    if (strncmp(text, "unix:", 5) == 0)
        return pirn__addr_of_path(text + 5, out, "pirn_addr_parse");
    colon = strrchr(text, ':');
    if (colon == NULL || !parse_port(colon + 1, &a.in4.sin_port))
        return refuse(text, "no port of 0 to 65535 at the end");
    if (text[0] == '[' || colon == text) {
        a.in6.sin6_family = AF_INET6;
        a.len = sizeof a.in6;
        if (colon != text &&
            (colon[-1] != ']' || !parse_in6(text + 1, (size_t)(colon - text) - 2, &a.in6)))
            return refuse(text, "no IPv6 address in brackets");
    } else {
        a.in4.sin_family = AF_INET;
        a.len = sizeof a.in4;
        if (!parse_in4(text, (size_t)(colon - text), &a.in4))
            return refuse(text, "no IPv4 address, and IPv6 stands in brackets");
    }
    *out = a;
    return 0;
}

static void format_unix(const pirn_addr *a, char *buf, size_t n)
{
    struct sockaddr_un un;
    size_t begin = offsetof(struct sockaddr_un, sun_path);
    size_t len = a->len > begin ? a->len - begin : 0;
    char path[sizeof un.sun_path + 1];

    memcpy(&un, &a->storage, sizeof un);
    if (len > sizeof un.sun_path)
        len = sizeof un.sun_path;
    memcpy(path, un.sun_path, len);
    path[len] = '\0';
    /* Of an abstract name, zeroes are shown as /proc/net/unix shows them. */
    if (len > 0 && path[0] == '\0')
        for (size_t i = 0; i < len; i++)
            if (path[i] == '\0')
                path[i] = '@';
    (void)snprintf(buf, n, "unix:%s", path);
}

static void format_in6(const struct sockaddr_in6 *in6, char *buf, size_t n)
{
    char host[INET6_ADDRSTRLEN], scope[16] = "";

    (void)inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
    if (in6->sin6_scope_id != 0)
        (void)snprintf(scope, sizeof scope, "%%%u", (unsigned)in6->sin6_scope_id);
    (void)snprintf(buf, n, "[%s%s]:%u", host, scope, (unsigned)ntohs(in6->sin6_port));
}

const char *pirn_addr_format(const pirn_addr *a, char *buf, size_t n)
{
    char host[INET_ADDRSTRLEN];
    unsigned family;

    if (buf == NULL || n == 0)
        return "";
    family = a != NULL && a->len >= sizeof(sa_family_t) ? a->sa.sa_family : AF_UNSPEC;
    if (family == AF_INET && a->len >= sizeof a->in4) {
        (void)inet_ntop(AF_INET, &a->in4.sin_addr, host, sizeof host);
        (void)snprintf(buf, n, "%s:%u", host, (unsigned)ntohs(a->in4.sin_port));
    } else if (family == AF_INET6 && a->len >= sizeof a->in6) {
        format_in6(&a->in6, buf, n);
    } else if (family == AF_UNIX) {
        format_unix(a, buf, n);
    } else {
        (void)snprintf(buf, n, "family:%u", family);
    }
    return buf;
}
