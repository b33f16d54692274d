/* How a split gets into force: the only thing the switcher knows of a transport. Control thread.
 *
 * An actuator belongs to one service. `apply` cannot fail: whatever may fail comes before it. */
#ifndef TEAL_SWITCH_ACTUATOR_H
#define TEAL_SWITCH_ACTUATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "base/color.h"
#include "base/err.h"

/* How a change of a transport that may say no has come out. REFUSED and DRIFTED for good: the transport said no; somebody else changed what was to be changed. FAILED: for now. */
enum actuator_change { ACTUATOR_CHANGE_PENDING, ACTUATOR_CHANGE_MADE, ACTUATOR_CHANGE_REFUSED, ACTUATOR_CHANGE_DRIFTED, ACTUATOR_CHANGE_FAILED };

/* Why there is no intent: it can't be; perhaps in a moment; or there is nothing to change. */
enum actuator_unable { ACTUATOR_NEVER, ACTUATOR_LATER, ACTUATOR_ALREADY };

#define ACTUATOR_FAREWELL_MS 5000u /* from a tunnel's turn to be closed until it is gone by itself */

struct actuator {
	/* Of a transport out of the path, whose changes take time and may be refused (Route 53); all of them, or all NULL in the path. There nothing can be held or cut and nothing counts requests: warm, is_warm, close_tunnels, cut,
	 * hold, release, settle, read_inflight, read_busy and read_cut are NULL then. Before each `apply` the switcher has the same change made by these.
	 *
	 * `intend`: what the truth must hold before the change is sent, a new reference; NULL and a sentence when there is none, and `*unable` why. `force`: what somebody else made is taken as it is. */
	json_t *(*intend)(void *arg, enum color live, unsigned share, bool force, enum actuator_unable *unable, struct err *err);
	/* Sends it. After a restart, with an intent that was written down, goes on with it: what was accepted is followed and never sent again. */
	void (*change)(void *arg, const json_t *intent);
	/* The change that is pending is not wanted any more: no other request of it is begun, one that is under way goes on to its end, and what came of it is said as ever. */
	void (*give_up)(void *arg);
	/* Asked until it is not pending. MADE: `apply` is next. All others: nothing was changed, and `sentence` says why. */
	enum actuator_change (*read_change)(void *arg, char *sentence, size_t size);
	/* The newest intent that was sent, with what became of it (change id, moments), a new reference; NULL: none. It is written down with the deployment. */
	json_t *(*read_intent)(void *arg);
	/* Whether nobody can be sent to the color that was left by the newest change that was made any more; else `sentence` says what is waited for, with the moment where it is known. */
	bool (*is_left)(void *arg, char *sentence, size_t size);
	/* How long that may take until nobody waits any longer, in milliseconds. */
	uint64_t (*read_patience)(void *arg);
	/* Why it is not this color that is live any more since it was made so, as far as is known, as somebody else changed it: a sentence, borrowed for the moment; NULL: it is. */
	const char *(*read_drift)(void *arg, enum color live);
	/* What hinders it, as a sentence; and why a change could not be made now as far as is known; and why a split can't be. NULL: nothing. Borrowed for the moment. */
	const char *(*read_hindrance)(void *arg);
	const char *(*foresee_change)(void *arg);
	const char *(*foresee_split)(void *arg);

	/* The color that is not live is given requests next: connections to it are opened in advance, beside what goes on. Returns a ticket; `apply` and `settle` take it back. */
	uint64_t (*warm)(void *arg);
	/* True once that is done, as well as it can be. It may never be: whoever asks has a limit. */
	bool (*is_warm)(void *arg, uint64_t ticket);
	/* Makes `live` live and gives the other color `share` hundredths of a percent of the split, `live` the rest; returns a ticket to ask about. A hold stays. */
	uint64_t (*apply)(void *arg, enum color live, unsigned share);
	/* True once no new request can see what was in force before the ticket. */
	bool (*in_force)(void *arg, uint64_t ticket);
	/* Begins to close the tunnels that the color was given before the ticket, one by one, evenly over so long. `apply` takes the order back. */
	void (*close_tunnels)(void *arg, enum color color, uint64_t ticket, uint64_t over_ms);
	/* Ends what the color was given before the ticket: requests, tunnels, or both. */
	void (*cut)(void *arg, enum color color, uint64_t ticket, bool requests, bool tunnels);
	/* New requests wait from now on, whatever color they would get; the switcher lets them go in less than so long. Returns a ticket: once it is in force, neither color is given anything. */
	uint64_t (*hold)(void *arg, uint64_t max_ms);
	/* Lets them go, paced, to the color that is live by then. */
	void (*release)(void *arg);
	/* The deployment is over: nothing more is kept ready for a quick way back, nor for a way forward that did not come about. */
	void (*settle)(void *arg);
	/* Why no hold of its own can begin now, as a sentence (static or borrowed for the moment), or NULL. */
	const char *(*foresee_hold)(void *arg);
	/* Requests that a color was given and has not answered yet, and tunnels through it. */
	uint64_t (*read_inflight)(void *arg, enum color color);
	/* The same, and what else is under way there: previews, copies, second attempts. */
	uint64_t (*read_busy)(void *arg, enum color color);
	/* How many of the first kind were ever ended by order in the middle of what they did. Read after them, it knows of all that are gone. */
	uint64_t (*read_cut)(void *arg, enum color color);
	/* Nothing is in flight on the color and no connection to it is open. */
	bool (*is_quiet)(void *arg, enum color color);
	void *arg;
};

#endif
