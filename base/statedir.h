/* The state directory: made when it is missing, and held by one process. Any thread. */
#ifndef TEAL_BASE_STATEDIR_H
#define TEAL_BASE_STATEDIR_H

#include <stdbool.h>

#include "base/err.h"

struct statedir {
	int fd;      /* of the directory */
	int lock_fd; /* of the file `lock` in it, which holds our pid */
};

/* Makes the directory (0750, and those above it) when it is missing, and locks it. The lock ends with the process, however that ends. False: the sentence names the holder's pid. */
bool statedir_open(struct statedir *statedir, const char *path, struct err *err);
/* The process that holds the directory right now; 0: none, or it can't be told. Takes nothing and makes nothing. */
long statedir_find_holder(const char *path);
void statedir_close(struct statedir *statedir);

#endif
