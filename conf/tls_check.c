/* Checks what the keys about TLS say together. Control thread. Opens no file: whether a certificate is good is for the proxy to say. */
#include "conf/tls_check.h"

#include <stdio.h>
#include <string.h>

#define HTTPS_PORT 443u
#define PRELOAD_LEAST_S 31536000u /* what browsers' lists ask for */

static void fault_at(struct fault_list *faults, const struct node *node, const char *sentence)
{
	fault_add(faults, node->key_line, node->key_column, "%s", sentence);
}

/* The node of a value that is good by itself, or NULL. */
static const struct node *find_good(const struct node *map, const char *key, const struct fault_list *faults)
{
	const struct node *node = map && map->kind == NODE_MAP ? node_find(map, key) : NULL;
	return node && !fault_is_at(faults, node->line, node->column) && !node_is_null(node) ? node : NULL;
}

/* Whether the key is there, and faulty by itself. */
static bool is_faulty(const struct node *map, const char *key, const struct fault_list *faults)
{
	return node_find(map, key) && !find_good(map, key, faults);
}

/* ---- listeners ---- */

static void check_twins(const struct node *list, const struct conf_tls *tls, struct fault_list *faults)
{
	size_t index = 0;
	for (const struct node *node = list->first; node; node = node->next) {
		if (node->kind != NODE_MAP)
			continue;
		const char *path = tls->certificates[index++].certificate;
		for (size_t i = 0; path && i + 1 < index; i++)
			if (tls->certificates[i].certificate && strcmp(tls->certificates[i].certificate, path) == 0) {
				fault_add(faults, node->line, node->column, "listen.tls.certificates: '%.64s' is listed twice: keep one", path);
				break;
			}
	}
}

static void check_clients(const struct node *map, const struct conf_tls *tls, struct fault_list *faults)
{
	const struct node *ca = node_find(map, "client_ca"), *forward = find_good(map, "forward_client_certificate", faults);
	bool asked = tls->client_certificates != CONF_CLIENT_CERTIFICATES_OFF;
	if (is_faulty(map, "client_certificates", faults))
		return;
	if (asked && !ca)
		fault_at(faults, node_find(map, "client_certificates"),
			"listen.tls.client_ca is missing: name the file of the certificates of those who sign client certificates, as in client_ca: clients.pem");
	if (ca && !asked)
		fault_at(faults, ca,
			"listen.tls.client_ca: no client is asked for a certificate: write client_certificates: required (or optional), or leave this out");
	if (forward && tls->forward_client_certificate && !asked)
		fault_at(faults, forward,
			"listen.tls.forward_client_certificate: no client is asked for a certificate: write client_certificates: required (or optional), or leave this out");
}

static void check_hsts(const struct node *map, const struct conf_hsts *hsts, struct fault_list *faults)
{
	const struct node *node = node_find(map, "hsts");
	if (!node || node->kind != NODE_MAP || !find_good(node, "max_age", faults) || is_faulty(node, "subdomains", faults))
		return;
	const struct node *preload = find_good(node, "preload", faults);
	if (preload && hsts->preload && (!hsts->on || !hsts->subdomains || hsts->max_age_s < PRELOAD_LEAST_S))
		fault_at(faults, preload,
			"listen.tls.hsts.preload: browsers' lists take a host only with subdomains: on and a max_age of at least 365d: write these, or leave this out");
	const struct node *subdomains = find_good(node, "subdomains", faults);
	if (subdomains && hsts->subdomains && !hsts->on)
		fault_at(faults, subdomains, "listen.tls.hsts.subdomains: with max_age: off nothing is said: write a max_age, or leave this out");
}

static void check_tls(const struct node *map, const struct conf_tls *tls, struct fault_list *faults)
{
	const struct node *list = node_find(map, "certificates");
	if (list && list->kind == NODE_LIST && tls->certificate_count > 0)
		check_twins(list, tls, faults);
	check_clients(map, tls, faults);
	check_hsts(map, &tls->hsts, faults);
}

/* The first listener with this port, with TLS or in clear; NULL when there is none. */
static const struct conf_listen *find_port(const struct conf *conf, unsigned port, bool tls)
{
	for (size_t i = 0; i < conf->listen_count; i++) {
		const struct conf_listen *listen = &conf->listens[i];
		if (listen->text && listen->address.kind != ADDR_UNIX && listen->address.port == port && (listen->tls.certificate_count > 0) == tls)
			return listen;
	}
	return NULL;
}

/* Where clients would be sent round in circles, or to nobody. */
static void check_redirect_port(const struct conf *conf, const struct conf_redirect *redirect, const struct node *node, bool written, struct fault_list *faults)
{
	const struct conf_listen *clear = find_port(conf, redirect->port, false);
	if (find_port(conf, redirect->port, true))
		return;
	if (clear)
		fault_add(faults, node->line, node->column,
			"listen.redirect: port %u is that of %.100s, which is in clear, so that clients would be sent round in circles: name a port where TLS is spoken",
			redirect->port, clear->text);
	else if (!written)
		fault_add(faults, node->line, node->column,
			"listen.redirect: no listener with tls has port %u, which is that of https: add one, or say which port leads to TLS for clients, as in redirect: {to: https, "
			"port: 8443}",
			HTTPS_PORT);
}

