/* Fresh probes of a color's backends, behind the command of an exclusive switch. Control thread; from when to when is decided in switch/exclusive.
 *
 * They are besides the regular ones and change no backend's health. */
#ifndef TEAL_SWITCH_SERVICE_CHECK_H
#define TEAL_SWITCH_SERVICE_CHECK_H

#include "switch/service.h"

struct service_check_shot; /* at one backend */

/* Zeroed but for `service`: no backend counts. */
struct service_check {
	struct service *service;
	enum color color;
	struct service_check_shot *shots;
	size_t count;
};

/* Those of the color that are up now count from here on. */
void service_check_choose(struct service_check *check, enum color color);
/* True when each has passed a probe that began since the first call; else `sentence` is of one that has not. What fails is tried again. To be called often; the owner's on_news tells of results. */
bool service_check_run(struct service_check *check, char *sentence, size_t size);
/* Ends what is under way; no backend counts any more. */
void service_check_stop(struct service_check *check);

#endif
