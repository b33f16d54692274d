/* Elements of the lists in teal.yaml. Any thread. Knows nothing of files or of other keys. */
#include "conf/item.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "conf/hostname.h"
#include "conf/value.h"

/* How much of a wrong value is quoted. */
#define FOUND "'%.64s'"

static void lower(char *text)
{
	for (; *text != '\0'; text++)
		*text = (char)tolower((unsigned char)*text);
}

/* Owns `text` from here on. */
static bool add_unique(char ***texts, size_t *count, char *text, const char *written, struct err *err)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp((*texts)[i], text) == 0) {
			free(text);
			return err_set(err, FOUND " is listed twice: keep one", written);
		}
	*texts = memory_grow(*texts, *count + 1, sizeof(**texts));
	(*texts)[(*count)++] = text;
	return true;
}

static bool add_host(struct conf_service *service, const char *text, struct err *err)
{
	if (strcmp(text, "*") == 0)
		return err_set(err, "'*' is no host: a service without hosts takes every host");
	if (!hostname_is_host(text) && !hostname_is_wildcard(text))
		return err_set(err, "expected a host without port, such as shop.example.com or *.example.com, found " FOUND, text);
	char *host = memory_text(text);
	lower(host);
	return add_unique(&service->hosts, &service->host_count, host, text, err);
}

/* A '?', a '#', a space and a control character are never part of the path that a request is matched by. */
static bool is_prefix(const char *text)
{
	if (text[0] != '/')
		return false;
	for (; *text != '\0'; text++)
		if (!isgraph((unsigned char)*text) || *text == '?' || *text == '#')
			return false;
	return true;
}

static bool add_path(struct conf_service *service, const char *text, struct err *err)
{
	if (!is_prefix(text))
		return err_set(err, "expected a path that begins with / and has no spaces, ? or #, such as /shop, found " FOUND, text);
	size_t length = strlen(text);
	while (length > 1 && text[length - 1] == '/')
		length--;
	return add_unique(&service->paths, &service->path_count, memory_text_cut(text, length), text, err);
}

static bool add_backend(struct conf_color *color, const char *text, struct err *err)
{
	struct conf_backend backend;
	if (!addr_parse(text, &backend.address, err))
		return false;
	for (size_t i = 0; i < color->backend_count; i++)
		if (addr_equal(&color->backends[i].address, &backend.address))
			return err_set(err, FOUND " is listed twice in this color: keep one", text);
	backend.text = memory_text(text);
	color->backends = memory_grow(color->backends, color->backend_count + 1, sizeof(*color->backends));
	color->backends[color->backend_count++] = backend;
	return true;
}

static bool add_method(struct conf_service *service, const char *text, struct err *err)
{
	static const char *const words[] = {"POST", "PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS", "TRACE", NULL};
	for (size_t i = 0; words[i]; i++)
		if (strcasecmp(words[i], text) == 0)
			return add_unique(&service->replay_methods, &service->replay_method_count, memory_text(words[i]), text, err);
	const char *nearest = text_nearest(text, words);
	if (nearest)
		return err_set(err, "expected POST, PUT, PATCH or DELETE, found " FOUND ": did you mean %s?", text, nearest);
	return err_set(err, "expected POST, PUT, PATCH or DELETE, found " FOUND, text);
}

static bool add_block(struct conf *conf, const char *text, struct err *err)
{
	struct addr_block block;
	if (!addr_block_parse(text, &block, err))
		return false;
	conf->trusted_proxies = memory_grow(conf->trusted_proxies, conf->trusted_proxy_count + 1, sizeof(block));
	conf->trusted_proxies[conf->trusted_proxy_count++] = block;
	return true;
}

static bool read_status(const char *text, size_t length, unsigned *status)
{
	if (length != 3 || strspn(text, "0123456789") < 3)
		return false;
	*status = (unsigned)((text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0'));
	return *status >= 100 && *status <= 599;
}

static bool read_range(const char *text, struct conf_status_range *range)
{
	const char *dash = strchr(text, '-');
	size_t low_length = dash ? (size_t)(dash - text) : strlen(text);
	const char *high = dash ? dash + 1 : text;
	return read_status(text, low_length, &range->low) && read_status(high, strlen(high), &range->high) && range->low <= range->high;
}

static bool add_status(struct conf_probe *probe, const char *text, struct err *err)
{
	struct conf_status_range range = {0};
	if (!read_range(text, &range))
		return err_set(err, "expected a status from 100 to 599 or a range such as 200-299, found " FOUND, text);
	probe->statuses = memory_grow(probe->statuses, probe->status_count + 1, sizeof(range));
	probe->statuses[probe->status_count++] = range;
	return true;
}

static bool add_word(const struct key *key, const char *text, unsigned *words, struct err *err)
{
	int word = value_find_word(key, text, err);
	if (word < 0)
		return false;
	unsigned bit = 1u << (unsigned)word;
	if (*words & bit)
		return err_set(err, FOUND " is listed twice: keep one", text);
	*words |= bit;
	return true;
}

bool item_add(const struct key *key, const char *text, void *object, struct err *err)
{
	struct conf_service *service = object;
	void *place = (char *)object + key->at;
	switch (key->type) {
	case KEY_HOSTS:
		return add_host(service, text, err);
	case KEY_PATHS:
		return add_path(service, text, err);
	case KEY_BACKENDS:
		return add_backend(place, text, err);
	case KEY_METHODS:
		return add_method(service, text, err);
	case KEY_BLOCKS:
		return add_block(object, text, err);
	case KEY_STATUSES:
		return add_status(&service->probe, text, err);
	case KEY_WORDS:
		return add_word(key, text, place, err);
	default:
		assert(false); /* no key of a list */
		return false;
	}
}

void item_clear(const struct key *key, void *object)
{
	struct conf_service *service = object;
	if (key->type == KEY_STATUSES)
		service->probe.status_count = 0;
	else if (key->type == KEY_WORDS)
		*(unsigned *)(void *)((char *)object + key->at) = 0;
	else
		assert(!key->fallback);
}

void item_set_default(const struct key *key, void *object)
{
	for (const char *at = key->fallback; *at != '\0'; at += strspn(at, ", ")) {
		size_t length = strcspn(at, ",");
		char *text = memory_text_cut(at, length);
		bool ok = item_add(key, text, object, NULL);
		assert(ok);
		(void)ok;
		free(text);
		at += length;
	}
}

/* A field name (RFC 9110 section 5.1). */
static bool is_token(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) && !strchr("!#$%&'*+-.^_`|~", *text))
			return false;
	return true;
}

static bool is_field_value(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

bool item_add_header(struct conf_probe *probe, const char *name, const char *value, struct err *err)
{
	if (!is_token(name))
		return err_set(err, FOUND " is no name of a header field", name);
	if (!is_field_value(value))
		return err_set(err, "the value of header field %.64s has a line break or a control character", name);
	for (size_t i = 0; i < probe->header_count; i++)
		if (strcasecmp(probe->headers[i].name, name) == 0)
			return err_set(err, "header field " FOUND " is listed twice: keep one", name);
	probe->headers = memory_grow(probe->headers, probe->header_count + 1, sizeof(*probe->headers));
	probe->headers[probe->header_count++] = (struct conf_header){memory_text(name), memory_text(value)};
	return true;
}
