/* Secrets in files: that nobody else may use them; and a key of this installation, made once and kept in one. Blocks on the disk. */
#ifndef TEAL_BASE_KEYFILE_H
#define TEAL_BASE_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* An open file that is to hold a secret is a regular one on which only its owner has rights (mode & 077 is 0); one of root's that is given to another user's process may be readable by a group, as it comes from
 * packages and from orchestrators (mode & 037 is 0). False: the sentence, which begins with `what` and `path`, says what to do. */
bool keyfile_check(int fd, const char *what, const char *path, struct err *err);

/* Whether it is a file of root's that another user's process could be given so: what root, who looks at it beforehand, can't tell by keyfile_check. */
bool keyfile_suits_others(const char *path);

/* For root, who looks at such a file beforehand: whether a daemon of root's own would refuse it, as a group reads it. `state` is the daemon's directory: one that is another user's says that the daemon is, too, and NULL that nothing says so. */
bool keyfile_refuses_root(const char *path, const char *state);

enum keyfile_state {
	KEYFILE_KEPT,     /* as it was found, or new where there was none */
	KEYFILE_REPLACED, /* what was there was of another kind or size, or others had rights on it, so there is a new one in its place */
	KEYFILE_UNKEPT,   /* it can't be read or written; the key is random all the same, and good for this run */
};
/* Reads `size` random bytes from `directory`/`name`, where one process at a time does this; makes the file (0600, whole or not at all) when there is none, it is no regular file, it has another
 * size, or others may know or have written what is in it. But for KEYFILE_KEPT, the sentence says what was found. At the start alone. */
enum keyfile_state keyfile_take(const char *directory, const char *name, uint8_t *key, size_t size, struct err *err);

#endif
