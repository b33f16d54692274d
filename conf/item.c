/* Elements of the lists in teal.yaml. Any thread. Knows nothing of files or of other keys. */
#include "conf/item.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "conf/field.h"
#include "conf/hostname.h"
#include "conf/texts.h"
#include "conf/value.h"

/* How much of a wrong value is quoted. */
#define FOUND "'%.64s'"
#define ARGUMENT_LENGTH_MAX 131071u /* the kernel's */
#define POINTER_LENGTH_MAX 1024u

static void lower(char *text)
{
	for (; *text != '\0'; text++)
		*text = (char)tolower((unsigned char)*text);
}

static void *place(const struct key *key, void *object)
{
	return (char *)object + key->at;
}

static size_t *count_of(const struct key *key, void *object)
{
	return (size_t *)(void *)((char *)object + key->count_at);
}

/* Adds `size` bytes to the array and counts them as one element. */
static void append(const struct key *key, void *object, const void *element, size_t size)
{
	void *array;
	size_t *count = count_of(key, object);
	/* Copied, as the array's own type is not known here. */
	memcpy(&array, place(key, object), sizeof(array));
	array = memory_grow(array, *count + 1, size);
	memcpy((char *)array + *count * size, element, size);
	++*count;
	memcpy(place(key, object), &array, sizeof(array));
}

/* Owns `text` from here on. */
static bool add_unique(const struct key *key, void *object, char *text, const char *written, struct err *err)
{
	char ***texts = place(key, object);
	size_t *count = count_of(key, object);
	for (size_t i = 0; i < *count; i++)
		if (strcmp((*texts)[i], text) == 0) {
			free(text);
			return err_set(err, FOUND " is listed twice: keep one", written);
		}
	*texts = memory_grow(*texts, *count + 1, sizeof(**texts));
	(*texts)[(*count)++] = text;
	return true;
}

