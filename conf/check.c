/* Checks what keys say together. Control thread. Opens no file and binds no address: what is true only on one machine is found out at the start. */
#include "conf/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "conf/accord.h"
#include "conf/keys.h"
#include "conf/overlap.h"
#include "conf/r53_check.h"
#include "conf/tls_check.h"
#include "conf/value.h"
#include "conf/via.h"

#define PREVIEWS_MAX 128u
#define HEALTH_LISTENERS_MAX 16u
#define LATENCY_BAKE_MS 20000u /* within which a whole window of latencies surely lies */

/* The node at a path of two keys, or NULL. */
static const struct node *find_below(const struct node *root, const char *map, const char *key)
{
	const struct node *parent = node_find(root, map);
	return parent ? node_find(parent, key) : NULL;
}

static void check_admin(const struct node *root, const struct conf *conf, struct fault_list *faults)
{
	const struct node *listen = find_below(root, "admin", "listen");
	if (!listen || !conf->admin.listen || addr_is_this_machine(&conf->admin.listen_address) || find_below(root, "admin", "token_file"))
		return;
	fault_add(faults, listen->line, listen->column,
		"admin.listen: %s is not a loopback address, so admin.token_file is missing: name the file that holds the token", conf->admin.listen);
}

static void check_access_log(const struct node *root, const struct conf *conf, struct fault_list *faults)
{
	const struct node *log = node_find(root, "access_log");
	if (!log || log->kind != NODE_MAP || node_find(log, "path") || conf->access_log.format == CONF_ACCESS_OFF)
		return;
	fault_add(faults, log->key_line, log->key_column, "access_log.path is missing: name the file to append to, or write access_log: off");
}

/* Whether a listener on `wide` takes what comes to `addr`, both of the same port. [::] takes IPv4 as well. */
static bool covers(const struct addr *wide, const struct addr *addr)
{
	if (wide->kind == ADDR_IPV6)
		return IN6_IS_ADDR_UNSPECIFIED(&wide->to.v6.sin6_addr);
	return wide->kind == ADDR_IPV4 && wide->to.v4.sin_addr.s_addr == 0 && addr->kind == ADDR_IPV4;
}

static bool collide(const struct addr *a, const struct addr *b)
{
	if (a->kind == ADDR_UNIX || b->kind == ADDR_UNIX)
		return addr_equal(a, b);
	/* Port 0 is another port each time. */
	return a->port != 0 && a->port == b->port && (addr_equal(a, b) || covers(a, b) || covers(b, a));
}

bool check_listener(const struct conf *conf, size_t index, struct err *err)
{
	const struct conf_listen *listen = &conf->listens[index];
	if (!listen->text)
		return true;
	for (size_t i = 0; i < index; i++) {
		const struct conf_listen *former = &conf->listens[i];
		if (!former->text || !collide(&listen->address, &former->address))
			continue;
		if (addr_equal(&listen->address, &former->address))
			return err_set(err, "%.100s is listed twice: keep one", listen->text);
		return err_set(err, "%.100s and %.100s have addresses in common: keep the wider one, or take another port", listen->text, former->text);
	}
	if (conf->admin.listen && collide(&listen->address, &conf->admin.listen_address))
		return err_set(err, "%.100s takes the address of admin.listen, %.100s: give one of them another port", listen->text, conf->admin.listen);
	return true;
}

static void check_listeners(const struct node *root, const struct conf *conf, struct fault_list *faults)
{
	const struct node *listen = node_find(root, "listen");
	size_t index = 0;
	for (const struct node *node = listen && conf->listen_count > 0 ? listen->first : NULL; node; node = node->next) {
		if (node->kind != NODE_MAP)
			continue;
		const struct node *address = node_find(node, "address");
		struct err err;
		if (!check_listener(conf, index++, &err))
			fault_add(faults, address->line, address->column, "listen: %s", err.text);
	}
}

/* Whether the preview of this service has its address for itself, and if not, who else has it. */
static bool check_preview(const struct conf *conf, size_t index, struct err *err)
{
	const struct conf_preview *preview = &conf->services[index].preview;
	for (size_t i = 0; i < conf->listen_count; i++)
		if (conf->listens[i].text && collide(&preview->listen_address, &conf->listens[i].address))
			return err_set(err, "%.100s takes the address of a listener, %.100s: take another port", preview->listen, conf->listens[i].text);
	if (conf->admin.listen && collide(&preview->listen_address, &conf->admin.listen_address))
		return err_set(err, "%.100s takes the address of admin.listen, %.100s: take another port", preview->listen, conf->admin.listen);
	for (size_t i = 0; i < index; i++) {
		const struct conf_service *former = &conf->services[i];
		if (former->preview.listen && collide(&preview->listen_address, &former->preview.listen_address))
			return err_set(err, "%.100s takes the address of the preview of service '%.64s', %.100s: take another port", preview->listen,
				former->name, former->preview.listen);
	}
	return true;
}

