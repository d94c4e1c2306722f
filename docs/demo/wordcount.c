/* SPDX-License-Identifier: MIT */
/* wordcount.c: which words do files and folders hold, and how often?
 *
 * A first program with pirn, made to be copied from. Three parts work together:
 *
 *   main      pirn_run() makes a runtime, runs the root task to its end, frees the runtime.
 *   the root  reads the input, spawns a task for every 64 KiB of it, awaits their ends through
 *             join handles, in the order of the text, and adds their counts up.
 *   a chunk   counts the words of one piece of text; the counts are its output.
 *
 * A task is a struct (its frame), a function that does one step of its work (its poll), and a
 * pirn_task_desc that names both. Here all of them run on the thread that calls pirn_run(). The
 * other two files are plain C: words.c is a hash table, input.c reads files and folders.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pirn.h>

#include "input.h"
#include "words.h"

enum {
    CHUNK_BYTES = 64 * 1024,
    IN_FLIGHT_MAX = 32, /* chunks read and not added up yet: bounds the memory for any input */
    TOP = 20,
};

/* ---- a chunk: the task that counts one piece of text --------------------------------------- */

/* Its frame. Whoever spawns the task gives the text away. */
struct chunk {
    char *text;
    size_t len;         /* more than 0 */
    bool starts_a_file; /* no word comes over from the chunk before */
};

/* Its output. A word at an edge of the text may go on in a neighbour, which only the root can
 * see: it is handed over uncounted. */
struct partial {
    struct chunk chunk; /* the text, in lower case now; the table's words point into it */
    size_t head, tail;  /* letters at the two edges; nothing but letters: all are head */
    struct words words;
};

/* The letter in lower case, else 0. Not isalpha() and tolower(), for they ask the locale. */
static inline char letter(char c)
{
    char lower = (char)(c | 0x20);

    return lower >= 'a' && lower <= 'z' ? lower : 0;
}

static int count_words(struct partial *p)
{
    char *at = p->chunk.text;
    char *end = at + p->chunk.len;

    for (; at < end && letter(*at) != 0; at++) {
        *at = letter(*at);
    }
    p->head = (size_t)(at - p->chunk.text);
    for (;;) {
        struct word word = {.hash = WORDS_HASH_START, .count = 1};

        while (at < end && letter(*at) == 0) {
            at++;
        }
        for (word.text = at; at < end && letter(*at) != 0; at++) {
            *at = letter(*at);
            word.hash = words_hash(word.hash, *at);
        }
        word.len = (size_t)(at - word.text);
        if (at == end) {
            p->tail = word.len;
            return 0;
        }
        if (words_add(&p->words, &word) < 0) {
            return -ENOMEM;
        }
    }
}

/* This task never waits, so its first poll is its last. A negative code is how it fails: who joins
 * it finds the code in the result. */
static int chunk_poll(void *frame, pirn_cx *cx, void *out)
{
    struct chunk *c = frame;
    struct partial p = {.chunk = *c};
    int r = count_words(&p);

    (void)cx;
    if (r < 0) {
        words_fini(&p.words);
        return r;
    }
    c->text = NULL; /* the output owns it from here on */
    *(struct partial *)out = p;
    return 0;
}

/* Called once when the task ends, however it ends: done, failed, or aborted before any poll. */
static void chunk_drop(void *frame)
{
    struct chunk *c = frame;

    free(c->text);
}

/* Called for an output that nobody took; the root calls it for those that it took. */
static void partial_drop(void *out)
{
    struct partial *p = out;

    words_fini(&p->words);
    free(p->chunk.text);
}

static const pirn_task_desc chunk_task = {
    .size = sizeof(pirn_task_desc),
    .name = "chunk",
    .poll = chunk_poll,
    .drop = chunk_drop,
    .frame_size = sizeof(struct chunk),
    .out_size = sizeof(struct partial),
    .out_drop = partial_drop,
};

/* ---- the root: the task that keeps chunks in flight and adds them up ----------------------- */

enum step {
    READ, /* spawn tasks until the window is full or all is read */
    JOIN, /* await the oldest one */
};

/* Its frame: everything that must outlive one poll. A local variable is gone when the poll
 * returns PIRN_PENDING. */
