/* SPDX-License-Identifier: MIT */
/* wordcount.c: which words do files and folders hold, and how often?
 *
 * A first program with pirn, made to be copied from. Four parts work together:
 *
 *   main      pirn_run() makes a runtime, runs the root task to its end, frees the runtime.
 *   the root  keeps one read going and a bounded number of chunks, awaits the ends of both through
 *             join handles, and joins up the words that lie across two chunks.
 *   a read    takes the next 512 KiB of the input, in pieces of 64 KiB. It may block, so it runs on
 *             a thread of the blocking pool, and no worker waits for the disk.
 *   a chunk   counts the words of one piece, on whichever worker is free, and adds them to the
 *             totals.
 *
 * A task is a struct (its frame), a function that does one step of its work (its poll), and a
 * pirn_task_desc that names both. Tasks share nothing but the totals: text and input are moved from
 * one to the next, so that each has one owner at a time, who frees them however it ends. The other
 * files are plain C: words.c is a hash table, totals.c one for many threads, input.c reads files
 * and folders.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#ifdef __GLIBC__
#    include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pirn.h>

#include "input.h"
#include "totals.h"

enum {
    CHUNK_BYTES = 64 * 1024,
    READ_PIECES = 8,    /* to a read: waking a thread takes its time while all CPUs are busy */
    IN_FLIGHT_MAX = 64, /* pieces read and not joined yet: bounds the memory for any input */
    STACK_BYTES = 256 * 1024,
    TOP = 20,
};

/* ---- a read: the blocking task that takes the next pieces of the input --------------------- */

struct piece {
    char *text;
    size_t len;
};

/* Its frame, and its output. Whoever spawns the task gives the input away, and has it back with
 * the output. */
struct pieces {
    struct input input;
    struct piece list[READ_PIECES]; /* the last one is short at the end of all, maybe empty */
    size_t count;
};

static int read_pieces(struct pieces *p)
{
    const struct piece *last;

    do {
        struct piece *next = &p->list[p->count];

        next->text = malloc(CHUNK_BYTES);
        if (next->text == NULL) {
            return -ENOMEM;
        }
        p->count++;
        if (input_read(&p->input, next->text, CHUNK_BYTES, &next->len) < 0) {
            return -ENOMEM;
        }
        last = next;
    } while (p->count < READ_PIECES && last->len == CHUNK_BYTES);
    return 0;
}

/* A blocking task is polled once and has to be done then. A negative code is how it fails: who
 * joins it finds the code in the result. */
static int read_poll(void *frame, pirn_cx *cx, void *out)
{
    struct pieces *p = frame;
    int r = read_pieces(p);

    (void)cx;
    if (r == 0) {
        *(struct pieces *)out = *p;
        *p = (struct pieces){0}; /* the output owns it all from here on */
    }
    return r;
}

/* As drop: called once when the task ends, however it ends: done, failed, or aborted before any
 * poll. As out_drop: called for an output that nobody took. */
static void pieces_drop(void *frame_or_out)
{
    struct pieces *p = frame_or_out;

    input_fini(&p->input);
    for (size_t i = 0; i < p->count; i++) {
        free(p->list[i].text);
    }
}

static const pirn_task_desc read_task = {
    .size = sizeof(pirn_task_desc),
    .name = "read",
    .poll = read_poll,
    .drop = pieces_drop,
    .frame_size = sizeof(struct pieces),
    .out_size = sizeof(struct pieces),
    .out_drop = pieces_drop,
};

/* ---- a chunk: the task that counts one piece of text --------------------------------------- */

/* Its frame. Whoever spawns the task gives the text away. */
struct chunk {
    struct piece piece;
    size_t number;         /* of the chunk, from 0 on */
    struct totals *totals; /* borrowed from main, where it outlives the runtime */
};

/* Its output. A word at an edge of the text may go on in a neighbour, which only the root can
 * see: it is handed over uncounted. */
struct edges {
    struct piece piece; /* in lower case now */
    size_t head, tail;  /* letters at the two edges; nothing but letters: all are head */
};

