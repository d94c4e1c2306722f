/* SPDX-License-Identifier: MIT */
/* Reading requests, with the parser of libhttp-parser. Where two readings of the same bytes are possible
 * (two lengths, a length beside chunks) there is no answer but 400: that is what smuggling lives on. No body
 * means anything here, so one whose end must be looked for, in chunks, is refused. */
#include "http_request.h"

#include <string.h>
#include <strings.h>

static struct http_request *request_of(http_parser *p)
{
    return p->data;
}

/* Ends the request here, with an error for an answer. */
static int refuse(struct http_request *r, int status)
{
    if (r->status == 0)
        r->status = status;
    return 1;
}

/* ---- what the parser calls --------------------------------------------------------------------------- */

static int on_begin(http_parser *p)
{
    request_of(p)->begun = true;
    return 0;
}

static int on_url(http_parser *p, const char *bytes, size_t n)
{
    struct http_request *r = request_of(p);

    if (r->url_n + n > HTTP_URL_MAX)
        return refuse(r, 414);
    memcpy(r->url + r->url_n, bytes, n);
    r->url_n += n;
    return 0;
}

static enum http_header header_named(const char *name, size_t n)
{
    static const char *const names[HTTP_HEADERS] = {
        [HTTP_HOST] = "host",
        [HTTP_RANGE] = "range",
        [HTTP_IF_RANGE] = "if-range",
        [HTTP_IF_MATCH] = "if-match",
        [HTTP_IF_NONE_MATCH] = "if-none-match",
        [HTTP_IF_MODIFIED_SINCE] = "if-modified-since",
        [HTTP_IF_UNMODIFIED_SINCE] = "if-unmodified-since",
        [HTTP_EXPECT] = "expect",
        [HTTP_TRANSFER_ENCODING] = "transfer-encoding",
    };

    for (int h = 0; h < HTTP_HEADERS; h++)
        if (strlen(names[h]) == n && strncasecmp(names[h], name, n) == 0)
            return (enum http_header)h;
    return HTTP_OTHER;
}

static int on_name(http_parser *p, const char *bytes, size_t n)
{
    struct http_request *r = request_of(p);

    if (r->in_value) {
        r->in_value = false;
        r->name_n = 0;
    }
    if (r->name_n + n <= sizeof r->name)
        memcpy(r->name + r->name_n, bytes, n);
    r->name_n += n; /* a longer one is none of ours */
    return 0;
}

static int on_value(http_parser *p, const char *bytes, size_t n)
{
    struct http_request *r = request_of(p);
    struct http_value *v;

    if (!r->in_value) {
        r->in_value = true;
        r->at = r->name_n <= sizeof r->name ? header_named(r->name, r->name_n) : HTTP_OTHER;
        if (r->at != HTTP_OTHER)
            r->values[r->at].times++;
    }
    if (r->at == HTTP_OTHER)
        return 0;
    v = &r->values[r->at];
    if (v->times > 1 || v->n + n >= sizeof v->text) {
        v->n = sizeof v->text;
        return 0;
    }
    memcpy(v->text + v->n, bytes, n);
    v->n = (uint16_t)(v->n + n);
    v->text[v->n] = '\0';
    return 0;
}

static void trim(struct http_value *v)
{
    if (v->n < sizeof v->text)
        while (v->n != 0 && (v->text[v->n - 1] == ' ' || v->text[v->n - 1] == '\t'))
            v->text[--v->n] = '\0';
}

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* A host and, maybe, a port: the first @n bytes, which are not followed by any that could be part of it. */
static bool is_authority(const char *text, size_t n)
{
    size_t at = strspn(text, ALNUM "-._~!$&'()*+,;=%");

    if (*text == '[') {
        at = 1 + strspn(text + 1, ALNUM "-._~!$&'()*+,;=:");
        if (at >= n || text[at++] != ']')
            return false;
    }
    if (at < n && text[at] == ':')
        at += 1 + strspn(text + at + 1, "0123456789");
    return at == n;
}

