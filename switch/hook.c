/* A program by the runner or a URL by hook_post, in one form. Control thread. */
#include "switch/hook.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/errand.h"
#include "base/memory.h"
#include "base/runner.h"
#include "base/text.h"
#include "base/url.h"
#include "switch/hook_post.h"

struct hook {
	hook_done *done;
	void *arg;
	char *name;
	uint64_t started_ms; /* monotonic */
	struct runner_job *job;
	struct hook_post *post;
};

struct hook_tools *hook_tools_new(struct event_base *loop, struct fetch *fetch, struct resolver *resolver)
{
	struct hook_tools *tools = memory_new(sizeof(*tools));
	*tools = (struct hook_tools){.loop = loop, .fetch = fetch, .resolver = resolver, .errands = errands_new(loop)};
	tools->runner = runner_new(loop, tools->errands);
	return tools;
}

void hook_tools_free(struct hook_tools *tools)
{
	if (!tools)
		return;
	runner_free(tools->runner);
	errands_free(tools->errands);
	free(tools);
}

static void free_hook(struct hook *hook)
{
	free(hook->name);
	free(hook);
}

static void finish(struct hook *hook, bool passed, const char *sentence, const char *output)
{
	struct hook_result result = {.name = hook->name, .passed = passed, .sentence = sentence, .output = output, .ms = clock_mono_ms() - hook->started_ms};
	hook->done(hook->arg, &result);
	free_hook(hook);
}

static void on_program_done(void *arg, const struct runner_result *result)
{
	finish(arg, result->outcome == RUNNER_EXITED && result->status == 0, result->sentence, result->output);
}

static void on_post_done(void *arg, const struct hook_post_result *result)
{
	finish(arg, result->passed, result->sentence, result->output);
}

static struct runner_job *run(struct hook_tools *tools, const struct conf_hook *conf, const struct hook_facts *facts, struct hook *hook)
{
	char **environment = hook_facts_to_environment(facts);
	struct runner_request request = {
		.run = (const char *const *)conf->run, .environment = (const char *const *)environment, .timeout_ms = conf->timeout_ms};
	struct runner_job *job = runner_start(tools->runner, &request, on_program_done, hook);
	hook_facts_free_environment(environment);
	return job;
}

static struct hook_post *post(struct hook_tools *tools, const struct conf_hook *conf, const struct hook_facts *facts, struct hook *hook)
{
	char delivery[HOOK_DELIVERY_SIZE];
	json_t *document = hook_facts_to_json(facts);
	char *body = json_dumps(document, JSON_COMPACT);
	json_decref(document);
	hook_make_delivery(facts, conf->url, delivery);
	struct hook_post_request request = {
		.url = conf->url,
		.secret_file = conf->secret_file,
		.event = facts->event,
		.delivery = delivery,
		.body = body,
		.timeout_ms = conf->timeout_ms,
	};
	struct hook_post *started = hook_post_start(tools, &request, on_post_done, hook);
	free(body);
	return started;
}

struct hook *hook_start(struct hook_tools *tools, const struct conf_hook *conf, const struct hook_facts *facts, hook_done *done, void *arg)
{
	struct hook *hook = memory_new(sizeof(*hook));
	*hook = (struct hook){.done = done, .arg = arg, .started_ms = clock_mono_ms()};
	hook->name = conf->run ? memory_text(conf->run[0]) : url_show_target(conf->url);
	if (conf->run)
		hook->job = run(tools, conf, facts, hook);
	else
		hook->post = post(tools, conf, facts, hook);
	return hook;
}

void hook_cancel(struct hook *hook)
{
	if (hook->job)
		runner_cancel(hook->job);
	if (hook->post)
		hook_post_cancel(hook->post);
	free_hook(hook);
}

void hook_tell(struct hook *hook)
{
	runner_tell(hook->job);
}

void hook_kill(struct hook *hook)
{
	runner_kill(hook->job);
}

pid_t hook_group(const struct hook *hook)
{
	return runner_group(hook->job);
}

const char *hook_name(const struct hook *hook)
{
	return hook->name;
}

void hook_make_delivery(const struct hook_facts *facts, const char *url, char out[HOOK_DELIVERY_SIZE])
{
	uint64_t hash = text_hash(url, strlen(url), TEXT_HASH_SEED);
	snprintf(
		out, HOOK_DELIVERY_SIZE, "%.48s-%.32s-%08" PRIx32, facts->deployment ? facts->deployment : "none", facts->event, (uint32_t)(hash ^ hash >> 32));
}