/* The letter in lower case, else 0. Not isalpha() and tolower(), for they ask the locale. */
static inline char letter(char c)
{
    char lower = (char)(c | 0x20);

    return lower >= 'a' && lower <= 'z' ? lower : 0;
}

static int count_words(struct edges *e, struct words words[TOTALS_PARTS])
{
    char *at = e->piece.text;
    char *end = at + e->piece.len;

    for (; at < end && letter(*at) != 0; at++) {
        *at = letter(*at);
    }
    e->head = (size_t)(at - e->piece.text);
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
            e->tail = word.len;
            return 0;
        }
        if (words_add(&words[totals_part_of(&word)], &word) < 0) {
            return -ENOMEM;
        }
    }
}

/* This task never waits, so its first poll is its last. It counts in tables of its own and adds
 * them to the totals at the end: a worker that waits for a lock runs nothing else, so locks are
 * held for microseconds here, and chunks at work together begin with different parts. */
static int chunk_poll(void *frame, pirn_cx *cx, void *out)
{
    struct chunk *c = frame;
    struct edges e = {.piece = c->piece};
    struct words words[TOTALS_PARTS] = {0}; /* the words point into the text */
    int r = count_words(&e, words);

    (void)cx;
    if (r == 0) {
        r = totals_merge(c->totals, words, c->number);
    }
    for (size_t i = 0; i < TOTALS_PARTS; i++) {
        words_fini(&words[i]);
    }
    if (r == 0) {
        c->piece.text = NULL; /* given away */
        *(struct edges *)out = e;
    }
    return r;
}

static void chunk_drop(void *frame)
{
    struct chunk *c = frame;

    free(c->piece.text);
}

static void edges_drop(void *out)
{
    struct edges *e = out;

    free(e->piece.text);
}

static const pirn_task_desc chunk_task = {
    .size = sizeof(pirn_task_desc),
    .name = "chunk",
    .poll = chunk_poll,
    .drop = chunk_drop,
    .frame_size = sizeof(struct chunk),
    .out_size = sizeof(struct edges),
    .out_drop = edges_drop,
};

/* ---- the root: the task that keeps a read and chunks in flight ----------------------------- */

/* Its frame: everything that must outlive one poll. A local variable is gone when the poll
 * returns PIRN_PENDING. */
struct root {
    struct input input; /* zeroed while a read has it */
    pirn_join *reading; /* NULL: none */
    bool all_read;
    pirn_join *window[IN_FLIGHT_MAX]; /* a ring: in_flight handles from oldest on, else NULL */
    size_t oldest, in_flight;
    size_t chunks; /* spawned so far */
    struct totals *totals;
    char *carry; /* the letters at the end of what was joined: a word that may go on */
    size_t carry_len, carry_room;
    bool terminal; /* stderr is one: it shows the progress */
    pirn_time progress_at;
};

static int spawn_read(struct root *f)
{
    struct pieces p = {.input = f->input};
    /* NULL is the runtime that polls us. The frame is copied; the task may run at once. */
    int r = pirn_spawn_blocking(NULL, &read_task, &p, &f->reading);

    if (r == 0) {
        f->input = (struct input){0}; /* a spawn that fails takes nothing */
    }
    return r;
}

/* Takes the pieces that it gets into the window: their text becomes NULL. */
static int spawn_chunks(struct root *f, struct pieces *p)
{
    int r = 0;

    for (size_t i = 0; i < p->count && r == 0; i++) {
        pirn_join **join = &f->window[(f->oldest + f->in_flight) % IN_FLIGHT_MAX];
        struct chunk c = {p->list[i], f->chunks, f->totals};

        r = pirn_spawn(NULL, &chunk_task, &c, join);
        if (r == 0) {
            p->list[i].text = NULL;
            f->chunks++;
            f->in_flight++;
        }
    }
    return r;
}

