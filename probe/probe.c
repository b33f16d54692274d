/* Probes on the control loop: when to ask, what to ask, and the result. Control thread.
 * What an answer must be is probe/expect's, rise and fall are probe/verdict's, what follows from health is decided in switch/.
 *
 * Of a color without settings of TLS an HTTPS probe does not verify the certificate: backends are reached by address, and no key says which name or authority
 * would be theirs. It shows that the backend completes a handshake and answers. */
#include "probe/probe.h"

#include <assert.h>
#include <inttypes.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "base/memory.h"
#include "base/text.h"
#include "probe/expect.h"
#include "probe/verdict.h"

struct prober {
	struct event_base *loop;
	struct fetch *fetch;
	struct probe *probes;
};

struct probe {
	struct prober *prober;
	struct probe *next, **link;
	probe_on_result *on_result;
	void *arg;
	bool once;

	bool http;                /* else a TCP connect */
	struct fetch_trust trust; /* held; `apply` NULL: none */
	char *url;                /* with the Host to send as its host */
	struct addr addr;
	uint64_t interval_ms, timeout_ms;
	unsigned rise, fall;
	enum fetch_announce announce;
	struct expect *expect;

	struct verdict verdict;
	struct event *timer;
	struct fetch_job *job; /* NULL: none under way */
	uint64_t due_us;       /* when the next one starts */
};

struct prober *prober_new(struct event_base *loop, struct fetch *fetch)
{
	struct prober *prober = memory_new(sizeof(*prober));
	prober->loop = loop;
	prober->fetch = fetch;
	return prober;
}

void prober_free(struct prober *prober)
{
	if (!prober)
		return;
	while (prober->probes)
		probe_stop(prober->probes);
	free(prober);
}

/* Up to a tenth of the interval more or less, so that probes of many backends don't stay in step. */
static uint64_t draw_pause_us(uint64_t interval_ms)
{
	uint32_t random;
	evutil_secure_rng_get_bytes(&random, sizeof(random));
	uint64_t interval_us = interval_ms * 1000;
	return interval_us - interval_us / 10 + random % (interval_us / 5 + 1);
}

static void wait_until_due(struct probe *probe)
{
	uint64_t now = clock_mono_us();
	uint64_t wait_us = probe->due_us > now ? probe->due_us - now : 0;
	struct timeval in = {.tv_sec = (time_t)(wait_us / 1000000), .tv_usec = (suseconds_t)(wait_us % 1000000)};
	evtimer_add(probe->timer, &in);
}

/* The last thing done to a probe in a turn: `on_result` may stop it. */
static void finish(struct probe *probe, struct probe_result *result)
{
	result->at_wall_ms = clock_wall_ms();
	result->changed = verdict_update(&probe->verdict, result->ok, probe->rise, probe->fall);
	result->health = probe->verdict.health;
	result->streak = probe->verdict.streak;
	probe_on_result *on_result = probe->on_result;
	void *arg = probe->arg;
	if (probe->once)
		probe_stop(probe);
	else
		wait_until_due(probe);
	on_result(arg, result);
}

static void describe_connect(const struct probe *probe, const struct fetch_answer *answer, char *detail, size_t size)
{
	bool tls = probe->trust.apply != NULL;
	uint64_t us = tls ? answer->total_us : answer->connect_us;
	snprintf(detail, size, "connected%s in %" PRIu64 " ms", tls ? " with TLS" : "", (us + 999) / 1000);
}

static void on_answer(void *arg, const struct fetch_answer *answer)
{
	struct probe *probe = arg;
	struct probe_result result = {.took_us = answer->total_us};
	probe->job = NULL;
	if (answer->outcome == FETCH_ANSWERED) {
		result.ok = expect_compare(probe->expect, answer, result.detail, sizeof(result.detail));
	} else if (answer->outcome == FETCH_CONNECTED) {
		result.ok = true;
		describe_connect(probe, answer, result.detail, sizeof(result.detail));
	} else {
		snprintf(result.detail, sizeof(result.detail), "%s", answer->detail);
	}
	finish(probe, &result);
}

