/* Bodies for receivers. Pure. Slack's rules of escaping: https://api.slack.com/reference/surfaces/formatting#escaping */
#include "switch/notify.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "switch/wire.h"

#define SLACK_TEXT_MAX ((size_t)16 * 1024)

static bool is_told(const char *text)
{
	return text && *text;
}

static void add_escaped(struct text *out, const char *plain)
{
	for (const char *byte = plain; *byte; byte++)
		if (*byte == '&')
			text_add(out, "&amp;", 5);
		else if (*byte == '<')
			text_add(out, "&lt;", 4);
		else if (*byte == '>')
			text_add(out, "&gt;", 4);
		else
			text_add(out, byte, 1);
}

static void add_part(struct text *out, const char *before, const char *part, const char *behind)
{
	if (!is_told(part))
		return;
	text_addf(out, "%s", before);
	add_escaped(out, part);
	text_addf(out, "%s", behind);
}

static json_t *make_slack(const struct hook_facts *facts)
{
	struct text out;
	text_init(&out, SLACK_TEXT_MAX);
	add_escaped(&out, is_told(facts->text) ? facts->text : facts->event);
	add_part(&out, "\n", facts->service, ": ");
	text_addf(&out, "%s", color_name(facts->from));
	add_part(&out, " (", facts->from_version, ")");
	text_addf(&out, " → %s", color_name(facts->to));
	add_part(&out, " (", facts->to_version, ")");
	add_part(&out, ", by ", facts->actor, "");
	add_part(&out, ": ", facts->reason, "");
	add_part(&out, "; deployment ", facts->deployment, "");
	json_t *document = json_pack("{s:o}", "text", wire_text(out.bytes));
	text_fini(&out);
	return document;
}

char *notify_write(enum conf_notify_format format, const struct hook_facts *facts)
{
	json_t *document = format == CONF_NOTIFY_SLACK ? make_slack(facts) : hook_facts_to_json(facts);
	char *body = json_dumps(document, JSON_COMPACT);
	json_decref(document);
	return body;
}
