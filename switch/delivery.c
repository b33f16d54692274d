/* One hook or message, copied whole, as the configuration may change meanwhile. Control thread. */
#include "switch/delivery.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/url.h"
#include "switch/hook_post.h"

#define SENTENCE_MAX 1024u

static void free_conf(struct conf_hook *conf)
{
	for (char **word = conf->run; word && *word; word++)
		free(*word);
	free(conf->run);
	free(conf->url);
	free(conf->secret_file);
}

static char **copy_words(char *const *words)
{
	size_t count = 0;
	while (words[count])
		count++;
	char **copy = memory_array(count + 1, sizeof(char *));
	for (size_t i = 0; i < count; i++)
		copy[i] = memory_text(words[i]);
	return copy;
}

struct delivery *delivery_new(const struct hook_facts *facts, const struct conf_hook *conf, char *body)
{
	struct delivery *delivery = memory_new(sizeof(*delivery));
	delivery->facts = hook_facts_copy(facts);
	delivery->name = conf->run ? memory_text(conf->run[0]) : url_show_target(conf->url);
	delivery->conf.run = conf->run ? copy_words(conf->run) : NULL;
	delivery->conf.url = memory_text(conf->url);
	delivery->conf.secret_file = memory_text(conf->secret_file);
	delivery->conf.timeout_ms = conf->timeout_ms;
	delivery->body = body;
	return delivery;
}

void delivery_free(struct delivery *delivery)
{
	if (delivery->hook)
		hook_cancel(delivery->hook);
	if (delivery->post)
		hook_post_cancel(delivery->post);
	free_conf(&delivery->conf);
	free(delivery->facts);
	free(delivery->name);
	free(delivery->body);
	free(delivery->sentence);
	free(delivery->output);
	free(delivery);
}

bool delivery_is_under_way(const struct delivery *delivery)
{
	return delivery->hook || delivery->post;
}

void delivery_set_sentence(struct delivery *delivery, const char *sentence, const char *more)
{
	struct text joined;
	text_init(&joined, SENTENCE_MAX);
	text_addf(&joined, "%s%s", sentence, more);
	free(delivery->sentence);
	delivery->sentence = text_take(&joined);
}

/* ---- one try ---- */

static void on_hook_done(void *arg, const struct hook_result *result)
{
	struct delivery *delivery = arg;
	delivery->hook = NULL;
	delivery->tried(delivery->arg, delivery, result);
}

static void on_post_done(void *arg, const struct hook_post_result *answer)
{
	struct delivery *delivery = arg;
	struct hook_result result = {
		.name = delivery->name,
		.passed = answer->passed,
		.sentence = answer->sentence,
		.output = answer->output,
		.ms = clock_mono_ms() - delivery->started_ms,
	};
	delivery->post = NULL;
	delivery->tried(delivery->arg, delivery, &result);
}

static struct hook_post *post(struct delivery *delivery, struct hook_tools *tools)
{
	char name[HOOK_DELIVERY_SIZE];
	hook_make_delivery(delivery->facts, delivery->conf.url, name);
	struct hook_post_request request = {
		.url = delivery->conf.url,
		.secret_file = delivery->conf.secret_file,
		.event = delivery->facts->event,
		.delivery = name,
		.body = delivery->body,
		.timeout_ms = delivery->conf.timeout_ms,
	};
	return hook_post_start(tools, &request, on_post_done, delivery);
}

void delivery_try(struct delivery *delivery, struct hook_tools *tools, delivery_tried *tried, void *arg)
{
	assert(!delivery_is_under_way(delivery));
	delivery->tries++;
	delivery->tried = tried;
	delivery->arg = arg;
	delivery->started_ms = clock_mono_ms();
	if (delivery->body)
		delivery->post = post(delivery, tools);
	else
		delivery->hook = hook_start(tools, &delivery->conf, delivery->facts, on_hook_done, delivery);
}
