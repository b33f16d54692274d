/* Names of files beside teal.yaml. Control thread. Opens none of them. */
#include "conf/beside.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void complete(char **path, const char *file)
{
	const char *slash = strrchr(file, '/');
	struct text whole;
	if (!*path || **path == '/' || !slash)
		return;
	text_init(&whole, SIZE_MAX);
	text_addf(&whole, "%.*s%s", (int)(slash - file) + 1, file, *path);
	free(*path);
	*path = text_take(&whole);
}

static void complete_listen(struct conf_tls *tls, const char *file)
{
	for (size_t i = 0; i < tls->certificate_count; i++) {
		complete(&tls->certificates[i].certificate, file);
		complete(&tls->certificates[i].key, file);
	}
	complete(&tls->client_ca, file);
}

static void complete_color(struct conf_backend_tls *tls, const char *file)
{
	complete(&tls->ca, file);
	complete(&tls->certificate, file);
	complete(&tls->key, file);
}

void beside_complete(struct conf *conf)
{
	for (size_t i = 0; i < conf->listen_count; i++)
		complete_listen(&conf->listens[i].tls, conf->file);
	for (size_t i = 0; i < conf->service_count; i++)
		for (unsigned color = 0; color < COLOR_COUNT; color++)
			complete_color(&conf->services[i].colors[color].tls, conf->file);
	complete(&conf->acme.webroot, conf->file);
}
