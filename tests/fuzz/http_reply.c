/* SPDX-License-Identifier: MIT */
/* Any request's conditions and ranges, against a file of any size and age, as the example file server answers
 * them: is the answer's head whole and in bounds, and does it promise the bytes that follow, all of the file's? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_reply.h"

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

/* What the input begins with. */
struct about_file {
    unsigned char size[5], modified[4], zeroes;
};

static uint64_t number(const unsigned char *bytes, size_t n)
{
    uint64_t value = 0;

    for (size_t i = 0; i < n; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* Lines up to an empty one, and no byte that could end one early. Return: the status. */
static int check_head(const struct http_reply *reply, bool with_body)
{
    const char *end = memmem(reply->head, reply->head_n, "\r\n\r\n", 4);
    int status = 0;

    CHECK(reply->head_n <= sizeof reply->head && end != NULL);
    CHECK(with_body || end + 4 == reply->head + reply->head_n);
    CHECK(sscanf(reply->head, "HTTP/1.1 %d ", &status) == 1);
    for (const char *at = reply->head; at < end; at++) {
        CHECK(*at != '\0' && (*at != '\n' || at[-1] == '\r'));
        CHECK(*at != '\r' || at[1] == '\n');
    }
    return status;
}

/* Of a header that is a number; -1: it is not there. */
static long long value_of(const struct http_reply *reply, const char *name)
{
    const char *at = memmem(reply->head, reply->head_n, name, strlen(name));
    long long value = -1;

    if (at != NULL)
        CHECK(sscanf(at + strlen(name), "%lld\r\n", &value) == 1);
    return value;
}

static void check_part(const struct http_reply *reply, off_t size)
{
    const char *at = memmem(reply->head, reply->head_n, "Content-Range: bytes ", 21);
    long long from, to, whole;

    CHECK(at != NULL && sscanf(at + 21, "%lld-%lld/%lld\r\n", &from, &to, &whole) == 3);
    CHECK(from >= 0 && from <= to && to < whole && whole == size);
    CHECK(value_of(reply, "Content-Length: ") == to + 1 - from);
    CHECK(reply->file == NULL || reply->offset == from);
}

static void check_reply(const struct http_reply *reply, const struct http_request *r,
                        const struct http_file *f)
{
    long long length = value_of(reply, "Content-Length: ");
    int status = check_head(reply, !r->head_only);

    CHECK(reply->file == NULL || (reply->file == f && !r->head_only && reply->n != 0));
    CHECK(reply->file == NULL || (status == 200 || status == 206));
    switch (status) {
    case 200:
        CHECK(length == f->st.st_size && reply->offset == 0);
        CHECK((reply->file != NULL) == (length != 0 && !r->head_only));
        break;
    case 206:
        CHECK(r->parser.method == HTTP_GET && reply->file != NULL);
        check_part(reply, f->st.st_size);
        break;
    case 304:
        CHECK(length == -1);
        break;
    case 412:
        break;
    default:
        CHECK(status == 416 && length == 0);
    }
    if (reply->file != NULL)
        CHECK((long long)reply->n == length && reply->offset + (off_t)reply->n <= f->st.st_size);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static struct http_request request;
    static struct http_reply reply;
    static struct http_file file;
    struct about_file about;
    size_t used;

    if (n < sizeof about)
        return 0;
    memcpy(&about, data, sizeof about);
    memset(&file, 0, sizeof file);
    file.fd = -1;
    /* Sizes from none to many terabytes; small ones as often as large ones. */
    file.st.st_size = (off_t)(number(about.size, sizeof about.size) >> (about.zeroes % 41));
    file.st.st_mtim.tv_sec = (time_t)number(about.modified, sizeof about.modified) - 1000000000;
    (void)snprintf(file.key, sizeof file.key, "a.txt");
    http_describe_file(&file);
    CHECK(file.head_n < sizeof file.head && strlen(file.etag) + 1 < sizeof file.etag);

    http_request_begin(&request);
    used = http_request_take(&request, (const char *)data + sizeof about, n - sizeof about);
    CHECK(used <= n - sizeof about);
    if (!request.done || request.status != 0 ||
        (request.parser.method != HTTP_GET && request.parser.method != HTTP_HEAD))
        return 0;
    memset(&reply, 0xaa, sizeof reply);
    http_reply_file(&reply, &request, &file);
    check_reply(&reply, &request, &file);
    return 0;
}
