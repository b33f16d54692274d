/* A command line written in one text, split into its words. Pure.
 *
 * As a shell splits simple words: at blanks, with 'single' and "double" quotes and backslashes. Nothing is expanded, and there is no shell: what one would make
 * something of (a pipe, a redirection, a variable) is refused, not passed on as it is. */
#ifndef TEAL_BASE_WORDS_H
#define TEAL_BASE_WORDS_H

#include <stdbool.h>

#include "base/err.h"

/* The words up to a NULL, at least one; words_free is due. NULL and a sentence when the text can't be split, or has no word. */
char **words_split(const char *text, struct err *err);
/* NULL is allowed. */
void words_free(char **words);

#endif
