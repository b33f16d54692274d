/* URLs by libcurl, which asks them later, so that both read them alike. Pure; any thread. Looks no name up. */
#include "base/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

#define EXPECTED "expected one as in http://127.0.0.1:9090 or https://prometheus.example/prefix"
#define LENGTH_MAX 2048u

static bool has_part(CURLU *handle, CURLUPart part)
{
	char *text = NULL;
	bool there = curl_url_get(handle, part, &text, 0) == CURLUE_OK;
	curl_free(text);
	return there;
}

/* Not quoted in the sentence before user information is ruled out: it may hold a password. */
static bool check_parts(CURLU *handle, const char *text, struct err *err)
{
	if (has_part(handle, CURLUPART_USER) || has_part(handle, CURLUPART_PASSWORD) || has_part(handle, CURLUPART_OPTIONS))
		return err_set(err, "the URL holds a user name or a password, which is not supported: leave out what is before the @");
	/* libcurl keeps no empty query and no empty fragment. */
	if (strchr(text, '?'))
		return err_set(err, "'%.200s' has a query: leave out the question mark and what follows", text);
	if (strchr(text, '#'))
		return err_set(err, "'%.200s' has a fragment: leave out the # and what follows", text);
	return true;
}

static bool read_addr(CURLU *handle, const char *text, struct addr *addr, struct err *err)
{
	char *host = NULL, *port = NULL, place[ADDR_TEXT_SIZE];
	bool known =
		curl_url_get(handle, CURLUPART_HOST, &host, 0) == CURLUE_OK && curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
	bool fits = known && (size_t)snprintf(place, sizeof(place), "%s:%s", host, port) < sizeof(place);
	curl_free(host);
	curl_free(port);
	if (fits && addr_parse(place, addr, NULL))
		return true;
	return err_set(err, "'%.200s' has no address, no name that can be looked up, or port 0: " EXPECTED, text);
}

static char *read_root(CURLU *handle)
{
	char *whole = NULL;
	if (curl_url_get(handle, CURLUPART_URL, &whole, 0) != CURLUE_OK)
		abort(); /* out of memory */
	size_t length = strlen(whole);
	while (length > 0 && whole[length - 1] == '/')
		length--;
	char *root = memory_text_cut(whole, length);
	curl_free(whole);
	return root;
}

static bool read(CURLU *handle, struct url *url, const char *text, struct err *err)
{
	if (strlen(text) > LENGTH_MAX)
		return err_set(err, "the URL is longer than %u bytes", LENGTH_MAX);
	if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
		return err_set(err, "the URL does not begin with http:// or https://: " EXPECTED);
	CURLUcode fault = curl_url_set(handle, CURLUPART_URL, text, CURLU_PATH_AS_IS);
	if (fault != CURLUE_OK)
		return err_set(err, "the URL can't be read (%s): " EXPECTED, curl_url_strerror(fault));
	if (!check_parts(handle, text, err) || !read_addr(handle, text, &url->addr, err))
		return false;
	url->root = read_root(handle);
	return true;
}

bool url_init(struct url *url, const char *text, struct err *err)
{
	CURLU *handle = curl_url();
	if (!handle)
		abort(); /* out of memory */
	*url = (struct url){0};
	bool usable = read(handle, url, text, err);
	curl_url_cleanup(handle);
	return usable;
}

void url_fini(struct url *url)
{
	free(url->root);
	url->root = NULL;
}

bool url_check(const char *text, struct err *err)
{
	struct url url;
	if (!url_init(&url, text, err))
		return false;
	url_fini(&url);
	return true;
}

/* ---- a URL that is asked as it is ---- */

static bool read_target(CURLU *handle, const char *text, struct addr *addr, struct err *err)
{
	struct addr unwanted;
	if (strlen(text) > LENGTH_MAX)
		return err_set(err, "the URL is longer than %u bytes", LENGTH_MAX);
	if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
		return err_set(err, "the URL does not begin with http:// or https://");
	CURLUcode fault = curl_url_set(handle, CURLUPART_URL, text, CURLU_PATH_AS_IS);
	if (fault != CURLUE_OK)
		return err_set(err, "the URL can't be read (%s): expected one as in https://hooks.example.com/path", curl_url_strerror(fault));
	if (has_part(handle, CURLUPART_USER) || has_part(handle, CURLUPART_PASSWORD) || has_part(handle, CURLUPART_OPTIONS))
		return err_set(err, "the URL holds a user name or a password, which is not supported: leave out what is before the @");
	if (strchr(text, '#'))
		return err_set(err, "the URL has a fragment: leave out the # and what follows");
	if (!read_addr(handle, "", addr ? addr : &unwanted, NULL))
		return err_set(err, "the URL has no address, no name that can be looked up, or port 0: expected one as in https://hooks.example.com/path");
	return true;
}

bool url_read_target(const char *text, struct addr *addr, struct err *err)
{
	CURLU *handle = curl_url();
	if (!handle)
		abort(); /* out of memory */
	bool usable = read_target(handle, text, addr, err);
	curl_url_cleanup(handle);
	return usable;
}

char *url_show_target(const char *text)
{
	size_t scheme = (size_t)(strstr(text, "://") + 3 - text);
	size_t place = scheme + strcspn(text + scheme, "/?");
	struct text shown;
	text_init(&shown, LENGTH_MAX + 8);
	text_add(&shown, text, place);
	if (strlen(text + place) > 1)
		text_addf(&shown, "/…");
	return text_take(&shown);
}

void url_add_escaped(struct text *out, const char *part)
{
	char *escaped = curl_easy_escape(NULL, part, 0);
	if (!escaped)
		abort(); /* out of memory */
	text_add(out, escaped, strlen(escaped));
	curl_free(escaped);
}
