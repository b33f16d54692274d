/* What a listener does by itself. Worker thread. Chooses no service, and knows no backend. */
#include "proxy/frontdoor.h"

#include <openssl/ssl.h>

#include "proxy/challenge.h"
#include "proxy/clientcert.h"
#include "proxy/reply.h"
#include "proxy/secure.h"
#include "proxy/worker.h"

static enum frontdoor refuse(struct exchange *exchange, enum fail fail)
{
	exchange->fail = fail;
	return FRONTDOOR_REFUSED;
}

static enum frontdoor answer_challenge(struct exchange *exchange, const struct head *head, const char *webroot)
{
	char text[CHALLENGE_SIZE_MAX];
	size_t length = challenge_read(webroot, head, text);
	if (length == 0)
		return refuse(exchange, FAIL_no_challenge);
	reply_to_challenge(exchange, head, text, length);
	return FRONTDOOR_ANSWERED;
}

static enum frontdoor redirect(struct exchange *exchange, const struct head *head, unsigned port)
{
	struct worker *worker = exchange->worker;
	struct span location = {worker->scratch, manner_write_location(head, port, worker->scratch, worker->scratch_size)};
	if (location.length == 0)
		return refuse(exchange, FAIL_request_host);
	reply_to_redirect(exchange, head, location);
	return FRONTDOOR_ANSWERED;
}

enum frontdoor frontdoor_answer(struct exchange *exchange, const struct head *head)
{
	const struct manners *manners = exchange->table->globals.manners;
	const struct manner *manner = frontdoor_find_manner(exchange);
	if (exchange->client->conn.secure)
		return FRONTDOOR_OPEN;
	if (manners->webroot && challenge_is_asked(head))
		return answer_challenge(exchange, head, manners->webroot);
	if (manner && manner->redirect_port > 0)
		return redirect(exchange, head, manner->redirect_port);
	return FRONTDOOR_OPEN;
}

enum fail frontdoor_explain_unrouted(const struct exchange *exchange, struct span host)
{
	if (!exchange->client->conn.secure || host.length == 0)
		return FAIL_no_service;
	const char *named = secure_read_name(&exchange->client->conn);
	bool misdirected = named && !manner_is_named(host, named) && !table_index_has_host(exchange->table->index, host.at, host.length);
	return misdirected ? FAIL_request_misnamed : FAIL_no_service;
}

struct span frontdoor_keep_certificate(struct client *client)
{
	if (!client->certificate)
		client->certificate = clientcert_write(SSL_get0_peer_certificate(secure_ssl(&client->conn)), &client->certificate_length);
	return (struct span){client->certificate, client->certificate ? client->certificate_length : 0};
}
