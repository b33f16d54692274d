/* teal preview. The ways by which one sees the idle color before it is live. */
#include "cli/verbs.h"

#include "base/clock.h"
#include "cli/document.h"
#include "cli/order.h"
#include "cli/receipt.h"
#include "cli/screen.h"

#define EXPIRES_MIN_MS 1000u
#define EXPIRES_MAX_MS 2592000000u

static const struct option rows[] = {
	{"expires", 0, OPTION_DURATION, "TIME", "how long the link is good (default: preview.expires of the configuration)"},
	{"base", 0, OPTION_TEXT, "URL",
		"what stands in front of the link's path, such as https://shop.example.com (default: the first host, at the first listener with TLS or else in clear)"},
	{0},
};

static void tell(const char *service, const json_t *answer)
{
	char color[RECEIPT_COLOR_SIZE], until[DOCUMENT_FORM_SIZE];
	const char *url = document_text(answer, "url"), *header = document_text(answer, "header"), *listen = document_text(answer, "listen");
	receipt_name_color(document_text_or(answer, "color", "?"), document_text(answer, "version"), color);
	document_format_when(document_time(answer, "expires_at"), clock_wall_ms(), until);
	screen_line("%s: %s is idle; to see it", service, color);
	if (url)
		screen_line("  open this link, good until %s:\n    %s", until, url);
	if (header)
		screen_line("  %ssend the field `%s: 1` with a request", url ? "or " : "", header);
	if (listen)
		screen_line("  %ssend requests to %s", url || header ? "or " : "", listen);
}

static enum exit_code run(struct command *command)
{
	struct err err;
	struct target target;
	struct caller_answer answer;
	const struct options_value *expires = options_get(&command->options, "expires");
	if (expires->given && (expires->number < EXPIRES_MIN_MS || expires->number > EXPIRES_MAX_MS)) {
		err_set(&err, "--expires is 1s to 720h");
		return command_misused(command, &err);
	}
	json_t *names = NULL, *body = json_object();
	command_put_seconds(command, "expires", body, "expires_s");
	command_put_text(command, "base", body, "base");
	enum exit_code code = order_send(command, "preview", body, &target, &names, &answer);
	if (code == EXIT_DONE && !command->json)
		tell(target.service, answer.document);
	caller_answer_fini(&answer);
	json_decref(names);
	return code;
}

const struct verb verb_preview = {
	.name = "preview",
	.summary = "print how to see the idle color before it is live",
	.usage = "[SERVICE]",
	.options = rows,
	.asks_daemon = true,
	.help = "By a link that sets a signed cookie (preview.cookie), a field of the request (preview.header), or a listener of its own (preview.listen).\n"
		"A link is of one color: once that is live it does nothing any more. Exit code 3 when the configuration has no preview.",
	.run = run,
};
