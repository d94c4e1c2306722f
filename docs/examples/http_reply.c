/* SPDX-License-Identifier: MIT */
/* Making answers: RFC 9110 for what they say, RFC 9112 for how. */
#include "http_reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* ---- times ---------------------------------------------------------------------------------------------- */

enum {
    DATE_ROOM = 40, /* 29 are used */
};

/* In English, whatever the locale. */
static void format_date(time_t t, char out[DATE_ROOM])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;

    (void)gmtime_r(&t, &tm);
    (void)snprintf(out, DATE_ROOM, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + tm.tm_wday * 3,
                   tm.tm_mday % 100, months + tm.tm_mon * 3, (tm.tm_year + 1900) % 10000,
                   tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100);
}

static time_t seconds_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

/* Now; made once a second on each thread. */
static const char *date_now(void)
{
    static _Thread_local char text[DATE_ROOM];
    static _Thread_local time_t made;
    time_t now = seconds_now();

    if (now != made) {
        format_date(now, text);
        made = now;
    }
    return text;
}

/* In one of the three forms that there are. Return: false: it is none. */
static bool parse_date(const char *text, time_t *out)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y"};

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);

        if (end != NULL && *end == '\0') {
            *out = timegm(&tm);
            return true;
        }
    }
    return false;
}

/* ---- what is said of a file ----------------------------------------------------------------------------- */

static const char *type_of(const char *key)
{
    static const struct {
        const char *extension, *type;
    } types[] = {
        {"html", "text/html; charset=utf-8"},
        {"htm", "text/html; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},
        {"js", "text/javascript; charset=utf-8"},
        {"mjs", "text/javascript; charset=utf-8"},
        {"txt", "text/plain; charset=utf-8"},
        {"md", "text/markdown; charset=utf-8"},
        {"csv", "text/csv; charset=utf-8"},
        {"xml", "application/xml"},
        {"json", "application/json"},
        {"webmanifest", "application/manifest+json"},
        {"wasm", "application/wasm"},
        {"pdf", "application/pdf"},
        {"zip", "application/zip"},
        {"gz", "application/gzip"},
        {"svg", "image/svg+xml"},
        {"png", "image/png"},
        {"jpg", "image/jpeg"},
        {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},
        {"webp", "image/webp"},
        {"avif", "image/avif"},
        {"ico", "image/x-icon"},
        {"woff", "font/woff"},
        {"woff2", "font/woff2"},
        {"ttf", "font/ttf"},
        {"otf", "font/otf"},
        {"mp3", "audio/mpeg"},
        {"ogg", "audio/ogg"},
        {"wav", "audio/wav"},
        {"mp4", "video/mp4"},
        {"mpeg", "video/mpeg"},
        {"mpg", "video/mpeg"},
        {"webm", "video/webm"},
    };
    const char *slash = strrchr(key, '/');
    const char *name = slash != NULL ? slash + 1 : key;
    const char *dot = strrchr(name, '.');

    if (slash != NULL && *name == '\0')
        return types[0].type; /* a folder's index.html */
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(dot + 1, types[i].extension) == 0)
            return types[i].type;
    return "application/octet-stream";
}

void http_describe_file(struct http_file *f)
{
    char date[DATE_ROOM];
    time_t now = seconds_now();

    f->modified = f->st.st_mtim.tv_sec < now ? f->st.st_mtim.tv_sec : now;
    format_date(f->modified, date);
    (void)snprintf(f->etag, sizeof f->etag, "\"%llx%09lx-%llx\"",
                   (unsigned long long)f->st.st_mtim.tv_sec, (unsigned long)f->st.st_mtim.tv_nsec,
                   (unsigned long long)f->st.st_size);
    f->head_n = (uint32_t)snprintf(f->head, sizeof f->head,
                                   "Last-Modified: %s\r\nETag: %s\r\nAccept-Ranges: bytes\r\n"
                                   "Content-Type: %s\r\n",
                                   date, f->etag, type_of(f->key));
}

