/* A folder of one process and its child, below $TMPDIR or /tmp, which nobody else can look into. Main thread.
 *
 * It is locked for as long as one of the two lives. What a run that was killed left behind is taken away by the next one. */
#ifndef TEAL_CLI_PRIVATE_FOLDER_H
#define TEAL_CLI_PRIVATE_FOLDER_H

#include <stdbool.h>

#include "base/err.h"

struct private_folder {
	char path[128]; /* "": none */
	int lock;       /* a descriptor; children that are forked hold it, too */
};

/* False and a sentence when there can be none; then there is nothing to remove. */
bool private_folder_make(struct private_folder *folder, struct err *err);
/* With all that is in it. In a child, too. Nothing for one that is all zeros or was not made. */
void private_folder_remove(struct private_folder *folder);

#endif
