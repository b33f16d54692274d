/* Keeps the start-up truth on disk. Control thread; what is in it is its owner's business. */
#include "switch/keeper.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "switch/journal.h"

struct keeper {
	struct journal *journal;
	struct keeper_owner owner;
	uint64_t wanted;  /* the newest ticket */
	uint64_t writing; /* the ticket that the write under way covers, 0: none */
	uint64_t durable, failed;
	bool closed;
	char fault[384];
};

struct keeper *keeper_new(struct journal *journal, const struct keeper_owner *owner)
{
	struct keeper *keeper = memory_new(sizeof(*keeper));
	keeper->journal = journal;
	keeper->owner = *owner;
	return keeper;
}

void keeper_free(struct keeper *keeper)
{
	free(keeper);
}

static void on_journal_done(void *arg, bool durable, const char *sentence);

static void submit(struct keeper *keeper)
{
	json_t *document = keeper->owner.build(keeper->owner.arg);
	keeper->writing = keeper->wanted;
	journal_write_truth(keeper->journal, document, on_journal_done, keeper);
	json_decref(document);
}

static void on_journal_done(void *arg, bool durable, const char *sentence)
{
	struct keeper *keeper = arg;
	if (durable)
		keeper->durable = keeper->writing;
	else
		keeper->failed = keeper->writing;
	snprintf(keeper->fault, sizeof(keeper->fault), "%s", durable ? "" : sentence ? sentence : "the write failed");
	bool newer = keeper->wanted > keeper->writing;
	keeper->writing = 0;
	if (keeper->closed)
		return;
	if (newer)
		submit(keeper);
	keeper->owner.on_written(keeper->owner.arg);
}

uint64_t keeper_write(struct keeper *keeper)
{
	keeper->wanted++;
	if (keeper->writing == 0 && !keeper->closed)
		submit(keeper);
	return keeper->wanted;
}

void keeper_close(struct keeper *keeper)
{
	uint64_t covered = keeper->writing ? keeper->writing : keeper->durable;
	if (keeper->wanted > covered)
		submit(keeper);
	keeper->closed = true;
}

enum keeper_state keeper_read_state(const struct keeper *keeper, uint64_t ticket, char *sentence, size_t size)
{
	if (keeper->durable >= ticket)
		return KEEPER_DURABLE;
	if (keeper->failed < ticket)
		return KEEPER_PENDING;
	snprintf(sentence, size, "%s", keeper->fault);
	return KEEPER_FAILED;
}

void keeper_retry(struct keeper *keeper)
{
	if (keeper->writing == 0 && keeper->durable < keeper->wanted)
		submit(keeper);
}

uint64_t keeper_newest(const struct keeper *keeper)
{
	return keeper->wanted;
}

bool keeper_is_writing(const struct keeper *keeper)
{
	return keeper->writing != 0;
}

const char *keeper_fault(const struct keeper *keeper)
{
	return keeper->fault[0] ? keeper->fault : NULL;
}
