/* SPDX-License-Identifier: MIT */
/* input.h: what is the text of these files and folders, piece by piece?
 *
 * Plain C, nothing of pirn. Calls block, as reading does; any thread, one at a time. Folders are
 * walked in sorted order; inside them hidden entries, symbolic links, devices and pipes are left
 * out, so that the walk ends. A file is read up to its end, wherever its size says that is. One is
 * open at a time.
 */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* {.args = names} is ready; the rest starts as zero. */
struct input {
    const char *const *args; /* names that the user gave, then NULL; borrowed. "-" is stdin */
    bool terminal;           /* stderr is one: messages wipe the progress line away */
    bool failed;             /* something could not be read; a message said so */
    uint64_t files, bytes;

    char **found; /* names met in folders, the next one last; owned, as is name */
    size_t found_count, found_room;
    char *name; /* of the file that was opened last */
    bool is_open;
    int fd;
};

/**
 * input_read() - the next piece of the text: the files one after the other, a newline in between
 * @size: of @text; @len falls short of it only at the end of all
 *
 * What cannot be read is skipped, with a message on stderr.
 *
 * Return: 0; -ENOMEM.
 */
int input_read(struct input *in, char *text, size_t size, size_t *len);

/* Close and free everything. */
void input_fini(struct input *in);

#endif
