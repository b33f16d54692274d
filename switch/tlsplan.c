/* What one configuration names of TLS, and what is made of it. Control thread. Files are read and judged by switch/tlssource. */
#include "switch/tlsplan.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "proxy/tlsback.h"
#include "proxy/tlsfront.h"
#include "switch/alike.h"

/* ---- sources ---- */

static bool is_of(const struct tlssource *source, enum tlssource_kind kind, const char *path, const char *key_path)
{
	bool same_path = path ? !source->system && strcmp(source->path, path) == 0 : source->system;
	return source->kind == kind && same_path && alike_text(source->key_path, key_path);
}

struct tlssource *tlsplan_find_source(const struct tlsplan *plan, enum tlssource_kind kind, const char *path, const char *key_path)
{
	for (size_t i = 0; i < plan->source_count; i++)
		if (is_of(plan->sources[i], kind, path, key_path))
			return plan->sources[i];
	return NULL;
}

static void add_source(struct tlsplan *plan, enum tlssource_kind kind, const char *path, const char *key_path)
{
	if (tlsplan_find_source(plan, kind, path, key_path))
		return;
	plan->sources = memory_grow(plan->sources, plan->source_count + 1, sizeof(*plan->sources));
	plan->sources[plan->source_count++] = tlssource_new(kind, path, key_path);
}

static void add_sources_of_listen(struct tlsplan *plan, const struct conf_tls *tls)
{
	for (size_t i = 0; i < tls->certificate_count; i++)
		add_source(plan, TLSSOURCE_SERVER, tls->certificates[i].certificate, tls->certificates[i].key);
	if (tls->client_ca)
		add_source(plan, TLSSOURCE_AUTHORITIES, tls->client_ca, NULL);
}

static void add_sources_of_color(struct tlsplan *plan, const struct conf_backend_tls *tls)
{
	if (tls->on && tls->verify)
		add_source(plan, TLSSOURCE_AUTHORITIES, tls->ca, NULL);
	if (tls->on && tls->certificate)
		add_source(plan, TLSSOURCE_CLIENT, tls->certificate, tls->key);
}

static void add_sources(struct tlsplan *plan)
{
	for (size_t i = 0; i < plan->conf->listen_count; i++)
		add_sources_of_listen(plan, &plan->conf->listens[i].tls);
	for (size_t i = 0; i < plan->conf->service_count; i++)
		for (unsigned color = 0; color < COLOR_COUNT; color++)
			add_sources_of_color(plan, &plan->conf->services[i].colors[color].tls);
}

static bool has_leaf(const struct tlsplan *plan, const struct certificate *certificate)
{
	for (size_t i = 0; i < plan->source_count; i++) {
		const struct certificate *other = plan->sources[i]->content.certificate;
		if (other && strcmp(other->id, certificate->id) == 0)
			return true;
	}
	return false;
}

/* What is in use does not become worse by a reload. */
static bool may_be_used(const struct tlssource *source, const struct tlsplan *before, bool start, int64_t now_s, struct err *err)
{
	const struct certificate *certificate = source->content.certificate;
	return start || (before && certificate && has_leaf(before, certificate)) || tlssource_is_timely(source, now_s, err);
}

static bool load_sources(const struct tlsplan *plan, const struct tlsplan *before, bool start, int64_t now_s, struct err *err)
{
	for (size_t i = 0; i < plan->source_count; i++)
		if (!tlssource_load(plan->sources[i], now_s, err) || !may_be_used(plan->sources[i], before, start, now_s, err))
			return false;
	return true;
}

/* ---- fronts ---- */

static const struct tlssource *find_pair(const struct tlsplan *plan, const struct conf_certificate *pair)
{
	return tlsplan_find_source(plan, TLSSOURCE_SERVER, pair->certificate, pair->key);
}

static const struct tlssource *find_client_ca(const struct tlsplan *plan, const struct conf_tls *tls)
{
	return tls->client_ca ? tlsplan_find_source(plan, TLSSOURCE_AUTHORITIES, tls->client_ca, NULL) : NULL;
}

static bool write_recipe(const struct iovec *parts, int count, uint8_t recipe[TLSPROFILE_DIGEST_SIZE], struct err *err)
{
	return tlsprofile_digest(parts, count, recipe) || err_set(err, "OpenSSL ran out of memory");
}

