/* Whether an answer is one of teal's admin API, or of another HTTP server that its address leads to. Pure. */
#ifndef TEAL_CLI_RECOGNIZE_H
#define TEAL_CLI_RECOGNIZE_H

#include <stdbool.h>
#include <jansson.h>

/* The answer to a request for `path`, query and all; `document` is its JSON, NULL when there is none. */
bool recognize_answer(const char *path, int status, const json_t *document);

#endif
