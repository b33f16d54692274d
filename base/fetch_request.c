/* One request into libcurl's options. Control thread. Never lets libcurl look a name up, follow a redirect, reuse a connection that was not meant for it, or obey the environment. */
#include "base/fetch_job.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* What libcurl would do by itself and we don't want: look names up, follow, obey the environment. */
static void set_restraints(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
}

static void set_request(struct fetch_job *job, const struct fetch_request *request)
{
	CURL *easy = job->easy;
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, request->target);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->keeps_open ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, request->keeps_open ? 0L : 1L);
	if (request->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body);
		/* libcurl would add both by itself. */
		job->lines = curl_slist_append(job->lines, "Expect:");
		job->lines = curl_slist_append(job->lines, "Content-Type:");
	}
	if (request->method && strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else if (request->method)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	for (const char *const *line = request->headers; line && *line; line++)
		job->lines = curl_slist_append(job->lines, *line);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, request->connect_only ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request->insecure ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, request->insecure ? 0L : 2L);
}

/* ---- version 2 of the PROXY protocol, which libcurl does not send: past it, on its socket, as soon as that is connected ---- */

static curl_socket_t on_socket_wanted(void *arg, curlsocktype purpose, struct curl_sockaddr *addr)
{
	(void)purpose;
	struct fetch_job *job = arg;
	job->socket = socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
	return job->socket;
}

/* The buffer of a new connection always has room for it. */
static bool send_announcement(struct fetch_job *job)
{
	static const char local[16] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0";
	if (job->announcement_due && send(job->socket, local, sizeof(local), MSG_NOSIGNAL) != (ssize_t)sizeof(local))
		return false;
	job->announcement_due = false;
	return true;
}

/* Connected, and a TLS handshake, if any, is over. */
static int on_request_due(void *arg, char *peer, char *own, int peer_port, int own_port)
{
	(void)peer, (void)own, (void)peer_port, (void)own_port;
	return send_announcement(arg) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* Connected, and the TLS handshake is to begin. */
static CURLcode on_handshake_due(CURL *easy, void *context, void *arg)
{
	(void)easy;
	struct fetch_job *job = arg;
	if (!send_announcement(job))
		return CURLE_SEND_ERROR;
	return !job->trust.apply || job->trust.apply(job->trust.arg, context) ? CURLE_OK : CURLE_ABORTED_BY_CALLBACK;
}

static void set_announcement(struct fetch_job *job, enum fetch_announce announce)
{
	CURL *easy = job->easy;
	if (announce == FETCH_ANNOUNCE_V1)
		curl_easy_setopt(easy, CURLOPT_HAPROXYPROTOCOL, 1L);
	if (announce != FETCH_ANNOUNCE_V2)
		return;
	job->announcement_due = true;
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket_wanted);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, job);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request_due);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, job);
}

/* ---- TLS as somebody has settled it ---- */

/* libcurl asks for the URL's host unless that is an address, and puts it into the Host field unless there is one; with several the first one counts. */
static void set_name(struct fetch_job *job, const char *url, const char *name)
{
	struct text text;
	const char *host = strstr(url, "://") + 3, *end = host + strcspn(host, "/?#");
	int length = (int)(end - host);
	if (length > 4 && memcmp(end - 4, ":443", 4) == 0)
		length -= 4;
	text_init(&text, SIZE_MAX);
	text_addf(&text, "Host: %.*s", length, host);
	job->lines = curl_slist_append(job->lines, text.bytes);
	text_fini(&text);
	text_init(&text, SIZE_MAX);
	text_addf(&text, "https://%s%s", name ? name : "127.0.0.1", end);
	curl_easy_setopt(job->easy, CURLOPT_URL, text.bytes);
	text_fini(&text);
}

