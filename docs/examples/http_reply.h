/* SPDX-License-Identifier: MIT */
/* What is answered: the head of an answer, and which bytes of a file follow it. */
#ifndef PIRN_EXAMPLES_HTTP_REPLY_H
#define PIRN_EXAMPLES_HTTP_REPLY_H

#include <stddef.h>
#include <sys/types.h>

#include "http_files.h"
#include "http_request.h"

enum {
    HTTP_REPLY_ROOM = HTTP_URL_MAX + 512, /* of a head; of an error's with its body */
};

struct http_reply {
    size_t head_n;
    const struct http_file *file; /* NULL: nothing follows the head */
    off_t offset;                 /* which bytes of it */
    size_t n;
    char head[HTTP_REPLY_ROOM];
};

/* Fills in what the file's answers say of it: type, dates, tag. */
void http_describe_file(struct http_file *f);

/* The answer with @f: whole, a part of it, or that it is, or is not, as the client knows it. */
void http_reply_file(struct http_reply *out, const struct http_request *r,
                     const struct http_file *f);

/* The answer without one. @location: with 301. */
void http_reply_status(struct http_reply *out, const struct http_request *r, int status,
                       const char *location);

#endif