static bool is_host_good(const struct http_request *r)
{
    const char *host = http_request_value(r, HTTP_HOST);

    if (r->values[HTTP_HOST].times == 0)
        return r->parser.http_minor == 0;
    return host != NULL && is_authority(host, strlen(host));
}

/* Return: 0; the status of the answer. What says where the request ends comes first, then the method: what is
 * sent along with another one is not waited for. */
static int fault_of_head(const struct http_request *r)
{
    const http_parser *p = &r->parser;
    const char *expect = http_request_value(r, HTTP_EXPECT);
    bool expects = r->values[HTTP_EXPECT].times != 0 && p->http_minor >= 1;
    bool coded = r->values[HTTP_TRANSFER_ENCODING].times != 0;
    bool counted = (p->flags & F_CONTENTLENGTH) && p->content_length != 0;

    if (p->http_major != 1)
        return 505;
    if (!is_host_good(r) || (coded && (p->http_minor == 0 || (p->flags & F_CONTENTLENGTH))))
        return 400;
    if (p->method != HTTP_GET && p->method != HTTP_HEAD &&
        (p->method == HTTP_CONNECT || coded || counted || expects))
        return 405;
    if (coded)
        return 411;
    if (counted && p->content_length > HTTP_BODY_MAX)
        return 413;
    if (expects && (expect == NULL || strcasecmp(expect, "100-continue") != 0))
        return 417;
    return expects && counted ? 413 : 0; /* no body is wanted: better not to have it sent */
}

static int on_head_done(http_parser *p)
{
    struct http_request *r = request_of(p);
    int status;

    for (int h = 0; h < HTTP_HEADERS; h++)
        trim(&r->values[h]);
    p->upgrade = 0; /* an offer, which need not be taken up */
    r->head_done = true;
    r->keep_alive = http_should_keep_alive(p) && !(p->flags & F_CONNECTION_CLOSE);
    r->head_only = p->method == HTTP_HEAD;
    status = fault_of_head(r);
    return status != 0 ? refuse(r, status) : 0;
}

static int on_body(http_parser *p, const char *bytes, size_t n)
{
    struct http_request *r = request_of(p);

    (void)bytes;
    r->body += n; /* its length was looked at */
    return 0;
}

static int on_done(http_parser *p)
{
    request_of(p)->done = true;
    http_parser_pause(p, 1); /* what follows is the next request */
    return 0;
}

static const http_parser_settings settings = {
    .on_message_begin = on_begin,
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head_done,
    .on_body = on_body,
    .on_message_complete = on_done,
};

/* ---- a request ------------------------------------------------------------------------------------------ */

void http_request_begin(struct http_request *r)
{
    http_parser_init(&r->parser, HTTP_REQUEST);
    r->parser.data = r;
    r->head = 0;
    r->body = 0;
    r->begun = r->head_done = r->done = r->in_value = false;
    r->name_n = r->url_n = 0;
    r->status = 0;
    r->keep_alive = r->head_only = false;
    for (int h = 0; h < HTTP_HEADERS; h++) {
        r->values[h].n = r->values[h].times = 0;
        r->values[h].text[0] = '\0';
    }
}

static int status_of_error(enum http_errno e)
{
    switch (e) {
    case HPE_HEADER_OVERFLOW:
        return 431;
    case HPE_INVALID_METHOD:
        return 501;
    case HPE_INVALID_VERSION:
        return 505;
    default:
        return 400;
    }
}