static void check_previews(const struct conf *conf, const struct node *const *services, struct fault_list *faults)
{
	unsigned count = 0;
	for (size_t i = 0; i < conf->service_count; i++) {
		const struct node *listen = conf->services[i].preview.listen ? find_below(services[i], "preview", "listen") : NULL;
		if (!listen)
			continue;
		/* Which also keeps the comparison of each with each short. */
		if (++count > PREVIEWS_MAX) {
			fault_add(faults, listen->line, listen->column, "services.%.64s.preview.listen: a file may have %u of these, and this is one more",
				services[i]->key, PREVIEWS_MAX);
			return;
		}
		struct err err;
		if (!check_preview(conf, i, &err))
			fault_add(faults, listen->line, listen->column, "services.%.64s.preview.listen: %s", services[i]->key, err.text);
	}
}

/* Another service's of the same address: a listener can be shared. */
static bool is_shared(const struct conf *conf, size_t index)
{
	const struct conf_route53 *route53 = &conf->services[index].route53;
	for (size_t i = 0; i < index; i++)
		if (conf->services[i].route53.health_listen && addr_equal(&route53->health_listen_address, &conf->services[i].route53.health_listen_address))
			return true;
	return false;
}

static bool check_health_listener(const struct conf *conf, size_t index, struct err *err)
{
	const struct conf_route53 *route53 = &conf->services[index].route53;
	const struct addr *address = &route53->health_listen_address;
	for (size_t i = 0; i < conf->listen_count; i++)
		if (conf->listens[i].text && collide(address, &conf->listens[i].address))
			return err_set(err, "%.100s takes the address of a listener, %.100s: take another port", route53->health_listen, conf->listens[i].text);
	if (conf->admin.listen && collide(address, &conf->admin.listen_address))
		return err_set(err, "%.100s takes the address of admin.listen, %.100s: take another port", route53->health_listen, conf->admin.listen);
	for (size_t i = 0; i < conf->service_count; i++) {
		const struct conf_service *other = &conf->services[i];
		if (other->preview.listen && collide(address, &other->preview.listen_address))
			return err_set(err, "%.100s takes the address of the preview of service '%.64s', %.100s: take another port", route53->health_listen,
				other->name, other->preview.listen);
		if (i < index && other->route53.health_listen && collide(address, &other->route53.health_listen_address))
			return err_set(err, "%.100s and %.100s of service '%.64s' have addresses in common: write the same for both, or take another port",
				route53->health_listen, other->route53.health_listen, other->name);
	}
	return true;
}

static void check_health_listeners(const struct conf *conf, const struct node *const *services, struct fault_list *faults)
{
	unsigned count = 0;
	for (size_t i = 0; i < conf->service_count; i++) {
		const struct node *listen = conf->services[i].route53.health_listen ? find_below(services[i], "route53", "health_listen") : NULL;
		struct err err;
		if (!listen || is_shared(conf, i))
			continue;
		if (++count > HEALTH_LISTENERS_MAX) {
			fault_add(faults, listen->line, listen->column,
				"services.%.64s.route53.health_listen: a file may have %u addresses for these, and this is one more: let services share one",
				services[i]->key, HEALTH_LISTENERS_MAX);
			return;
		}
		if (!check_health_listener(conf, i, &err))
			fault_add(faults, listen->line, listen->column, "services.%.64s.route53.health_listen: %s", services[i]->key, err.text);
	}
}

static bool is_served(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listen_count; i++)
		if (conf->listens[i].redirect.to == CONF_REDIRECT_OFF)
			return true;
	return false;
}

/* Nobody could reach a proxied service without a listener, nor with such as send everybody away. */
static void check_reachable(const struct node *root, const struct conf *conf, const struct node *const *services, struct fault_list *faults)
{
	const struct node *listen = node_find(root, "listen");
	if (listen && (listen->kind != NODE_LIST || (listen->count > 0 && (conf->listen_count == 0 || is_served(conf)))))
		return;
	for (size_t i = 0; i < conf->service_count; i++) {
		if (conf->services[i].via != CONF_VIA_PROXY || !via_is_known(services[i]))
			continue;
		if (listen && conf->listen_count > 0)
			fault_add(faults, listen->line, listen->column,
				"listen: every listener redirects, so nothing can reach service '%.64s': add one that does not, such as one with tls",
				conf->services[i].name);
		else if (listen)
			fault_add(faults, listen->line, listen->column,
				"listen is empty, so nothing can reach service '%.64s': add a listener, as in {address: 0.0.0.0:80}", conf->services[i].name);
		else
			fault_add(faults, root->line, root->column,
				"listen is missing, so nothing can reach service '%.64s': add listen: [{address: 0.0.0.0:80}]", conf->services[i].name);
		return;
	}
}

/* A TCP connect sends nothing and reads nothing, so these would be ignored. */
static void check_probe(const struct node *service, struct fault_list *faults)
{
	static const char *const keys[] = {"scheme", "host", "expect"};
	const struct node *probe = node_find(service, "probe");
	if (!probe || node_find(probe, "path"))
		return;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const struct node *node = node_find(probe, keys[i]);
		if (node)
			fault_add(faults, node->key_line, node->key_column,
				"services.%.64s.probe.%s needs probe.path: without a path the probe is a TCP connect, and there is no answer to look at",
				service->key, keys[i]);
	}
}