/* Names and authorities are OpenSSL's to check, which is told so by `apply`; libcurl asks for the result alone. Behind the ClientHello it puts a store of its own into the context: an empty one, and no other connection's. */
static void set_trust(struct fetch_job *job, const struct fetch_trust *trust, const char *url)
{
	CURL *easy = job->easy;
	unsigned char address[16];
	bool named = trust->name && inet_pton(AF_INET, trust->name, address) != 1 && inet_pton(AF_INET6, trust->name, address) != 1;
	set_name(job, url, named ? trust->name : NULL);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, trust->verifies ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L); /* else it would be the first one's for all, which others who verify may have filled */
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

/* ---- the peer ---- */

/* True when the host of the URL, in libcurl's form (IPv6 in brackets), is an address and so never looked up. */
static bool host_is_address(const char *host)
{
	unsigned char bytes[16];
	char inside[64];
	if (host[0] != '[')
		return inet_pton(AF_INET, host, bytes) == 1;
	snprintf(inside, sizeof(inside), "%s", host + 1);
	inside[strcspn(inside, "]")] = '\0';
	return inet_pton(AF_INET6, inside, bytes) == 1;
}

static void refuse_url(struct fetch_job *job, const char *why)
{
	snprintf(job->answer.detail, sizeof(job->answer.detail), "the URL can't be used: %s", why);
}

/* The peer is the URL's own host, which must be an address: libcurl's resolver would block the loop or start threads. */
static bool connect_to_host(struct fetch_job *job, CURLU *url)
{
	char *host = NULL, *port = NULL;
	bool known = curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
	bool usable = known && host_is_address(host);
	if (usable)
		snprintf(job->peer, sizeof(job->peer), "%s:%s", host, port);
	else if (known)
		snprintf(job->answer.detail, sizeof(job->answer.detail), "the name %.200s has no address yet", host);
	else
		refuse_url(job, "it has no host");
	curl_free(host);
	curl_free(port);
	return usable;
}

static bool connect_to_addr(struct fetch_job *job, const struct addr *addr)
{
	addr_format(addr, job->peer, sizeof(job->peer));
	if (addr->kind == ADDR_NAME) {
		snprintf(job->answer.detail, sizeof(job->answer.detail), "the name %.200s has no address yet", addr->to.name);
		return false;
	}
	if (addr->kind == ADDR_UNIX) {
		curl_easy_setopt(job->easy, CURLOPT_UNIX_SOCKET_PATH, addr->to.un.sun_path);
		return true;
	}
	char entry[ADDR_TEXT_SIZE + 2];
	snprintf(entry, sizeof(entry), "::%s", job->peer);
	job->connect_to = curl_slist_append(NULL, entry);
	curl_easy_setopt(job->easy, CURLOPT_CONNECT_TO, job->connect_to);
	return true;
}

static bool choose_peer(struct fetch_job *job, const struct fetch_request *request)
{
	CURLU *url = curl_url();
	CURLUcode fault = curl_url_set(url, CURLUPART_URL, request->url, 0);
	char *scheme = NULL;
	bool read = fault == CURLUE_OK && curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
	bool usable = read && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
	if (!read)
		refuse_url(job, curl_url_strerror(fault));
	else if (!usable)
		refuse_url(job, "it must begin with http:// or https://");
	else
		usable = request->connect ? connect_to_addr(job, request->connect) : connect_to_host(job, url);
	job->tls = scheme && strcmp(scheme, "https") == 0;
	curl_free(scheme);
	curl_url_cleanup(url);
	return usable;
}

bool fetch_request_apply(struct fetch_job *job, const struct fetch_request *request)
{
	set_restraints(job->easy);
	set_request(job, request);
	set_announcement(job, request->announce);
	if (!choose_peer(job, request))
		return false;
	assert(!request->trust || (job->tls && request->connect));
	if (request->trust)
		set_trust(job, request->trust, request->url);
	curl_easy_setopt(job->easy, CURLOPT_HTTPHEADER, job->lines);
	curl_easy_setopt(job->easy, CURLOPT_SSL_CTX_FUNCTION, request->trust || job->announcement_due ? on_handshake_due : NULL);
	curl_easy_setopt(job->easy, CURLOPT_SSL_CTX_DATA, job);
	return true;
}
