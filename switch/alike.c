/* Compares what is configured, field by field. Pure. */
#include "switch/alike.h"

#include <string.h>

bool alike_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool alike_texts(char *const *a, size_t a_count, char *const *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

bool alike_headers(const struct conf_header *a, size_t a_count, const struct conf_header *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (strcmp(a[i].name, b[i].name) != 0 || strcmp(a[i].value, b[i].value) != 0)
			return false;
	return true;
}

bool alike_statuses(const struct conf_status_range *a, size_t a_count, const struct conf_status_range *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (a[i].low != b[i].low || a[i].high != b[i].high)
			return false;
	return true;
}

static size_t count_words(char *const *run)
{
	size_t count = 0;
	while (run && run[count])
		count++;
	return count;
}

static bool same_hook(const struct conf_hook *a, const struct conf_hook *b)
{
	return alike_texts(a->run, count_words(a->run), b->run, count_words(b->run)) && alike_text(a->url, b->url) &&
	       alike_text(a->secret_file, b->secret_file) && a->timeout_ms == b->timeout_ms;
}

static bool same_hooks(const struct conf_hooks *a, const struct conf_hooks *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_hook(&a->list[i], &b->list[i]))
			return false;
	return true;
}

static bool same_freeze(const struct conf_freeze *a, const struct conf_freeze *b)
{
	return a->from == b->from && a->to == b->to && a->dated == b->dated && alike_text(a->from_date, b->from_date) && alike_text(a->to_date, b->to_date) &&
	       alike_text(a->zone, b->zone) && alike_text(a->reason, b->reason);
}

static bool same_freezes(const struct conf_gates *a, const struct conf_gates *b)
{
	if (a->freeze_count != b->freeze_count)
		return false;
	for (size_t i = 0; i < a->freeze_count; i++)
		if (!same_freeze(&a->freezes[i], &b->freezes[i]))
			return false;
	return true;
}

static bool same_smoke(const struct conf_smoke *a, const struct conf_smoke *b)
{
	return alike_text(a->method, b->method) && alike_text(a->path, b->path) && alike_text(a->host, b->host) && alike_text(a->body, b->body) &&
	       alike_headers(a->send, a->send_count, b->send, b->send_count) && alike_statuses(a->statuses, a->status_count, b->statuses, b->status_count) &&
	       alike_text(a->expect_body, b->expect_body) && alike_headers(a->expect, a->expect_count, b->expect, b->expect_count) &&
	       a->timeout_ms == b->timeout_ms;
}

bool alike_smokes(const struct conf_gates *a, const struct conf_gates *b)
{
	if (a->smoke_count != b->smoke_count)
		return false;
	for (size_t i = 0; i < a->smoke_count; i++)
		if (!same_smoke(&a->smokes[i], &b->smokes[i]))
			return false;
	return true;
}

bool alike_gates(const struct conf_service *a, const struct conf_service *b)
{
	const struct conf_gates *one = &a->gates, *other = &b->gates;
	return one->healthy == other->healthy && one->approval_ms == other->approval_ms && one->rehearsal_ms == other->rehearsal_ms &&
	       same_freezes(one, other) && alike_smokes(one, other) && same_hooks(&a->hooks[CONF_BEFORE_SWITCH], &b->hooks[CONF_BEFORE_SWITCH]);
}

bool alike_gate_hooks(const struct conf_service *a, const struct conf_service *b)
{
	return same_hooks(&a->hooks[CONF_BEFORE_SWITCH], &b->hooks[CONF_BEFORE_SWITCH]);
}

bool alike_hooks(const struct conf_service *a, const struct conf_service *b)
{
	for (size_t i = 0; i < CONF_MOMENT_COUNT; i++)
		if (i != CONF_BEFORE_SWITCH && !same_hooks(&a->hooks[i], &b->hooks[i]))
			return false;
	return true;
}

bool alike_notify(const struct conf_service *a, const struct conf_service *b)
{
	if (a->notify_count != b->notify_count)
		return false;
	for (size_t i = 0; i < a->notify_count; i++) {
		const struct conf_notify *one = &a->notify[i], *other = &b->notify[i];
		if (!alike_text(one->url, other->url) || !alike_text(one->secret_file, other->secret_file) || one->format != other->format ||
			one->timeout_ms != other->timeout_ms)
			return false;
	}
	return true;
}