size_t http_request_take(struct http_request *r, const char *bytes, size_t n)
{
    bool in_head = !r->head_done;
    size_t used = http_parser_execute(&r->parser, &settings, bytes, n);
    enum http_errno e = HTTP_PARSER_ERRNO(&r->parser);

    if (in_head)
        r->head += used;
    if (e == HPE_PAUSED && r->done) {
        http_parser_pause(&r->parser, 0);
        e = HPE_OK;
    }
    if (e != HPE_OK)
        (void)refuse(r, status_of_error(e));
    else if (in_head && r->head - r->body > HTTP_HEAD_MAX)
        (void)refuse(r, r->url_n == HTTP_URL_MAX ? 414 : 431);
    if (r->status != 0)
        http_request_refuse(r, r->status);
    r->url[r->url_n] = '\0';
    return used;
}

void http_request_refuse(struct http_request *r, int status)
{
    (void)refuse(r, status);
    r->done = true;
    r->keep_alive = false;
}

const char *http_request_value(const struct http_request *r, enum http_header h)
{
    const struct http_value *v = &r->values[h];

    return v->times == 1 && v->n < sizeof v->text ? v->text : NULL;
}

/* ---- a path --------------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of a path. Return: 0; a status. */
static int decode(const char **from, char *byte)
{
    int high, low;

    *byte = *(*from)++;
    if (*byte != '%')
        return *byte == '\0' ? 400 : 0;
    high = hex_digit(**from);
    low = high >= 0 ? hex_digit((*from)[1]) : -1;
    if (low < 0)
        return 400;
    *from += 2;
    *byte = (char)(high * 16 + low);
    /* Encoded, a slash is no separator; no file has a name with one, or with a 0. */
    return *byte == '\0' || *byte == '/' ? 400 : 0;
}

/* After scheme and host, if the URL has them. */
static const char *path_in_url(const char *url)
{
    size_t n;

    if (strncasecmp(url, "http://", 7) != 0)
        return *url == '/' ? url : NULL;
    url += 7;
    n = strcspn(url, "/?#");
    if (n == 0 || *url == ':' || !is_authority(url, n))
        return NULL;
    return url[n] == '/' ? url + n : "/";
}

/* Of a name that begins with the dot before @from: whether it may be asked for nevertheless. */
static bool is_well_known(const char *from)
{
    static const char name[] = "well-known";

    return strncmp(from, name, sizeof name - 1) == 0 &&
           strchr("/?#", from[sizeof name - 1]) != NULL;
}

int http_path_of_url(const char *url, char *out, bool *folder)
{
    const char *from = path_in_url(url);
    size_t n = 0, name = 0; /* where the name that is being read begins */

    *folder = true;
    if (from == NULL)
        return 400;
    from++;
    while (*from != '\0' && *from != '?' && *from != '#') {
        bool separator = *from == '/';
        /* A slash at the end goes again. */
        bool room = n < HTTP_PATH_MAX || (n == HTTP_PATH_MAX && separator);
        int status = room ? decode(&from, &out[n]) : 414;

        if (status != 0)
            return status;
        *folder = separator;
        if (separator && n == name)
            continue; /* "//" */
        n++;
        if (separator)
            name = n;
        else if (out[name] == '.' && n == name + 1 && (name != 0 || !is_well_known(from)))
            return strncmp(from, "./", 2) == 0 || strcmp(from, ".") == 0 ? 400 : 404;
    }
    if (n != 0 && *folder)
        n--;
    out[n] = '\0';
    return 0;
}

bool http_url_of_folder(const char *path, const char *url, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *query = url + strcspn(url, "?");
    size_t left = HTTP_URL_MAX, need = strlen(query) + 2; /* and the slashes */

    *out++ = '/';
    for (; need <= left && *path != '\0'; path++) {
        bool plain = strchr(ALNUM "-._~/", *path) != NULL;
        size_t n = plain ? 1 : 3;

        if (left - need < n)
            return false;
        left -= n;
        if (plain) {
            *out++ = *path;
        } else {
            *out++ = '%';
            *out++ = digits[(unsigned char)*path >> 4];
            *out++ = digits[*path & 15];
        }
    }
    if (need > left)
        return false;
    *out++ = '/';
    (void)strcpy(out, query);
    return true;
}
