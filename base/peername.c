/* Names of peers, written in one way. */
#include "base/peername.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <string.h>

#define LONGEST_LABEL 63

static bool fold_octet(char octet, char *out)
{
	bool upper = octet >= 'A' && octet <= 'Z';
	*out = upper ? (char)(octet - 'A' + 'a') : octet;
	return upper || (octet >= 'a' && octet <= 'z') || (octet >= '0' && octet <= '9') || octet == '-' || octet == '_';
}

bool peername_fold(const char *name, size_t length, bool wildcards, char out[PEERNAME_SIZE])
{
	size_t at = 0, label = 0;
	if (length > 1 && name[length - 1] == '.')
		length--;
	if (length == 0 || length > PEERNAME_LONGEST)
		return false;
	if (wildcards && length > 2 && name[0] == '*' && name[1] == '.') {
		memcpy(out, "*.", 2);
		at = label = 2;
	}
	for (; at < length; at++) {
		out[at] = name[at];
		bool good = name[at] == '.' ? at > label : at - label < LONGEST_LABEL && fold_octet(name[at], &out[at]);
		if (!good)
			return false;
		label = name[at] == '.' ? at + 1 : label;
	}
	out[length] = '\0';
	return label < length;
}

bool peername_read(const char *host, struct peername *name)
{
	struct in6_addr address;
	size_t length = strchr(host, ':') ? strcspn(host, "%") : strlen(host); /* a zone is this machine's business */
	bool fits = length <= PEERNAME_LONGEST;
	memcpy(name->text, host, fits ? length : 0);
	name->text[fits ? length : 0] = '\0';
	name->is_address = inet_pton(AF_INET, name->text, &address) == 1 || inet_pton(AF_INET6, name->text, &address) == 1;
	return name->is_address || peername_fold(host, length, false, name->text);
}

bool peername_demand(const struct peername *name, X509_VERIFY_PARAM *param)
{
	if (name->is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(param, name->text);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return X509_VERIFY_PARAM_set1_host(param, name->text, 0);
}
