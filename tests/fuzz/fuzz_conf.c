/* Any bytes as teal.yaml: refused with at least one fault, or read without any. */
// links: conf
#include <arpa/inet.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/pattern.h"
#include "base/url.h"
#include "base/zone.h"
#include "conf/conf.h"

#define WEEK (7 * 24 * 60u)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static bool is_share(double value)
{
	return value >= 0 && value <= 1;
}

static void check_backend_tls(const struct conf_backend_tls *tls)
{
	struct in_addr ignored;
	demand(!tls->certificate == !tls->key && !(tls->ca && !tls->verify));
	demand(tls->on || (tls->verify && !tls->ca && !tls->name && !tls->certificate));
	demand(!tls->name || (tls->name[0] != '\0' && !strpbrk(tls->name, " :*@/[") && inet_pton(AF_INET, tls->name, &ignored) != 1));
}

static void check_color(const struct conf_color *color)
{
	check_backend_tls(&color->tls);
	demand(color->version != NULL);
	for (size_t i = 0; i < color->backend_count; i++) {
		demand(color->backends[i].text[0] != '\0');
		demand(color->backends[i].address.kind == ADDR_UNIX || color->backends[i].address.port > 0);
		demand(color->backends[i].address.kind != ADDR_UNIX || !color->tls.on || !color->tls.verify || color->tls.name);
	}
}

static void check_headers(const struct conf_header *headers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		demand(headers[i].name[0] != '\0' && !strpbrk(headers[i].name, " :\r\n") && !strpbrk(headers[i].value, "\r\n"));
}

static void check_statuses(const struct conf_status_range *statuses, size_t count)
{
	demand(count > 0);
	for (size_t i = 0; i < count; i++)
		demand(statuses[i].low >= 100 && statuses[i].low <= statuses[i].high && statuses[i].high <= 599);
}

static void check_probe(const struct conf_probe *probe)
{
	demand(probe->interval_ms > 0 && probe->timeout_ms > 0 && probe->rise > 0 && probe->fall > 0);
	check_statuses(probe->statuses, probe->status_count);
	check_headers(probe->headers, probe->header_count);
	demand(!probe->path || probe->path[0] == '/');
}

static void check_hook(const struct conf_hook *hook)
{
	demand(!hook->run != !hook->url && hook->timeout_ms > 0);
	demand(!hook->run || (hook->run[0] && hook->run[0][0] == '/' && !hook->secret_file));
	demand(!hook->url || url_read_target(hook->url, NULL, NULL));
	demand(!hook->secret_file || hook->secret_file[0] == '/');
}

static void check_freeze(const struct conf_freeze *freeze)
{
	demand(zone_check(freeze->zone, NULL) && freeze->dated == (freeze->from_date != NULL) && freeze->dated == (freeze->to_date != NULL));
	demand(freeze->dated || (freeze->from != freeze->to && freeze->from < WEEK && freeze->to < WEEK));
	demand(!freeze->dated || strcmp(freeze->from_date, freeze->to_date) < 0);
}

static void check_smoke(const struct conf_smoke *smoke)
{
	bool bodiless = strcmp(smoke->method, "GET") == 0 || strcmp(smoke->method, "HEAD") == 0;
	demand(smoke->path[0] == '/' && smoke->timeout_ms > 0 && smoke->timeout_ms <= 60000 && !(bodiless && smoke->body));
	check_headers(smoke->send, smoke->send_count);
	check_statuses(smoke->statuses, smoke->status_count);
	check_headers(smoke->expect, smoke->expect_count);
}

static void check_gates(const struct conf_service *service)
{
	const struct conf_gates *gates = &service->gates;
	demand(is_share(gates->healthy) && gates->approval_ms <= 86400000);
	for (size_t i = 0; i < gates->freeze_count; i++)
		check_freeze(&gates->freezes[i]);
	for (size_t i = 0; i < gates->smoke_count; i++)
		check_smoke(&gates->smokes[i]);
	for (size_t moment = 0; moment < CONF_MOMENT_COUNT; moment++)
		for (size_t i = 0; i < service->hooks[moment].count; i++)
			check_hook(&service->hooks[moment].list[i]);
	for (size_t i = 0; i < service->notify_count; i++)
		demand(url_read_target(service->notify[i].url, NULL, NULL) && service->notify[i].timeout_ms > 0);
}

static void check_steps(const struct conf_steps *steps)
{
	for (size_t i = 0; i < steps->count; i++)
		demand(steps->shares[i] > (i > 0 ? steps->shares[i - 1] : 0));
	demand(steps->count == 0 || steps->shares[steps->count - 1] == 10000);
}

