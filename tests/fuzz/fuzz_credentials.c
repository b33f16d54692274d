/* What the sources of AWS keys read: any bytes at all are read as a file of profiles and planned with, as JSON of each form and as an answer of STS, without harm. Keys that come
 * out of it can stand in a field.
 *
 * Input: the first byte says as what; the rest is read. */
// links: dns
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "dns/cred_json.h"
#include "dns/cred_plan.h"
#include "dns/cred_sts.h"
#include "dns/profiles.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void demand_visible(const char *text)
{
	demand(text[0] != '\0');
	for (; *text; text++)
		demand(*text > ' ' && *text <= '~');
}

static void check_keys(struct cred_keys *keys, const struct err *err)
{
	demand(keys || err->text[0] != '\0');
	if (keys) {
		demand_visible(keys->id);
		demand_visible(keys->secret);
		if (keys->token)
			demand_visible(keys->token);
	}
	cred_keys_free(keys);
}

static void check_profiles(enum profiles_file file, const char *bytes, size_t length)
{
	struct profiles *profiles = profiles_new();
	struct cred_plan plan;
	struct err err = {0};
	char *text = secret_new(length + 1);
	memcpy(text, bytes, length);
	bool read = profiles_read(profiles, file, text, length, &err);
	demand(read || err.text[0] != '\0');
	if (read && cred_plan_make(profiles, "a", &plan, &err)) {
		demand(plan.role_count <= CRED_ROLES_MAX);
		for (size_t i = 0; i < plan.role_count; i++)
			demand(profiles_find(profiles, plan.roles[i], "role_arn") != NULL);
		demand(plan.role_count == 0 || plan.base != CRED_BASE_NOTHING);
	}
	profiles_free(profiles);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct err err = {0};
	char code[CRED_STS_CODE_SIZE];
	if (length == 0)
		return 0;
	const char *rest = (const char *)input + 1;
	switch (input[0] % 6) {
	case 0:
	case 1:
		check_profiles(input[0] % 6 ? PROFILES_CONFIG : PROFILES_CREDENTIALS, rest, length - 1);
		break;
	case 2:
		check_keys(cred_sts_read("AssumeRole", 200, rest, length - 1, code, &err), &err);
		break;
	default:
		check_keys(cred_json_read((enum cred_json_form)(input[0] % 6 - 3), rest, length - 1, &err), &err);
		break;
	}
	return 0;
}