/* The criteria of this name, as far as they are configured. What is written but faulty counts as configured: its fault is enough. */
static unsigned list_configured(const struct node *rollback, const struct conf_rollback *conf, const struct fault_list *faults)
{
	const struct {
		const char *name;
		bool given;
	} criteria[] = {
		/* in the order of enum conf_criterion */
		{"error_rate", conf->error_rate > 0},
		{"unhealthy_probes", conf->unhealthy_probes > 0},
		{"latency_p99", conf->latency_p99_ms > 0},
		{"log", node_find(rollback, "log") != NULL},
		{"prometheus", node_find(rollback, "prometheus") != NULL},
	};
	unsigned configured = 0;
	for (unsigned i = 0; i < sizeof(criteria) / sizeof(*criteria); i++) {
		const struct node *node = node_find(rollback, criteria[i].name);
		if (criteria[i].given || (node && fault_is_at(faults, node->line, node->column)))
			configured |= 1u << i;
	}
	return configured;
}

/* A dry run of a criterion that is not configured would do nothing. */
static void check_dry_run(const struct node *service, const struct conf_service *conf, struct fault_list *faults)
{
	unsigned unknown = conf->via == CONF_VIA_ROUTE53 ? CONF_CRITERION_ERROR_RATE | CONF_CRITERION_LATENCY_P99 : 0;
	const struct node *rollback = node_find(service, "rollback"), *dry_run = rollback ? node_find(rollback, "dry_run") : NULL;
	const struct key *key = key_find("services.*.rollback.dry_run");
	unsigned configured = dry_run ? list_configured(rollback, &conf->rollback, faults) : 0;
	for (const struct node *node = dry_run ? dry_run->first : NULL; node; node = node->next) {
		int criterion = node->kind == NODE_TEXT ? value_find_word(key, node->text, NULL) : -1;
		unsigned bit = criterion >= 0 ? 1u << (unsigned)criterion : 0;
		if (bit & unknown)
			fault_add(faults, node->line, node->column,
				"services.%.64s.rollback.dry_run: %s is about traffic that goes through teal, and with via: route53 none does: leave it out",
				service->key, node->text);
		else if (bit & ~configured)
			fault_add(faults, node->line, node->column,
				"services.%.64s.rollback.dry_run: %s is not configured, so a dry run of it would do nothing: set services.%.64s.rollback.%s, or leave it out "
				"here",
				service->key, node->text, service->key, node->text);
	}
}

/* A good release must not go back because nothing could be known of it in time. */
static void check_bake(const struct node *service, const struct conf_service *conf, struct fault_list *faults)
{
	const struct conf_rollback *rollback = &conf->rollback;
	const struct node *latency = find_below(service, "rollback", "latency_p99");
	bool acts = rollback->latency_p99_ms > 0 && !(rollback->dry_run & CONF_CRITERION_LATENCY_P99);
	if (conf->via == CONF_VIA_PROXY && latency && acts && rollback->inconclusive == CONF_INCONCLUSIVE_ROLLBACK && conf->bake_ms < LATENCY_BAKE_MS)
		fault_add(faults, latency->line, latency->column,
			"services.%.64s.rollback.latency_p99: it is judged by windows of 10 s, for which a bake of less than 20s is too short, and what is inconclusive "
			"is rolled back here: set a longer bake, or inconclusive: promote",
			service->key);
}

/* The maps of the services, in the order of conf->services. */
static const struct node **list_services(const struct node *root, const struct conf *conf)
{
	const struct node *services = node_find(root, "services"), **nodes = memory_array(conf->service_count, sizeof(*nodes));
	size_t count = 0;
	for (const struct node *node = services && conf->service_count > 0 ? services->first : NULL; node; node = node->next)
		if (node->kind == NODE_MAP)
			nodes[count++] = node;
	return nodes;
}

void check_tree(const struct node *root, const struct conf *conf, struct fault_list *faults)
{
	const struct node **services = list_services(root, conf);
	check_admin(root, conf, faults);
	check_access_log(root, conf, faults);
	check_listeners(root, conf, faults);
	check_previews(conf, services, faults);
	check_health_listeners(conf, services, faults);
	check_reachable(root, conf, services, faults);
	tls_check_listeners(root, conf, faults);
	for (size_t i = 0; i < conf->service_count; i++) {
		via_check(services[i], &conf->services[i], faults);
		check_probe(services[i], faults);
		tls_check_service(services[i], &conf->services[i], faults);
		check_dry_run(services[i], &conf->services[i], faults);
		accord_check(services[i], &conf->services[i], faults);
		check_bake(services[i], &conf->services[i], faults);
		if (conf->services[i].via == CONF_VIA_ROUTE53)
			r53_check_service(services[i], &conf->services[i], faults);
	}
	r53_check_twins(conf, services, faults);
	overlap_check(conf, services, faults);
	free(services);
}
