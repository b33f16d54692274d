/* Words about a change. Asks nobody and decides nothing. */
#include "cli/dns_change.h"

#include <stdio.h>
#include <string.h>

#include "cli/document.h"
#include "cli/screen.h"

bool dns_change_is_of(const json_t *deployment)
{
	return json_object_get(deployment, "change") != NULL;
}

static const char *name_left(const json_t *deployment)
{
	return document_text_or(deployment, document_has(deployment, "rollback") ? "to" : "from", "?");
}

void dns_change_tell_left(const json_t *deployment, uint64_t now_ms, char out[DNS_CHANGE_LEFT_SIZE])
{
	char left[DOCUMENT_FORM_SIZE];
	uint64_t safe_at = document_time(json_object_get(deployment, "change"), "safe_at");
	out[0] = '\0';
	if (safe_at <= now_ms)
		return;
	document_format_span(safe_at - now_ms, left);
	snprintf(out, DNS_CHANGE_LEFT_SIZE, ", caches may send users to %s for %s more", name_left(deployment), left);
}

static void write_moment(const json_t *change, const char *key, const char *what, uint64_t now_ms)
{
	char when[DOCUMENT_FORM_SIZE];
	uint64_t at = document_time(change, key);
	document_format_when(at, now_ms, when);
	if (at)
		screen_write(", %s %s", what, when);
}

void dns_change_print(const json_t *deployment, uint64_t now_ms)
{
	const json_t *change = json_object_get(deployment, "change");
	const char *id = document_text(change, "change_id");
	if (!document_has(change, "accepted_at"))
		return;
	screen_write("%s%s", id ? "change " : "the change", id ? id : "");
	write_moment(change, "accepted_at", "accepted", now_ms);
	write_moment(change, "insync_at", "INSYNC", now_ms);
	write_moment(change, "agreed_at", "given by every name server since", now_ms);
	bool safe = document_time(change, "safe_at") <= now_ms;
	write_moment(change, "safe_at", safe ? "the old answer in no cache since" : "the old answer in no cache from", now_ms);
	screen_line("%s", "");
}
