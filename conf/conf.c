/* Loads, completes and frees the configuration. Control thread. What keys mean is in conf/keys.c, conf/parse.c and conf/check.c. */
#include "conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "conf/check.h"
#include "conf/fault.h"
#include "conf/item.h"
#include "conf/keys.h"
#include "conf/node.h"
#include "conf/parse.h"
#include "conf/value.h"

#define FILE_SIZE_MAX (4u << 20)

static char *join_path(const char *folder, const char *rest)
{
	struct text path;
	text_init(&path, SIZE_MAX);
	text_addf(&path, "%s%s", folder, rest);
	return text_take(&path);
}

/* A folder from the environment; one that is not absolute counts as not set (XDG Base Directory Specification). */
static const char *find_folder(const char *variable)
{
	const char *folder = getenv(variable);
	return folder && folder[0] == '/' ? folder : NULL;
}

char *conf_default_state(void)
{
	if (geteuid() == 0)
		return memory_text("/var/lib/teal");
	const char *state = find_folder("XDG_STATE_HOME"), *home = find_folder("HOME");
	if (state)
		return join_path(state, "/teal");
	return home ? join_path(home, "/.local/state/teal") : memory_text("/var/lib/teal");
}

char *conf_default_socket(void)
{
	if (geteuid() == 0)
		return memory_text("/run/teal/admin.sock");
	const char *runtime = find_folder("XDG_RUNTIME_DIR");
	if (runtime)
		return join_path(runtime, "/teal/admin.sock");
	char *state = conf_default_state(), *socket = join_path(state, "/admin.sock");
	free(state);
	return socket;
}

const char *conf_find_file(const char *given)
{
	static const char *const places[] = {"teal.yaml", "/etc/teal/teal.yaml"};
	if (given)
		return given;
	const char *named = getenv("TEAL_CONFIG");
	if (named && *named)
		return named;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (access(places[i], F_OK) == 0)
			return places[i];
	return NULL;
}

static struct conf *new_conf(const char *file)
{
	struct conf *conf = memory_new(sizeof(*conf));
	conf->file = memory_text(file);
	parse_defaults("", conf);
	return conf;
}

/* What is known only when everything was read. */
static void complete(struct conf *conf)
{
	if (!conf->admin.socket)
		conf->admin.socket = conf_default_socket();
	if (!conf->state)
		conf->state = conf_default_state();
	if (conf->access_log.format == CONF_ACCESS_OFF || !conf->access_log.path) {
		free(conf->access_log.path);
		conf->access_log.path = NULL;
		conf->access_log.format = CONF_ACCESS_OFF;
	}
}

struct conf *conf_parse(const char *bytes, size_t length, const char *file, struct conf_faults *faults)
{
	struct fault_list list = {0};
	if (length > FILE_SIZE_MAX) {
		fault_append(faults, "%s: the file is larger than the 4 MiB that are read", file);
		return NULL;
	}
	struct conf *conf = new_conf(file);
	struct node *root = node_parse(bytes, length, &list);
	if (root) {
		parse_tree(root, conf, &list);
		check_tree(root, conf, &list);
	} else if (list.count == 0) {
		fault_add(&list, 1, 1, "the file is empty: expected at least listen and services");
	}
	node_free(root);
	bool faulty = list.count > 0;
	fault_deliver(&list, file, faults);
	if (faulty) {
		conf_free(conf);
		return NULL;
	}
	complete(conf);
	return conf;
}

/* Everything up to one byte more than is allowed. */
static bool read_file(int fd, struct text *text)
{
	static const size_t step = 64u << 10;
	char *piece = memory_new(step);
	ssize_t got;
	while ((got = read(fd, piece, step)) > 0 && !text->cut)
		text_add(text, piece, (size_t)got);
	free(piece);
	return got >= 0;
}

struct conf *conf_load(const char *file, struct conf_faults *faults)
{
	struct conf *conf = NULL;
	struct text text;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fault_append(faults, "%s: the file can't be opened: %s", file, strerror(errno));
		return NULL;
	}
	text_init(&text, FILE_SIZE_MAX + 1);
	if (read_file(fd, &text))
		conf = conf_parse(text.bytes, text.length, file, faults);
	else
		fault_append(faults, "%s: the file can't be read: %s", file, strerror(errno));
	text_fini(&text);
	close(fd);
	return conf;
}

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

