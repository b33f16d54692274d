/* A channel of c-ares with one question on it. Control thread. Judges no answer. */
#include "dns/question.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/channel.h"
#include "base/memory.h"
#include "dns/domain.h"

#define TRIES 2

struct question {
	struct channel *channel;
	bool under_way, ending;
	enum rrset_type type;
	question_answered *done;
	void *arg;
	char name[R53_NAME_SIZE];
};

struct question *question_new(struct event_base *loop, const struct question_options *options, struct err *err)
{
	/* Of a name server, a refusal is an answer (NOCHECKRESP); of a resolver, it is a reason to ask the next. */
	const struct channel_options channel = {
		.servers = options->servers,
		.try_timeout_ms = options->try_timeout_ms ? options->try_timeout_ms : QUESTION_TRY_MS,
		.tries = TRIES,
		.flags = ARES_FLAG_EDNS | (options->recurse ? 0 : ARES_FLAG_NORECURSE | ARES_FLAG_NOCHECKRESP),
	};
	struct question *question = memory_new(sizeof(*question));
	question->channel = channel_new(loop, &channel, err);
	if (question->channel)
		return question;
	free(question);
	return NULL;
}

struct question *question_new_at(struct event_base *loop, const struct addr *server, int try_timeout_ms, struct err *err)
{
	char text[ADDR_TEXT_SIZE];
	assert(server->kind == ADDR_IPV4 || server->kind == ADDR_IPV6);
	addr_format(server, text, sizeof(text));
	return question_new(loop, &(struct question_options){.servers = text, .try_timeout_ms = try_timeout_ms}, err);
}

void question_free(struct question *question)
{
	if (!question)
		return;
	question->ending = true;
	channel_free(question->channel);
	free(question);
}

static enum rrset_kind explain(int fault)
{
	return fault == ARES_ETIMEOUT ? RRSET_SILENT : fault == ARES_ECONNREFUSED ? RRSET_UNREACHABLE : RRSET_GARBLED;
}

/* The bytes are there whenever a reply came, whatever c-ares thinks of it. */
static void on_reply(void *arg, int fault, int timeouts, unsigned char *bytes, int length)
{
	(void)timeouts;
	struct question *question = arg;
	struct rrset reply = {.kind = explain(fault)};
	question->under_way = false;
	if (question->ending)
		return;
	if (bytes && length > 0)
		rrset_read(bytes, (size_t)length, question->name, question->type, &reply);
	question->done(question->arg, &reply);
	rrset_fini(&reply);
}

void question_ask(struct question *question, const char *name, enum rrset_type type, question_answered *done, void *arg)
{
	char query[R53_NAME_SIZE];
	assert(!question->under_way && strlen(name) < R53_NAME_SIZE);
	memcpy(question->name, name, strlen(name) + 1);
	question->type = type;
	question->done = done;
	question->arg = arg;
	question->under_way = true;
	if (domain_format_query(name, query))
		channel_query(question->channel, query, (int)type, on_reply, question);
	else
		on_reply(question, ARES_EBADNAME, 0, NULL, 0);
}

bool question_is_under_way(const struct question *question)
{
	return question->under_way;
}
