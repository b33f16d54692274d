/* The key of a receiver's signature: read from its file when it is used, so that it can be exchanged at any time, and never kept. */
#ifndef TEAL_SWITCH_HOOK_SECRET_H
#define TEAL_SWITCH_HOOK_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HOOK_SECRET_MAX 4096u
#define HOOK_SIGNATURE_SIZE 72u

struct hook_secret {
	unsigned char bytes[HOOK_SECRET_MAX];
	size_t length;
};

/* Blocks on the disk: on a thread of its own. A regular file that only its user may read (mode & 077 is 0), of 1 to 4096 bytes besides one line's end behind them. The sentence
 * names the file and holds nothing of what is in it. */
bool hook_secret_read(const char *file, struct hook_secret *secret, struct err *err);
void hook_secret_wipe(struct hook_secret *secret);

/* `sha256=` and the HMAC-SHA-256 (RFC 2104) of the timestamp in decimal, a '.', and the body, in small hexadecimal digits. Pure. */
void hook_secret_sign(const struct hook_secret *secret, uint64_t timestamp, const char *body, size_t length, char signature[HOOK_SIGNATURE_SIZE]);

#endif
