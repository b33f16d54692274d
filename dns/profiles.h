/* The two files of AWS's tools, as those read them: ~/.aws/config and ~/.aws/credentials. Pure; any thread.
 *
 * An INI dialect: sections in brackets, which in config are `default`, `profile NAME`, `services NAME` and others that are passed over, and in credentials are the profiles' names;
 * `key = value` (or `:`), keys in any case; comments are lines of their own, with # or ; in front; lines that are indented behind a key without a value are a block of that key.
 * A section or a key that is there twice is refused, as nobody can know which was meant. No sentence shows a value, or a line that could not be understood. */
#ifndef TEAL_DNS_PROFILES_H
#define TEAL_DNS_PROFILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define PROFILES_SIZE_MAX ((size_t)1024 * 1024)

struct profiles;

enum profiles_file { PROFILES_CREDENTIALS, PROFILES_CONFIG };

struct profiles *profiles_new(void);
/* Wipes. NULL is allowed. */
void profiles_free(struct profiles *profiles);
/* Takes `text`, of secret_new and with a NUL behind its `length` bytes, and changes it. Once for each file; one that isn't there is left out. The sentence begins with the line. */
bool profiles_read(struct profiles *profiles, enum profiles_file file, char *text, size_t length, struct err *err);

/* Whether either file has the profile. */
bool profiles_has(const struct profiles *profiles, const char *name);
/* A value of a profile, those of the credentials file first; NULL when there is none or it is empty. */
const char *profiles_find(const struct profiles *profiles, const char *name, const char *key);
/* The same of one file. */
const char *profiles_find_in(const struct profiles *profiles, enum profiles_file file, const char *name, const char *key);
/* From `[services NAME]`: a value of a service's block. */
const char *profiles_find_service(const struct profiles *profiles, const char *name, const char *service, const char *key);

#endif
