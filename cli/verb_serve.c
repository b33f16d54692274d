/* teal serve. Turns the command line into a configuration and hands it to switch/control, which is the daemon. */
#include "cli/verbs.h"

#include <event2/event.h>

#include "base/addr.h"
#include "base/log.h"
#include "cli/screen.h"
#include "conf/conf.h"
#include "switch/control.h"

static const struct option rows[] = {
	{"config", 'c', OPTION_PATH, "FILE", "the configuration (default $TEAL_CONFIG, ./teal.yaml, /etc/teal/teal.yaml)"},
	{"listen", 0, OPTION_TEXT, "ADDR[,ADDR]", "without a file: where to take requests, e.g. :80 or 127.0.0.1:8080"},
	{"blue", 0, OPTION_TEXT, "ADDR[,ADDR]", "without a file: the backends of blue, which is live at the first start"},
	{"green", 0, OPTION_TEXT, "ADDR[,ADDR]", "without a file: the backends of green"},
	{"state", 0, OPTION_PATH, "DIR", "without a file: the state directory (default /var/lib/teal, or below your home)"},
	{"admin", 0, OPTION_PATH, "SOCKET", "without a file: the admin socket (default /run/teal/admin.sock, or in $XDG_RUNTIME_DIR)"},
	{"probe", 0, OPTION_TEXT, "PATH", "without a file: probe by GET PATH (default: by a TCP connect)"},
	{0},
};

static const char *const flag_names[] = {"listen", "blue", "green", "state", "admin", "probe"};

static const char *first_flag(const struct command *command)
{
	for (size_t i = 0; i < sizeof(flag_names) / sizeof(*flag_names); i++)
		if (options_given(&command->options, flag_names[i]))
			return flag_names[i];
	return NULL;
}

static struct conf *conf_from_options(const struct command *command, struct err *err)
{
	const struct options *options = &command->options;
	struct conf_flags flags = {
		.listen = options_text(options, "listen"),
		.blue = options_text(options, "blue"),
		.green = options_text(options, "green"),
		.state = options_text(options, "state"),
		.admin = options_text(options, "admin"),
		.probe = options_text(options, "probe"),
	};
	return conf_from_flags(&flags, err);
}

static struct conf *conf_from_file(const char *file, struct err *err)
{
	struct conf_faults faults = {0};
	struct conf *conf = conf_load(file, &faults);
	for (size_t i = 0; i < faults.count; i++)
		screen_fault(faults.lines[i]);
	if (!conf)
		err_set(err, "%s has %zu fault%s, so nothing was started", file, faults.count, faults.count == 1 ? "" : "s");
	conf_faults_fini(&faults);
	return conf;
}

static struct conf *choose_conf(const struct command *command, struct err *err)
{
	const char *flag = first_flag(command), *given = options_text(&command->options, "config");
	if (flag && given) {
		err_set(err, "--config and --%s exclude each other: what a file says is not said by options", flag);
		return NULL;
	}
	if (flag)
		return conf_from_options(command, err);
	const char *file = conf_find_file(given);
	if (!file) {
		err_set(err,
			"there is no configuration: neither $TEAL_CONFIG, nor ./teal.yaml, nor /etc/teal/teal.yaml; name one with -c FILE, or give --listen, --blue and "
			"--green");
		return NULL;
	}
	return conf_from_file(file, err);
}

static void log_addresses(const struct control *control)
{
	char text[ADDR_TEXT_SIZE];
	size_t count;
	const struct addr *listens = control_listens(control, &count);
	for (size_t i = 0; i < count; i++) {
		addr_format(&listens[i], text, sizeof(text));
		log_info("listening on %s", text);
	}
}

static enum exit_code serve(struct conf *conf)
{
	struct err err;
	struct event_base *loop = event_base_new();
	bool faulty = false;
	struct control *control = loop ? control_new(loop, conf, &faulty, &err) : NULL;
	if (!control) {
		if (!loop)
			err_set(&err, "the event loop can't be made");
		else
			event_base_free(loop);
		return command_fail(faulty ? EXIT_USAGE : EXIT_FAILED, &err);
	}
	log_addresses(control);
	control_run(control);
	control_free(control);
	event_base_free(loop);
	return EXIT_DONE;
}

static enum exit_code run(struct command *command)
{
	struct err err;
	struct target target;
	if (!target_read(command->options.words, command->options.word_count, TARGET_NOTHING, &target, &err))
		return command_misused(command, &err);
	struct conf *conf = choose_conf(command, &err);
	if (!conf)
		return command_fail(EXIT_USAGE, &err);
	return serve(conf);
}

const struct verb verb_serve = {
	.name = "serve",
	.summary = "run the daemon in the foreground",
	.usage = "",
	.options = rows,
	.help = "SIGTERM or Ctrl-C drains and ends (a second one ends at once), SIGHUP reloads the file, SIGUSR1 opens the access log anew.\n"
		"Without a file the service is called \"default\". Exit code 2 for a fault in the configuration or in a file that it names, 1 when something can't be had\n"
		"(a taken port, a state directory without rights).",
	.run = run,
};
