/* Which service and color a command line means. Asks nobody: the names come from the caller. */
#include "cli/target.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"

static bool take_color(struct target *target, enum target_words wanted, enum color color, struct err *err)
{
	if (wanted != TARGET_SERVICE_COLOR)
		return err_set(err, "this verb takes no color, so \"%s\" has no place here", color_name(color));
	if (target->has_color)
		return err_set(err, "one color is enough: %s and %s are both named", color_name(target->color), color_name(color));
	target->has_color = true;
	target->color = color;
	return true;
}

/* Two words where one service is wanted: one of them may be a color misspelt. */
static bool refuse_second(enum target_words wanted, const char *first, const char *second, struct err *err)
{
	static const char *const colors[] = {"blue", "green", NULL};
	bool color = wanted == TARGET_SERVICE_COLOR;
	const char *of_second = color ? text_nearest(second, colors) : NULL, *of_first = color && !of_second ? text_nearest(first, colors) : NULL;
	if (of_second || of_first)
		return err_set(err, "\"%s\" is no color; did you mean %s?", of_second ? second : first, of_second ? of_second : of_first);
	return err_set(err, "one service is enough: \"%s\" and \"%s\" are both named%s", first, second, color ? "; the colors are blue and green" : "");
}

static bool take_service(struct target *target, enum target_words wanted, const char *word, struct err *err)
{
	if (wanted == TARGET_NOTHING)
		return err_set(err, "this verb takes no words, so \"%s\" has no place here", word);
	if (target->service)
		return refuse_second(wanted, target->service, word, err);
	if (!*word)
		return err_set(err, "the name of the service is empty");
	target->service = word;
	return true;
}

bool target_read(const char *const *words, size_t count, enum target_words wanted, struct target *target, struct err *err)
{
	memset(target, 0, sizeof(*target));
	for (size_t i = 0; i < count; i++) {
		enum color color;
		bool ok = color_parse(words[i], &color) ? take_color(target, wanted, color, err) : take_service(target, wanted, words[i], err);
		if (!ok)
			return false;
	}
	return true;
}

static void list_names(const char *const *names, struct text *list)
{
	text_init(list, 600);
	for (size_t i = 0; names[i]; i++)
		text_addf(list, "%s%s", i ? ", " : "", names[i]);
	if (list->cut)
		memcpy(list->bytes + list->length - 3, "...", 3);
}

bool target_choose(const char *const *names, const char **service, struct err *err)
{
	if (!names[0])
		return err_set(err, "there is no service");
	if (!names[1]) {
		*service = names[0];
		return true;
	}
	struct text list;
	list_names(names, &list);
	err_set(err, "which service? name one of: %s", list.bytes);
	text_fini(&list);
	return false;
}

void target_unknown(const char *service, const char *const *names, struct err *err)
{
	static const char *const colors[] = {"blue", "green", NULL};
	const char *near = text_nearest(service, names);
	const char *near_color = near ? NULL : text_nearest(service, colors);
	struct text list;
	list_names(names, &list);
	if (near || near_color)
		err_set(err, "no service is called \"%s\"; did you mean %s%s? There is: %s", service, near ? "" : "the color ", near ? near : near_color,
			list.bytes);
	else
		err_set(err, "no service is called \"%s\"; there is: %s", service, list.bytes);
	text_fini(&list);
}
