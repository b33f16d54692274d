/* Requests, as far as the small backend needs them. Pure but for the buffer; see echo.h. */
#include "tests/tools/echo.h"

#include <ctype.h>
#include <event2/buffer.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define HEAD_MAX (128 * 1024)

void echo_request_init(struct echo_request *request)
{
	memset(request, 0, sizeof(*request));
	request->hash = TEXT_HASH_SEED;
}

void echo_request_fini(struct echo_request *request)
{
	EVP_MD_CTX_free(request->sha);
	request->sha = NULL;
}

static void read_field(struct echo_request *request, const char *name, const char *value, bool *chunked)
{
	if (strcasecmp(name, "x-id") == 0)
		snprintf(request->id, sizeof(request->id), "%s", value);
	else if (strcasecmp(name, "content-length") == 0)
		request->left = strtoull(value, NULL, 10);
	else if (strcasecmp(name, "transfer-encoding") == 0)
		*chunked = true;
	else if (strcasecmp(name, "connection") == 0)
		request->closes = strcasecmp(value, "close") == 0;
	else if (strcasecmp(name, "upgrade") == 0)
		request->upgrade = true, request->websocket = strcasecmp(value, "websocket") == 0;
	else if (strcasecmp(name, "sec-websocket-key") == 0)
		snprintf(request->key, sizeof(request->key), "%s", value);
	else if (strcasecmp(name, "expect") == 0)
		request->expect = true;
}

static void begin_body(struct echo_request *request, bool chunked)
{
	request->step = chunked ? ECHO_CHUNK_LINE : request->left > 0 ? ECHO_LENGTH : ECHO_WHOLE;
	if (strncmp(request->path, "/sha256", 7) != 0)
		return;
	request->sha = EVP_MD_CTX_new();
	if (!request->sha || !EVP_DigestInit_ex(request->sha, EVP_sha256(), NULL))
		abort();
}

static bool read_head(struct echo_request *request, struct evbuffer *input)
{
	bool chunked = false;
	char *line = evbuffer_readln(input, NULL, EVBUFFER_EOL_CRLF_STRICT);
	bool good = line && sscanf(line, "%15s %511s HTTP/1.", request->method, request->path) == 2;
	free(line);
	while (good && (line = evbuffer_readln(input, NULL, EVBUFFER_EOL_CRLF_STRICT)) && *line) {
		char *colon = strchr(line, ':');
		good = colon != NULL;
		if (colon) {
			*colon = '\0';
			read_field(request, line, colon + 1 + strspn(colon + 1, " \t"), &chunked);
		}
		free(line);
		line = NULL;
	}
	if (good)
		free(line);
	begin_body(request, chunked);
	return good;
}

static void take_body(struct echo_request *request, struct evbuffer *input)
{
	while (request->left > 0 && evbuffer_get_length(input) > 0) {
		size_t length = evbuffer_get_contiguous_space(input);
		if (length > request->left)
			length = (size_t)request->left;
		const unsigned char *bytes = evbuffer_pullup(input, (ev_ssize_t)length);
		if (request->sha)
			EVP_DigestUpdate(request->sha, bytes, length);
		else
			request->hash = text_hash(bytes, length, request->hash);
		request->length += length;
		request->left -= length;
		evbuffer_drain(input, length);
	}
}

/* A line of the chunked coding. False when none is there yet. */
static bool read_chunk_line(struct echo_request *request, struct evbuffer *input, bool *good)
{
	char *line = evbuffer_readln(input, NULL, EVBUFFER_EOL_CRLF_STRICT);
	if (!line)
		return false;
	if (request->step == ECHO_CHUNK_END) {
		*good = *line == '\0';
		request->step = ECHO_CHUNK_LINE;
	} else if (request->step == ECHO_TRAILER) {
		request->step = *line ? ECHO_TRAILER : ECHO_WHOLE;
	} else {
		*good = isxdigit((unsigned char)*line);
		request->left = strtoull(line, NULL, 16);
		request->step = request->left > 0 ? ECHO_CHUNK_DATA : ECHO_TRAILER;
	}
	free(line);
	return *good;
}

bool echo_request_read(struct echo_request *request, struct evbuffer *input)
{
	bool good = true, more = true;
	while (good && more && request->step != ECHO_WHOLE) {
		if (request->step == ECHO_HEAD) {
			more = evbuffer_search(input, "\r\n\r\n", 4, NULL).pos >= 0;
			good = more ? read_head(request, input) : evbuffer_get_length(input) < HEAD_MAX;
		} else if (request->step == ECHO_LENGTH || request->step == ECHO_CHUNK_DATA) {
			take_body(request, input);
			more = request->left == 0;
			if (more)
				request->step = request->step == ECHO_LENGTH ? ECHO_WHOLE : ECHO_CHUNK_END;
		} else {
			more = read_chunk_line(request, input, &good);
		}
	}
	return good;
}

uint64_t echo_request_number(const struct echo_request *request, const char *name, uint64_t otherwise)
{
	const char *at = strchr(request->path, '?');
	size_t length = strlen(name);
	for (; at; at = strchr(at + 1, '&')) {
		if (strncmp(at + 1, name, length) == 0 && at[1 + length] == '=')
			return strtoull(at + 2 + length, NULL, 10);
	}
	return otherwise;
}
