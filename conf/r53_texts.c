/* The form of what is written of a record of Route 53. Any thread. Asks nobody: whether a zone or a name is there is found out by others. */
#include "conf/r53_texts.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/url.h"
#include "conf/hostname.h"

/* How much of a wrong value is quoted. */
#define FOUND "'%.64s'"
#define ID_LENGTH_MAX 32u
#define REGION_LENGTH_MAX 40u

static bool is_id(const char *text)
{
	size_t length = strlen(text);
	return length > 0 && length <= ID_LENGTH_MAX && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == length;
}

bool r53_texts_check_zone(const char *text, struct err *err)
{
	static const char prefix[] = "/hostedzone/";
	size_t length = sizeof(prefix) - 1;
	if (is_id(text))
		return true;
	if (strncmp(text, prefix, length) == 0 && is_id(text + length))
		return err_set(err, "expected the id alone, found " FOUND ": write %s", text, text + length);
	if (hostname_is_full(text))
		return err_set(err, "expected the id of a hosted zone, such as Z1D633PJN98FT9, found the name " FOUND, text);
	return err_set(err, "expected the id of a hosted zone, such as Z1D633PJN98FT9, found " FOUND, text);
}

bool r53_texts_check_record(const char *text, struct err *err)
{
	if (hostname_is_record(text))
		return true;
	return err_set(err, "expected the whole name of a record, such as api.example.com or *.example.com, found " FOUND, text);
}

bool r53_texts_check_target(const char *text, struct err *err)
{
	if (hostname_is_full(text))
		return true;
	return err_set(err, "expected the name of a target, such as blue-1.eu-central-1.elb.amazonaws.com, found " FOUND, text);
}

bool r53_texts_check_region(const char *text, struct err *err)
{
	size_t length = strlen(text);
	if (length > 0 && length <= REGION_LENGTH_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length && text[0] != '-' &&
		text[length - 1] != '-')
		return true;
	return err_set(err, "expected a region such as eu-central-1, found " FOUND, text);
}

bool r53_texts_check_endpoint(const char *text, struct err *err)
{
	struct url url;
	if (!url_init(&url, text, err))
		return false;
	bool safe = strncasecmp(text, "https://", 8) == 0 || addr_is_this_machine(&url.addr);
	url_fini(&url);
	if (safe)
		return true;
	return err_set(err, "expected https://, as without TLS anybody on the way could read and change what is asked; http:// is for this machine alone");
}

/* ---- values ---- */

static bool is_address(int family, const char *text)
{
	struct in6_addr ignored; /* holds either */
	return inet_pton(family, text, &ignored) == 1;
}

/* What else the text may have been meant to be, as the end of a sentence. */
static void write_hint(enum conf_route53_type type, const char *text, char *hint, size_t size)
{
	struct addr addr;
	char host[ADDR_TEXT_SIZE];
	if (type != CONF_ROUTE53_AAAA && is_address(AF_INET6, text))
		snprintf(hint, size, ": for an IPv6 address write type: AAAA");
	else if (type != CONF_ROUTE53_A && is_address(AF_INET, text))
		snprintf(hint, size, ": for an IPv4 address write type: A");
	else if (type != CONF_ROUTE53_CNAME && hostname_is_full(text))
		snprintf(hint, size, ": for a name write type: CNAME, or for that of a load balancer {alias: NAME, zone: ID}");
	else if (addr_parse(text, &addr, NULL) && addr.kind != ADDR_UNIX) {
		addr_format_host(&addr, host, sizeof(host));
		snprintf(hint, size, ": a record has no port, write %.64s", host);
	} else
		hint[0] = '\0';
}

bool r53_texts_check_value(enum conf_route53_type type, const char *text, struct err *err)
{
	static const char *const expected[] = {
		[CONF_ROUTE53_A] = "an IPv4 address such as 192.0.2.10",
		[CONF_ROUTE53_AAAA] = "an IPv6 address such as 2001:db8::10",
		[CONF_ROUTE53_CNAME] = "a name such as blue.example.com",
	};
	char hint[160];
	bool fits = type == CONF_ROUTE53_CNAME ? hostname_is_full(text) : is_address(type == CONF_ROUTE53_A ? AF_INET : AF_INET6, text);
	if (fits)
		return true;
	write_hint(type, text, hint, sizeof(hint));
	return err_set(err, "expected %s, found " FOUND "%s", expected[type], text, hint);
}

bool r53_texts_same_value(enum conf_route53_type type, const char *a, const char *b)
{
	unsigned char one[sizeof(struct in6_addr)] = {0}, other[sizeof(struct in6_addr)] = {0};
	int family = type == CONF_ROUTE53_A ? AF_INET : AF_INET6;
	if (type == CONF_ROUTE53_CNAME)
		return strcmp(a, b) == 0;
	bool read = inet_pton(family, a, one) == 1 && inet_pton(family, b, other) == 1;
	assert(read);
	(void)read;
	return memcmp(one, other, sizeof(one)) == 0;
}
