/* A small file that may hold a secret, read whole. The reading blocks on the disk, so it is done by an errand. */
#ifndef TEAL_DNS_CRED_FILE_H
#define TEAL_DNS_CRED_FILE_H

#include <stddef.h>

#include "base/err.h"

struct errand;
struct errands;

struct cred_file {
	char *text; /* of secret_new, with a NUL behind; NULL: not read, and `err` says why */
	size_t length;
	unsigned mode;  /* permissions; 0: not known */
	int error;      /* errno, or 0 for other reasons */
	struct err err; /* without the file's name */
};

/* On any thread that may block. A regular file of at most `limit` bytes. */
void cred_file_read(const char *path, size_t limit, struct cred_file *file);

/* `file` is wiped behind it. On the control thread, from the loop; the errand is gone. */
typedef void cred_file_done(void *arg, const struct cred_file *file);
struct errand *cred_file_start(struct errands *errands, const char *path, size_t limit, cred_file_done *done, void *arg);

#endif
