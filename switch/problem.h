/* The errors of the admin API: code, HTTP status, exit code. Pure. One table, as in docs/api.md. */
#ifndef TEAL_SWITCH_PROBLEM_H
#define TEAL_SWITCH_PROBLEM_H

#include <jansson.h>

unsigned problem_status(const char *code);
const char *problem_status_title(unsigned status);
/* A problem document (RFC 9457). `more` is consumed and may be NULL. */
json_t *problem_make(const char *code, const char *detail, json_t *more);

#endif
