/* Hands history to the journal behind the truth. Control thread; writes nothing itself. */
#include "switch/scribe.h"

#include <stdlib.h>
#include <string.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/memory.h"
#include "switch/journal.h"
#include "switch/keeper.h"
#include "switch/wire.h"

#define HOLD_MS 2000u
#define KEPT_MAX 4096u

struct row {
	json_t *document;
	bool is_deployment;
};

struct scribe {
	struct journal *journal;
	const struct keeper *keeper;
	struct event *turn_end;
	struct row rows[KEPT_MAX];
	unsigned count;
	uint64_t hold_until_ms;
};

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	scribe_flush(arg, false);
}

struct scribe *scribe_new(struct event_base *loop, struct journal *journal, const struct keeper *keeper)
{
	struct scribe *scribe = memory_new(sizeof(*scribe));
	scribe->journal = journal;
	scribe->keeper = keeper;
	scribe->turn_end = evtimer_new(loop, on_turn_end, scribe);
	return scribe;
}

void scribe_free(struct scribe *scribe)
{
	if (!scribe)
		return;
	scribe_flush(scribe, true);
	event_free(scribe->turn_end);
	free(scribe);
}

static void hand_over(struct scribe *scribe, const struct row *row)
{
	if (row->is_deployment)
		journal_write_deployment(scribe->journal, row->document, NULL, NULL);
	else
		journal_write_event(scribe->journal, row->document);
	json_decref(row->document);
}

void scribe_flush(struct scribe *scribe, bool now)
{
	if (!now && keeper_is_writing(scribe->keeper) && clock_mono_ms() < scribe->hold_until_ms)
		return;
	for (unsigned i = 0; i < scribe->count; i++)
		hand_over(scribe, &scribe->rows[i]);
	scribe->count = 0;
}

static void add(struct scribe *scribe, json_t *document, bool is_deployment)
{
	static const struct timeval at_once = {0, 0};
	if (scribe->count == KEPT_MAX)
		scribe_flush(scribe, true);
	if (scribe->count == 0)
		scribe->hold_until_ms = clock_mono_ms() + HOLD_MS;
	scribe->rows[scribe->count++] = (struct row){json_incref(document), is_deployment};
	if (!evtimer_pending(scribe->turn_end, NULL))
		evtimer_add(scribe->turn_end, &at_once);
}

void scribe_add_event(struct scribe *scribe, json_t *event)
{
	add(scribe, event, false);
}

void scribe_add_deployment(struct scribe *scribe, json_t *document)
{
	const char *id = wire_read_text(document, "id");
	for (unsigned i = 0; i < scribe->count; i++) {
		struct row *row = &scribe->rows[i];
		if (!row->is_deployment || strcmp(wire_read_text(row->document, "id"), id) != 0)
			continue;
		json_decref(row->document);
		row->document = json_incref(document);
		return;
	}
	add(scribe, document, true);
}
