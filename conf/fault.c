/* The list of a file's faults. Control thread. Finds none itself. */
#include "conf/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/memory.h"

void fault_add(struct fault_list *list, unsigned line, unsigned column, const char *format, ...)
{
	struct err sentence;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(sentence.text, sizeof(sentence.text), format, arguments);
	va_end(arguments);
	if (list->count == list->capacity) {
		list->capacity = list->capacity ? list->capacity * 2 : 16;
		list->items = memory_grow(list->items, list->capacity, sizeof(*list->items));
	}
	list->items[list->count] = (struct fault){line, column, list->count, memory_text(sentence.text)};
	list->count++;
}

bool fault_is_at(const struct fault_list *list, unsigned line, unsigned column)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].line == line && list->items[i].column == column)
			return true;
	return false;
}

static int compare(const void *left, const void *right)
{
	const struct fault *a = left, *b = right;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static void replace_controls(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

void fault_append(struct conf_faults *faults, const char *format, ...)
{
	char *line;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	replace_controls(line);
	/* Doubled at each power of two, which needs no field for the capacity. */
	if ((faults->count & (faults->count - 1)) == 0)
		faults->lines = memory_grow(faults->lines, faults->count ? faults->count * 2 : 1, sizeof(*faults->lines));
	faults->lines[faults->count++] = line;
}

void fault_deliver(struct fault_list *list, const char *file, struct conf_faults *faults)
{
	if (list->count > 1)
		qsort(list->items, list->count, sizeof(*list->items), compare);
	for (size_t i = 0; i < list->count; i++) {
		const struct fault *fault = &list->items[i];
		fault_append(faults, "%s:%u:%u: %s", file, fault->line, fault->column, fault->text);
		free(fault->text);
	}
	free(list->items);
	*list = (struct fault_list){0};
}

void conf_faults_fini(struct conf_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		free(faults->lines[i]);
	free(faults->lines);
	*faults = (struct conf_faults){0};
}
