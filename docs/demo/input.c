/* SPDX-License-Identifier: MIT */
/* input.c: how are files and folders opened, walked and read for input.h? */
#define _POSIX_C_SOURCE 200809L

#include "input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void complain(struct input *in, const char *name, int err)
{
    in->failed = true;
    fprintf(stderr, "%swordcount: %s: %s\n", in->terminal ? "\r\033[K" : "", name, strerror(err));
}

static int push(struct input *in, char *name)
{
    if (in->found_count == in->found_room) {
        size_t room = in->found_room * 2 + 64;
        char **found = realloc(in->found, room * sizeof *found);

        if (found == NULL) {
            return -ENOMEM;
        }
        in->found = found;
        in->found_room = room;
    }
    in->found[in->found_count++] = name;
    return 0;
}

static char *join_path(const char *folder, const char *entry)
{
    size_t size = strlen(folder) + strlen(entry) + 2;
    char *path = malloc(size);

    if (path != NULL) {
        const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";

        snprintf(path, size, "%s%s%s", folder, slash, entry);
    }
    return path;
}

static int descending(const void *a, const void *b)
{
    return strcmp(*(char *const *)b, *(char *const *)a);
}

/* Put what is in a folder before everything that was found earlier: a stack of names walks any
 * depth of folders without recursion and without a descriptor for each level. */
static int push_folder(struct input *in, DIR *dir)
{
    size_t first = in->found_count;
    const struct dirent *entry;

    while (errno = 0, entry = readdir(dir), entry != NULL) {
        struct stat st;
        char *path;

        if (entry->d_name[0] == '.') {
            continue;
        }
        path = join_path(in->name, entry->d_name);
        if (path == NULL) {
            return -ENOMEM;
        }
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            complain(in, path, errno);
            free(path);
        } else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
            free(path);
        } else if (push(in, path) < 0) {
            free(path);
            return -ENOMEM;
        }
    }
    if (errno != 0) {
        complain(in, in->name, errno);
    }
    if (in->found_count > first) {
        qsort(in->found + first, in->found_count - first, sizeof *in->found, descending);
    }
    return 0;
}

/* Open in->name. Return: 0 if it is a file or a folder now on the stack, or if a message told why
 * not; -ENOMEM. */
static int open_name(struct input *in, bool given_by_user)
{
    int fd = open(in->name, O_RDONLY | O_CLOEXEC | (given_by_user ? 0 : O_NOFOLLOW));
    struct stat st;
    DIR *dir;
    int r;

    if (fd < 0 || fstat(fd, &st) < 0) {
        complain(in, in->name, errno);
        if (fd >= 0) {
            close(fd);
        }
        return 0;
    }
    if (!S_ISDIR(st.st_mode)) {
        in->fd = fd;
        in->is_open = true;
        return 0;
    }
    dir = fdopendir(fd);
    if (dir == NULL) {
        r = errno == ENOMEM ? -ENOMEM : 0;
        complain(in, in->name, errno);
        close(fd);
        return r;
    }
    r = push_folder(in, dir);
    closedir(dir);
    return r;
}

/* Return: 1 with a file open; 0 when there is none left; -ENOMEM. */
static int open_next(struct input *in)
{
    while (!in->is_open) {
        bool given_by_user = in->found_count == 0;

        free(in->name);
        in->name = NULL;
        if (!given_by_user) {
            in->name = in->found[--in->found_count];
        } else if (*in->args != NULL) {
            in->name = strdup(*in->args++);
            if (in->name == NULL) {
                return -ENOMEM;
            }
        } else {
            return 0;
        }
        if (given_by_user && strcmp(in->name, "-") == 0) {
            in->fd = STDIN_FILENO;
            in->is_open = true;
        } else if (open_name(in, given_by_user) < 0) {
            return -ENOMEM;
        }
    }
    in->files++;
    return 1;
}

static void close_file(struct input *in)
{
    if (in->is_open && in->fd != STDIN_FILENO) {
        close(in->fd);
    }
    in->is_open = false;
}

int input_read(struct input *in, char *text, size_t size, size_t *len)
{
    *len = 0;
    while (*len < size) {
        ssize_t n;

        if (!in->is_open) {
            int r = open_next(in);

            if (r != 1) {
                return r;
            }
            if (in->files > 1) {
                text[(*len)++] = '\n';
            }
            continue;
        }
        /* Pipes give less than was asked for long before their end: only 0 is the end. */
        n = read(in->fd, text + *len, size - *len);
        if (n > 0) {
            *len += (size_t)n;
            in->bytes += (uint64_t)n;
        } else if (n == 0) {
            close_file(in);
        } else if (errno != EINTR) {
            complain(in, in->name, errno);
            close_file(in);
        }
    }
    return 0;
}

void input_fini(struct input *in)
{
    close_file(in);
    while (in->found_count > 0) {
        free(in->found[--in->found_count]);
    }
    free(in->found);
    free(in->name);
}
