/* The status document as tables, one block a service. Prints on the screen. */
#ifndef TEAL_CLI_OVERVIEW_H
#define TEAL_CLI_OVERVIEW_H

#include <stdint.h>
#include <jansson.h>

/* The daemon's line and every service. */
void overview_print(const json_t *status);
/* One service; `now_ms` is the daemon's clock, for how long ago things were. */
void overview_print_service(const char *name, const json_t *service, uint64_t now_ms);

#endif
