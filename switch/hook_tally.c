/* Hooks as values. Pure. */
#include "switch/hook_tally.h"

#include <stdbool.h>

#include "switch/wire.h"

json_t *hook_tally_describe(const struct conf_hook *hook)
{
	json_t *run = json_array();
	for (char *const *word = hook->run; word && *word; word++)
		json_array_append_new(run, wire_text(*word));
	return json_pack("[o, o, o, o]", run, wire_text(hook->url), wire_text(hook->secret_file), wire_count(hook->timeout_ms));
}

static bool take(json_t *left, const struct conf_hook *hook)
{
	size_t i;
	const json_t *one;
	json_t *wanted = hook_tally_describe(hook);
	json_array_foreach(left, i, one) if (json_equal(one, wanted)) break;
	json_decref(wanted);
	return i < json_array_size(left) && json_array_remove(left, i) == 0;
}

size_t hook_tally_find_next(const json_t *done, const struct conf_hooks *hooks)
{
	size_t at = 0;
	json_t *left = json_copy((json_t *)done);
	while (at < hooks->count && take(left, &hooks->list[at]))
		at++;
	json_decref(left);
	return at;
}
