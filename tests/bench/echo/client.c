/* SPDX-License-Identifier: MIT */
/* client.c: how many requests a second does an echo server answer, after how long, and at what price?
 *
 *     PORT CONNECTIONS SECONDS PID    each connection sends 64 bytes, awaits them, and sends again;
 *                                     PID is the server, whose CPU time is read
 *     PORT CONNECTIONS --idle         each sends once; then all rest until standard input ends
 *
 * One thread and one epoll. Every reply is compared with what was sent, and at the end each request
 * has its reply. Warming up takes a fifth of the time, and does not count. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"
#include "net.h"

enum {
    WORDS = 8,
    MESSAGE = WORDS * sizeof(uint64_t),
    EVENTS = 1024,
    PER_ADDRESS = 4000, /* connections from one address: a free port is found by looking for it */
    GIVE_UP_MS = 10000, /* no reply at all for so long: the server is dead */
    BATCH = 512,        /* connections that a server need not have accepted yet */
    NS_PER_S = 1000000000
};

static struct connection {
    int fd;
    uint32_t got; /* bytes of the reply */
    uint64_t sequence, sent_at;
} * connections;

struct cpu {
    uint64_t user, system; /* clock ticks */
};

static int epoll;
static bool counting, ending;
static uint64_t requests, replies, in_flight;
static struct histogram latencies;

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* ---- messages --------------------------------------------------------------------------- */

static int connect_from(uint32_t address, uint16_t port)
{
    int fd = checked("socket", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    struct sockaddr_in to = loopback(port), from = loopback(0);

    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + address);
    /* No port stays taken when the connection is gone. */
    checked("setsockopt", setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                                     sizeof(struct linger)));
    checked("setsockopt",
            setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int)));
    checked("bind", bind(fd, (struct sockaddr *)&from, sizeof from));
    checked("connect", connect(fd, (struct sockaddr *)&to, sizeof to));
    checked("fcntl", fcntl(fd, F_SETFL, O_NONBLOCK));
    return fd;
}

/* No two messages of a run are the same. */
static void write_message(const struct connection *c, uint64_t *words)
{
    for (uint64_t i = 0; i < WORDS; i++) {
        words[i] = (c->sequence * WORDS + i) ^ (uint64_t)(c - connections) << 40;
    }
}

static void send_message(struct connection *c, uint64_t at)
{
    uint64_t words[WORDS];

    c->sequence++;
    c->got = 0;
    c->sent_at = at;
    write_message(c, words);
    if (send(c->fd, words, MESSAGE, MSG_NOSIGNAL) != MESSAGE) {
        fail("send");
    }
    requests++;
    in_flight++;
}

static void receive(struct connection *c)
{
    char bytes[2 * MESSAGE];
    uint64_t words[WORDS], at;
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);

    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0) {
        errno = n ? errno : ECONNRESET;
        fail("recv");
    }
    write_message(c, words);
    if (c->got + (size_t)n > MESSAGE || memcmp(bytes, (char *)words + c->got, (size_t)n) != 0) {
        fprintf(stderr, "a reply is not what was sent\n");
        exit(1);
    }
    c->got += (uint32_t)n;
    if (c->got < MESSAGE) {
        return;
    }
    at = now();
    replies++;
    in_flight--;
    if (counting) {
        histogram_add(&latencies, at - c->sent_at);
    }
    if (!ending) {
        send_message(c, at);
    }
}

/* Until the time, or until nothing is in flight. */
static void exchange_until(uint64_t end)
{
    struct epoll_event events[EVENTS];

    do {
        int n = epoll_wait(epoll, events, EVENTS, GIVE_UP_MS);

        if (n == 0) {
            fprintf(stderr, "no reply for %d ms\n", GIVE_UP_MS);
            exit(1);
        }
        for (int i = 0; i < n; i++) {
            receive(events[i].data.ptr);
        }
    } while (in_flight && now() < end);
}

