/* SPDX-License-Identifier: MIT */
/* Any bytes, cut anywhere, as requests of the example file server: is what the parser leaves in bounds, the
 * same however the bytes are cut, and does no path lead out of the root? */
#include <stdlib.h>
#include <string.h>

#include "http_request.h"

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

static void check_path(const char *url)
{
    char path[HTTP_PATH_MAX + 1], again[HTTP_PATH_MAX + 1], location[HTTP_URL_MAX + 1];
    const char *below;
    bool folder;
    size_t n;

    memset(path, 'x', sizeof path);
    if (http_path_of_url(url, path, &folder) != 0)
        return;
    n = strlen(path);
    CHECK(n <= HTTP_PATH_MAX);
    CHECK(path[0] != '/' && (n == 0 || path[n - 1] != '/'));
    below = path;
    if (strcmp(path, ".well-known") == 0 || strncmp(path, ".well-known/", 12) == 0)
        below = path + 11;
    CHECK(below[0] != '.' && strstr(below, "/.") == NULL && strstr(below, "//") == NULL);

    /* What a redirect says names the folder of that name, in bytes that need no guessing. */
    if (n == 0)
        return;
    if (!http_url_of_folder(path, url, location)) {
        CHECK(n * 3 + 2 + strlen(url + strcspn(url, "?")) > HTTP_URL_MAX);
        return;
    }
    CHECK(strlen(location) <= HTTP_URL_MAX);
    CHECK(location[strspn(location, "-._~/%abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789")] == url[strcspn(url, "?")]);
    CHECK(http_path_of_url(location, again, &folder) == 0);
    CHECK(folder && strcmp(again, path) == 0);
}

/* One request of what is left. Return: how many bytes it took. */
static size_t one_request(struct http_request *r, const char *bytes, size_t n, size_t cut)
{
    size_t used = 0;

    http_request_begin(r);
    while (!r->done && used < n) {
        size_t part = n - used < cut ? n - used : cut;
        size_t took = http_request_take(r, bytes + used, part);

        CHECK(took <= part && (took == part || r->done));
        used += took;
    }
    return used;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static struct http_request whole, cut;
    const char *bytes = (const char *)data;
    size_t step, used = 0;

    if (n == 0)
        return 0;
    step = 1 + data[0] % 16;
    bytes++;
    n--;
    while (used < n) {
        size_t took = one_request(&whole, bytes + used, n - used, n);
        size_t again = one_request(&cut, bytes + used, n - used, step);

        CHECK(whole.done == cut.done);
        if (!whole.done)
            break;
        CHECK((whole.status == 0) == (cut.status == 0));
        if (whole.status != 0)
            break;
        CHECK(took == again && whole.url_n == cut.url_n);
        CHECK(strcmp(whole.url, cut.url) == 0 && strlen(whole.url) == whole.url_n);
        CHECK(whole.keep_alive == cut.keep_alive && whole.head_only == cut.head_only);
        for (int h = 0; h < HTTP_HEADERS; h++) {
            const char *a = http_request_value(&whole, (enum http_header)h);
            const char *b = http_request_value(&cut, (enum http_header)h);

            CHECK((a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0));
        }
        check_path(whole.url);
        used += took;
    }
    return 0;
}
