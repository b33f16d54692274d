/* teal hold. New requests wait in the proxy, for a bounded time. */
#include "cli/verbs.h"

#include "base/clock.h"
#include "base/text.h"
#include "cli/document.h"
#include "cli/order.h"
#include "cli/screen.h"
#include "conf/conf.h"

static const struct option rows[] = {
	{"max", 0, OPTION_DURATION, "TIME", "hold them at most so long (default: hold.max of the configuration)"},
	{"reason", 0, OPTION_TEXT, "TEXT", "why; shown by `teal status`"},
	{0},
};

static void tell(const char *service, const json_t *answer)
{
	const json_t *held = json_object_get(answer, "held");
	char until[DOCUMENT_FORM_SIZE], limit[TEXT_UNIT_SIZE];
	uint64_t begins = document_time(held, "since"), ends = document_time(held, "until");
	document_format_when(ends, clock_wall_ms(), until);
	text_format_duration(ends > begins ? ends - begins : 0, limit);
	screen_line("%s: new requests are held until %s, for %s at most; let them go: teal resume %s", service, until, limit, service);
	if (!document_flag(answer, "in_force"))
		screen_complain("warning: not every worker holds them yet");
	if (!document_flag(answer, "durable"))
		screen_complain("warning: the hold could not be written to the state directory: a restart of the daemon would let them go");
}

static enum exit_code run(struct command *command)
{
	struct err err;
	struct target target;
	struct caller_answer answer;
	const struct options_value *max = options_get(&command->options, "max");
	if (max->given && (max->number < CONF_HOLD_LEAST_MS || max->number > CONF_HOLD_MOST_MS)) {
		err_set(&err, "--max is 100ms to 10m");
		return command_misused(command, &err);
	}
	json_t *names = NULL, *body = json_object();
	command_put_seconds(command, "max", body, "max_s");
	command_put_text(command, "reason", body, "reason");
	enum exit_code code = order_send(command, "hold", body, &target, &names, &answer);
	if (code == EXIT_DONE && !command->json)
		tell(target.service, answer.document);
	caller_answer_fini(&answer);
	json_decref(names);
	return code;
}

const struct verb verb_hold = {
	.name = "hold",
	.summary = "let new requests wait for a bounded time",
	.usage = "[SERVICE]",
	.options = rows,
	.asks_daemon = true,
	.help = "They wait in the order in which they came, as many as `hold` of the configuration allows; beyond that they are answered 503 with Retry-After.\n"
		"Requests that are under way go on. A hold that goes on can be made longer or shorter by another one; when its time is over it ends by itself.\n"
		"Exit code 3 while an exclusive switch holds them.",
	.run = run,
};
