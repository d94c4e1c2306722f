/* SPDX-License-Identifier: MIT */
/* Any text as an address: does what is understood come out as a text that means the same? */
#include <stdlib.h>
#include <string.h>

#include <pirn.h>

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    char *text = malloc(n + 1);
    char out[PIRN_ADDR_TEXT];
    pirn_addr addr, again;

    CHECK(text != NULL);
    if (n != 0)
        memcpy(text, data, n);
    text[n] = '\0';
    memset(&addr, 0, sizeof addr);
    memset(&again, 0, sizeof again);
    if (pirn_addr_parse(text, &addr) == 0) {
        CHECK(pirn_addr_format(&addr, out, sizeof out) == out);
        CHECK(strlen(out) < sizeof out);
        CHECK(pirn_addr_parse(out, &again) == 0);
        CHECK(addr.len == again.len && memcmp(&addr, &again, sizeof addr) == 0);
    }
    free(text);
    return 0;
}