struct root {
    enum step step; /* where the next poll goes on */
    struct input input;
    pirn_join *window[IN_FLIGHT_MAX]; /* a ring: in_flight handles from oldest on, else NULL */
    size_t oldest, in_flight;
    struct words words;
    char *carry; /* the letters at the end of what was added up: a word that may go on */
    size_t carry_len, carry_room;
    pirn_time progress_at; /* when the progress line is due again */
};

/* Its output. */
struct report {
    struct words words;
    bool failed; /* something could not be read */
};

/* Return: 1 with one more task in flight; 0 when all is read; a negative code. */
static int spawn_next(struct root *f)
{
    pirn_join **join = &f->window[(f->oldest + f->in_flight) % IN_FLIGHT_MAX];
    struct chunk c = {.text = malloc(CHUNK_BYTES)};
    int r = -ENOMEM;

    if (c.text != NULL) {
        r = input_read(&f->input, c.text, CHUNK_BYTES, &c.len, &c.starts_a_file);
    }
    if (r == 1) {
        /* NULL is the runtime that polls us. The frame is copied; the task does not run yet. */
        r = pirn_spawn(NULL, &chunk_task, &c, join);
        if (r == 0) {
            f->in_flight++;
            return 1;
        }
    }
    free(c.text); /* a spawn that fails takes nothing */
    return r;
}

static int carry_append(struct root *f, const char *text, size_t len)
{
    if (len > f->carry_room - f->carry_len) {
        size_t room = 2 * f->carry_room + len;
        char *carry = realloc(f->carry, room);

        if (carry == NULL) {
            return -ENOMEM;
        }
        f->carry = carry;
        f->carry_room = room;
    }
    if (len > 0) {
        memcpy(f->carry + f->carry_len, text, len);
        f->carry_len += len;
    }
    return 0;
}

/* The carried word, if there is one, has come to its end: count it. */
static int carry_flush(struct root *f)
{
    struct word word = {f->carry, f->carry_len, WORDS_HASH_START, 1};

    f->carry_len = 0;
    for (size_t i = 0; i < word.len; i++) {
        word.hash = words_hash(word.hash, word.text[i]);
    }
    return word.len > 0 ? words_add(&f->words, &word) : 0;
}

/* Add up one output; they come in the order of the text. */
static int add_partial(struct root *f, const struct partial *p)
{
    const struct chunk *c = &p->chunk;

    if (c->starts_a_file && carry_flush(f) < 0) {
        return -ENOMEM;
    }
    if (carry_append(f, c->text, p->head) < 0) {
        return -ENOMEM;
    }
    if (p->head == c->len) {
        return 0; /* no end of the word in sight */
    }
    if (carry_flush(f) < 0 || words_merge(&f->words, &p->words) < 0) {
        return -ENOMEM;
    }
    return carry_append(f, c->text + c->len - p->tail, p->tail);
}

static void show_progress(struct root *f)
{
    if (f->input.terminal && pirn_now() >= f->progress_at) {
        f->progress_at = pirn_after(100 * PIRN_MS);
        fprintf(stderr, "\r%" PRIu64 " files, %" PRIu64 " MiB, %zu different words\033[K",
                f->input.files, f->input.bytes >> 20, f->words.used);
    }
}

/* Await the task that was spawned first. Return: 0 when it is added up; PIRN_PENDING; a negative
 * code, ours or the task's. */
static int join_oldest(struct root *f, pirn_cx *cx)
{
    pirn_join **join = &f->window[f->oldest];
    struct partial p;
    pirn_result res;
    /* While the task runs this keeps our waker, so that its end causes our next poll. */
    int r = pirn_join_poll(*join, cx, &res, &p);

    if (r != 0) {
        return r;
    }
    pirn_join_free(*join);
    *join = NULL;
    f->oldest = (f->oldest + 1) % IN_FLIGHT_MAX;
    f->in_flight--;

    /* How the wait went was r; this is how the task went. Only after 0 is there an output. */
    r = pirn_result_status(&res);
    if (r == 0) {
        r = add_partial(f, &p);
        partial_drop(&p);
        show_progress(f);
    }
    return r;
}

