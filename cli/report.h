/* A rehearsal's report told to a person. Prints on the screen. */
#ifndef TEAL_CLI_REPORT_H
#define TEAL_CLI_REPORT_H

#include <jansson.h>

/* Of one that has ended, or as far as it has got. */
void report_print(const json_t *report);
/* The same in one line, for the live line. */
void report_print_progress(const json_t *report);

#endif