/* ---- heads ---------------------------------------------------------------------------------------------- */

static const char *reason_of(int status)
{
    switch (status) {
#define XX(num, name, string)                                                                      \
    case num:                                                                                      \
        return #string;
        HTTP_STATUS_MAP(XX)
#undef XX
    }
    return "Error";
}

__attribute__((format(printf, 2, 3))) static void add(struct http_reply *out, const char *format,
                                                      ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(out->head + out->head_n, sizeof out->head - out->head_n, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof out->head - out->head_n)
        out->head_n += (size_t)n;
}

static void add_bytes(struct http_reply *out, const char *bytes, size_t n)
{
    memcpy(out->head + out->head_n, bytes, n);
    out->head_n += n;
}

/* A number in decimal, for heads that are made a hundred thousand times a second. */
static void add_number(struct http_reply *out, unsigned long long value)
{
    char digits[24];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    add_bytes(out, digits + at, sizeof digits - at);
}

#define ADD_TEXT(out, text) add_bytes(out, text, sizeof text - 1)

/* All but what is said of a body, and the end. */
static void begin_head(struct http_reply *out, const struct http_request *r, int status)
{
    out->head_n = 0;
    out->file = NULL;
    out->offset = 0;
    out->n = 0;
    if (status == 200)
        ADD_TEXT(out, "HTTP/1.1 200 OK\r\n");
    else
        add(out, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
    ADD_TEXT(out, "Server: pirn\r\nDate: ");
    add_bytes(out, date_now(), 29);
    if (r->keep_alive && r->parser.http_minor >= 1)
        ADD_TEXT(out, "\r\n");
    else if (r->keep_alive)
        ADD_TEXT(out, "\r\nConnection: keep-alive\r\n");
    else
        ADD_TEXT(out, "\r\nConnection: close\r\n");
}

void http_reply_status(struct http_reply *out, const struct http_request *r, int status,
                       const char *location)
{
    char body[128];
    int n = snprintf(body, sizeof body, "%d %s\n", status, reason_of(status));

    begin_head(out, r, status);
    if (status == 405)
        ADD_TEXT(out, "Allow: GET, HEAD\r\n");
    if (location != NULL)
        add(out, "Location: %s\r\n", location);
    add(out, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n", n);
    if (!r->head_only)
        add_bytes(out, body, (size_t)n);
}

/* ---- which bytes ---------------------------------------------------------------------------------------- */

/* Whether @list, of If-Match or If-None-Match, names the tag. @weakly: as a weak one too. */
static bool names_tag(const char *list, const char *tag, bool weakly)
{
    size_t n = strlen(tag);

    if (strcmp(list, "*") == 0)
        return true;
    for (;;) {
        const char *end;
        bool weak;

        list += strspn(list, " \t,");
        weak = strncmp(list, "W/", 2) == 0;
        list += weak ? 2 : 0;
        end = *list == '"' ? strchr(list + 1, '"') : NULL;
        if (end == NULL)
            return false; /* the end, or no list of tags */
        end++;
        if ((size_t)(end - list) == n && memcmp(list, tag, n) == 0 && (weakly || !weak))
            return true;
        list = end;
    }
}

/* Whether the client wants an answer only if the file is as it knows it, and it is not. */
static bool is_other(const struct http_request *r, const struct http_file *f)
{
    const char *tags = http_request_value(r, HTTP_IF_MATCH);
    const char *since = http_request_value(r, HTTP_IF_UNMODIFIED_SINCE);
    time_t t;

    if (r->values[HTTP_IF_MATCH].times != 0)
        return tags == NULL || !names_tag(tags, f->etag, false);
    return since != NULL && parse_date(since, &t) && f->modified > t;
}

static bool is_known(const struct http_request *r, const struct http_file *f)
{
    const char *tags = http_request_value(r, HTTP_IF_NONE_MATCH);
    const char *since = http_request_value(r, HTTP_IF_MODIFIED_SINCE);
    time_t t;

    if (r->values[HTTP_IF_NONE_MATCH].times != 0)
        return tags != NULL && names_tag(tags, f->etag, true);
    return since != NULL && parse_date(since, &t) && f->modified <= t;
}

/* Whether a range is still of the file that the client has the rest of. */
static bool range_holds(const struct http_request *r, const struct http_file *f)
{
    const char *what = http_request_value(r, HTTP_IF_RANGE);
    time_t t;

    if (r->values[HTTP_IF_RANGE].times == 0)
        return true;
    if (what == NULL)
        return false;
    return *what == '"' ? strcmp(what, f->etag) == 0 : parse_date(what, &t) && t == f->modified;
}

/* Digits, up to what an off_t holds. Return: false: there are none, or too many. */
static bool read_offset(const char **at, off_t *out)
{
    const char *first = *at;

    *out = 0;
    while (**at >= '0' && **at <= '9' && *at - first < 18)
        *out = *out * 10 + (*(*at)++ - '0');
    return *at != first && !(**at >= '0' && **at <= '9');
}

enum range {
    RANGE_NONE,  /* none, or one that may be ignored: several, or not understood */
    RANGE_PART,  /* @from to @to, both included */
    RANGE_WRONG, /* outside of the file */
};

static enum range read_range(const char *text, off_t size, off_t *from, off_t *to)
{
    if (text == NULL || strncasecmp(text, "bytes=", 6) != 0)
        return RANGE_NONE;
    text += 6;
    *to = size - 1;
    if (*text == '-') {
        off_t last;

        text++;
        if (!read_offset(&text, &last) || *text != '\0')
            return RANGE_NONE;
        *from = last < size ? size - last : 0;
        return last == 0 || size == 0 ? RANGE_WRONG : RANGE_PART;
    }
    if (!read_offset(&text, from) || *text++ != '-')
        return RANGE_NONE;
    if (*text != '\0') {
        off_t last;

        if (!read_offset(&text, &last) || *text != '\0' || last < *from)
            return RANGE_NONE;
        *to = last < *to ? last : *to;
    }
    return *from >= size ? RANGE_WRONG : RANGE_PART;
}

void http_reply_file(struct http_reply *out, const struct http_request *r,
                     const struct http_file *f)
{
    off_t size = f->st.st_size, from = 0, to = size - 1;
    enum range range = RANGE_NONE;

    if (is_other(r, f)) {
        http_reply_status(out, r, 412, NULL);
        return;
    }
    if (is_known(r, f)) {
        begin_head(out, r, 304);
        add_bytes(out, f->head, f->head_n);
        ADD_TEXT(out, "\r\n");
        return;
    }
    if (r->values[HTTP_RANGE].times != 0 && r->parser.method == HTTP_GET && range_holds(r, f))
        range = read_range(http_request_value(r, HTTP_RANGE), size, &from, &to);
    if (range == RANGE_WRONG) {
        begin_head(out, r, 416);
        add(out, "Content-Range: bytes */%lld\r\nContent-Length: 0\r\n\r\n", (long long)size);
        return;
    }
    begin_head(out, r, range == RANGE_PART ? 206 : 200);
    add_bytes(out, f->head, f->head_n);
    if (range == RANGE_PART)
        add(out, "Content-Range: bytes %lld-%lld/%lld\r\n", (long long)from, (long long)to,
            (long long)size);
    else
        from = 0, to = size - 1;
    ADD_TEXT(out, "Content-Length: ");
    add_number(out, (unsigned long long)(to + 1 - from));
    ADD_TEXT(out, "\r\n\r\n");
    if (!r->head_only && to + 1 != from) {
        out->file = f;
        out->offset = from;
        out->n = (size_t)(to + 1 - from);
    }
}
