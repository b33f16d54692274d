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
#include "conf/beside.h"
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
	if (conf->file)
		beside_complete(conf);
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