static void show_progress(struct root *f)
{
    if (f->terminal && pirn_now() >= f->progress_at) {
        f->progress_at = pirn_after(100 * PIRN_MS);
        fprintf(stderr, "\r%" PRIu64 " files, %" PRIu64 " MiB, %zu different words\033[K",
                f->input.files, f->input.bytes >> 20, totals_used(f->totals));
    }
}

/* Take what a task left behind. Return: 0 with its output; PIRN_PENDING; a negative code, ours or
 * the task's. */
static int take(pirn_join **join, pirn_cx *cx, void *out)
{
    pirn_result res;
    /* While the task runs this keeps our waker, so that its end causes our next poll. */
    int r = pirn_join_poll(*join, cx, &res, out);

    if (r == 0) {
        pirn_join_free(*join);
        *join = NULL;
        /* How the wait went was r; this is how the task went. Only after 0 is there an output. */
        r = pirn_result_status(&res);
    }
    return r;
}

/* Read on, if there is room. Return: 0 if that went a step forward; PIRN_PENDING if there is
 * nothing to do for now; a negative code. */
static int read_on(struct root *f, pirn_cx *cx)
{
    struct pieces p;
    int r;

    if (f->reading == NULL) {
        bool room = f->in_flight + READ_PIECES <= IN_FLIGHT_MAX;

        return f->all_read || !room ? PIRN_PENDING : spawn_read(f);
    }
    r = take(&f->reading, cx, &p);
    if (r == 0) {
        f->all_read = p.list[p.count - 1].len < CHUNK_BYTES;
        f->input = p.input;
        p.input = (struct input){0};
        show_progress(f);
        r = spawn_chunks(f, &p);
        pieces_drop(&p); /* those left of them */
    }
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
    return word.len > 0 ? totals_add(f->totals, &word) : 0;
}

/* Count the words between this chunk and the one before. */
static int add_edges(struct root *f, const struct edges *e)
{
    const struct piece *p = &e->piece;
    int r = carry_append(f, p->text, e->head);

    if (r == 0 && e->head < p->len) {
        r = carry_flush(f);
        if (r == 0) {
            r = carry_append(f, p->text + p->len - e->tail, e->tail);
        }
    }
    return r;
}

/* Join the chunk that was spawned first: they are counted in any order, but their edges meet in
 * the order of the text. Return: as read_on(). */
static int join_on(struct root *f, pirn_cx *cx)
{
    struct edges e;
    int r;

    if (f->in_flight == 0) {
        return PIRN_PENDING;
    }
    r = take(&f->window[f->oldest], cx, &e);
    if (r != 0) {
        return r;
    }
    f->oldest = (f->oldest + 1) % IN_FLIGHT_MAX;
    f->in_flight--;
    r = add_edges(f, &e);
    edges_drop(&e);
    return r;
}

/* Waits for two things at once: both are polled until neither goes forward, and by then each has
 * kept our waker. */
static int root_poll(void *frame, pirn_cx *cx, void *out)
{
    struct root *f = frame;
    int r, joined;

    do {
        r = read_on(f, cx);
        joined = r < 0 ? r : join_on(f, cx);
        if (joined < 0) {
            return joined;
        }
    } while (r == 0 || joined == 0);
    if (f->reading != NULL || f->in_flight > 0) {
        return PIRN_PENDING;
    }
    r = carry_flush(f);
    if (r == 0) {
        *(bool *)out = f->input.failed;
    }
    return r;
}

/* A task whose handle is freed goes on by itself: those still in flight here must not. */
static void root_drop(void *frame)
{
    struct root *f = frame;

    pirn_join_abort(f->reading);
    pirn_join_free(f->reading);
    for (size_t i = 0; i < IN_FLIGHT_MAX; i++) {
        pirn_join_abort(f->window[i]);
        pirn_join_free(f->window[i]);
    }
    if (f->terminal) {
        fputs("\r\033[K", stderr);
    }
    input_fini(&f->input);
    free(f->carry);
}

static const pirn_task_desc root_task = {
    .size = sizeof(pirn_task_desc),
    .name = "wordcount",
    .poll = root_poll,
    .drop = root_drop,
    .frame_size = sizeof(struct root),
    .out_size = sizeof(bool), /* something could not be read */
};

