/* From the configuration's listeners to the proxy's. Control thread. Opens no file: certificates are the store's. */
#include "switch/listening.h"

#include <stdlib.h>

#include "base/memory.h"
#include "switch/tlsstore.h"

static void read_manner(const struct conf_listen *listen, struct manner *manner)
{
	const struct conf_hsts *hsts = &listen->tls.hsts;
	if (listen->redirect.to == CONF_REDIRECT_HTTPS)
		manner->redirect_port = listen->redirect.port;
	manner->forwards_certificate = listen->tls.forward_client_certificate;
	if (hsts->on)
		manner_set_hsts(manner, hsts->max_age_s, hsts->subdomains, hsts->preload);
}

static bool is_any(const struct manner *manner)
{
	return manner->front || manner->redirect_port > 0 || manner->forwards_certificate || manner->hsts_length > 0;
}

struct manners *listening_make_manners(const struct conf *conf, const struct tlsstore *store)
{
	struct manner *list = memory_array(conf->listen_count, sizeof(*list));
	bool any = conf->acme.webroot != NULL;
	for (size_t i = 0; i < conf->listen_count; i++) {
		read_manner(&conf->listens[i], &list[i]);
		list[i].front = tlsstore_front(store, i);
		any |= is_any(&list[i]);
	}
	struct manners *manners = any ? manners_new(list, conf->listen_count, conf->acme.webroot) : NULL;
	free(list);
	return manners;
}
