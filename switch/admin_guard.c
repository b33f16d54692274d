/* Who may ask for what over TCP. Pure. A web page that a browser holds open can reach a loopback address too: that is what Host, Origin and Sec-Fetch-Site are for. */
#include "switch/admin_guard.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/text.h"

static const struct guard_refusal no_host = {400, "bad_request", "exactly one Host field is needed"};
static const struct guard_refusal foreign_host = {403, "forbidden", "Host must be localhost or an IP address, with the port of admin.listen"};
static const struct guard_refusal foreign_origin = {403, "forbidden", "a page from elsewhere may not ask this"};
static const struct guard_refusal no_token = {
	403, "forbidden", "changes over TCP need admin.token_file, which is not configured, or others may use (teal check says so); use the Unix socket"};
static const struct guard_refusal wrong_token = {401, "unauthorized", "this needs Authorization: Bearer and the token of admin.token_file"};
static const struct guard_refusal wrong_type = {415, "wrong_content_type", "a change over TCP must be Content-Type: application/json"};

/* A name could be pointed at us by somebody else's DNS; an address can't. */
static bool host_is_ours(const char *host, uint16_t port)
{
	struct addr address;
	struct err err;
	char full[300];
	const char *colon = strrchr(host, ':');
	bool has_port = colon && !strchr(colon, ']') && (host[0] == '[' || strchr(host, ':') == colon);
	if (strlen(host) > 256)
		return false;
	snprintf(full, sizeof(full), "%s%s", host, has_port ? "" : ":80");
	if (!addr_parse(full, &address, &err) || address.port != port)
		return false;
	if (address.kind == ADDR_NAME)
		return strcmp(address.to.name, "localhost") == 0;
	return address.kind == ADDR_IPV4 || address.kind == ADDR_IPV6;
}

static bool origin_is_ours(const struct guard_request *request)
{
	if (request->fetch_site && strcmp(request->fetch_site, "same-origin") != 0 && strcmp(request->fetch_site, "none") != 0)
		return false;
	if (!request->origin)
		return true;
	return strncmp(request->origin, "http://", 7) == 0 && strcasecmp(request->origin + 7, request->host) == 0;
}

/* Digests have one length, so the comparison tells nothing about the token's. */
static bool token_is_right(const char *token, const char *authorization)
{
	unsigned char wanted[SHA256_DIGEST_LENGTH], given[SHA256_DIGEST_LENGTH];
	if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
		return false;
	SHA256((const unsigned char *)token, strlen(token), wanted);
	SHA256((const unsigned char *)authorization + 7, strlen(authorization + 7), given);
	return CRYPTO_memcmp(wanted, given, sizeof(wanted)) == 0;
}

static bool type_is_json(const char *type)
{
	size_t length = strlen("application/json");
	if (!type || strncasecmp(type, "application/json", length) != 0)
		return false;
	return type[length] == '\0' || type[length] == ';' || type[length] == ' ';
}

const struct guard_refusal *admin_guard_check(const struct guard_rules *rules, const struct guard_request *request)
{
	bool needs_token = request->changes || (!request->free && !addr_is_this_machine(rules->listen));
	if (request->hosts != 1)
		return &no_host;
	if (!host_is_ours(request->host, rules->listen->port))
		return &foreign_host;
	if (!origin_is_ours(request))
		return &foreign_origin;
	if (needs_token && !*rules->token)
		return &no_token;
	if (needs_token && !token_is_right(rules->token, request->authorization))
		return &wrong_token;
	if (request->changes && !type_is_json(request->content_type))
		return &wrong_type;
	return NULL;
}
