/* Which color may answer: what was sent after the switch must not be answered by the old one. Pure; see strict.h. */
#include "tests/tools/strict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strict_mark_init(struct strict_mark *mark)
{
	memset(mark, 0, sizeof(*mark));
	mark->ring = calloc(STRICT_RING, sizeof(*mark->ring));
	if (!mark->ring)
		abort();
}

void strict_mark_fini(struct strict_mark *mark)
{
	free(mark->ring);
}

void strict_mark_any(struct strict_mark *mark)
{
	mark->color[0] = '\0';
}

/* True when the rule in force says nothing against this answer. */
static bool mark_allows(struct strict_mark *mark, const struct strict_seen *seen)
{
	if (mark->color[0] == '\0' || seen->sent_us <= mark->since_us)
		return true;
	mark->checked++;
	if (strcmp(mark->color, seen->color) == 0)
		return true;
	if (mark->wrong++ == 0)
		mark->first_wrong_id = seen->id;
	return false;
}

void strict_mark_color(struct strict_mark *mark, const char *color, uint64_t since_us)
{
	snprintf(mark->color, sizeof(mark->color), "%s", color);
	mark->since_us = since_us;
	uint64_t kept = mark->seen < STRICT_RING ? mark->seen : STRICT_RING;
	for (uint64_t i = 0; i < kept; i++)
		mark_allows(mark, &mark->ring[i]);
}

void strict_mark_color_seen(struct strict_mark *mark, const char *color, uint64_t sent_us)
{
	for (unsigned i = 0; i < STRICT_COLORS; i++) {
		struct strict_span *span = &mark->spans[i];
		if (span->color[0] && strncmp(span->color, color, sizeof(span->color) - 1) != 0)
			continue;
		snprintf(span->color, sizeof(span->color), "%.7s", color);
		if (span->answers++ == 0 || sent_us < span->first_us)
			span->first_us = sent_us;
		if (sent_us > span->last_us)
			span->last_us = sent_us;
		return;
	}
}

bool strict_mark_answer(struct strict_mark *mark, const char *color, uint64_t sent_us, uint64_t id)
{
	struct strict_seen *seen = &mark->ring[mark->seen++ % STRICT_RING];
	seen->sent_us = sent_us;
	seen->id = id;
	snprintf(seen->color, sizeof(seen->color), "%.7s", color);
	return mark_allows(mark, seen);
}
