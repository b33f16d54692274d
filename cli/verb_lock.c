/* teal lock. Without a name it means every service. */
#include "cli/verbs.h"

#include "cli/document.h"
#include "cli/every.h"
#include "cli/screen.h"

static const struct option rows[] = {
	{"reason", 0, OPTION_TEXT, "TEXT", "why; whoever is refused reads it"},
	{0},
};

static void tell(const char *service, const json_t *answer)
{
	const char *reason = document_text(json_object_get(answer, "locked"), "reason");
	screen_line("%s: locked%s%s; a rollback still works", service, reason ? ": " : "", reason ? reason : "");
}

static enum exit_code run(struct command *command)
{
	json_t *body = json_object();
	command_put_text(command, "reason", body, "reason");
	return every_send(command, "lock", body, tell);
}

const struct verb verb_lock = {
	.name = "lock",
	.summary = "forbid switches",
	.usage = "[SERVICE]",
	.options = rows,
	.asks_daemon = true,
	.help = "Every service when none is named. switch and deploy exit with 3 until `teal unlock`; rollback, abort, promote and confirm still work.",
	.run = run,
};
