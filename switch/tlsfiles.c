/* Looks at the files of TLS. Control thread. What is good or faulty is for proxy/certificate and proxy/authorities to say. */
#include "switch/tlsfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/keyfile.h"
#include "base/memory.h"
#include "conf/fault.h"
#include "proxy/authorities.h"
#include "proxy/certificate.h"
#include "switch/tlssource.h"

/* Files that were looked at, two that belong together or one and "", and what for; the texts are the configuration's. */
struct seen {
	struct {
		const char *one, *other;
		enum tlssource_kind kind;
	} * files;
	size_t count;
};

struct look {
	const struct conf *conf;
	int64_t now_s;
	struct conf_faults *faults, *cautions;
	struct seen seen;
};

/* Whether it is seen for the first time. */
static bool is_new(struct seen *seen, enum tlssource_kind kind, const char *one, const char *other)
{
	for (size_t i = 0; i < seen->count; i++)
		if (seen->files[i].kind == kind && strcmp(seen->files[i].one, one) == 0 && strcmp(seen->files[i].other, other) == 0)
			return false;
	seen->files = memory_grow(seen->files, seen->count + 1, sizeof(*seen->files));
	seen->files[seen->count].kind = kind;
	seen->files[seen->count].one = one;
	seen->files[seen->count++].other = other;
	return true;
}

/* Once: a pair may be looked at for clients and for backends. */
static void add(const struct look *look, struct conf_faults *list, const char *sentence)
{
	size_t begin = strlen(look->conf->file) + 2;
	for (size_t i = 0; i < list->count; i++)
		if (strlen(list->lines[i]) > begin && strcmp(list->lines[i] + begin, sentence) == 0)
			return;
	fault_append(list, "%s: %s", look->conf->file, sentence);
}

/* Whether it can't be looked at by who asks, which is told. One that is missing is not hidden. */
static bool is_hidden(const struct look *look, const char *path)
{
	struct err text;
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0 || errno != EACCES)
		return false;
	err_set(&text, "%s is not open to this user, and was not looked at: see that the daemon's user may read it", path);
	add(look, look->cautions, text.text);
	return true;
}

static void caution_of_age(const struct look *look, const struct certificate *certificate, const char *path)
{
	struct err text;
	unsigned days = certificate_days_left(certificate, look->now_s);
	if (tlssource_level(certificate, look->now_s) == 0)
		return;
	err_set(&text, "%s: the certificate is good for less than %u day%s: renew it", path, days + 1, days ? "s" : "");
	add(look, look->cautions, text.text);
}

/* Root looks at it for a daemon whose user is not known here. */
static void caution_of_rights(const struct look *look, const char *path)
{
	struct err text;
	if (!keyfile_refuses_root(path, look->conf->state))
		return;
	err_set(&text, "%s may be read by a group: that will do where the daemon runs as another user, and keeps it from starting as root: chmod 600 it there",
		path);
	add(look, look->cautions, text.text);
}

static void check_pair(struct look *look, enum tlssource_kind kind, const char *certificate_path, const char *key_path)
{
	struct err err;
	struct certificate_spec spec = {
		.certificate_path = certificate_path,
		.key_path = key_path,
		.role = kind == TLSSOURCE_CLIENT ? CERTIFICATE_OF_CLIENT : CERTIFICATE_OF_SERVER,
		.now_s = look->now_s,
		.onlooker = geteuid() == 0,
	};
	if (!is_new(&look->seen, kind, certificate_path, key_path) || is_hidden(look, certificate_path) || is_hidden(look, key_path))
		return;
	struct certificate *certificate = certificate_load(&spec, &err);
	if (!certificate) {
		add(look, look->faults, err.text);
		return;
	}
	caution_of_age(look, certificate, certificate_path);
	caution_of_rights(look, key_path);
	if (certificate->warning)
		add(look, look->cautions, certificate->warning);
	certificate_release(certificate);
}

/* NULL: the system's. */
static void check_authorities(struct look *look, const char *path)
{
	struct err err;
	if (!is_new(&look->seen, TLSSOURCE_AUTHORITIES, path ? path : "", "") || (path && is_hidden(look, path)))
		return;
	struct authorities *authorities = authorities_load(path, &err);
	if (!authorities)
		add(look, look->faults, err.text);
	authorities_free(authorities);
}

static void check_listen(struct look *look, const struct conf_tls *tls)
{
	for (size_t i = 0; i < tls->certificate_count; i++)
		check_pair(look, TLSSOURCE_SERVER, tls->certificates[i].certificate, tls->certificates[i].key);
	if (tls->client_ca)
		check_authorities(look, tls->client_ca);
}

static void check_color(struct look *look, const struct conf_service *service, enum color color)
{
	const struct conf_backend_tls *tls = &service->colors[color].tls;
	if (!tls->on)
		return;
	if (tls->verify)
		check_authorities(look, tls->ca);
	else
		fault_append(look->cautions, "%s: services.%s.%s.tls.verify is off: whoever can take a backend's address is believed to be it",
			look->conf->file, service->name, color_name(color));
	if (tls->certificate)
		check_pair(look, TLSSOURCE_CLIENT, tls->certificate, tls->key);
}

static void check_webroot(const struct look *look, const char *webroot)
{
	struct stat found;
	if (stat(webroot, &found) == 0 ? !S_ISDIR(found.st_mode) : errno != EACCES)
		fault_append(look->cautions, "%s: acme.webroot: %s is no folder: make it, or no challenge can be answered", look->conf->file, webroot);
}

void tlsfiles_check(const struct conf *conf, int64_t now_s, struct conf_faults *faults, struct conf_faults *cautions)
{
	struct look look = {.conf = conf, .now_s = now_s, .faults = faults, .cautions = cautions};
	for (size_t i = 0; i < conf->listen_count; i++)
		check_listen(&look, &conf->listens[i].tls);
	for (size_t i = 0; i < conf->service_count; i++)
		for (unsigned color = 0; color < COLOR_COUNT; color++)
			check_color(&look, &conf->services[i], (enum color)color);
	if (conf->acme.webroot)
		check_webroot(&look, conf->acme.webroot);
	free(look.seen.files);
}