static void check_traffic(const struct conf_service *service)
{
	const struct conf_hold *hold = &service->hold;
	const struct conf_rehearsal *rehearsal = &service->rehearsal;
	check_steps(&service->steps);
	demand(service->sticky.name && service->preview.expires_ms > 0);
	demand(hold->requests > 0 && hold->bytes > 0 && hold->max_ms >= CONF_HOLD_LEAST_MS && hold->max_ms <= CONF_HOLD_MOST_MS && hold->release > 0);
	demand(rehearsal->share > 0 && rehearsal->share <= 1 && rehearsal->for_ms > 0 && rehearsal->concurrency > 0 && rehearsal->bytes > 0);
	demand(is_share(rehearsal->differences) && rehearsal->slower >= 0 && rehearsal->slower <= 10);
	for (size_t i = 0; i < rehearsal->field_count; i++)
		demand(rehearsal->fields[i][0] != '\0');
	for (size_t i = 0; i < rehearsal->ignore_count; i++)
		demand(rehearsal->ignore[i][0] == '/');
	for (size_t i = 0; i < service->fallback_path_count; i++)
		demand(service->fallback_paths[i][0] == '/');
}

static void check_rollback(const struct conf_rollback *rollback)
{
	const struct conf_log *log = &rollback->log;
	const struct conf_prometheus *prometheus = &rollback->prometheus;
	unsigned configured = (rollback->error_rate > 0 ? CONF_CRITERION_ERROR_RATE : 0u) |
			      (rollback->unhealthy_probes > 0 ? CONF_CRITERION_UNHEALTHY_PROBES : 0u) |
			      (rollback->latency_p99_ms > 0 ? CONF_CRITERION_LATENCY_P99 : 0u) | (log->file ? CONF_CRITERION_LOG : 0u) |
			      (prometheus->url ? CONF_CRITERION_PROMETHEUS : 0u);
	demand(is_share(rollback->error_rate) && (rollback->dry_run & ~configured) == 0);
	demand(!log->file == !log->pattern && log->matches > 0 && log->within_ms > 0);
	demand(!log->file || (log->file[0] == '/' && pattern_check(log->pattern, NULL)));
	demand(!prometheus->url == !prometheus->query && isfinite(prometheus->bound) && prometheus->every_ms > 0 && prometheus->timeout_ms > 0);
	demand(!prometheus->url || (url_check(prometheus->url, NULL) && !strpbrk(prometheus->query, "\r\n")));
}

static bool is_name(const char *text)
{
	size_t length = strlen(text);
	for (const char *at = text; *at; at++)
		demand(*at > ' ' && *at < 127 && !(*at >= 'A' && *at <= 'Z') && !strchr("/:@\\", *at));
	return length > 2 && length <= 253 && text[0] != '.' && text[length - 1] != '.' && strchr(text, '.');
}

static void check_target(const struct conf_route53 *route53, const struct conf_route53_color *color)
{
	struct in6_addr ignored;
	demand(!color->alias == !color->alias_zone && (color->alias == NULL) == (color->value_count > 0));
	demand(!color->alias || (is_name(color->alias) && route53->type != CONF_ROUTE53_CNAME));
	demand(color->value_count <= (route53->type == CONF_ROUTE53_CNAME || route53->policy == CONF_ROUTE53_WEIGHTED ? 1 : 100));
	for (size_t i = 0; i < color->value_count; i++)
		if (route53->type == CONF_ROUTE53_CNAME)
			demand(is_name(color->values[i]) && strcmp(color->values[i], route53->name) != 0);
		else
			demand(inet_pton(route53->type == CONF_ROUTE53_A ? AF_INET : AF_INET6, color->values[i], &ignored) == 1);
}

static void check_route53(const struct conf_service *service)
{
	const struct conf_route53 *route53 = &service->route53;
	const struct conf_route53_color *blue = &route53->colors[COLOR_BLUE], *green = &route53->colors[COLOR_GREEN];
	bool health = route53->policy == CONF_ROUTE53_HEALTH_CHECK;
	demand(is_name(route53->name) && (!route53->zone || strlen(route53->zone) - 1 < 32) && route53->ttl_s <= INT32_MAX);
	check_target(route53, blue);
	check_target(route53, green);
	demand(!blue->alias == !green->alias && !(blue->alias && strcmp(blue->alias, green->alias) == 0));
	demand(route53->name_server_count <= 16 && !route53->health_listen == !health && (!health || (!route53->profile && !route53->endpoint)));
	for (size_t i = 0; i < route53->name_server_count; i++)
		demand(route53->name_servers[i].address.kind != ADDR_UNIX && route53->name_servers[i].address.port > 0);
	demand(!route53->endpoint || url_check(route53->endpoint, NULL));
	demand(service->host_count == 0 && service->path_count == 0 && !service->preview.listen && service->rollback.error_rate == 0.0);
	demand(route53->policy == CONF_ROUTE53_WEIGHTED || service->steps.count == 0);
}

