/* A question to STS: a form is posted, signed or not, and keys come back. Control thread. */
#ifndef TEAL_DNS_CRED_STS_H
#define TEAL_DNS_CRED_STS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"
#include "dns/cred_keys.h"
#include "dns/cred_settings.h"

struct cred_sts;

/* Once, from the loop, never from inside cred_sts_start; the object is gone then. NULL and a sentence, or keys, which the callee takes. */
typedef void cred_sts_done(void *arg, struct cred_keys *keys, const struct err *err);

/* Takes the form (and wipes it in the end) and the place. `signer`: whose keys sign, borrowed until the end; NULL: unsigned. Tried three times where STS is not reached or in trouble; signed
 * anew once, by its clock, when it says that ours is wrong. */
struct cred_sts *cred_sts_start(
	const struct credentials_tools *tools, struct cred_place *place, struct text *form, const struct cred_keys *signer, cred_sts_done *done, void *arg);
/* Without a callback. */
void cred_sts_cancel(struct cred_sts *sts);

/* A form is begun with its action and the role, and gets more fields. Room for a token of 20,000 characters. */
void cred_sts_begin_form(struct text *form, const char *action, const char *role, const char *session);
void cred_sts_add_field(struct text *form, const char *name, const char *value);
/* What a session is called in AWS's own log: 2 to 64 characters of `A-Za-z0-9_+=,.@-`. */
bool cred_sts_check_session(const char *name, struct err *err);

/* An answer's body; pure. Keys, or NULL and a sentence, and its code ("" when it has none). `action` is that of the form. */
#define CRED_STS_CODE_SIZE 64u
struct cred_keys *cred_sts_read(const char *action, int status, const char *body, size_t length, char code[CRED_STS_CODE_SIZE], struct err *err);

#endif
