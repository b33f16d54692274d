/* Links to idle colors. Control thread. Checks none: that is done on the data path. */
#include "switch/previewing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/keyfile.h"
#include "base/log.h"
#include "proxy/preview.h"
#include "switch/daemon.h"

void previewing_take_key(const char *state, uint8_t key[TOKEN_KEY_SIZE])
{
	struct err err;
	switch (keyfile_take(state, "preview.key", key, TOKEN_KEY_SIZE, &err)) {
	case KEYFILE_KEPT:
		break;
	case KEYFILE_REPLACED:
		log_warning("%s; links to previews from before are no good any more", err.text);
		break;
	case KEYFILE_UNKEPT:
		log_warning("%s; links to previews are good until this daemon ends", err.text);
		break;
	}
}

/* The first one that is a host and no wildcard. */
static const char *find_host(const struct conf_service *conf)
{
	for (size_t i = 0; i < conf->host_count; i++)
		if (strncmp(conf->hosts[i], "*.", 2) != 0)
			return conf->hosts[i];
	return NULL;
}

/* How well a listener does for a link: with TLS, in clear, by way of a redirect, not at all. */
static unsigned rank_listen(const struct conf_listen *listen)
{
	if (listen->address.kind == ADDR_UNIX)
		return 0;
	if (listen->redirect.to != CONF_REDIRECT_OFF)
		return 1;
	return listen->tls.certificate_count > 0 ? 3 : 2;
}

/* The first of the best; *tls: it speaks TLS. NULL: there is none. */
static const struct addr *find_listen(const struct control *control, bool *tls)
{
	const struct conf *conf = control->conf;
	unsigned best = 0;
	size_t count, at = 0;
	const struct addr *listens = control_listens(control, &count);
	for (size_t i = 0; i < count && i < conf->listen_count; i++) {
		unsigned rank = rank_listen(&conf->listens[i]);
		at = rank > best ? i : at;
		best = rank > best ? rank : best;
	}
	*tls = best == 3;
	return best > 0 ? &listens[at] : NULL;
}

/* The address as a host of a URL; that of every interface is reached as this one. */
static void write_host(const struct addr *listen, char *out, size_t size)
{
	char text[ADDR_TEXT_SIZE];
	addr_format_host(listen, text, sizeof(text));
	bool every = strcmp(text, "::") == 0 || strcmp(text, "0.0.0.0") == 0;
	snprintf(out, size, !every && listen->kind == ADDR_IPV6 ? "[%s]" : "%s", every ? "localhost" : text);
}

/* What stands in front of the path. */
static bool write_base(const struct control *control, const struct conf_service *conf, char *out, size_t size, struct err *err)
{
	char own[ADDR_TEXT_SIZE + 2], port[16] = "";
	bool tls;
	const struct addr *listen = find_listen(control, &tls);
	const char *host = find_host(conf);
	if (!host && listen)
		write_host(listen, own, sizeof(own));
	if (!host && !listen)
		return err_set(err, "service %s has no host in the file and no TCP listener: say what stands in front of the path, as in https://shop.example",
			conf->name);
	if (listen && listen->port != (tls ? 443 : 80))
		snprintf(port, sizeof(port), ":%u", (unsigned)listen->port);
	snprintf(out, size, "%s://%s%s", tls ? "https" : "http", host ? host : own, port);
	return true;
}

static bool explain_other_ways(const struct conf_service *conf, struct err *err)
{
	const struct conf_preview *preview = &conf->preview;
	if (preview->header && preview->listen)
		return err_set(err, "service %s has no preview.cookie, so there is no link: send requests with the field `%s: 1`, or to %s", conf->name,
			preview->header, preview->listen);
	if (preview->header)
		return err_set(err, "service %s has no preview.cookie, so there is no link: send requests with the field `%s: 1`", conf->name, preview->header);
	if (preview->listen)
		return err_set(err, "service %s has no preview.cookie, so there is no link: send requests to %s", conf->name, preview->listen);
	return err_set(err, "service %s has no previews: set preview.cookie, preview.header or preview.listen in the file", conf->name);
}

static void write_token(const struct control *control, const struct service *service, uint64_t expires_s, char out[TOKEN_SIZE])
{
	char subject[PREVIEW_SUBJECT_SIZE];
	preview_write_subject(service->name, color_other(service->live), subject);
	token_make(control->preview_key, subject, expires_s, out);
}

bool previewing_make_link(
	const struct control *control, const struct service *service, uint64_t seconds, const char *base, struct previewing_link *link, struct err *err)
{
	char own[512];
	const struct conf_service *conf = service->conf;
	uint64_t now_s = clock_wall_ms() / 1000u, left_s = seconds ? seconds : conf->preview.expires_ms / 1000u;
	if (!conf->preview.cookie)
		return explain_other_ways(conf, err);
	if (left_s > TOKEN_EXPIRY_MAX - now_s)
		return err_set(err, "a preview of %" PRIu64 " seconds is too long", left_s);
	if (!base && !write_base(control, conf, own, sizeof(own), err))
		return false;
	write_token(control, service, now_s + left_s, link->token);
	link->expires_at = (now_s + left_s) * 1000u;
	int length = snprintf(
		link->url, sizeof(link->url), "%s%s?" PREVIEW_PARAMETER "=%s", base ? base : own, conf->path_count > 0 ? conf->paths[0] : "/", link->token);
	return (length > 0 && (size_t)length < sizeof(link->url)) || err_set(err, "the link would be longer than %zu bytes", sizeof(link->url));
}
