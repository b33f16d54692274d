/* How a switch is to be done, as the admin API asks for it: at once, in steps, or exclusive. Control thread; what comes of it is the switcher's. */
#ifndef TEAL_SWITCH_ADMIN_MANNER_H
#define TEAL_SWITCH_ADMIN_MANNER_H

#include "switch/ask.h"
#include "switch/service.h"

/* What a request points to. Zeroed: nothing. */
struct admin_manner {
	unsigned *shares;
	char **run;
};

#define ADMIN_MANNER_MEMBERS \
	{"steps", ASK_STEPS}, {"pause_s", ASK_PAUSE}, {"exclusive", ASK_FLAG}, {"hold_max_s", ASK_SECONDS}, \
	{ \
		"run", ASK_TEXTS \
	}

/* Reads it into the request, which points into `manner` then; what is not asked for is as the file has it. False: it was refused, and the ask is gone. */
bool admin_manner_read(struct ask *ask, const struct service *service, struct admin_manner *manner, struct switcher_request *request);
void admin_manner_fini(struct admin_manner *manner);

#endif