/* A part is empty where there is no such source: no content is. */
static struct iovec content_part(const struct tlssource *source)
{
	return (struct iovec){source ? (void *)source->content.digest : NULL, source ? sizeof(source->content.digest) : 0};
}

static bool write_front_recipe(const struct tlsplan *plan, const struct conf_listen *listen, uint8_t recipe[TLSPROFILE_DIGEST_SIZE], struct err *err)
{
	const struct conf_tls *tls = &listen->tls;
	uint8_t(*contents)[TLSPROFILE_DIGEST_SIZE] = memory_array(tls->certificate_count, sizeof(*contents));
	char settings[] = {(char)('0' + (int)tls->minimum), (char)('0' + (int)tls->client_certificates), tls->strict_sni ? '1' : '0'};
	for (size_t i = 0; i < tls->certificate_count; i++) {
		const struct tlssource *pair = find_pair(plan, &tls->certificates[i]);
		assert(pair);
		memcpy(contents[i], pair->content.digest, sizeof(contents[i]));
	}
	const struct iovec parts[] = {
		{listen->text, strlen(listen->text)},
		{settings, sizeof(settings)},
		{contents, tls->certificate_count * sizeof(*contents)},
		content_part(find_client_ca(plan, tls)),
	};
	bool written = write_recipe(parts, sizeof(parts) / sizeof(parts[0]), recipe, err);
	free(contents);
	return written;
}

static enum tlsfront_clients clients_of(enum conf_client_certificates written)
{
	switch (written) {
	case CONF_CLIENT_CERTIFICATES_OPTIONAL:
		return TLSFRONT_CLIENTS_OPTIONAL;
	case CONF_CLIENT_CERTIFICATES_REQUIRED:
		return TLSFRONT_CLIENTS_REQUIRED;
	case CONF_CLIENT_CERTIFICATES_OFF:
		break;
	}
	return TLSFRONT_CLIENTS_UNASKED;
}

static struct tlsfront *make_front(const struct tlsplan *plan, const struct conf_listen *listen, struct err *err)
{
	static const char *const protocols[] = {"http/1.1"};
	const struct conf_tls *tls = &listen->tls;
	const struct tlssource *ca = find_client_ca(plan, tls);
	struct certificate **certificates = memory_array(tls->certificate_count, sizeof(struct certificate *));
	for (size_t i = 0; i < tls->certificate_count; i++)
		certificates[i] = find_pair(plan, &tls->certificates[i])->content.certificate;
	struct tlsfront_spec spec = {
		.listener = listen->text,
		.certificates = certificates,
		.certificate_count = tls->certificate_count,
		.strict_sni = tls->strict_sni,
		.minimum = tls->minimum == CONF_TLS_1_3 ? TLSFRONT_TLS_1_3 : TLSFRONT_TLS_1_2,
		.protocols = protocols,
		.protocol_count = sizeof(protocols) / sizeof(protocols[0]),
		.clients = clients_of(tls->client_certificates),
		.authorities = ca ? ca->content.authorities : NULL,
		.tickets = plan->ticket,
	};
	struct tlsfront *front = tlsfront_new(&spec, err);
	free(certificates);
	if (!front)
		err_prefix(err, "listener %s", listen->text);
	return front;
}

/* With a reference, or NULL. */
static struct tlsfront *find_front(const struct tlsplan *plan, const uint8_t recipe[TLSPROFILE_DIGEST_SIZE])
{
	for (size_t i = 0; plan && i < plan->conf->listen_count; i++) {
		const struct tlsplan_front *one = &plan->fronts[i];
		if (!one->front || memcmp(one->recipe, recipe, sizeof(one->recipe)) != 0)
			continue;
		tlsfront_hold(one->front);
		return one->front;
	}
	return NULL;
}

static bool fill_front(struct tlsplan *plan, size_t index, const struct tlsplan *before, struct err *err)
{
	const struct conf_listen *listen = &plan->conf->listens[index];
	struct tlsplan_front *place = &plan->fronts[index];
	if (listen->tls.certificate_count == 0)
		return true;
	if (!write_front_recipe(plan, listen, place->recipe, err))
		return false;
	place->front = find_front(before, place->recipe);
	if (!place->front)
		place->front = make_front(plan, listen, err);
	return place->front != NULL;
}