static void fini_color(struct conf_color *color)
{
	for (size_t i = 0; i < color->backend_count; i++)
		free(color->backends[i].text);
	free(color->backends);
	free(color->version);
}

static void free_headers(struct conf_header *headers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(headers[i].name);
		free(headers[i].value);
	}
	free(headers);
}

static void fini_probe(struct conf_probe *probe)
{
	free_headers(probe->headers, probe->header_count);
	free(probe->statuses);
	free(probe->path);
	free(probe->host);
	free(probe->body);
}

static void fini_rollback(struct conf_rollback *rollback)
{
	free(rollback->log.file);
	free(rollback->log.pattern);
	free(rollback->prometheus.url);
	free(rollback->prometheus.query);
}

static void fini_hooks(struct conf_hooks *hooks)
{
	for (size_t i = 0; i < hooks->count; i++) {
		struct conf_hook *hook = &hooks->list[i];
		for (size_t word = 0; hook->run && hook->run[word]; word++)
			free(hook->run[word]);
		free(hook->run);
		free(hook->url);
		free(hook->secret_file);
	}
	free(hooks->list);
}

static void fini_smoke(struct conf_smoke *smoke)
{
	free(smoke->method);
	free(smoke->path);
	free(smoke->host);
	free(smoke->body);
	free_headers(smoke->send, smoke->send_count);
	free(smoke->statuses);
	free(smoke->expect_body);
	free_headers(smoke->expect, smoke->expect_count);
}

static void fini_gates(struct conf_gates *gates)
{
	for (size_t i = 0; i < gates->freeze_count; i++) {
		struct conf_freeze *freeze = &gates->freezes[i];
		free(freeze->from_date);
		free(freeze->to_date);
		free(freeze->zone);
		free(freeze->reason);
	}
	free(gates->freezes);
	for (size_t i = 0; i < gates->smoke_count; i++)
		fini_smoke(&gates->smokes[i]);
	free(gates->smokes);
}

static void free_notify(struct conf_notify *notify, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(notify[i].url);
		free(notify[i].secret_file);
	}
	free(notify);
}

/* What is around a switch. */
static void fini_around(struct conf_service *service)
{
	fini_gates(&service->gates);
	for (size_t i = 0; i < CONF_MOMENT_COUNT; i++)
		fini_hooks(&service->hooks[i]);
	free_notify(service->notify, service->notify_count);
	free(service->preview.header);
	free(service->preview.cookie);
	free(service->preview.listen);
	free(service->steps.shares);
	free(service->sticky.name);
	free_texts(service->rehearsal.fields, service->rehearsal.field_count);
	free_texts(service->rehearsal.ignore, service->rehearsal.ignore_count);
	free_texts(service->fallback_paths, service->fallback_path_count);
}

static void fini_route53(struct conf_route53 *route53)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		free_texts(route53->colors[color].values, route53->colors[color].value_count);
		free(route53->colors[color].alias);
		free(route53->colors[color].alias_zone);
	}
	for (size_t i = 0; i < route53->name_server_count; i++)
		free(route53->name_servers[i].text);
	free(route53->name_servers);
	free(route53->zone);
	free(route53->name);
	free(route53->health_listen);
	free(route53->profile);
	free(route53->region);
	free(route53->endpoint);
}

static void fini_service(struct conf_service *service)
{
	free(service->name);
	free_texts(service->hosts, service->host_count);
	free_texts(service->paths, service->path_count);
	free_texts(service->replay_methods, service->replay_method_count);
	fini_color(&service->colors[COLOR_BLUE]);
	fini_color(&service->colors[COLOR_GREEN]);
	fini_probe(&service->probe);
	fini_rollback(&service->rollback);
	fini_around(service);
	fini_route53(&service->route53);
}

static void drop_listens(struct conf *conf)
{
	for (size_t i = 0; i < conf->listen_count; i++)
		free(conf->listens[i].text);
	free(conf->listens);
	conf->listens = NULL;
	conf->listen_count = 0;
}

