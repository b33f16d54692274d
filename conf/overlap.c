/* Finds services that take the same host and path. Control thread. Sorts instead of comparing each with each, as there may be thousands. */
#include "conf/overlap.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* A service's claim on a host, or on a path of a host. */
struct claim {
	const char *text;
	size_t service;
};

static int compare(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;
	int by_text = strcmp(a->text, b->text);
	if (by_text != 0)
		return by_text;
	return a->service < b->service ? -1 : a->service > b->service;
}

static size_t end_of_group(const struct claim *claims, size_t count, size_t start)
{
	size_t end = start + 1;
	while (end < count && strcmp(claims[end].text, claims[start].text) == 0)
		end++;
	return end;
}

/* The claims of these services on `count` texts each; a service without any claims `all`. */
static size_t claim_texts(struct claim *claims, size_t used, size_t service, char *const *texts, size_t count, const char *all)
{
	if (count == 0)
		claims[used++] = (struct claim){all, service};
	for (size_t i = 0; i < count; i++)
		claims[used++] = (struct claim){texts[i], service};
	return used;
}

/* The element that says `path`, with or without slashes at its end; else the list; else the service. */
static void find_place(const struct node *service, const char *path, unsigned *line, unsigned *column)
{
	const struct node *paths = node_find(service, "paths"), *hosts = node_find(service, "hosts");
	size_t length = strlen(path);
	*line = service->key_line;
	*column = service->key_column;
	if (paths || hosts) {
		*line = paths ? paths->line : hosts->line;
		*column = paths ? paths->column : hosts->column;
	}
	for (const struct node *node = paths ? paths->first : NULL; node; node = node->next)
		if (node->kind == NODE_TEXT && strncmp(node->text, path, length) == 0 && strspn(node->text + length, "/") == strlen(node->text + length)) {
			*line = node->line;
			*column = node->column;
			return;
		}
}

struct search {
	const struct conf *conf;
	const struct node *const *nodes;
	struct fault_list *faults;
	size_t *reported; /* by service: the last host for which it was reported, from 1 */
	size_t host_number;
};

static void report(struct search *search, const char *host, const struct claim *first, const struct claim *later)
{
	if (later->service == first->service || search->reported[later->service] == search->host_number)
		return;
	search->reported[later->service] = search->host_number;
	const struct conf_service *services = search->conf->services, *taken = &services[first->service];
	unsigned line, column;
	find_place(search->nodes[later->service], later->text, &line, &column);
	fault_add(search->faults, line, column,
		"services.%.64s: %s%.64s with path %.64s is already taken by service '%.64s' on line %u: change hosts or paths of one of them",
		services[later->service].name, *host ? "host " : "every host", host, later->text, taken->name, taken->line);
}

/* Compares the paths of the services that share one host. */
static void search_host(struct search *search, const struct claim *hosts, size_t count)
{
	size_t most = 0, used = 0;
	for (size_t i = 0; i < count; i++)
		most += search->conf->services[hosts[i].service].path_count + 1;
	struct claim *paths = memory_array(most, sizeof(*paths));
	for (size_t i = 0; i < count; i++) {
		const struct conf_service *service = &search->conf->services[hosts[i].service];
		used = claim_texts(paths, used, hosts[i].service, service->paths, service->path_count, "/");
	}
	qsort(paths, used, sizeof(*paths), compare);
	for (size_t start = 0, end; start < used; start = end) {
		end = end_of_group(paths, used, start);
		for (size_t i = start + 1; i < end; i++)
			report(search, hosts[0].text, &paths[start], &paths[i]);
	}
	free(paths);
}

void overlap_check(const struct conf *conf, const struct node *const *nodes, struct fault_list *faults)
{
	size_t most = 0, used = 0;
	for (size_t i = 0; i < conf->service_count; i++)
		most += conf->services[i].host_count + 1;
	struct claim *hosts = memory_array(most, sizeof(*hosts));
	struct search search = {conf, nodes, faults, memory_array(conf->service_count, sizeof(size_t)), 0};
	/* Others take no requests. */
	for (size_t i = 0; i < conf->service_count; i++)
		if (conf->services[i].via == CONF_VIA_PROXY)
			used = claim_texts(hosts, used, i, conf->services[i].hosts, conf->services[i].host_count, "");
	qsort(hosts, used, sizeof(*hosts), compare);
	for (size_t start = 0, end; start < used; start = end) {
		end = end_of_group(hosts, used, start);
		search.host_number++;
		if (end - start > 1)
			search_host(&search, hosts + start, end - start);
	}
	free(search.reported);
	free(hosts);
}
