/* How a split gets into force: the only thing the switcher knows of a transport. Control thread.
 *
 * An actuator belongs to one service. `apply` cannot fail: whatever may fail comes before it. */
#ifndef TEAL_SWITCH_ACTUATOR_H
#define TEAL_SWITCH_ACTUATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/color.h"

#define ACTUATOR_FAREWELL_MS 5000u /* from a tunnel's turn to be closed until it is gone by itself */

struct actuator {
	/* Gives `live` the whole split; returns a ticket to ask about. */
	uint64_t (*apply)(void *arg, enum color live);
	/* True once no new request can see what was in force before the ticket. */
	bool (*in_force)(void *arg, uint64_t ticket);
	/* Begins to close the tunnels that the color was given before the ticket, one by one, evenly over so long. `apply` takes the order back. */
	void (*close_tunnels)(void *arg, enum color color, uint64_t ticket, uint64_t over_ms);
	/* Ends what the color was given before the ticket: requests, and with `tunnels` tunnels too. */
	void (*cut)(void *arg, enum color color, uint64_t ticket, bool tunnels);
	/* The deployment is over: nothing more is kept ready for a quick way back. */
	void (*settle)(void *arg);
	/* Requests that a color was given and has not answered yet, and tunnels through it. */
	uint64_t (*read_inflight)(void *arg, enum color color);
	/* How many of these were ever ended by order in the middle of what they did. Read after them, it knows of all that are gone. */
	uint64_t (*read_cut)(void *arg, enum color color);
	/* Nothing is in flight on the color and no connection to it is open. */
	bool (*is_quiet)(void *arg, enum color color);
	void *arg;
};

#endif
