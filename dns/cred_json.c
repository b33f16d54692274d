/* By jansson, whose own sentences quote what they can't read and are left out. Pure. Wipes jansson's copies. */
#include "dns/cred_json.h"

#include <jansson.h>
#include <string.h>

struct form {
	const char *token;
	bool has_version, has_code, must_expire;
};

static const struct form forms[] = {
	[CRED_JSON_PROCESS] = {"SessionToken", .has_version = true},
	[CRED_JSON_CONTAINER] = {"Token", .must_expire = true},
	[CRED_JSON_MACHINE] = {"Token", .has_code = true, .must_expire = true},
};

void cred_json_show(const char *text, char *out, size_t size)
{
	size_t at = 0;
	for (; *text && at + 1 < size; text++)
		out[at++] = *text >= ' ' && *text <= '~' ? *text : '?';
	out[at] = '\0';
}

static const char *find(const json_t *root, const char *name)
{
	return json_string_value(json_object_get(root, name));
}

/* Strings are jansson's own memory, which it gives back as it is. */
static void wipe(json_t *root)
{
	const char *name;
	json_t *value;
	json_object_foreach(root, name, value)
	{
		if (json_is_string(value))
			explicit_bzero((char *)(uintptr_t)json_string_value(value), json_string_length(value));
	}
}

static bool refuse_code(const json_t *root, struct err *err)
{
	const char *code = find(root, "Code"), *message = find(root, "Message");
	char shown_code[64], shown[160];
	if (!code || strcmp(code, "Success") == 0)
		return true;
	cred_json_show(code, shown_code, sizeof(shown_code));
	cred_json_show(message ? message : "no reason given", shown, sizeof(shown));
	return err_set(err, "it says %s: %s", shown_code, shown);
}

static bool check(const json_t *root, const struct form *form, struct err *err)
{
	const json_t *version = json_object_get(root, "Version");
	const char *expires = find(root, "Expiration");
	if (form->has_version && (!json_is_integer(version) || json_integer_value(version) != 1))
		return err_set(err, "its Version is not 1, the only one there is");
	if (form->has_code && !refuse_code(root, err))
		return false;
	if (form->must_expire && (!expires || !*expires))
		return err_set(err, "it does not say when they expire");
	return true;
}

static struct cred_keys *read_root(const json_t *root, const struct form *form, struct err *err)
{
	if (!json_is_object(root)) {
		err_set(err, "it is no JSON object");
		return NULL;
	}
	if (!check(root, form, err))
		return NULL;
	struct cred_draft draft = {find(root, "AccessKeyId"), find(root, "SecretAccessKey"), find(root, form->token), find(root, "Expiration")};
	return cred_keys_new(&draft, err);
}

struct cred_keys *cred_json_read(enum cred_json_form form, const char *bytes, size_t length, struct err *err)
{
	json_error_t error;
	json_t *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!root) {
		err_set(err, "it is no JSON: line %d, column %d", error.line, error.column);
		return NULL;
	}
	struct cred_keys *keys = read_root(root, &forms[form], err);
	wipe(root);
	json_decref(root);
	return keys;
}
