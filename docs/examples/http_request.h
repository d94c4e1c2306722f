/* SPDX-License-Identifier: MIT */
/* What a client asks for: one request after the other out of a stream of bytes, and what in it is not to
 * be answered. Knows no file and no socket. */
#ifndef PIRN_EXAMPLES_HTTP_REQUEST_H
#define PIRN_EXAMPLES_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <http_parser.h>

enum {
    HTTP_URL_MAX = 2048,
    HTTP_PATH_MAX = 1024,  /* bytes of a path, decoded */
    HTTP_HEAD_MAX = 8192,  /* of a request's head */
    HTTP_BODY_MAX = 65536, /* of a body, which is read and thrown away */
    HTTP_VALUE_MAX = 264,  /* a host's name and a port fit */
};

/* Headers that mean something here. */
enum http_header {
    HTTP_HOST,
    HTTP_RANGE,
    HTTP_IF_RANGE,
    HTTP_IF_MATCH,
    HTTP_IF_NONE_MATCH,
    HTTP_IF_MODIFIED_SINCE,
    HTTP_IF_UNMODIFIED_SINCE,
    HTTP_EXPECT,
    HTTP_TRANSFER_ENCODING,
    HTTP_HEADERS,
    HTTP_OTHER = HTTP_HEADERS,
};

struct http_value {
    uint16_t n; /* bytes; more than fit means: too long */
    uint16_t times;
    char text[HTTP_VALUE_MAX];
};

struct http_request {
    http_parser parser;
    size_t head;   /* bytes so far */
    uint64_t body; /* likewise */
    bool begun, head_done, done;
    bool in_value; /* of `at` */
    enum http_header at;
    size_t name_n, url_n;
    char name[32];
    char url[HTTP_URL_MAX + 1];
    struct http_value values[HTTP_HEADERS];
    int status; /* 0, or what the answer must be: then the connection ends with it */
    bool keep_alive, head_only;
};

/* Before the first, and before each further one. */
void http_request_begin(struct http_request *r);

/* Takes in @n bytes, up to the end of one request. Return: how many were used; then r->done says whether
 * it is whole, or is not to be gone on with (r->status). */
size_t http_request_take(struct http_request *r, const char *bytes, size_t n);

/* Ends it here, with that for an answer, and the connection with it. */
void http_request_refuse(struct http_request *r, int status);

/* The value of a header, without blanks around it, ended by 0; NULL: it was not there, or is too long to mean anything. */
const char *http_request_value(const struct http_request *r, enum http_header h);

/* The path that @url names, decoded, below some root, without a slash at either end; "" is the root. No
 * "..", no name that begins with a dot but a first one of ".well-known" (RFC 8615), no byte 0, no slash in
 * disguise. @folder: it ended in a slash. @out: room for HTTP_PATH_MAX + 1. Return: 0; else the status that
 * says what is wrong. */
int http_path_of_url(const char *url, char *out, bool *folder);

/* The URL of a folder: from such a path back, with the query of @url, if it has one. @out: room for
 * HTTP_URL_MAX + 1. Return: false: it is longer than what may be asked for. */
bool http_url_of_folder(const char *path, const char *url, char *out);

#endif