/* Connects all, and sends from each. Replies come before more connect than a server's queue takes. */
static void connect_all(uint16_t port, uint32_t count)
{
    ending = true; /* one reply each, for now */
    for (uint32_t i = 0; i < count; i++) {
        struct connection *c = &connections[i];
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

        c->fd = connect_from(i / PER_ADDRESS, port);
        checked("epoll_ctl", epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e));
        send_message(c, now());
        if (i % BATCH == BATCH - 1) {
            exchange_until(UINT64_MAX);
        }
    }
    if (in_flight) {
        exchange_until(UINT64_MAX);
    }
}

/* Each has its reply, and nothing else came. */
static void finish(void)
{
    ending = true;
    if (in_flight) {
        exchange_until(UINT64_MAX);
    }
    if (replies != requests) {
        fprintf(stderr, "%" PRIu64 " replies to %" PRIu64 " requests\n", replies, requests);
        exit(1);
    }
}

/* ---- the server's time ------------------------------------------------------------------ */

static struct cpu cpu_of(const char *pid)
{
    char path[64], text[1024];
    struct cpu cpu = {0};
    const char *fields;
    size_t n;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
    f = fopen(path, "r");
    if (!f) {
        fail(path);
    }
    n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    fields = strrchr(text, ')'); /* the name before it may hold anything */
    if (!fields ||
        sscanf(fields, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
               &cpu.user, &cpu.system) != 2) {
        errno = EINVAL;
        fail(path);
    }
    return cpu;
}

/* ---- what there is to do ---------------------------------------------------------------- */

static void measure(uint32_t count, double seconds, const char *pid)
{
    uint64_t begin, warm = (uint64_t)(seconds / 5 * NS_PER_S), end;
    double us_per_tick = 1e6 / (double)sysconf(_SC_CLK_TCK), counted;
    struct cpu before, after;

    ending = false;
    for (uint32_t i = 0; i < count; i++) {
        send_message(&connections[i], now());
    }
    exchange_until(now() + warm);
    before = cpu_of(pid);
    counting = true;
    begin = now();
    exchange_until(begin + (uint64_t)(seconds * NS_PER_S));
    counting = false;
    end = now();
    after = cpu_of(pid);
    finish();
    counted = (double)latencies.count;
    printf("{\"requests\": %" PRIu64 ", \"per_second\": %.0f, \"p50\": %" PRIu64
           ", \"p99\": %" PRIu64 ", \"p999\": %" PRIu64 ", \"max\": %" PRIu64
           ", \"user_us\": %.3f, \"system_us\": %.3f}\n",
           latencies.count, counted * NS_PER_S / (double)(end - begin),
           histogram_permille(&latencies, 500), histogram_permille(&latencies, 990),
           histogram_permille(&latencies, 999), latencies.max,
           (double)(after.user - before.user) * us_per_tick / counted,
           (double)(after.system - before.system) * us_per_tick / counted);
}

static void rest(uint32_t count)
{
    char byte;

    finish();
    printf("%u connections rest\n", count);
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
}

int main(int argc, char **argv)
{
    bool idle = argc == 4 && !strcmp(argv[3], "--idle");
    unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

    if ((argc != 5 && !idle) || !count || count > 1000000) {
        fprintf(stderr, "usage: %s PORT CONNECTIONS SECONDS PID | %s PORT CONNECTIONS --idle\n",
                argv[0], argv[0]);
        return 2;
    }
    allow_many_fds();
    connections = calloc(count, sizeof *connections);
    if (!connections) {
        fail("calloc");
    }
    epoll = checked("epoll_create1", epoll_create1(EPOLL_CLOEXEC));
    connect_all(port_of(argv[1]), (uint32_t)count);
    if (idle) {
        rest((uint32_t)count);
    } else {
        measure((uint32_t)count, strtod(argv[3], NULL), argv[4]);
    }
    return 0;
}
