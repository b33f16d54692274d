/* One deployment in two forms. Pure. Writes nothing that it was not given. */
#include "switch/hook_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "switch/wire.h"

#define VARIABLES 13u

/* ---- a copy ---- */

#define TEXTS 10u

static void list_texts(struct hook_facts *facts, const char **texts[TEXTS])
{
	const char **all[TEXTS] = {&facts->event, &facts->service, &facts->deployment, &facts->from_version, &facts->to_version, &facts->actor, &facts->reason,
		&facts->outcome, &facts->cause, &facts->text};
	memcpy(texts, all, sizeof(all));
}

static char *move_text(const char **text, char *at)
{
	if (!*text)
		return at;
	char *end = stpcpy(at, *text) + 1;
	*text = at;
	return end;
}

struct hook_facts *hook_facts_copy(const struct hook_facts *facts)
{
	struct hook_facts shallow = *facts;
	const char **texts[TEXTS];
	size_t size = sizeof(*facts);
	list_texts(&shallow, texts);
	for (size_t i = 0; i < TEXTS; i++)
		size += *texts[i] ? strlen(*texts[i]) + 1 : 0;
	struct hook_facts *copy = memory_new(size);
	*copy = shallow;
	list_texts(copy, texts);
	char *at = (char *)(copy + 1);
	for (size_t i = 0; i < TEXTS; i++)
		at = move_text(texts[i], at);
	return copy;
}

/* ---- its forms ---- */

static char *make_variable(const char *name, const char *value)
{
	char *variable = NULL;
	if (asprintf(&variable, "TEAL_%s=%s", name, value ? value : "") < 0)
		abort(); /* out of memory */
	return variable;
}

char **hook_facts_to_environment(const struct hook_facts *facts)
{
	char at[CLOCK_TEXT_SIZE];
	clock_format(facts->at_ms, at);
	const struct {
		const char *name, *value;
	} variables[VARIABLES] = {
		{"EVENT", facts->event},
		{"SERVICE", facts->service},
		{"DEPLOYMENT", facts->deployment},
		{"FROM", color_name(facts->from)},
		{"TO", color_name(facts->to)},
		{"FROM_VERSION", facts->from_version},
		{"TO_VERSION", facts->to_version},
		{"ACTOR", facts->actor},
		{"REASON", facts->reason},
		{"OUTCOME", facts->outcome},
		{"CAUSE", facts->cause},
		{"TEXT", facts->text},
		{"AT", at},
	};
	char **environment = memory_array(VARIABLES + 1, sizeof(char *));
	for (size_t i = 0; i < VARIABLES; i++)
		environment[i] = make_variable(variables[i].name, variables[i].value);
	return environment;
}

void hook_facts_free_environment(char **environment)
{
	for (char **variable = environment; *variable; variable++)
		free(*variable);
	free(environment);
}

json_t *hook_facts_to_json(const struct hook_facts *facts)
{
	return json_pack("{s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "event", wire_text(facts->event), "service",
		wire_text(facts->service), "deployment", wire_text(facts->deployment), "from", color_name(facts->from), "to", color_name(facts->to),
		"from_version", wire_text(facts->from_version), "to_version", wire_text(facts->to_version), "actor", wire_text(facts->actor), "reason",
		wire_text(facts->reason), "outcome", wire_text(facts->outcome), "cause", wire_text(facts->cause), "text", wire_text(facts->text), "at",
		wire_time(facts->at_ms));
}