static void check_redirect(const struct node *listen, const struct conf *conf, size_t index, struct fault_list *faults)
{
	const struct node *node = node_find(listen, "redirect"), *port = node->kind == NODE_MAP ? node_find(node, "port") : NULL;
	const struct conf_redirect *redirect = &conf->listens[index].redirect;
	if (fault_is_at(faults, node->line, node->column) || (node->kind == NODE_MAP && !find_good(node, "to", faults)))
		return;
	if (redirect->to == CONF_REDIRECT_OFF && port)
		fault_at(faults, port, "listen.redirect.port: with to: off nothing is redirected: write to: https, or leave this out");
	else if (redirect->to == CONF_REDIRECT_HTTPS && node_find(listen, "tls"))
		fault_at(faults, node, "listen.redirect: this listener has tls, so that its clients are at https already: leave this out");
	else if (redirect->to == CONF_REDIRECT_HTTPS && !(port && fault_is_at(faults, port->line, port->column)))
		check_redirect_port(conf, redirect, node, port != NULL, faults);
}

/* Only a listener in clear is asked for a challenge. */
static void check_acme(const struct node *root, const struct conf *conf, struct fault_list *faults)
{
	const struct node *acme = node_find(root, "acme");
	if (!acme || acme->kind != NODE_MAP)
		return;
	for (size_t i = 0; i < conf->listen_count; i++)
		if (conf->listens[i].tls.certificate_count == 0)
			return;
	fault_at(faults, acme, "acme: challenges come in clear, and no listener is: add one, as in {address: 0.0.0.0:80, redirect: https}");
}

void tls_check_listeners(const struct node *root, const struct conf *conf, struct fault_list *faults)
{
	const struct node *list = node_find(root, "listen");
	size_t index = 0;
	for (const struct node *node = list && conf->listen_count > 0 ? list->first : NULL; node; node = node->next) {
		if (node->kind != NODE_MAP)
			continue;
		const struct node *tls = node_find(node, "tls");
		if (tls && tls->kind == NODE_MAP)
			check_tls(tls, &conf->listens[index].tls, faults);
		if (node_find(node, "redirect"))
			check_redirect(node, conf, index, faults);
		index++;
	}
	check_acme(root, conf, faults);
}

/* ---- colors ---- */

/* A color of a service while it is looked at. */
struct view {
	const struct node *service, *map; /* `map` is its tls */
	const char *color;
	const struct conf_service *conf;
	const struct conf_color *own;
	struct fault_list *faults;
};

static void fault_at_key(const struct view *view, const struct node *node, const char *sentence)
{
	fault_add(view->faults, node->key_line, node->key_column, "services.%.64s.%s.tls.%s", view->service->key, view->color, sentence);
}

static void check_own(const struct view *view)
{
	const struct node *certificate = node_find(view->map, "certificate"), *key = node_find(view->map, "key");
	if (certificate && !key)
		fault_at_key(view, certificate, "certificate needs key: name the file of its private key, which may be the same");
	if (key && !certificate)
		fault_at_key(view, key, "key needs certificate: name the file of the certificate, which may be the same");
}

static void check_verify(const struct view *view)
{
	const struct conf_backend_tls *tls = &view->own->tls;
	const struct node *ca = node_find(view->map, "ca");
	if (is_faulty(view->map, "verify", view->faults))
		return;
	if (ca && !tls->verify)
		fault_at_key(view, ca, "ca: with verify: off nothing that a backend shows is checked: leave one of the two out");
	for (size_t i = 0; tls->verify && !node_find(view->map, "name") && i < view->own->backend_count; i++)
		if (view->own->backends[i].address.kind == ADDR_UNIX) {
			fault_add(view->faults, view->map->key_line, view->map->key_column,
				"services.%.64s.%s.tls.name is missing: %.100s has no name that its certificate could be checked for: write name: HOST, or verify: off",
				view->service->key, view->color, view->own->backends[i].text);
			return;
		}
}

static void check_scheme(const struct view *view)
{
	const struct node *scheme = find_good(node_find(view->service, "probe"), "scheme", view->faults);
	if (scheme && !view->conf->probe.https)
		fault_add(view->faults, scheme->line, scheme->column,
			"services.%.64s.probe.scheme: the backends of %s speak TLS, as services.%.64s.%s.tls has it: leave this out", view->service->key,
			view->color, view->service->key, view->color);
}

void tls_check_service(const struct node *service, const struct conf_service *conf, struct fault_list *faults)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		const char *name = color_name((enum color)color);
		const struct node *own = node_find(service, name), *map = own && own->kind == NODE_MAP ? node_find(own, "tls") : NULL;
		if (!map || map->kind != NODE_MAP)
			continue;
		struct view view = {service, map, name, conf, &conf->colors[color], faults};
		check_own(&view);
		check_verify(&view);
		check_scheme(&view);
	}
}
