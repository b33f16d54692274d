/* A deployment's moments as hooks and receivers of `notify` are told of them. Control thread; keeps nothing: who is told, and how often it is tried, is the courier's. */
#ifndef TEAL_SWITCH_HERALD_H
#define TEAL_SWITCH_HERALD_H

#include <stdint.h>

#include "conf/conf.h"
#include "switch/courier.h"
#include "switch/deployment.h"
#include "switch/hook_facts.h"

struct events;

enum herald_moment {
	HERALD_STARTED,
	HERALD_APPROVAL,    /* somebody's approval is waited for */
	HERALD_SWITCHED,    /* hooks.switched: in force on every worker */
	HERALD_PROMOTED,    /* hooks.promoted */
	HERALD_ROLLED_BACK, /* hooks.rolled_back */
	HERALD_REFUSED,
	HERALD_ABORTED,
	HERALD_FAILED,
	HERALD_MOMENT_COUNT
};

/* What is known of it now. Borrows from the deployment and `text`. */
struct hook_facts herald_describe(const struct deployment *deployment, const char *event, const char *text, uint64_t wall_ms);

/* Gives the moment to the courier: its hooks, if it has any, and a message for everybody in `notify`. Nothing is borrowed when this returns. */
void herald_tell(struct courier *courier, const struct conf_service *conf, enum herald_moment moment, const struct deployment *deployment, uint64_t wall_ms);

/* How a hook or a message that was told ended, as an event: hook_ended, hook_failed, notify_failed. A message that came through is none. */
void herald_report(struct events *events, const struct courier_end *end);

#endif
