/* One round of probes without a daemon. How a probe goes and what its sentence is are probe/'s affair. */
#include "cli/direct.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <event2/event.h>

#include "base/fetch.h"
#include "base/memory.h"
#include "base/resolve.h"
#include "probe/probe.h"
#include "switch/backtrust.h"
#include "switch/tlsplan.h"

struct round {
	struct conf_service service; /* as the file has it */
	struct conf conf;            /* of this service alone: who probes need not be the one who may read the keys of listeners */
	struct event_base *loop;
	struct fetch *fetch;
	struct prober *prober;
	struct resolver *resolver;
	struct tlsplan *tls;
	struct shot *shots;
	size_t shot_count, pending;
};

/* One backend. */
struct shot {
	struct round *round;
	enum color color;
	const struct conf_backend *backend;
	struct resolve_watch *watch; /* NULL for an address */
	bool begun, ok;
	double ms; /* -1: nothing was sent */
	char detail[256];
};

static void finish(struct shot *shot, bool ok, double ms, const char *detail)
{
	shot->ok = ok;
	shot->ms = ms;
	snprintf(shot->detail, sizeof(shot->detail), "%s", detail);
	if (--shot->round->pending == 0)
		event_base_loopbreak(shot->round->loop);
}

static void on_result(void *arg, const struct probe_result *result)
{
	finish(arg, result->ok, (double)result->took_us / 1000, result->detail);
}

static const char *probe_host(const struct conf_service *service)
{
	if (service->probe.host)
		return service->probe.host;
	for (size_t i = 0; i < service->host_count; i++)
		if (service->hosts[i][0] != '*')
			return service->hosts[i];
	return NULL;
}

static void fire(struct shot *shot, const struct addr *addr)
{
	const struct conf_service *service = &shot->round->service;
	struct backtrust *trust = backtrust_new(shot->round->tls->backs[shot->color].back, shot->backend->text, &shot->backend->address);
	struct probe_target target = {
		.check = &service->probe,
		.backend = shot->backend->text,
		.addr = addr,
		.version = service->colors[shot->color].version,
		.host = probe_host(service),
		.start = HEALTH_UNKNOWN,
		.announce = service->colors[shot->color].proxy_protocol,
		.trust = backtrust_fetch(trust),
	};
	probe_once(shot->round->prober, &target, on_result, shot);
	backtrust_release(trust);
}

static void on_resolved(void *arg, const struct addr *addrs, size_t count, const char *fault)
{
	struct shot *shot = arg;
	if (shot->begun)
		return;
	shot->begun = true;
	if (count == 0)
		finish(shot, false, -1, fault ? fault : "its name has no address");
	else
		fire(shot, &addrs[0]);
}

static void begin(struct shot *shot)
{
	const struct addr *addr = &shot->backend->address;
	if (addr->kind == ADDR_NAME) {
		shot->watch = resolver_watch(shot->round->resolver, addr->to.name, addr->port, 60000, on_resolved, shot);
		return;
	}
	shot->begun = true;
	fire(shot, addr);
}

static void add_shots(struct round *round, const bool colors[COLOR_COUNT])
{
	size_t count = 0;
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++)
		count += colors[color] ? round->service.colors[color].backend_count : 0;
	round->shots = memory_array(count, sizeof(*round->shots));
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++)
		for (size_t i = 0; colors[color] && i < round->service.colors[color].backend_count; i++)
			round->shots[round->shot_count++] = (struct shot){.round = round, .color = color, .backend = &round->service.colors[color].backends[i]};
	round->pending = count;
}

static json_t *describe_color(const struct round *round, enum color color)
{
	const char *version = round->service.colors[color].version;
	json_t *backends = json_array();
	for (size_t i = 0; i < round->shot_count; i++) {
		const struct shot *shot = &round->shots[i];
		if (shot->color == color)
			json_array_append_new(backends, json_pack("{ss sb so ss}", "address", shot->backend->text, "ok", (int)shot->ok, "ms",
								shot->ms < 0 ? json_null() : json_real(shot->ms), "detail", shot->detail));
	}
	return json_pack("{so so}", "version", version && *version ? json_string(version) : json_null(), "backends", backends);
}

static json_t *describe(const struct round *round, const bool colors[COLOR_COUNT])
{
	bool ok = true;
	json_t *documents = json_object();
	for (size_t i = 0; i < round->shot_count; i++)
		ok = ok && round->shots[i].ok;
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++)
		if (colors[color])
			json_object_set_new(documents, color_name(color), describe_color(round, color));
	return json_pack("{ss sb so}", "service", round->service.name, "ok", (int)ok, "colors", documents);
}

static bool open_round(struct round *round, const bool colors[COLOR_COUNT], struct err *err)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		if (!colors[color])
			round->service.colors[color].tls.on = false; /* whose files are of no matter */
	round->conf = (struct conf){.services = &round->service, .service_count = 1};
	round->tls = tlsplan_new(&round->conf, NULL, NULL, true, time(NULL), err);
	if (!round->tls)
		return false;
	round->loop = event_base_new();
	if (!round->loop)
		return err_set(err, "the event loop can't be made");
	round->resolver = resolver_new(round->loop, err);
	if (!round->resolver)
		return false;
	round->fetch = fetch_new(round->loop);
	round->prober = prober_new(round->loop, round->fetch);
	return true;
}

static void close_round(struct round *round)
{
	for (size_t i = 0; i < round->shot_count; i++)
		if (round->shots[i].watch)
			resolve_unwatch(round->shots[i].watch);
	if (round->prober)
		prober_free(round->prober);
	fetch_free(round->fetch);
	if (round->resolver)
		resolver_free(round->resolver);
	if (round->loop)
		event_base_free(round->loop);
	tlsplan_free(round->tls);
	free(round->shots);
}

json_t *direct_probe(const struct conf_service *service, const bool colors[COLOR_COUNT], struct err *err)
{
	struct round round = {.service = *service};
	json_t *document = NULL;
	if (open_round(&round, colors, err)) {
		add_shots(&round, colors);
		for (size_t i = 0; i < round.shot_count; i++)
			begin(&round.shots[i]);
		if (round.pending > 0)
			event_base_dispatch(round.loop);
		document = describe(&round, colors);
	}
	close_round(&round);
	return document;
}