/* What the rest of the program relies on. */
static void check_service(const struct conf_service *service)
{
	demand(service->name[0] != '\0' && service->shield.statuses < 1u << 4);
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		check_color(&service->colors[color]);
	check_probe(&service->probe);
	check_rollback(&service->rollback);
	check_gates(service);
	check_traffic(service);
	if (service->via == CONF_VIA_ROUTE53)
		check_route53(service);
	for (size_t i = 0; i < service->path_count; i++)
		demand(service->paths[i][0] == '/');
	for (size_t i = 0; i < service->host_count; i++)
		for (const char *at = service->hosts[i]; at == service->hosts[i] || *at; at++)
			demand(*at > ' ' && !(*at >= 'A' && *at <= 'Z'));
}

static void check_listen_tls(const struct conf_tls *tls)
{
	const struct conf_hsts *hsts = &tls->hsts;
	bool asked = tls->client_certificates != CONF_CLIENT_CERTIFICATES_OFF;
	demand(tls->certificate_count <= 256 && asked == (tls->client_ca != NULL) && (asked || !tls->forward_client_certificate));
	for (size_t i = 0; i < tls->certificate_count; i++)
		demand(tls->certificates[i].certificate[0] != '\0' && tls->certificates[i].key[0] != '\0');
	demand(hsts->on || (hsts->max_age_s == 0 && !hsts->subdomains && !hsts->preload));
	demand(!hsts->preload || (hsts->subdomains && hsts->max_age_s >= 31536000));
	demand(tls->certificate_count > 0 || (!asked && !tls->strict_sni && !hsts->on));
}

static void check_listens(const struct conf *conf)
{
	bool clear = false;
	for (size_t i = 0; i < conf->listen_count; i++) {
		const struct conf_listen *listen = &conf->listens[i];
		check_listen_tls(&listen->tls);
		demand(listen->redirect.port > 0 && listen->redirect.port <= 65535);
		demand(listen->redirect.to == CONF_REDIRECT_OFF || listen->tls.certificate_count == 0);
		clear |= listen->tls.certificate_count == 0;
	}
	demand(!conf->acme.webroot || (conf->acme.webroot[0] != '\0' && clear));
}

static void check_conf(const struct conf *conf)
{
	check_listens(conf);
	demand(conf->service_count > 0 && conf->state && conf->admin.socket);
	demand(conf->limits.header_bytes > 0 && conf->limits.headers > 0 && conf->limits.headers <= 256 && conf->limits.connections > 0);
	demand(conf->timeouts.header_ms > 0 && conf->timeouts.idle_ms > 0 && conf->timeouts.connect_ms > 0);
	demand(conf->timeouts.response_ms > 0 && conf->timeouts.stall_ms > 0);
	for (size_t i = 0; i < conf->service_count; i++) {
		check_service(&conf->services[i]);
		demand(conf->listen_count > 0 || conf->services[i].via == CONF_VIA_ROUTE53);
		demand(conf_find_service(conf, conf->services[i].name) == &conf->services[i]); /* no name twice */
	}
}

/* Each fault is one line that names a place inside the file; they come in the order of the file. */
static void check_lines(const struct conf_faults *faults, unsigned long last)
{
	unsigned long before = 0;
	for (size_t i = 0; i < faults->count; i++) {
		char *end;
		demand(strncmp(faults->lines[i], "a.yaml:", 7) == 0);
		unsigned long line = strtoul(faults->lines[i] + 7, &end, 10);
		demand(*end == ':' && line >= 1 && line <= last && line >= before);
		demand(strtoul(end + 1, &end, 10) >= 1 && strncmp(end, ": ", 2) == 0 && end[2] != '\0');
		for (const char *at = end; *at; at++)
			demand((unsigned char)*at >= ' ' && *at != 127);
		before = line;
	}
}

/* Whatever ends a line in YAML. */
static unsigned long count_lines(const uint8_t *bytes, size_t length)
{
	unsigned long lines = 2;
	for (size_t i = 0; i < length; i++)
		lines += bytes[i] == '\n' || bytes[i] == '\r' || bytes[i] == 0x85 || bytes[i] == 0xa8 || bytes[i] == 0xa9;
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct conf_faults faults = {0};
	struct conf *conf = conf_parse((const char *)bytes, length, "a.yaml", &faults);
	demand((conf == NULL) == (faults.count > 0));
	check_lines(&faults, count_lines(bytes, length));
	if (conf)
		check_conf(conf);
	conf_free(conf);
	conf_faults_fini(&faults);
	return 0;
}
