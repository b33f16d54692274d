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
		"Ctrl-C detaches; the switch goes on. With --json: one event a line, the deployment last.\n"
		"Exit code 0 promoted (with --no-wait: switched), 1 aborted or failed, 3 refused: by a gate, a lock, --expect-live or another deployment,\n"
		"4 switched and rolled back, 6 refused as nobody approved it in time.\n\n"
		"--force goes on although the color is not healthy or was rolled back, the state can't be written, a freeze holds or a rehearsal is missing.\n"
		"Smoke requests and hooks run all the same, and what does not pass is noted as forced; nobody is asked for an approval. A lock,\n"
		"--expect-live and another deployment are not overridden. By Route 53 it also takes a record that somebody else has changed as it is: what it says\n"
		"is what the change replaces. COLOR has to be named where the live one is not known.\n"
		"--steps 5,25,100 shifts the requests step by step; `teal promote` goes on, `teal abort` goes back from any step.\n"
		"--exclusive holds new requests, lets the old color finish, runs COMMAND, flips and lets them go to the new color; if anything fails, or at\n"
		"--hold-max, they go to the old one. COMMAND is split at blanks, with quotes and backslashes as in a shell, but nothing is expanded and no shell\n"
		"is there: --run \"/usr/local/bin/migrate --to 12\", or --run \"/bin/sh -c '...'\". It is run by the daemon, with the variables that hooks get.\n"
		"It is told to end (SIGTERM) when three quarters of its time are over, or 2 s before its end where that is later, and killed at its end.\n"
		"Behind it each backend of COLOR that was up has to pass a fresh probe, or the requests go to the old color, too.\n\n"
		"By Route 53: the armed check, the change, INSYNC, every name server, and the moment from which no cache holds the old color. --standalone does that\n"
		"in a process of its own, without a daemon: Ctrl-C stops it before the change; behind it, it says what is and how it is gone on with.",
	.run = run,
};
