/* What is different between two configurations. Pure; switch/reload decides what follows. */
#include "switch/differ.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "switch/alike.h"

bool differ_same_probe(const struct conf_probe *a, const struct conf_probe *b)
{
	if (!alike_text(a->path, b->path) || !alike_text(a->host, b->host) || !alike_text(a->body, b->body) || a->https != b->https)
		return false;
	if (a->interval_ms != b->interval_ms || a->timeout_ms != b->timeout_ms || a->rise != b->rise || a->fall != b->fall)
		return false;
	return alike_statuses(a->statuses, a->status_count, b->statuses, b->status_count) &&
	       alike_headers(a->headers, a->header_count, b->headers, b->header_count);
}

bool differ_same_color(const struct conf_color *a, const struct conf_color *b)
{
	if (!alike_text(a->version, b->version) || a->backend_count != b->backend_count)
		return false;
	for (size_t i = 0; i < a->backend_count; i++)
		if (strcmp(a->backends[i].text, b->backends[i].text) != 0)
			return false;
	return true;
}

static bool same_way(const struct conf_color *a, const struct conf_color *b)
{
	return a->proxy_protocol == b->proxy_protocol && alike_backend_tls(&a->tls, &b->tls);
}

bool differ_same_deployed(const struct conf_service *a, const struct conf_service *b)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		if (!differ_same_color(&a->colors[color], &b->colors[color]) || !same_way(&a->colors[color], &b->colors[color]))
			return false;
	return alike_route53(&a->route53, &b->route53);
}

bool differ_same_access(const struct conf *a, const struct conf *b)
{
	return alike_text(a->access_log.path, b->access_log.path) && a->access_log.format == b->access_log.format;
}

/* ---- read only at the start ---- */

static bool same_listen(const struct conf_listen *a, const struct conf_listen *b)
{
	return strcmp(a->text, b->text) == 0 && a->proxy_protocol == b->proxy_protocol && a->connections == b->connections;
}

static bool same_listens(const struct conf *a, const struct conf *b)
{
	if (a->listen_count != b->listen_count)
		return false;
	for (size_t i = 0; i < a->listen_count; i++)
		if (!same_listen(&a->listens[i], &b->listens[i]))
			return false;
	return true;
}

/* Listeners of previews that `other` has elsewhere or, when they are not `shared`, no service for. Those of a service that both have are told from one side. */
static void list_previews(const struct conf *conf, const struct conf *other, bool shared, json_t *keys)
{
	for (size_t i = 0; i < conf->service_count; i++) {
		const struct conf_service *service = &conf->services[i], *twin = conf_find_service(other, service->name);
		bool differs = twin ? shared && !alike_text(service->preview.listen, twin->preview.listen) : service->preview.listen != NULL;
		if (differs)
			json_array_append_new(keys, json_sprintf("services.%s.preview.listen", service->name));
	}
}

/* What a service is made of: whether it is in the path, and whether teal or the record says which color is live. */
static void list_made(const struct conf *conf, const struct conf *other, json_t *keys)
{
	for (size_t i = 0; i < conf->service_count; i++) {
		const struct conf_service *service = &conf->services[i], *twin = conf_find_service(other, service->name);
		if (!twin)
			continue;
		bool says = service->route53.policy == CONF_ROUTE53_HEALTH_CHECK, said = twin->route53.policy == CONF_ROUTE53_HEALTH_CHECK;
		if (service->via != twin->via)
			json_array_append_new(keys, json_sprintf("services.%s.via", service->name));
		else if (says != said)
			json_array_append_new(keys, json_sprintf("services.%s.route53.policy", service->name));
	}
}

