/* Frees the configuration, as a whole or but for one service. Control thread. */
#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

static void fini_color(struct conf_color *color)
{
	for (size_t i = 0; i < color->backend_count; i++)
		free(color->backends[i].text);
	free(color->backends);
	free(color->version);
	free(color->tls.ca);
	free(color->tls.name);
	free(color->tls.certificate);
	free(color->tls.key);
}

static void free_headers(struct conf_header *headers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(headers[i].name);
		free(headers[i].value);
	}
	free(headers);
}

static void fini_probe(struct conf_probe *probe)
{
	free_headers(probe->headers, probe->header_count);
	free(probe->statuses);
	free(probe->path);
	free(probe->host);
	free(probe->body);
}

static void fini_rollback(struct conf_rollback *rollback)
{
	free(rollback->log.file);
	free(rollback->log.pattern);
	free(rollback->prometheus.url);
	free(rollback->prometheus.query);
}

static void fini_hooks(struct conf_hooks *hooks)
{
	for (size_t i = 0; i < hooks->count; i++) {
		struct conf_hook *hook = &hooks->list[i];
		for (size_t word = 0; hook->run && hook->run[word]; word++)
			free(hook->run[word]);
		free(hook->run);
		free(hook->url);
		free(hook->secret_file);
	}
	free(hooks->list);
}

static void fini_smoke(struct conf_smoke *smoke)
{
	free(smoke->method);
	free(smoke->path);
	free(smoke->host);
	free(smoke->body);
	free_headers(smoke->send, smoke->send_count);
	free(smoke->statuses);
	free(smoke->expect_body);
	free_headers(smoke->expect, smoke->expect_count);
}

static void fini_gates(struct conf_gates *gates)
{
	for (size_t i = 0; i < gates->freeze_count; i++) {
		struct conf_freeze *freeze = &gates->freezes[i];
		free(freeze->from_date);
		free(freeze->to_date);
		free(freeze->zone);
		free(freeze->reason);
	}
	free(gates->freezes);
	for (size_t i = 0; i < gates->smoke_count; i++)
		fini_smoke(&gates->smokes[i]);
	free(gates->smokes);
}

static void free_notify(struct conf_notify *notify, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(notify[i].url);
		free(notify[i].secret_file);
	}
	free(notify);
}

/* What is around a switch. */
static void fini_around(struct conf_service *service)
{
	fini_gates(&service->gates);
	for (size_t i = 0; i < CONF_MOMENT_COUNT; i++)
		fini_hooks(&service->hooks[i]);
	free_notify(service->notify, service->notify_count);
	free(service->preview.header);
	free(service->preview.cookie);
	free(service->preview.listen);
	free(service->steps.shares);
	free(service->sticky.name);
	free_texts(service->rehearsal.fields, service->rehearsal.field_count);
	free_texts(service->rehearsal.ignore, service->rehearsal.ignore_count);
	free_texts(service->fallback_paths, service->fallback_path_count);
}

static void fini_route53(struct conf_route53 *route53)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		free_texts(route53->colors[color].values, route53->colors[color].value_count);
		free(route53->colors[color].alias);
		free(route53->colors[color].alias_zone);
	}
	for (size_t i = 0; i < route53->name_server_count; i++)
		free(route53->name_servers[i].text);
	free(route53->name_servers);
	free(route53->zone);
	free(route53->name);
	free(route53->health_listen);
	free(route53->profile);
	free(route53->region);
	free(route53->endpoint);
}

static void fini_service(struct conf_service *service)
{
	free(service->name);
	free_texts(service->hosts, service->host_count);
	free_texts(service->paths, service->path_count);
	free_texts(service->replay_methods, service->replay_method_count);
	fini_color(&service->colors[COLOR_BLUE]);
	fini_color(&service->colors[COLOR_GREEN]);
	fini_probe(&service->probe);
	fini_rollback(&service->rollback);
	fini_around(service);
	fini_route53(&service->route53);
}

static void fini_tls(struct conf_tls *tls)
{
	for (size_t i = 0; i < tls->certificate_count; i++) {
		free(tls->certificates[i].certificate);
		free(tls->certificates[i].key);
	}
	free(tls->certificates);
	free(tls->client_ca);
}

static void drop_listens(struct conf *conf)
{
	for (size_t i = 0; i < conf->listen_count; i++) {
		free(conf->listens[i].text);
		fini_tls(&conf->listens[i].tls);
	}
	free(conf->listens);
	conf->listens = NULL;
	conf->listen_count = 0;
}

static void drop_text(char **text)
{
	free(*text);
	*text = NULL;
}

void conf_make_alone(struct conf *conf, const char *service, const char *socket)
{
	size_t kept = 0;
	for (size_t i = 0; i < conf->service_count; i++) {
		if (strcmp(conf->services[i].name, service) == 0)
			conf->services[kept++] = conf->services[i];
		else
			fini_service(&conf->services[i]);
	}
	conf->service_count = kept;
	conf->alone = true;
	drop_listens(conf);
	drop_text(&conf->access_log.path);
	drop_text(&conf->acme.webroot);
	drop_text(&conf->admin.listen);
	drop_text(&conf->admin.token_file);
	drop_text(&conf->admin.socket);
	conf->admin.socket = memory_text(socket);
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->service_count; i++)
		fini_service(&conf->services[i]);
	drop_listens(conf);
	free(conf->services);
	free(conf->trusted_proxies);
	free(conf->admin.socket);
	free(conf->admin.listen);
	free(conf->admin.token_file);
	free(conf->access_log.path);
	free(conf->acme.webroot);
	free(conf->state);
	free(conf->file);
	free(conf);
}
