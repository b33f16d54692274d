/* The manners of listeners: made and freed by the control thread, read by workers. Sends nothing: what follows from them is in exchange.c and reply.c. */
#include "proxy/manners.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "proxy/head.h"
#include "proxy/tlsfront.h"

#define HTTPS_PORT 443u

struct manners *manners_new(const struct manner *list, size_t count, const char *webroot)
{
	struct manners *manners = memory_new(sizeof(*manners) + count * sizeof(*list));
	manners->references = 1;
	manners->webroot = webroot ? memory_text(webroot) : NULL;
	manners->count = count;
	for (size_t i = 0; i < count; i++) {
		manners->list[i] = list[i];
		if (list[i].front)
			tlsfront_hold(list[i].front);
	}
	return manners;
}

void manners_hold(struct manners *manners)
{
	assert(manners->references > 0);
	manners->references++;
}

void manners_release(struct manners *manners)
{
	if (!manners || --manners->references > 0)
		return;
	for (size_t i = 0; i < manners->count; i++)
		if (manners->list[i].front)
			tlsfront_release(manners->list[i].front);
	free(manners->webroot);
	free(manners);
}

void manner_set_hsts(struct manner *manner, uint64_t max_age_s, bool subdomains, bool preload)
{
	int length = snprintf(
		manner->hsts, sizeof(manner->hsts), "max-age=%" PRIu64 "%s%s", max_age_s, subdomains ? "; includeSubDomains" : "", preload ? "; preload" : "");
	assert(length > 0 && (size_t)length < sizeof(manner->hsts));
	manner->hsts_length = (uint8_t)length;
}

/* The bytes of a valid host without its port. */
static size_t cut_port(struct span host)
{
	const char *bracket = memchr(host.at, ']', host.length);
	size_t behind = bracket ? (size_t)(bracket - host.at) : 0;
	const char *colon = memchr(host.at + behind, ':', host.length - behind);
	return colon ? (size_t)(colon - host.at) : host.length;
}

size_t manner_write_location(const struct head *head, unsigned port, char *out, size_t size)
{
	struct span host = head->authority.length > 0 ? head->authority : head_value(head, FIELD_host), path = head->path;
	char shown[sizeof(":65535")] = "";
	if (host.length == 0)
		return 0;
	if (port != HTTPS_PORT)
		snprintf(shown, sizeof(shown), ":%u", port % 65536u);
	if (path.length == 1 && path.at[0] == '*') /* the server itself, which a URI has no path for */
		path.length = 0;
	const char *slash = path.length > 0 && path.at[0] == '?' ? "/" : "";
	int length = snprintf(out, size, "https://%.*s%s%s%.*s", (int)cut_port(host), host.at, shown, slash, (int)path.length, path.at);
	return length > 0 && (size_t)length < size ? (size_t)length : 0;
}

bool manner_is_named(struct span host, const char *name)
{
	size_t length = host.length > 0 ? cut_port(host) : 0, named = strlen(name);
	if (length > 0 && host.at[length - 1] == '.')
		length--;
	if (named > 0 && name[named - 1] == '.')
		named--;
	return length == named && strncasecmp(host.at, name, length) == 0;
}