void differ_list_fixed(const struct conf *a, const struct conf *b, json_t *keys)
{
	const struct {
		const char *key;
		bool same;
	} fixed[] = {
		{"admin.socket", alike_text(a->admin.socket, b->admin.socket)},
		{"admin.listen", alike_text(a->admin.listen, b->admin.listen)},
		{"admin.token_file", alike_text(a->admin.token_file, b->admin.token_file)},
		{"state", alike_text(a->state, b->state)},
		{"workers", a->workers == b->workers},
		{"listen", same_listens(a, b)},
	};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (!fixed[i].same)
			json_array_append_new(keys, json_string(fixed[i].key));
	list_previews(a, b, true, keys);
	list_previews(b, a, false, keys);
	list_made(a, b, keys);
}

/* ---- everything else ---- */

static void say(json_t *sentences, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(json_t *sentences, const char *format, ...)
{
	char text[256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	json_array_append_new(sentences, json_string(text));
}

static bool same_routes(const struct conf_service *a, const struct conf_service *b)
{
	return alike_texts(a->hosts, a->host_count, b->hosts, b->host_count) && alike_texts(a->paths, a->path_count, b->paths, b->path_count);
}

static bool same_log(const struct conf_log *a, const struct conf_log *b)
{
	return alike_text(a->file, b->file) && alike_text(a->pattern, b->pattern) && a->matches == b->matches && a->within_ms == b->within_ms;
}

static bool same_prometheus(const struct conf_prometheus *a, const struct conf_prometheus *b)
{
	return alike_text(a->url, b->url) && alike_text(a->query, b->query) && a->below == b->below && a->bound == b->bound && a->every_ms == b->every_ms &&
	       a->timeout_ms == b->timeout_ms;
}

static bool same_rollback(const struct conf_rollback *a, const struct conf_rollback *b)
{
	return a->error_rate == b->error_rate && a->unhealthy_probes == b->unhealthy_probes && a->latency_p99_ms == b->latency_p99_ms &&
	       a->dry_run == b->dry_run && a->inconclusive == b->inconclusive && a->verify_ms == b->verify_ms && same_log(&a->log, &b->log) &&
	       same_prometheus(&a->prometheus, &b->prometheus);
}

static bool same_limits(const struct conf_service *a, const struct conf_service *b)
{
	return a->bake_ms == b->bake_ms && alike_gates(a, b) && same_rollback(&a->rollback, &b->rollback) && a->drain_requests_ms == b->drain_requests_ms &&
	       a->drain_tunnels_ms == b->drain_tunnels_ms;
}

/* Who takes it away by mistake should read so. */
static const char *tell_tls(bool before, bool now)
{
	if (before == now)
		return "has another tls";
	return now ? "speaks TLS from now on" : "is in clear from now on";
}

static void list_service(const struct conf_service *a, const struct conf_service *b, json_t *sentences)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		if (!differ_same_color(&a->colors[color], &b->colors[color]))
			say(sentences, "service %s: %s has another version or other backends", b->name, color_name((enum color)color));
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		if (a->colors[color].proxy_protocol != b->colors[color].proxy_protocol)
			say(sentences, "service %s: %s has another proxy_protocol", b->name, color_name((enum color)color));
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		if (!alike_backend_tls(&a->colors[color].tls, &b->colors[color].tls))
			say(sentences, "service %s: %s %s", b->name, color_name((enum color)color), tell_tls(a->colors[color].tls.on, b->colors[color].tls.on));
	if (!alike_route53(&a->route53, &b->route53))
		say(sentences, "service %s: another record, or other keys of route53", b->name);
	if (!same_routes(a, b))
		say(sentences, "service %s: other hosts or paths", b->name);
	if (!differ_same_probe(&a->probe, &b->probe))
		say(sentences, "service %s: another probe", b->name);
	if (!same_limits(a, b))
		say(sentences, "service %s: other gates, bake, rollback or drain", b->name);
	if (a->balance != b->balance || !alike_texts(a->replay_methods, a->replay_method_count, b->replay_methods, b->replay_method_count))
		say(sentences, "service %s: another balance or replay", b->name);
	if (a->shield.when != b->shield.when || a->shield.statuses != b->shield.statuses)
		say(sentences, "service %s: another shield", b->name);
	if (!alike_hooks(a, b) || !alike_notify(a, b))
		say(sentences, "service %s: other hooks or notifications", b->name);
	if (!alike_preview(&a->preview, &b->preview))
		say(sentences, "service %s: another preview", b->name);
	if (!alike_steps(&a->steps, &b->steps) || !alike_sticky(&a->sticky, &b->sticky))
		say(sentences, "service %s: other steps or another sticky", b->name);
	if (!alike_hold(&a->hold, &b->hold))
		say(sentences, "service %s: another hold", b->name);
	if (!alike_rehearsal(&a->rehearsal, &b->rehearsal))
		say(sentences, "service %s: another rehearsal", b->name);
	if (!alike_texts(a->fallback_paths, a->fallback_path_count, b->fallback_paths, b->fallback_path_count))
		say(sentences, "service %s: other fallback paths", b->name);
	if (a->failover != b->failover)
		say(sentences, "service %s: failover is %s", b->name, b->failover ? "on" : "off");
}

/* Both have the same listeners, in the same order: else a reload is refused. */
static void list_listens(const struct conf *a, const struct conf *b, json_t *sentences)
{
	for (size_t i = 0; i < a->listen_count && i < b->listen_count; i++) {
		const struct conf_listen *before = &a->listens[i], *now = &b->listens[i];
		if (!alike_tls(&before->tls, &now->tls))
			say(sentences, "listener %s %s", now->text, tell_tls(before->tls.certificate_count > 0, now->tls.certificate_count > 0));
		if (!alike_redirect(&before->redirect, &now->redirect))
			say(sentences, "listener %s: another redirect", now->text);
	}
	if (!alike_text(a->acme.webroot, b->acme.webroot))
		say(sentences, "another webroot of acme");
}

static bool same_trusted(const struct conf *a, const struct conf *b)
{
	if (a->trusted_proxy_count != b->trusted_proxy_count)
		return false;
	for (size_t i = 0; i < a->trusted_proxy_count; i++) {
		const struct addr_block *one = &a->trusted_proxies[i], *other = &b->trusted_proxies[i];
		if (one->kind != other->kind || one->bits != other->bits || memcmp(one->bytes, other->bytes, sizeof(one->bytes)) != 0)
			return false;
	}
	return true;
}

static void list_globals(const struct conf *a, const struct conf *b, json_t *sentences)
{
	if (a->limits.header_bytes != b->limits.header_bytes || a->limits.body != b->limits.body || a->limits.headers != b->limits.headers ||
		a->limits.connections != b->limits.connections || a->limits.connections_per_client != b->limits.connections_per_client ||
		a->limits.rate != b->limits.rate)
		say(sentences, "other limits");
	if (a->timeouts.header_ms != b->timeouts.header_ms || a->timeouts.idle_ms != b->timeouts.idle_ms || a->timeouts.connect_ms != b->timeouts.connect_ms ||
		a->timeouts.response_ms != b->timeouts.response_ms || a->timeouts.stall_ms != b->timeouts.stall_ms ||
		a->timeouts.total_ms != b->timeouts.total_ms)
		say(sentences, "other timeouts");
	if (!same_trusted(a, b))
		say(sentences, "other trusted proxies");
	if (!differ_same_access(a, b))
		say(sentences, "another access log");
}

void differ_list_changes(const struct conf *a, const struct conf *b, json_t *sentences)
{
	for (size_t i = 0; i < b->service_count; i++) {
		const struct conf_service *before = conf_find_service(a, b->services[i].name);
		if (before)
			list_service(before, &b->services[i], sentences);
		else
			say(sentences, "service %s is new", b->services[i].name);
	}
	for (size_t i = 0; i < a->service_count; i++)
		if (!conf_find_service(b, a->services[i].name))
			say(sentences, "service %s is removed", a->services[i].name);
	list_listens(a, b, sentences);
	list_globals(a, b, sentences);
}
