/* One backend of a color. Control thread; decides nothing about traffic. */
#include "switch/member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "proxy/tlsback.h"
#include "switch/backtrust.h"

#define RESOLVE_MIN_MS 1000u

static void on_probe_result(void *arg, const struct probe_result *result)
{
	struct member *member = arg;
	member->last = *result;
	member->probed = true;
	if (result->ok)
		member->good_ms = clock_mono_ms();
	member->health = result->health;
	member->rounds++;
	member->fail_streak = result->ok ? 0 : member->fail_streak + 1;
	if (result->health == HEALTH_DOWN)
		member->seen_down = true;
	else if (result->health == HEALTH_UP && member->seen_down)
		member->revived = true;
	member->owner->on_probed(member->owner->arg, member);
}

struct probe_target member_probe_target(const struct member *member)
{
	return (struct probe_target){
		.check = member->check,
		.backend = member->name,
		.addr = member->backend ? &member->backend->addr : &member->configured,
		.version = member->version,
		.host = member->host,
		.start = member->health,
		.announce = member->owner->announce,
		.trust = backtrust_fetch(member->trust),
	};
}

static void start_probe(struct member *member)
{
	struct probe_target target = member_probe_target(member);
	member->probe = probe_start(member->owner->prober, &target, on_probe_result, member);
}

static void restart_probe(struct member *member)
{
	if (!member->probe)
		return;
	probe_stop(member->probe);
	start_probe(member);
}

static void take_tls(struct member *member, struct tlsback *tls)
{
	member->tls = tls;
	if (tls)
		tlsback_hold(tls);
	member->trust = backtrust_new(tls, member->name, &member->configured);
}

static void drop_tls(struct member *member)
{
	backtrust_release(member->trust);
	if (member->tls)
		tlsback_release(member->tls);
}

static void take_address(struct member *member, const struct addr *addr)
{
	if (member->backend)
		backend_release(member->backend);
	member->backend = backend_new(member->name, addr, member->owner->workers);
}

/* The address in use is kept for as long as the name has it. */
static const struct addr *choose_address(const struct member *member, const struct addr *addrs, size_t count)
{
	for (size_t i = 0; member->backend && i < count; i++)
		if (addr_equal(&addrs[i], &member->backend->addr))
			return NULL;
	return count > 0 ? &addrs[0] : NULL;
}

static void on_name_resolved(void *arg, const struct addr *addrs, size_t count, const char *fault)
{
	struct member *member = arg;
	const struct addr *addr = choose_address(member, addrs, count);
	snprintf(member->fault, sizeof(member->fault), "%s", fault ? fault : "");
	if (addr)
		take_address(member, addr);
	if (!member->probe)
		start_probe(member);
	else if (addr)
		probe_set_addr(member->probe, addr);
	if (addr || fault)
		member->owner->on_resolved(member->owner->arg, member, fault);
}

static void start(struct member *member)
{
	if (member->configured.kind == ADDR_NAME) {
		member->watch =
			resolver_watch(member->owner->resolver, member->configured.to.name, member->configured.port, RESOLVE_MIN_MS, on_name_resolved, member);
		return;
	}
	take_address(member, &member->configured);
	start_probe(member);
}

struct member *member_new(const struct member_owner *owner, const char *name, const struct conf_probe *check, const char *version, const char *host,
	enum health start_health, struct err *err)
{
	struct member *member = memory_new(sizeof(*member));
	if (!addr_parse(name, &member->configured, err)) {
		free(member);
		return NULL;
	}
	member->owner = owner;
	member->name = memory_text(name);
	member->version = memory_text(version);
	member->host = memory_text(host);
	member->check = check;
	member->health = start_health;
	take_tls(member, owner->tls);
	start(member);
	return member;
}

void member_free(struct member *member)
{
	if (member->watch)
		resolve_unwatch(member->watch);
	if (member->probe)
		probe_stop(member->probe);
	if (member->backend)
		backend_release(member->backend);
	drop_tls(member);
	free(member->name);
	free(member->version);
	free(member->host);
	free(member);
}

void member_set_check(struct member *member, const struct conf_probe *check, const char *version, const char *host)
{
	char *new_version = memory_text(version), *new_host = memory_text(host);
	free(member->version);
	free(member->host);
	member->version = new_version;
	member->host = new_host;
	member->check = check;
	restart_probe(member);
}

void member_set_tls(struct member *member, struct tlsback *tls)
{
	if (tls == member->tls)
		return;
	drop_tls(member);
	take_tls(member, tls);
	restart_probe(member);
}

void member_forget_probes(struct member *member)
{
	member->fail_streak = 0;
	member->rounds = 0;
}

void member_forget_life(struct member *member)
{
	member->seen_down = member->health == HEALTH_DOWN;
	member->revived = false;
}