/* ---- backs ---- */

/* Of the color with this index among all. */
static const struct conf_backend_tls *tls_of(const struct tlsplan *plan, size_t index)
{
	return &plan->conf->services[index / COLOR_COUNT].colors[index % COLOR_COUNT].tls;
}

static const struct tlssource *find_ca(const struct tlsplan *plan, const struct conf_backend_tls *tls)
{
	return tls->verify ? tlsplan_find_source(plan, TLSSOURCE_AUTHORITIES, tls->ca, NULL) : NULL;
}

static const struct tlssource *find_own(const struct tlsplan *plan, const struct conf_backend_tls *tls)
{
	return tls->certificate ? tlsplan_find_source(plan, TLSSOURCE_CLIENT, tls->certificate, tls->key) : NULL;
}

static bool write_back_recipe(const struct tlsplan *plan, const struct conf_backend_tls *tls, uint8_t recipe[TLSPROFILE_DIGEST_SIZE], struct err *err)
{
	const struct iovec parts[] = {
		{tls->name, tls->name ? strlen(tls->name) : 0}, /* no name is empty */
		content_part(find_ca(plan, tls)),
		content_part(find_own(plan, tls)),
	};
	return write_recipe(parts, sizeof(parts) / sizeof(parts[0]), recipe, err);
}

static struct tlsback *make_back(const struct tlsplan *plan, size_t index, struct err *err)
{
	const struct conf_backend_tls *tls = tls_of(plan, index);
	const struct tlssource *ca = find_ca(plan, tls), *own = find_own(plan, tls);
	struct tlsback_spec spec = {
		.verify = tls->verify,
		.authorities = ca ? ca->content.authorities : NULL,
		.name = tls->name,
		.certificate = own ? own->content.certificate : NULL,
	};
	struct tlsback *back = tlsback_new(&spec, err);
	if (!back)
		err_prefix(err, "services.%s.%s.tls", plan->conf->services[index / COLOR_COUNT].name, color_name((enum color)(index % COLOR_COUNT)));
	return back;
}

/* With a reference, or NULL. */
static struct tlsback *find_back(const struct tlsplan *plan, const uint8_t recipe[TLSPROFILE_DIGEST_SIZE])
{
	for (size_t i = 0; plan && i < plan->conf->service_count * COLOR_COUNT; i++) {
		const struct tlsplan_back *one = &plan->backs[i];
		if (!one->back || memcmp(one->recipe, recipe, sizeof(one->recipe)) != 0)
			continue;
		tlsback_hold(one->back);
		return one->back;
	}
	return NULL;
}

static bool fill_back(struct tlsplan *plan, size_t index, const struct tlsplan *before, struct err *err)
{
	struct tlsplan_back *place = &plan->backs[index];
	if (!tls_of(plan, index)->on)
		return true;
	if (!write_back_recipe(plan, tls_of(plan, index), place->recipe, err))
		return false;
	place->back = find_back(plan, place->recipe);
	if (!place->back)
		place->back = find_back(before, place->recipe);
	if (!place->back)
		place->back = make_back(plan, index, err);
	return place->back != NULL;
}

/* ---- all of it ---- */

static bool fill(struct tlsplan *plan, const struct tlsplan *before, struct err *err)
{
	for (size_t i = 0; i < plan->conf->listen_count; i++)
		if (!fill_front(plan, i, before, err))
			return false;
	for (size_t i = 0; i < plan->conf->service_count * COLOR_COUNT; i++)
		if (!fill_back(plan, i, before, err))
			return false;
	return true;
}

struct tlsplan *tlsplan_new(const struct conf *conf, struct ticket *ticket, const struct tlsplan *before, bool start, int64_t now_s, struct err *err)
{
	struct tlsplan *plan = memory_new(sizeof(*plan));
	plan->conf = conf;
	plan->ticket = ticket;
	plan->fronts = memory_array(conf->listen_count, sizeof(*plan->fronts));
	plan->backs = memory_array(conf->service_count * COLOR_COUNT, sizeof(*plan->backs));
	add_sources(plan);
	if (load_sources(plan, before, start, now_s, err) && fill(plan, before, err))
		return plan;
	tlsplan_free(plan);
	return NULL;
}

