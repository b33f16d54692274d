/* teal switch. Asks for the switch; the daemon does it. */
#include "cli/verbs.h"

#include "cli/order.h"

static enum exit_code run(struct command *command)
{
	return order_deployment(command, "switch", json_object());
}

const struct verb verb_switch = {
	.name = "switch",
	.summary = "make the other color live, watch it, and go back if it is worse",
	.usage = "[SERVICE] [COLOR]",
	.options = order_switch_options,
	.asks_daemon = true,
	.help = "COLOR is the idle one when it is left out. Gates first, then the flip, the drain of the old color, the bake, and the verdict.\n"
		"Ctrl-C detaches; the switch goes on. Exit code 0 promoted, 1 aborted or failed, 3 refused, 4 rolled back.\n"
		"With --json: one event a line, the deployment last.\n\n"
		"--steps 5,25,100 shifts the requests step by step; `teal promote` goes on, `teal abort` goes back from any step.\n"
		"--exclusive holds new requests, lets the old color finish, runs COMMAND, flips and lets them go to the new color; if anything fails, or at\n"
		"--hold-max, they go to the old one. COMMAND is split at blanks, with quotes and backslashes as in a shell, but nothing is expanded and no shell\n"
		"is there: --run \"/usr/local/bin/migrate --to 12\", or --run \"/bin/sh -c '...'\". It is run by the daemon, with the variables that hooks get.\n\n"
		"By Route 53: the armed check, the change, INSYNC, every name server, and the moment from which no cache holds the old color. --standalone does that\n"
		"in a process of its own, without a daemon: Ctrl-C stops it before the change; behind it, it says what is and how it is gone on with.",
	.run = run,
};
