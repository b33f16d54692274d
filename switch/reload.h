/* Reading the file again: everything is parsed and checked beside what runs, then swapped. A fault changes nothing. Control thread. */
#ifndef TEAL_SWITCH_RELOAD_H
#define TEAL_SWITCH_RELOAD_H

#include <stdbool.h>
#include <jansson.h>

struct control;

struct reload_refusal {
	const char *code; /* of the API, static */
	char detail[512];
	char deployment[32]; /* in the way, or "" */
	json_t *list;        /* faults or keys, or NULL; the caller's */
};

/* `*changed` gets an array of sentences, a new reference. False: nothing has changed. */
bool reload_run(struct control *control, json_t **changed, struct reload_refusal *refusal);
/* The same; the log and the events say how it went. */
void reload_by_signal(struct control *control);

#endif
