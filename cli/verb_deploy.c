/* teal deploy. One call: the daemon gives the idle color its backends, waits for them and switches. */
#include "cli/verbs.h"

#include "cli/order.h"

static const struct option rows[] = {
	{"backend", 0, OPTION_LIST, "ADDR", "the backends of the new release, host:port or unix:/path (required)"},
	{0},
};

static json_t *make_body(const struct command *command)
{
	const struct options_value *backends = options_get(&command->options, "backend");
	json_t *list = json_array();
	for (size_t i = 0; i < backends->item_count; i++)
		json_array_append_new(list, json_string(backends->items[i]));
	return json_pack("{so}", "backends", list);
}

static enum exit_code run(struct command *command)
{
	struct err err;
	if (options_given(&command->options, "standalone")) {
		err_set(&err, "--standalone is for `teal switch` and `teal rollback`: what is probed stands in the configuration");
		return command_misused(command, &err);
	}
	if (!options_given(&command->options, "backend")) {
		err_set(&err, "say where the new release runs: --backend ADDR[,ADDR]");
		return command_misused(command, &err);
	}
	return order_deployment(command, "deploy", make_body(command));
}

const struct verb verb_deploy = {
	.name = "deploy",
	.summary = "give the idle color other backends and switch to it",
	.usage = "[SERVICE] [COLOR] --backend ADDR[,ADDR]",
	.options = rows,
	.more_options = order_switch_options,
	.asks_daemon = true,
	.help = "The idle color gets the backends and the version (none when --version is left out), and is switched to once it is healthy.\n"
		"--force, --steps, --exclusive and --run are as of `teal switch` (see its help).\n"
		"Exit codes as of `teal switch`, and 6 also when the backends were not healthy within --wait. Whatever ends it before the flip gives the\n"
		"color its earlier backends back.",
	.run = run,
};