void tlsplan_free(struct tlsplan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->conf->listen_count; i++)
		if (plan->fronts[i].front)
			tlsfront_release(plan->fronts[i].front);
	for (size_t i = 0; i < plan->conf->service_count * COLOR_COUNT; i++)
		if (plan->backs[i].back)
			tlsback_release(plan->backs[i].back);
	for (size_t i = 0; i < plan->source_count; i++)
		tlssource_free(plan->sources[i]);
	free(plan->fronts);
	free(plan->backs);
	free(plan->sources);
	free(plan);
}

/* ---- behind a renewal ---- */

static bool remake_front(struct tlsplan *plan, size_t index)
{
	struct err err;
	struct tlsplan_front *place = &plan->fronts[index], fresh;
	const struct conf_listen *listen = &plan->conf->listens[index];
	bool known = write_front_recipe(plan, listen, fresh.recipe, &err);
	if (known && memcmp(fresh.recipe, place->recipe, sizeof(fresh.recipe)) == 0)
		return false;
	fresh.front = known ? make_front(plan, listen, &err) : NULL;
	if (!fresh.front) {
		log_error("%s; it goes on with what it had", err.text);
		return false;
	}
	tlsfront_release(place->front);
	*place = fresh;
	return true;
}

static bool remake_back(struct tlsplan *plan, size_t index)
{
	struct err err;
	struct tlsplan_back *place = &plan->backs[index], fresh = {.back = NULL};
	bool known = write_back_recipe(plan, tls_of(plan, index), fresh.recipe, &err);
	if (known && memcmp(fresh.recipe, place->recipe, sizeof(fresh.recipe)) == 0)
		return false;
	if (known)
		fresh.back = find_back(plan, fresh.recipe);
	if (known && !fresh.back)
		fresh.back = make_back(plan, index, &err);
	if (!fresh.back) {
		log_error("%s; it goes on with what it had", err.text);
		return false;
	}
	tlsback_release(place->back);
	*place = fresh;
	return true;
}

bool tlsplan_remake(struct tlsplan *plan)
{
	bool changed = false;
	for (size_t i = 0; i < plan->conf->listen_count; i++)
		if (plan->fronts[i].front)
			changed |= remake_front(plan, i);
	for (size_t i = 0; i < plan->conf->service_count * COLOR_COUNT; i++)
		if (plan->backs[i].back)
			changed |= remake_back(plan, i);
	return changed;
}

/* ---- who names what ---- */

/* Asked for each source and place: so nothing is searched for here. */
static bool is_of_listen(const struct tlssource *source, const struct conf_tls *tls)
{
	for (size_t i = 0; i < tls->certificate_count; i++)
		if (is_of(source, TLSSOURCE_SERVER, tls->certificates[i].certificate, tls->certificates[i].key))
			return true;
	return tls->client_ca && is_of(source, TLSSOURCE_AUTHORITIES, tls->client_ca, NULL);
}

static bool is_of_color(const struct tlssource *source, const struct conf_backend_tls *tls)
{
	return tls->on && ((tls->verify && is_of(source, TLSSOURCE_AUTHORITIES, tls->ca, NULL)) ||
				  (tls->certificate && is_of(source, TLSSOURCE_CLIENT, tls->certificate, tls->key)));
}

void tlsplan_list_uses(const struct tlsplan *plan, const struct tlssource *source, void (*use)(void *arg, const char *place), void *arg)
{
	char place[512];
	for (size_t i = 0; i < plan->conf->listen_count; i++) {
		if (!is_of_listen(source, &plan->conf->listens[i].tls))
			continue;
		snprintf(place, sizeof(place), "listen %s", plan->conf->listens[i].text);
		use(arg, place);
	}
	for (size_t i = 0; i < plan->conf->service_count * COLOR_COUNT; i++) {
		if (!is_of_color(source, tls_of(plan, i)))
			continue;
		snprintf(place, sizeof(place), "services.%s.%s.tls", plan->conf->services[i / COLOR_COUNT].name, color_name((enum color)(i % COLOR_COUNT)));
		use(arg, place);
	}
}
