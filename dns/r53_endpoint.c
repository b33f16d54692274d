/* One URL, taken apart and looked up. Control thread. Tries no connection. */
#include "dns/r53_endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/resolve.h"
#include "base/url.h"

#define RESOLVE_MIN_MS 5000u

struct r53_endpoint {
	struct resolver *resolver;
	r53_endpoint_changed *changed;
	void *arg;
	char *text; /* as it was given; NULL: none yet */
	struct url url;
	char *host;
	const char *path; /* the end of url.root */
	struct resolve_watch *watch;
	struct addr *addrs;
	size_t count, chosen;
	char fault[256];
};

struct r53_endpoint *r53_endpoint_new(struct resolver *resolver, r53_endpoint_changed *changed, void *arg)
{
	struct r53_endpoint *endpoint = memory_new(sizeof(*endpoint));
	endpoint->resolver = resolver;
	endpoint->changed = changed;
	endpoint->arg = arg;
	return endpoint;
}

static void drop(struct r53_endpoint *endpoint)
{
	if (endpoint->watch)
		resolve_unwatch(endpoint->watch);
	if (endpoint->text)
		url_fini(&endpoint->url);
	free(endpoint->text);
	free(endpoint->host);
	free(endpoint->addrs);
	endpoint->watch = NULL;
	endpoint->text = endpoint->host = NULL;
	endpoint->addrs = NULL;
	endpoint->count = endpoint->chosen = 0;
	endpoint->fault[0] = '\0';
}

void r53_endpoint_free(struct r53_endpoint *endpoint)
{
	if (!endpoint)
		return;
	drop(endpoint);
	free(endpoint);
}

static void keep_addrs(struct r53_endpoint *endpoint, const struct addr *addrs, size_t count)
{
	free(endpoint->addrs);
	endpoint->addrs = memory_array(count, sizeof(*addrs));
	memcpy(endpoint->addrs, addrs, count * sizeof(*addrs));
	endpoint->count = count;
	endpoint->chosen = 0;
}

static void on_resolved(void *arg, const struct addr *addrs, size_t count, const char *fault)
{
	struct r53_endpoint *endpoint = arg;
	if (count > 0)
		keep_addrs(endpoint, addrs, count);
	snprintf(endpoint->fault, sizeof(endpoint->fault), "%s", count > 0 ? "" : fault);
	endpoint->changed(endpoint->arg);
}

static void take_apart(struct r53_endpoint *endpoint)
{
	char *host = strstr(endpoint->url.root, "://") + 3;
	size_t length = strcspn(host, "/");
	endpoint->host = memory_text_cut(host, length);
	endpoint->path = host + length;
	if (endpoint->url.addr.kind == ADDR_NAME)
		endpoint->watch =
			resolver_watch(endpoint->resolver, endpoint->url.addr.to.name, endpoint->url.addr.port, RESOLVE_MIN_MS, on_resolved, endpoint);
	else
		keep_addrs(endpoint, &endpoint->url.addr, 1);
}

bool r53_endpoint_aim(struct r53_endpoint *endpoint, const char *url, struct err *err)
{
	struct url parts;
	if (endpoint->text && strcmp(endpoint->text, url) == 0)
		return true;
	if (!url_init(&parts, url, err))
		return err_prefix(err, "the endpoint of Route 53");
	drop(endpoint);
	endpoint->text = memory_text(url);
	endpoint->url = parts;
	take_apart(endpoint);
	return true;
}

const struct addr *r53_endpoint_addr(const struct r53_endpoint *endpoint)
{
	return endpoint->count > 0 ? &endpoint->addrs[endpoint->chosen] : NULL;
}

const char *r53_endpoint_fault(const struct r53_endpoint *endpoint)
{
	return endpoint->fault;
}

const char *r53_endpoint_root(const struct r53_endpoint *endpoint)
{
	return endpoint->url.root;
}

const char *r53_endpoint_host(const struct r53_endpoint *endpoint)
{
	return endpoint->host;
}

const char *r53_endpoint_path(const struct r53_endpoint *endpoint)
{
	return endpoint->path;
}

void r53_endpoint_pass(struct r53_endpoint *endpoint)
{
	if (endpoint->count > 0)
		endpoint->chosen = (endpoint->chosen + 1) % endpoint->count;
}