/* ---- the program --------------------------------------------------------------------------- */

static const char usage[] =
    "usage: wordcount [--all] [--workers=N | --current-thread] [--] [FILE or folder...]\n"
    "Counts words, runs of the letters A-Z in any case, and prints the 20 most frequent.\n"
    "  --all             print every word\n"
    "  --workers=N       count on N threads, 1 to 65535, instead of one for each CPU\n"
    "  --current-thread  count on the main thread alone\n"
    "  -                 standard input\n"
    "Folders are walked without hidden entries, symbolic links, devices and pipes.\n"
    "Without a FILE: the documents and sources of pirn itself.\n"
    "Exit status: 0; 1 if something could not be read or written; 2 for a bad option.\n";

#ifdef PIRN_SOURCE_ROOT
static const char *const own_files[] = {PIRN_SOURCE_ROOT "/docs", PIRN_SOURCE_ROOT "/runtime",
                                        PIRN_SOURCE_ROOT "/task", NULL};
#else
static const char *const own_files[] = {".", NULL};
#endif

static bool print_words(struct totals *t, bool all)
{
    const struct word *word;

    totals_sort(t);
    for (size_t n = 0; (all || n < TOP) && (word = totals_next(t)) != NULL; n++) {
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

/* --workers=N and --current-thread. Return: whether this is one of them, and a good one. */
static bool flavor_option(pirn_runtime_opts *opts, const char *arg)
{
    static const char workers[] = "--workers=";
    unsigned long n = 0;

    if (strcmp(arg, "--current-thread") == 0) {
        opts->flavor = PIRN_CURRENT_THREAD;
        opts->worker_threads = 0;
        return true;
    }
    if (strncmp(arg, workers, sizeof workers - 1) != 0) {
        return false;
    }
    for (arg += sizeof workers - 1; *arg >= '0' && *arg <= '9' && n <= UINT16_MAX; arg++) {
        n = 10 * n + (unsigned long)(*arg - '0');
    }
    opts->flavor = PIRN_MULTI_THREAD;
    opts->worker_threads = (uint32_t)n;
    return *arg == '\0' && n > 0 && n <= UINT16_MAX;
}

static int count(const pirn_runtime_opts *opts, struct root *root, bool all)
{
    pirn_result res;
    bool unread;
    int r = pirn_run(opts, &root_task, root, &res, &unread);

    /* Until its first poll the frame owns nothing: if pirn_run() fails, nothing is to be freed. */
    if (r < 0) {
        fprintf(stderr, "wordcount: %s: %s\n", pirn_strerror(r), pirn_last_error_text());
        return 1;
    }
    r = pirn_result_status(&res);
    if (r < 0) {
        fprintf(stderr, "wordcount: %s\n", pirn_strerror(r));
        return 1;
    }
    r = end_output(print_words(root->totals, all));
    return unread ? 1 : r;
}

int main(int argc, char **argv)
{
    pirn_runtime_opts opts = PIRN_RUNTIME_OPTS_INIT;
    bool terminal = isatty(STDERR_FILENO) == 1;
    struct totals totals;
    struct root root = {.input.terminal = terminal, .terminal = terminal, .totals = &totals};
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
        } else if (!flavor_option(&opts, argv[i])) {
            fprintf(stderr, "wordcount: unknown option '%s'\n%s", argv[i], usage);
            return 2;
        }
    }
    *names = NULL;
    root.input.args = names == argv ? own_files : (const char *const *)argv;

    /* Threads cost addresses, which `ulimit -v` counts: by default 8 MiB of stack each, where
     * nothing here goes deep, and with glibc 64 MiB of heap each. There is one read at a time, so
     * one thread reads. */
    opts.thread_stack_bytes = STACK_BYTES;
    opts.max_blocking_threads = 1;
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1);
#endif
    totals_init(&totals);
    r = count(&opts, &root, all);
    totals_fini(&totals);
    return r;
}