static void ask(struct probe *probe)
{
	static const char *const headers[] = {"User-Agent: teal-probe/" TEAL_VERSION, NULL};
	struct fetch_request request = {
		.url = probe->url,
		.connect = &probe->addr,
		.headers = headers,
		.timeout_ms = probe->timeout_ms,
		.body_limit = EXPECT_BODY_LIMIT,
		.body_cut = true,
		.connect_only = !probe->http,
		.insecure = !probe->trust.apply,
		.trust = probe->trust.apply ? &probe->trust : NULL,
		.announce = probe->announce,
	};
	probe->job = fetch_start(probe->prober->fetch, &request, on_answer, probe);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct probe *probe = arg;
	assert(!probe->job);
	probe->due_us = clock_mono_us() + draw_pause_us(probe->interval_ms);
	if (probe->addr.kind != ADDR_NAME) {
		ask(probe);
		return;
	}
	struct probe_result result = {.ok = false};
	snprintf(result.detail, sizeof(result.detail), "the name %.200s has no address yet", probe->addr.to.name);
	finish(probe, &result);
}

/* The host of the URL becomes the Host header; where to connect is told apart from it. */
static char *make_url(const struct probe_target *target)
{
	const struct conf_probe *check = target->check;
	const char *host = target->host;
	if (!host)
		host = target->addr->kind == ADDR_UNIX ? "localhost" : target->backend;
	struct text url;
	text_init(&url, SIZE_MAX);
	text_addf(&url, "%s://%s%s", target->trust || check->https ? "https" : "http", host, check->path ? check->path : "/");
	return text_take(&url);
}

static void link_probe(struct prober *prober, struct probe *probe)
{
	probe->prober = prober;
	probe->next = prober->probes;
	probe->link = &prober->probes;
	if (probe->next)
		probe->next->link = &probe->next;
	prober->probes = probe;
}

struct probe *probe_start(struct prober *prober, const struct probe_target *target, probe_on_result *on_result, void *arg)
{
	static const enum fetch_announce announces[] = {
		[CONF_PROXY_PROTOCOL_OFF] = FETCH_ANNOUNCE_NOTHING,
		[CONF_PROXY_PROTOCOL_V1] = FETCH_ANNOUNCE_V1,
		[CONF_PROXY_PROTOCOL_V2] = FETCH_ANNOUNCE_V2,
	};
	const struct conf_probe *check = target->check;
	struct probe *probe = memory_new(sizeof(*probe));
	probe->on_result = on_result;
	probe->arg = arg;
	probe->http = check->path != NULL;
	probe->trust = fetch_hold_trust(target->trust);
	probe->url = make_url(target);
	probe->addr = *target->addr;
	probe->interval_ms = check->interval_ms;
	probe->timeout_ms = check->timeout_ms;
	probe->rise = check->rise;
	probe->fall = check->fall;
	probe->announce = announces[target->announce];
	probe->expect = expect_new(check, target->version);
	verdict_init(&probe->verdict, target->start);
	probe->timer = evtimer_new(prober->loop, on_due, probe);
	if (!probe->timer)
		abort(); /* out of memory */
	link_probe(prober, probe);
	wait_until_due(probe);
	return probe;
}

void probe_stop(struct probe *probe)
{
	*probe->link = probe->next;
	if (probe->next)
		probe->next->link = probe->link;
	if (probe->job)
		fetch_cancel(probe->job);
	event_free(probe->timer);
	fetch_release_trust(&probe->trust);
	expect_free(probe->expect);
	free(probe->url);
	free(probe);
}

void probe_hasten(struct probe *probe)
{
	probe->due_us = 0;
	/* One under way began before this was asked for, so another follows as soon as it ended. */
	if (!probe->job)
		wait_until_due(probe);
}

void probe_set_addr(struct probe *probe, const struct addr *addr)
{
	if (addr_equal(&probe->addr, addr))
		return;
	probe->addr = *addr;
	/* What the old address answers says nothing of the new one. */
	if (probe->job)
		fetch_cancel(probe->job);
	probe->job = NULL;
	probe_hasten(probe);
}

void probe_once(struct prober *prober, const struct probe_target *target, probe_on_result *on_result, void *arg)
{
	struct probe_target fresh = *target;
	fresh.start = HEALTH_UNKNOWN;
	probe_start(prober, &fresh, on_result, arg)->once = true;
}
