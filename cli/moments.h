/* What happened when in a deployment: its moments in the order of the clock, and its steps. */
#ifndef TEAL_CLI_MOMENTS_H
#define TEAL_CLI_MOMENTS_H

#include <jansson.h>

/* Prints on the screen. */
void moments_tell(const json_t *deployment);

#endif