/* The poll is a state machine: it goes on at `step` until it is done or has to wait. */
static int root_poll(void *frame, pirn_cx *cx, void *out)
{
    struct root *f = frame;
    int r;

    for (;;) {
        switch (f->step) {
        case READ:
            r = spawn_next(f);
            if (r < 0) {
                return r;
            }
            if (r == 0 || f->in_flight == IN_FLIGHT_MAX) {
                f->step = JOIN;
            }
            break;
        case JOIN:
            if (f->in_flight > 0) {
                r = join_oldest(f, cx);
                if (r != 0) {
                    return r; /* PIRN_PENDING comes through here as well */
                }
                f->step = READ;
                break;
            }
            r = carry_flush(f);
            if (r == 0) {
                *(struct report *)out = (struct report){f->words, f->input.failed};
                f->words = (struct words){0}; /* given away */
            }
            return r;
        }
    }
}

/* A task whose handle is freed goes on by itself: those still in flight here must not. */
static void root_drop(void *frame)
{
    struct root *f = frame;

    for (size_t i = 0; i < IN_FLIGHT_MAX; i++) {
        pirn_join_abort(f->window[i]);
        pirn_join_free(f->window[i]);
    }
    if (f->input.terminal) {
        fputs("\r\033[K", stderr);
    }
    input_fini(&f->input);
    words_fini(&f->words);
    free(f->carry);
}

static void report_drop(void *out)
{
    words_fini(&((struct report *)out)->words);
}

static const pirn_task_desc root_task = {
    .size = sizeof(pirn_task_desc),
    .name = "wordcount",
    .poll = root_poll,
    .drop = root_drop,
    .frame_size = sizeof(struct root),
    .out_size = sizeof(struct report),
    .out_drop = report_drop,
};

/* ---- the program --------------------------------------------------------------------------- */

static const char usage[] =
    "usage: wordcount [--all] [--] [FILE or folder...]\n"
    "Counts words, runs of the letters A-Z in any case, and prints the 20 most frequent.\n"
    "  --all  print every word\n"
    "  -      standard input\n"
    "Folders are walked without hidden entries, symbolic links, devices and pipes.\n"
    "Without a FILE: the documents and sources of pirn itself.\n"
    "Exit status: 0; 1 if something could not be read or written; 2 for a bad option.\n";

#ifdef PIRN_SOURCE_ROOT
static const char *const own_files[] = {PIRN_SOURCE_ROOT "/docs", PIRN_SOURCE_ROOT "/runtime",
                                        PIRN_SOURCE_ROOT "/task", NULL};
#else
static const char *const own_files[] = {".", NULL};
#endif

static bool print_words(const struct words *w, bool all)
{
    size_t n = all || w->used < TOP ? w->used : TOP;

    for (size_t i = 0; i < n; i++) {
        const struct word *word = &w->list[i];

        if (printf("%" PRIu64 " ", word->count) < 0 ||
            fwrite(word->text, 1, word->len, stdout) != word->len || putchar('\n') == EOF) {
            return false;
        }
    }
    return true;
}

/* A full disk may show only when the last bytes leave the buffer. Return: an exit status. */
static int end_output(bool ok)
{
    if (!ok || fclose(stdout) != 0) {
        perror("wordcount: standard output");
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    pirn_runtime_opts opts = PIRN_RUNTIME_OPTS_INIT;
    struct root root = {.words.copies = true, .input.terminal = isatty(STDERR_FILENO) == 1};
    struct report report;
    pirn_result res;
    bool all = false;
    bool options = true;
    char **names = argv; /* names move to the front, over the options */
    int r;

    for (int i = 1; i < argc; i++) {
        if (!options || argv[i][0] != '-' || argv[i][1] == '\0') {
            *names++ = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (strcmp(argv[i], "--all") == 0) {
            all = true;
        } else if (strcmp(argv[i], "--help") == 0) {
            return end_output(fputs(usage, stdout) != EOF);
        } else {
            fprintf(stderr, "wordcount: unknown option '%s'\n%s", argv[i], usage);
            return 2;
        }
    }
    *names = NULL;
    root.input.args = names == argv ? own_files : (const char *const *)argv;

    /* Until its first poll the frame owns nothing: if pirn_run() fails, nothing is to be freed. */
    opts.flavor = PIRN_CURRENT_THREAD;
    r = pirn_run(&opts, &root_task, &root, &res, &report);
    if (r == 0) {
        r = pirn_result_status(&res);
    }
    if (r < 0) {
        fprintf(stderr, "wordcount: %s\n", pirn_strerror(r));
        return 1;
    }
    words_sort(&report.words);
    r = end_output(print_words(&report.words, all));
    words_fini(&report.words);
    return report.failed ? 1 : r;
}
