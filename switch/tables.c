/* Makes the route tables and publishes them. Control thread; what is in them is the services' business. */
#include "switch/tables.h"

#include <stdlib.h>
#include <string.h>
#include <event2/event.h>

#include "base/memory.h"
#include "switch/descriptors.h"
#include "switch/listening.h"

struct tables {
	struct event *turn_end;
	unsigned workers;
	unsigned long descriptors;
	const struct conf *conf;
	struct service *const *services;
	size_t count;
	struct table_index *index;
	const struct tlsstore *tls;
	struct manners *manners;
	struct proxy *proxy;
	uint64_t generation;
	bool touched, draining;
	uint8_t preview_key[TOKEN_KEY_SIZE];
};

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
	struct tables *tables = arg;
	(void)fd;
	(void)what;
	if (tables->touched)
		tables_publish(tables);
}

struct tables *tables_new(struct event_base *loop, unsigned workers, unsigned long descriptors)
{
	struct tables *tables = memory_new(sizeof(*tables));
	tables->turn_end = evtimer_new(loop, on_turn_end, tables);
	tables->workers = workers;
	tables->descriptors = descriptors;
	return tables;
}

void tables_free(struct tables *tables)
{
	if (!tables)
		return;
	event_free(tables->turn_end);
	if (tables->index)
		table_index_release(tables->index);
	manners_release(tables->manners);
	free(tables);
}

/* Services that are switched by Route 53 are not routed to: neither index nor table has a place for them. */
static struct table_index *make_index(const struct conf *conf)
{
	struct table_index_entry *entries = memory_array(conf->service_count, sizeof(*entries));
	size_t count = 0;
	for (size_t i = 0; i < conf->service_count; i++) {
		const struct conf_service *service = &conf->services[i];
		if (service->via != CONF_VIA_PROXY)
			continue;
		entries[count++] = (struct table_index_entry){
			.hosts = (const char *const *)service->hosts,
			.host_count = service->host_count,
			.paths = (const char *const *)service->paths,
			.path_count = service->path_count,
		};
	}
	struct table_index *index = table_index_new(entries, count);
	free(entries);
	return index;
}

void tables_set_tls(struct tables *tables, const struct tlsstore *store)
{
	tables->tls = store;
}

void tables_follow_tls(struct tables *tables)
{
	manners_release(tables->manners);
	tables->manners = listening_make_manners(tables->conf, tables->tls);
	tables_touch(tables);
}

void tables_set_services(struct tables *tables, const struct conf *conf, struct service *const *services, size_t count)
{
	struct table_index *index = make_index(conf);
	if (tables->index)
		table_index_release(tables->index);
	tables->index = index;
	tables->conf = conf;
	tables->services = services;
	tables->count = count;
	tables_follow_tls(tables);
}

void tables_set_preview_key(struct tables *tables, const uint8_t key[TOKEN_KEY_SIZE])
{
	memcpy(tables->preview_key, key, TOKEN_KEY_SIZE);
}

void tables_set_draining(struct tables *tables)
{
	tables->draining = true;
	tables_touch(tables);
}

static struct table_globals make_globals(const struct tables *tables)
{
	const struct conf *conf = tables->conf;
	struct table_globals globals = {
		.header_ms = conf->timeouts.header_ms,
		.idle_ms = conf->timeouts.idle_ms,
		.connect_ms = conf->timeouts.connect_ms,
		.response_ms = conf->timeouts.response_ms,
		.stall_ms = conf->timeouts.stall_ms,
		.total_ms = conf->timeouts.total_ms,
		.rate = conf->limits.rate,
		.header_bytes = conf->limits.header_bytes,
		.body_bytes = conf->limits.body,
		.headers = conf->limits.headers,
		.client_connections = conf->limits.connections_per_client,
		.connections = descriptors_fit(tables->descriptors, tables->workers, conf->limits.connections),
		.draining = tables->draining,
		.trusted = conf->trusted_proxies,
		.trusted_count = conf->trusted_proxy_count,
		.manners = tables->manners,
	};
	memcpy(globals.preview_key, tables->preview_key, sizeof(globals.preview_key));
	return globals;
}

struct table *tables_make(struct tables *tables)
{
	struct table_globals globals = make_globals(tables);
	struct table_service **services = memory_array(tables->count, sizeof(struct table_service *));
	size_t count = 0;
	for (size_t i = 0; i < tables->count; i++)
		if (service_is_routed(tables->services[i]))
			services[count++] = service_read_table(tables->services[i]);
	struct table *table = table_new(&globals, tables->index, services, count, tables->workers);
	free(services);
	tables->touched = false;
	return table;
}

void tables_set_proxy(struct tables *tables, struct proxy *proxy)
{
	tables->proxy = proxy;
	tables->generation = proxy ? proxy_table(proxy)->generation : 0;
}

void tables_touch(struct tables *tables)
{
	static const struct timeval now = {0, 0};
	tables->touched = true;
	if (tables->proxy && !evtimer_pending(tables->turn_end, NULL))
		evtimer_add(tables->turn_end, &now);
}

uint64_t tables_publish(struct tables *tables)
{
	if (!tables->proxy)
		return 0;
	tables->generation = proxy_publish(tables->proxy, tables_make(tables));
	return tables->generation;
}

bool tables_are_in_force(const struct tables *tables, uint64_t generation)
{
	return !tables->proxy || proxy_acknowledged(tables->proxy) >= generation;
}

bool tables_are_warm(const struct tables *tables, uint64_t generation)
{
	return !tables->proxy || proxy_warmed(tables->proxy) >= generation;
}

uint64_t tables_generation(const struct tables *tables)
{
	return tables->generation;
}
