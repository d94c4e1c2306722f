/* SPDX-License-Identifier: MIT */
/* pirn/local.h: task-local values: what belongs to a task and is wanted deep inside it, a request's id say,
 * without being handed down through every call.
 *
 * A value is bound in a poll, to the task (or the root of pirn_block_on()) that is polled, and stays until
 * that has ended: its later polls find it on whatever thread, and so do the drops of its operations and of
 * its frame. Then the key's drop has it. Tasks that this one spawns do not inherit it.
 *
 * (tokio: task_local, with a scope around the whole task)
 */
#ifndef PIRN_LOCAL_H
#define PIRN_LOCAL_H

#include <stddef.h>

#include <pirn/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct pirn_local_key - what a value is found by: its address; static and const
 * @size: sizeof(pirn_local_key)
 * @name: shown in error texts
 * @drop: gets a value that nobody took, when its task has ended or another is bound in its place; on the
 *        thread where that happens; may be NULL
 */
typedef struct pirn_local_key {
    size_t size;
    const char *name;
    void (*drop)(void *value);
} pirn_local_key;

/** PIRN_LOCAL_KEY_INIT() - static const pirn_local_key request = PIRN_LOCAL_KEY_INIT("request", free); */
#define PIRN_LOCAL_KEY_INIT(name, drop)                                                            \
    {                                                                                              \
        sizeof(pirn_local_key), name, drop                                                         \
    }

/**
 * pirn_local_bind() - bind a value to the task that is polled
 * @value: owned by the task afterwards; a value bound before under this key is dropped, on success.
 *         Not NULL: pirn_local_take() unbinds
 *
 * Costs an allocation from the runtime for the first value of a key. Threads: that of the poll, or of the
 * blocking task.
 *
 * Return: 0; -EINVAL: @key or @value is NULL, the key's size is too small, or the thread is in no poll of a
 * task (a drop, a hook, a plain thread; an executor of the caller's inside a poll is in that); -ENOMEM.
 * Failed, the value is the caller's.
 */
PIRN_API PIRN_MUST_USE int pirn_local_bind(const pirn_local_key *key, void *value);

/**
 * pirn_local_get() - the value bound to the task that is polled, or whose frame is being dropped
 *
 * Takes time in proportion to the task's values and pending operations. Return: NULL: none, or not in a task.
 * (tokio: LocalKey::try_with)
 */
PIRN_API void *pirn_local_get(const pirn_local_key *key);

/**
 * pirn_local_take() - unbind it: the caller's, and not dropped
 *
 * Return: as pirn_local_get(). (tokio: TaskLocalFuture::take_value)
 */
PIRN_API void *pirn_local_take(const pirn_local_key *key);

#ifdef __cplusplus
}
#endif
#endif
