/* The ways to the idle color, with a link that is made anew each time. Control thread. What a link is made of is switch/previewing's. */
#include "switch/admin_preview.h"

#include <string.h>

#include "switch/ask.h"
#include "switch/previewing.h"
#include "switch/wire.h"

#define BASE_MAX 512u

/* It becomes the first part of a URL. */
static bool is_base(const char *base)
{
	const char *host = strncmp(base, "http://", 7) == 0 ? base + 7 : strncmp(base, "https://", 8) == 0 ? base + 8 : NULL;
	return host && *host && strlen(base) <= BASE_MAX &&
	       strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]_") == strlen(host);
}

static bool is_wish(struct ask *ask)
{
	const json_t *expires = json_object_get(ask->body, "expires_s");
	const char *base = wire_read_text(ask->body, "base");
	if (base && !is_base(base))
		ask_refuse(ask, "bad_request", NULL, "\"base\" must be http:// or https://, a host, and nothing behind it but a port");
	else if (json_is_number(expires) && json_number_value(expires) < 1)
		ask_refuse(ask, "bad_request", NULL, "\"expires_s\" must be 1 to 2592000");
	else
		return true;
	return false;
}

static json_t *describe(const struct service *service)
{
	enum color idle = color_other(service->live);
	const struct conf_preview *conf = &service->conf->preview;
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "service", wire_text(service->name), "color", color_name(idle), "version",
		wire_text(service->colors[idle].now.version), "header", wire_text(conf->header), "cookie", wire_text(conf->cookie), "listen",
		wire_text(conf->listen));
}

static void set_link(json_t *answer, const struct previewing_link *link)
{
	json_object_set_new(answer, "url", link ? wire_text(link->url) : json_null());
	json_object_set_new(answer, "token", link ? wire_text(link->token) : json_null());
	json_object_set_new(answer, "expires_at", link ? wire_time(link->expires_at) : json_null());
}

void admin_preview_make(struct admin *admin, struct ask *ask)
{
	static const struct ask_member members[] = {{"expires_s", ASK_SECONDS}, {"base", ASK_TEXT}};
	struct err err;
	struct previewing_link link;
	const struct service *service = ask_find_routed_service(ask, "lead to a preview");
	(void)admin;
	if (!service || !ask_check_body(ask, members, 2) || !is_wish(ask))
		return;
	const struct conf_preview *conf = &service->conf->preview;
	bool wants_link = conf->cookie || !(conf->header || conf->listen);
	uint64_t seconds = wire_read_ms(ask->body, "expires_s", 0) / 1000;
	if (wants_link && !previewing_make_link(ask->control, service, seconds, wire_read_text(ask->body, "base"), &link, &err)) {
		ask_refuse(ask, "no_preview", NULL, "%s", err.text);
		return;
	}
	json_t *answer = describe(service);
	set_link(answer, wants_link ? &link : NULL);
	ask_answer(ask, 200, answer);
}
