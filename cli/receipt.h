/* A deployment's document told to a person in two or three lines, at the end of a switch; cli/story tells it at length. Prints on the screen. */
#ifndef TEAL_CLI_RECEIPT_H
#define TEAL_CLI_RECEIPT_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

/* How it ended, what it cost, and when the old color can be stopped; also why it ended so, unless the events have `told` it already. */
void receipt_print(const json_t *deployment, bool told);
/* Those whose reason is not in `told` already. */
void receipt_print_warnings(const json_t *deployment, const char *told);
/* The gates and their results as a table; those that were not asked are left out. */
void receipt_print_gates(const json_t *gates);
/* What their hooks said. */
void receipt_print_outputs(const json_t *gates);
/* What those said that are only told, and that failed. */
void receipt_print_failed(const json_t *events);

/* `blue`, or `blue (a1b2c3d)` when the color has a version. */
#define RECEIPT_COLOR_SIZE 128
void receipt_name_color(const char *color, const char *version, char out[RECEIPT_COLOR_SIZE]);
/* The two colors of a deployment, with their versions. */
void receipt_name_ends(const json_t *deployment, char from[RECEIPT_COLOR_SIZE], char to[RECEIPT_COLOR_SIZE]);
/* Where it is, behind the name of its phase: `, step 1 of 3 (5%), 12 s left`; "" where there is nothing to say. */
#define RECEIPT_STAGE_SIZE 256
void receipt_tell_stage(const json_t *deployment, uint64_t now_ms, char out[RECEIPT_STAGE_SIZE]);
/* The event's sentence without the service's name in front. Borrowed. */
const char *receipt_event_text(const json_t *event);

#endif