static bool add_host(const struct key *key, const char *text, void *object, struct err *err)
{
	if (strcmp(text, "*") == 0)
		return err_set(err, "'*' is no host: a service without hosts takes every host");
	if (!hostname_is_host(text) && !hostname_is_wildcard(text))
		return err_set(err, "expected a host without port, such as shop.example.com or *.example.com, found " FOUND, text);
	char *host = memory_text(text);
	lower(host);
	return add_unique(key, object, host, text, err);
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

static bool add_path(const struct key *key, const char *text, void *object, struct err *err)
{
	if (!is_prefix(text))
		return err_set(err, "expected a path that begins with / and has no spaces, ? or #, such as /shop, found " FOUND, text);
	size_t length = strlen(text);
	while (length > 1 && text[length - 1] == '/')
		length--;
	return add_unique(key, object, memory_text_cut(text, length), text, err);
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

static bool add_method(const struct key *key, const char *text, void *object, struct err *err)
{
	static const char *const words[] = {"POST", "PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS", "TRACE", NULL};
	for (size_t i = 0; words[i]; i++)
		if (strcasecmp(words[i], text) == 0)
			return add_unique(key, object, memory_text(words[i]), text, err);
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

static bool add_status(const struct key *key, const char *text, void *object, struct err *err)
{
	struct conf_status_range range = {0};
	if (!read_range(text, &range))
		return err_set(err, "expected a status from 100 to 599 or a range such as 200-299, found " FOUND, text);
	append(key, object, &range, sizeof(range));
	return true;
}

static bool check_argument(const char *text, bool program, struct err *err)
{
	if (program && !texts_check_absolute(text, err))
		return false;
	if (strlen(text) > ARGUMENT_LENGTH_MAX)
		return err_set(err, "expected an argument of at most %u bytes, which is all that one may have, found %zu", ARGUMENT_LENGTH_MAX, strlen(text));
	return true;
}

/* The program comes first; one that is faulty is added as well, so that what follows it is not taken for the program. */
static bool add_argument(char ***run, const char *text, struct err *err)
{
	size_t count = 0;
	while (*run && (*run)[count])
		count++;
	*run = memory_grow(*run, count + 2, sizeof(**run));
	(*run)[count] = memory_text(text);
	(*run)[count + 1] = NULL;
	return check_argument(text, count == 0, err);
}

/* Percent with at most two decimals, as hundredths of one. */
static bool read_step(const char *text, unsigned *share)
{
	size_t whole = strspn(text, "0123456789"), decimals = 0;
	const char *at = text + whole;
	if (*at == '.')
		decimals = strspn(++at, "0123456789");
	if (whole == 0 || whole > 3 || decimals > 2 || (at[-1] == '.' && decimals == 0))
		return false;
	const char *end = at + decimals;
	if (*end != '\0' && strcmp(end, "%") != 0)
		return false;
	*share = (unsigned)strtoul(text, NULL, 10) * 100;
	if (decimals > 0)
		*share += (unsigned)strtoul(at, NULL, 10) * (decimals == 1 ? 10 : 1);
	return *share > 0 && *share <= 10000;
}

static bool add_step(const struct key *key, const char *text, struct conf_service *service, struct err *err)
{
	const struct conf_steps *steps = &service->steps;
	unsigned share;
	if (!read_step(text, &share))
		return err_set(err, "expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found " FOUND, text);
	if (steps->count > 0 && share <= steps->shares[steps->count - 1])
		return err_set(err, FOUND " is not more than the share before it: let the shares rise", text);
	append(key, service, &share, sizeof(share));
	return true;
}

static bool add_field(const struct key *key, const char *text, void *object, struct err *err)
{
	if (!field_is_token(text))
		return err_set(err, FOUND " is no name of a header field", text);
	char *name = memory_text(text);
	lower(name);
	return add_unique(key, object, name, text, err);
}

/* As RFC 6901 section 3 has it; `*` needs no rule, as it is any character there. */
static bool is_pointer(const char *text)
{
	if (text[0] != '/')
		return false;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f || (*text == '~' && text[1] != '0' && text[1] != '1'))
			return false;
	return true;
}

static bool add_pointer(const struct key *key, const char *text, void *object, struct err *err)
{
	if (!is_pointer(text) || strlen(text) > POINTER_LENGTH_MAX)
		return err_set(err, "expected a place in a JSON body, such as /items/0/id or /items/*/id, of at most %u bytes, found " FOUND,
			POINTER_LENGTH_MAX, text);
	return add_unique(key, object, memory_text(text), text, err);
}

/* Whether it fits is seen when the type of the record is known. */
static bool add_value(const struct key *key, const char *text, void *object)
{
	char *value = memory_text(text);
	if (hostname_is_full(text))
		hostname_normalize(value);
	append(key, object, &value, sizeof(value));
	return true;
}

/* With the port of DNS where none is written. */
static bool read_server(const char *text, struct addr *addr)
{
	char whole[ADDR_TEXT_SIZE];
	struct in6_addr ignored;
	const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
	bool bare = inet_pton(AF_INET6, text, &ignored) == 1, port = !bare && colon && (!bracket || colon > bracket);
	int length = snprintf(whole, sizeof(whole), "%s%s%s%s", bare ? "[" : "", text, bare ? "]" : "", port ? "" : ":53");
	return length < (int)sizeof(whole) && addr_parse(whole, addr, NULL) && addr->kind != ADDR_UNIX;
}

static bool add_server(const struct key *key, const char *text, struct conf_service *service, struct err *err)
{
	const struct conf_route53 *route53 = &service->route53;
	struct conf_name_server server;
	if (!read_server(text, &server.address))
		return err_set(err, "expected a name server with or without a port, such as 192.0.2.53 or [2001:db8::53]:5353, found " FOUND, text);
	for (size_t i = 0; i < route53->name_server_count; i++)
		if (addr_equal(&route53->name_servers[i].address, &server.address))
			return err_set(err, FOUND " is listed twice: keep one", text);
	server.text = memory_text(text);
	append(key, service, &server, sizeof(server));
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
	switch (key->type) {
	case KEY_HOSTS:
		return add_host(key, text, object, err);
	case KEY_PATHS:
		return add_path(key, text, object, err);
	case KEY_BACKENDS:
		return add_backend(place(key, object), text, err);
	case KEY_METHODS:
		return add_method(key, text, object, err);
	case KEY_BLOCKS:
		return add_block(object, text, err);
	case KEY_STATUSES:
		return add_status(key, text, object, err);
	case KEY_WORDS:
		return add_word(key, text, place(key, object), err);
	case KEY_COMMAND:
		return add_argument(place(key, object), text, err);
	case KEY_STEPS:
		return add_step(key, text, object, err);
	case KEY_FIELDS:
		return add_field(key, text, object, err);
	case KEY_POINTERS:
		return add_pointer(key, text, object, err);
	case KEY_SERVERS:
		return add_server(key, text, object, err);
	case KEY_VALUES:
		return add_value(key, text, object);
	default:
		assert(false); /* no key of a list */
		return false;
	}
}

void item_clear(const struct key *key, void *object)
{
	if (key->type == KEY_STATUSES)
		*count_of(key, object) = 0;
	else if (key->type == KEY_WORDS)
		*(unsigned *)place(key, object) = 0;
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

static bool check_header(const struct key *key, const char *name, const char *value, struct err *err)
{
	if (!field_is_token(name))
		return err_set(err, FOUND " is no name of a header field", name);
	if (key->type == KEY_SENT_HEADERS && field_is_own(name))
		return err_set(err, "header field %.64s is for teal to set: %s", name, strcasecmp(name, "Host") == 0 ? "write host instead" : "leave it out");
	if (!field_is_value(value))
		return err_set(err, "the value of header field %.64s has a line break or a control character", name);
	return true;
}

bool item_add_header(const struct key *key, const char *name, const char *value, void *object, struct err *err)
{
	struct conf_header *const *headers = place(key, object), header;
	size_t count = *count_of(key, object);
	if (!check_header(key, name, value, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcasecmp((*headers)[i].name, name) == 0)
			return err_set(err, "header field " FOUND " is listed twice: keep one", name);
	header = (struct conf_header){memory_text(name), memory_text(value)};
	append(key, object, &header, sizeof(header));
	return true;
}
