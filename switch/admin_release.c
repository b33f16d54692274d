/* Backends and a version out of a request's body. Control thread. */
#include "switch/admin_release.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/memory.h"
#include "base/peername.h"
#include "proxy/backend.h"
#include "switch/wire.h"

#define BACKENDS_MAX 1000u

static bool is_repeated(const json_t *backends, size_t index)
{
	const char *name = json_string_value(json_array_get(backends, index));
	for (size_t i = 0; i < index; i++)
		if (strcmp(json_string_value(json_array_get(backends, i)), name) == 0)
			return true;
	return false;
}

/* Whether a certificate could be for it. */
static bool has_name(const char *name, const struct addr *address)
{
	struct peername peer;
	char *host = backend_cut_host(name, address);
	bool named = peername_read(host, &peer);
	free(host);
	return named;
}

static bool check_backend(struct ask *ask, const char *name, const struct conf_backend_tls *tls)
{
	struct addr address;
	struct err err;
	bool read = addr_parse(name, &address, &err);
	if (!read)
		ask_refuse(ask, "invalid_value", NULL, "backend \"%.200s\": %s", name, err.text);
	else if (tls->on && tls->verify && !tls->name && !has_name(name, &address))
		ask_refuse(ask, "invalid_value", NULL,
			"backend \"%.200s\" has no name that its certificate could be checked for: set tls.name of the color, or its tls.verify to off", name);
	else
		return true;
	return false;
}

static bool check_backends(struct ask *ask, const json_t *backends, size_t least, const struct conf_backend_tls *tls)
{
	size_t count = json_array_size(backends);
	if (!json_is_array(backends) || count < least || count > BACKENDS_MAX) {
		ask_refuse(ask, "invalid_value", NULL, "\"backends\" must be a list of %zu to %u addresses", least, BACKENDS_MAX);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		const char *name = json_string_value(json_array_get(backends, i));
		if (!check_backend(ask, name, tls))
			return false;
		if (is_repeated(backends, i)) {
			ask_refuse(ask, "invalid_value", NULL, "backend \"%.200s\" is given twice", name);
			return false;
		}
	}
	return true;
}

bool admin_release_read(struct ask *ask, size_t least, const struct conf_backend_tls *tls, struct release *release)
{
	if (!check_backends(ask, json_object_get(ask->body, "backends"), least, tls))
		return false;
	return release_read_json(release, ask->body);
}