static void drop_text(char **text)
{
	free(*text);
	*text = NULL;
}

void conf_make_alone(struct conf *conf, const char *service, const char *socket)
{
	size_t kept = 0;
	for (size_t i = 0; i < conf->service_count; i++) {
		if (strcmp(conf->services[i].name, service) == 0)
			conf->services[kept++] = conf->services[i];
		else
			fini_service(&conf->services[i]);
	}
	conf->service_count = kept;
	conf->alone = true;
	drop_listens(conf);
	drop_text(&conf->access_log.path);
	drop_text(&conf->admin.listen);
	drop_text(&conf->admin.token_file);
	drop_text(&conf->admin.socket);
	conf->admin.socket = memory_text(socket);
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->service_count; i++)
		fini_service(&conf->services[i]);
	drop_listens(conf);
	free(conf->services);
	free(conf->trusted_proxies);
	free(conf->admin.socket);
	free(conf->admin.listen);
	free(conf->admin.token_file);
	free(conf->access_log.path);
	free(conf->state);
	free(conf->file);
	free(conf);
}

const char *conf_balance_name(enum conf_balance balance)
{
	return key_find("services.*.balance")->words[balance];
}

const struct conf_service *conf_find_service(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->service_count; i++)
		if (strcmp(conf->services[i].name, name) == 0)
			return &conf->services[i];
	return NULL;
}

/* Calls `add` with each element of a comma-separated list; an empty element is one that does not parse. */
typedef bool add_flag(struct conf *conf, const char *key, const char *text, struct err *err);
static bool split_flag(struct conf *conf, const char *list, const char *key, add_flag *add, struct err *err)
{
	while (list) {
		size_t length = strcspn(list, ",");
		char *text = memory_text_cut(list, length);
		bool ok = add(conf, key, text, err);
		free(text);
		if (!ok)
			return false;
		list = list[length] == ',' ? list + length + 1 : NULL;
	}
	return true;
}

static bool add_flag_listen(struct conf *conf, const char *key, const char *text, struct err *err)
{
	struct conf_listen listen = {0};
	parse_defaults("listen[]", &listen);
	if (!value_read(key_find(key), text, &listen, err))
		return false;
	conf->listens = memory_grow(conf->listens, conf->listen_count + 1, sizeof(listen));
	conf->listens[conf->listen_count++] = listen;
	return check_listener(conf, conf->listen_count - 1, err);
}

static bool add_flag_backend(struct conf *conf, const char *key, const char *text, struct err *err)
{
	return item_add(key_find(key), text, &conf->services[0], err);
}

static bool read_flag(const char *key, const char *text, void *object, struct err *err)
{
	return !text || value_read(key_find(key), text, object, err);
}

static bool read_flags(const struct conf_flags *flags, struct conf *conf, struct err *err)
{
	if (!split_flag(conf, flags->listen, "listen[].address", add_flag_listen, err))
		return err_prefix(err, "--listen");
	if (!split_flag(conf, flags->blue, "services.*.blue.backends", add_flag_backend, err))
		return err_prefix(err, "--blue");
	if (!split_flag(conf, flags->green, "services.*.green.backends", add_flag_backend, err))
		return err_prefix(err, "--green");
	if (!read_flag("state", flags->state, conf, err))
		return err_prefix(err, "--state");
	if (!read_flag("admin.socket", flags->admin, conf, err))
		return err_prefix(err, "--admin");
	if (!read_flag("services.*.probe.path", flags->probe, &conf->services[0], err))
		return err_prefix(err, "--probe");
	return true;
}

struct conf *conf_from_flags(const struct conf_flags *flags, struct err *err)
{
	if (!flags->listen) {
		err_set(err, "--listen is missing: say where requests come in, as in --listen 127.0.0.1:8080");
		return NULL;
	}
	struct conf *conf = new_conf(NULL);
	conf->services = memory_new(sizeof(*conf->services));
	conf->service_count = 1;
	conf->services[0].name = memory_text("default");
	parse_defaults("services.*", &conf->services[0]);
	if (!read_flags(flags, conf, err)) {
		conf_free(conf);
		return NULL;
	}
	complete(conf);
	return conf;
}