bool alike_preview(const struct conf_preview *a, const struct conf_preview *b)
{
	return alike_text(a->header, b->header) && alike_text(a->cookie, b->cookie) && a->expires_ms == b->expires_ms;
}

bool alike_steps(const struct conf_steps *a, const struct conf_steps *b)
{
	if (a->count != b->count || a->pause_ms != b->pause_ms)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->shares[i] != b->shares[i])
			return false;
	return true;
}

bool alike_sticky(const struct conf_sticky *a, const struct conf_sticky *b)
{
	return a->by == b->by && alike_text(a->name, b->name);
}

bool alike_hold(const struct conf_hold *a, const struct conf_hold *b)
{
	return a->requests == b->requests && a->bytes == b->bytes && a->max_ms == b->max_ms && a->release == b->release;
}

bool alike_rehearsal(const struct conf_rehearsal *a, const struct conf_rehearsal *b)
{
	return a->share == b->share && a->for_ms == b->for_ms && a->concurrency == b->concurrency && a->bytes == b->bytes && a->differences == b->differences &&
	       a->slower == b->slower && alike_texts(a->fields, a->field_count, b->fields, b->field_count) &&
	       alike_texts(a->ignore, a->ignore_count, b->ignore, b->ignore_count);
}

static bool same_targets(const struct conf_route53_color *a, const struct conf_route53_color *b)
{
	return alike_texts(a->values, a->value_count, b->values, b->value_count) && alike_text(a->alias, b->alias) &&
	       alike_text(a->alias_zone, b->alias_zone) && a->evaluate_target_health == b->evaluate_target_health;
}

static bool same_servers(const struct conf_route53 *a, const struct conf_route53 *b)
{
	if (a->name_server_count != b->name_server_count)
		return false;
	for (size_t i = 0; i < a->name_server_count; i++)
		if (!addr_equal(&a->name_servers[i].address, &b->name_servers[i].address))
			return false;
	return true;
}

bool alike_route53(const struct conf_route53 *a, const struct conf_route53 *b)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		if (!same_targets(&a->colors[color], &b->colors[color]))
			return false;
	return alike_text(a->health_listen, b->health_listen) && alike_text(a->zone, b->zone) && alike_text(a->name, b->name) && a->type == b->type &&
	       a->ttl_s == b->ttl_s && a->policy == b->policy && alike_text(a->profile, b->profile) && alike_text(a->region, b->region) &&
	       alike_text(a->endpoint, b->endpoint) && same_servers(a, b);
}

static bool same_certificates(const struct conf_tls *a, const struct conf_tls *b)
{
	if (a->certificate_count != b->certificate_count)
		return false;
	for (size_t i = 0; i < a->certificate_count; i++)
		if (strcmp(a->certificates[i].certificate, b->certificates[i].certificate) != 0 || strcmp(a->certificates[i].key, b->certificates[i].key) != 0)
			return false;
	return true;
}

static bool same_hsts(const struct conf_hsts *a, const struct conf_hsts *b)
{
	return a->on == b->on && a->max_age_s == b->max_age_s && a->subdomains == b->subdomains && a->preload == b->preload;
}

bool alike_tls(const struct conf_tls *a, const struct conf_tls *b)
{
	return same_certificates(a, b) && a->minimum == b->minimum && a->client_certificates == b->client_certificates &&
	       alike_text(a->client_ca, b->client_ca) && a->strict_sni == b->strict_sni && a->forward_client_certificate == b->forward_client_certificate &&
	       same_hsts(&a->hsts, &b->hsts);
}

bool alike_redirect(const struct conf_redirect *a, const struct conf_redirect *b)
{
	return a->to == b->to && (a->to == CONF_REDIRECT_OFF || a->port == b->port);
}

bool alike_backend_tls(const struct conf_backend_tls *a, const struct conf_backend_tls *b)
{
	return a->on == b->on && a->verify == b->verify && alike_text(a->ca, b->ca) && alike_text(a->name, b->name) &&
	       alike_text(a->certificate, b->certificate) && alike_text(a->key, b->key);
}
