/* Names of certificates: taken from where they may be. */
#include "proxy/certificate_names.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/peername.h"

static bool read_name(const GENERAL_NAME *name, char out[PEERNAME_SIZE])
{
	int kind;
	const ASN1_IA5STRING *value = GENERAL_NAME_get0_value(name, &kind);
	return kind == GEN_DNS && peername_fold((const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value), true, out);
}

size_t certificate_names_read(const X509 *certificate, char ***names)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int most = sk_GENERAL_NAME_num(all);
	size_t count = 0;
	char name[PEERNAME_SIZE];
	*names = memory_array(most > 0 ? (size_t)most : 1, sizeof(**names));
	for (int i = 0; i < most; i++)
		if (read_name(sk_GENERAL_NAME_value(all, i), name))
			(*names)[count++] = memory_text(name);
	GENERAL_NAMES_free(all);
	return count;
}

void certificate_names_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}
