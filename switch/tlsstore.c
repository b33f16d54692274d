/* What is in use of TLS, from one reload or renewal to the next. Control thread. What the configuration names is gathered by switch/tlsplan, files are read by switch/tlssource, and what happens to them is said by switch/tlsnews. */
#include "switch/tlsstore.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "proxy/ticket.h"
#include "switch/tlsnews.h"
#include "switch/tlsplan.h"

struct tlsstore {
	struct events *events;
	struct ticket *ticket; /* of all listeners, for as long as the process lives */
	struct tlsplan *plan;  /* in use; NULL before the first one */
};

struct tlsstore *tlsstore_new(struct events *events, uint64_t now_mono_ms)
{
	struct tlsstore *store = memory_new(sizeof(*store));
	store->events = events;
	store->ticket = ticket_new(now_mono_ms);
	return store;
}

void tlsstore_free(struct tlsstore *store)
{
	if (!store)
		return;
	tlsplan_free(store->plan);
	ticket_release(store->ticket);
	free(store);
}

/* ---- another plan ---- */

struct tlsplan *tlsstore_plan(const struct tlsstore *store, const struct conf *conf, bool start, int64_t now_s, struct err *err)
{
	return tlsplan_new(conf, store->ticket, store->plan, start, now_s, err);
}

/* What the plan in use has of the same files, or NULL. */
static struct tlssource *find_former(const struct tlsplan *before, const struct tlssource *source)
{
	return before ? tlsplan_find_source(before, source->kind, source->system ? NULL : source->path, source->key_path) : NULL;
}

void tlsstore_list_changes(const struct tlsstore *store, const struct tlsplan *plan, json_t *sentences)
{
	for (size_t i = 0; i < plan->source_count; i++) {
		const struct tlssource *source = plan->sources[i], *former = find_former(store->plan, source);
		if (!former || tlssource_has_same_content(source, former))
			continue;
		json_array_append_new(
			sentences, json_sprintf(source->kind == TLSSOURCE_AUTHORITIES ? "%s: other authorities" : "%s: another certificate", source->path));
	}
}

/* What was counted and told goes on. */
static void follow(const struct tlsstore *store, struct tlssource *source, struct tlssource *former, int64_t now_s)
{
	source->taken = former->taken;
	source->refused = former->refused;
	if (!tlssource_has_same_content(source, former)) {
		source->taken++;
		tlsnews_tell_renewed(store->events, source, now_s);
		return;
	}
	tlssource_swap_content(source, former);
	source->told_level = former->told_level;
	if (former->fault)
		tlsnews_tell_mended(source);
}

static void remind(const struct tlsstore *store, int64_t now_s)
{
	for (size_t i = 0; i < store->plan->source_count; i++)
		tlsnews_remind(store->events, store->plan->sources[i], now_s);
}

void tlsstore_take(struct tlsstore *store, struct tlsplan *plan, int64_t now_s)
{
	for (size_t i = 0; i < plan->source_count; i++) {
		struct tlssource *former = find_former(store->plan, plan->sources[i]);
		if (former)
			follow(store, plan->sources[i], former, now_s);
		else
			tlsnews_warn(plan->sources[i], now_s);
	}
	tlsplan_free(store->plan);
	store->plan = plan;
	remind(store, now_s);
}

/* ---- once a second ---- */

/* Whether it has other content now. */
static bool look(const struct tlsstore *store, struct tlssource *source, int64_t now_s)
{
	switch (tlssource_look(source, now_s)) {
	case TLSSOURCE_RENEWED:
		tlsnews_tell_renewed(store->events, source, now_s);
		return true;
	case TLSSOURCE_REFUSED:
		tlsnews_tell_refused(store->events, source, now_s);
		break;
	case TLSSOURCE_MENDED:
		tlsnews_tell_mended(source);
		break;
	case TLSSOURCE_NOTHING:
		break;
	}
	return false;
}

bool tlsstore_tick(struct tlsstore *store, uint64_t now_mono_ms, int64_t now_s)
{
	bool renewed = false;
	assert(store->plan);
	ticket_renew(store->ticket, now_mono_ms);
	for (size_t i = 0; i < store->plan->source_count; i++)
		renewed |= look(store, store->plan->sources[i], now_s);
	remind(store, now_s);
	return renewed && tlsplan_remake(store->plan);
}

/* ---- what is in use ---- */

struct tlsfront *tlsstore_front(const struct tlsstore *store, size_t listen)
{
	return store && store->plan && listen < store->plan->conf->listen_count ? store->plan->fronts[listen].front : NULL;
}

struct tlsback *tlsstore_back(const struct tlsstore *store, const char *service, enum color color)
{
	for (size_t i = 0; store && store->plan && i < store->plan->conf->service_count; i++)
		if (strcmp(store->plan->conf->services[i].name, service) == 0)
			return store->plan->backs[i * COLOR_COUNT + color].back;
	return NULL;
}

const struct tlsplan *tlsstore_read(const struct tlsstore *store)
{
	return store ? store->plan : NULL;
}
