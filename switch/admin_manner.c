/* How a switch is to be done. Control thread. */
#include "switch/admin_manner.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "switch/wire.h"

/* ---- steps ---- */

static void read_steps(struct ask *ask, const struct conf_steps *conf, struct admin_manner *manner, struct switcher_request *request)
{
	const json_t *pause = json_object_get(ask->body, "pause_s"), *steps = json_object_get(ask->body, "steps");
	request->shares = conf->shares;
	request->share_count = conf->count;
	request->pause_ms = json_is_string(pause) ? 0 : wire_read_ms(ask->body, "pause_s", conf->pause_ms);
	if (json_is_number(pause) && request->pause_ms == 0)
		request->pause_ms = 1; /* 0 would be by hand */
	if (!json_is_array(steps))
		return;
	request->share_count = json_array_size(steps);
	manner->shares = memory_array(request->share_count, sizeof(*manner->shares));
	for (size_t i = 0; i < request->share_count; i++)
		manner->shares[i] = ask_read_share(json_array_get(steps, i));
	request->shares = manner->shares;
}

/* ---- exclusive ---- */

static void read_run(struct ask *ask, struct admin_manner *manner, struct switcher_request *request)
{
	const json_t *run = json_object_get(ask->body, "run");
	if (json_array_size(run) == 0)
		return;
	manner->run = memory_array(json_array_size(run) + 1, sizeof(char *));
	for (size_t i = 0; i < json_array_size(run); i++)
		manner->run[i] = memory_text(json_string_value(json_array_get(run, i)));
	request->run = manner->run;
}

/* Whoever may write to the socket is the daemon's user or of its group; a token is for switching, not for running programs. */
static bool may_run(struct ask *ask)
{
	const json_t *run = json_object_get(ask->body, "run");
	const char *program = json_string_value(json_array_get(run, 0));
	if (!json_is_array(run))
		return true;
	if (ask->tcp)
		ask_refuse(ask, "forbidden", NULL, "\"run\" is taken on the admin socket only, not over TCP");
	else if (!program || program[0] != '/')
		ask_refuse(ask, "bad_request", NULL, "\"run\" must begin with the absolute path of a program");
	else
		return true;
	return false;
}

static bool read_exclusive(struct ask *ask, const struct service *service, struct admin_manner *manner, struct switcher_request *request)
{
	if (json_is_array(json_object_get(ask->body, "steps"))) {
		ask_refuse(ask, "bad_request", NULL, "\"steps\" give both colors requests at the same time, \"exclusive\" never does: ask for one of them");
		return false;
	}
	request->exclusive = true;
	request->hold_max_ms = wire_read_ms(ask->body, "hold_max_s", service->conf->hold.max_ms);
	if (request->hold_max_ms < CONF_HOLD_LEAST_MS || request->hold_max_ms > CONF_HOLD_MOST_MS) {
		ask_refuse(ask, "bad_request", NULL, "\"hold_max_s\" must be 0.1 to 600");
		return false;
	}
	if (!may_run(ask))
		return false;
	read_run(ask, manner, request);
	return true;
}

/* ---- both ---- */

static bool is_given(const struct ask *ask, const char *member)
{
	const json_t *value = json_object_get(ask->body, member);
	return value && !json_is_null(value);
}

static bool refuse_alone(struct ask *ask, const char *member, const char *with)
{
	ask_refuse(ask, "bad_request", NULL, "\"%s\" goes with \"%s\"", member, with);
	return false;
}

bool admin_manner_read(struct ask *ask, const struct service *service, struct admin_manner *manner, struct switcher_request *request)
{
	*manner = (struct admin_manner){0};
	if (wire_read_flag(ask->body, "exclusive"))
		return is_given(ask, "pause_s") ? refuse_alone(ask, "pause_s", "steps") : read_exclusive(ask, service, manner, request);
	if (is_given(ask, "run") || is_given(ask, "hold_max_s"))
		return refuse_alone(ask, is_given(ask, "run") ? "run" : "hold_max_s", "exclusive");
	read_steps(ask, &service->conf->steps, manner, request);
	if (!is_given(ask, "pause_s") || request->share_count > 1)
		return true;
	ask_refuse(ask, "bad_request", NULL, "there is nothing to pause between: a pause goes with \"steps\", and neither the request nor the file has any");
	return false;
}

void admin_manner_fini(struct admin_manner *manner)
{
	for (char **text = manner->run; text && *text; text++)
		free(*text);
	free(manner->run);
	free(manner->shares);
}
