/* Keys as JSON: what programs of credential_process, the agents of containers and the metadata of machines say. Pure; any thread. Nothing of what could be a secret gets into a sentence. */
#ifndef TEAL_DNS_CRED_JSON_H
#define TEAL_DNS_CRED_JSON_H

#include <stddef.h>

#include "base/err.h"
#include "dns/cred_keys.h"

enum cred_json_form {
	CRED_JSON_PROCESS,   /* Version 1, SessionToken */
	CRED_JSON_CONTAINER, /* Token; Expiration is required */
	CRED_JSON_MACHINE,   /* the same, with Code */
};

/* NULL and a sentence. `bytes` needn't end in NUL. */
struct cred_keys *cred_json_read(enum cred_json_form form, const char *bytes, size_t length, struct err *err);

/* What a peer wrote, as it may stand in a sentence: visible ASCII, at most `size` - 1 bytes of it. */
void cred_json_show(const char *text, char *out, size_t size);

#endif
