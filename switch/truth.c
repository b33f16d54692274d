/* Keeps the start-up truth on disk. Control thread; what is in it is its owner's business. */
#include "switch/truth.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "switch/journal.h"

struct truth {
	struct journal *journal;
	struct truth_owner owner;
	uint64_t wanted;  /* the newest ticket */
	uint64_t writing; /* the ticket that the write under way covers, 0: none */
	uint64_t durable, failed;
	char fault[384];
};

struct truth *truth_new(struct journal *journal, const struct truth_owner *owner)
{
	struct truth *truth = memory_new(sizeof(*truth));
	truth->journal = journal;
	truth->owner = *owner;
	return truth;
}

void truth_free(struct truth *truth)
{
	free(truth);
}

static void on_journal_done(void *arg, bool durable, const char *sentence);

static void submit(struct truth *truth)
{
	json_t *document = truth->owner.build(truth->owner.arg);
	truth->writing = truth->wanted;
	journal_write_truth(truth->journal, document, on_journal_done, truth);
	json_decref(document);
}

static void on_journal_done(void *arg, bool durable, const char *sentence)
{
	struct truth *truth = arg;
	if (durable)
		truth->durable = truth->writing;
	else
		truth->failed = truth->writing;
	snprintf(truth->fault, sizeof(truth->fault), "%s", durable ? "" : sentence ? sentence : "the write failed");
	bool newer = truth->wanted > truth->writing;
	truth->writing = 0;
	if (newer)
		submit(truth);
	truth->owner.on_written(truth->owner.arg);
}

uint64_t truth_write(struct truth *truth)
{
	truth->wanted++;
	if (truth->writing == 0)
		submit(truth);
	return truth->wanted;
}

enum truth_state truth_read_state(const struct truth *truth, uint64_t ticket, char *sentence, size_t size)
{
	if (truth->durable >= ticket)
		return TRUTH_DURABLE;
	if (truth->failed < ticket)
		return TRUTH_PENDING;
	snprintf(sentence, size, "%s", truth->fault);
	return TRUTH_FAILED;
}

void truth_retry(struct truth *truth)
{
	if (truth->writing == 0 && truth->durable < truth->wanted)
		submit(truth);
}

const char *truth_fault(const struct truth *truth)
{
	return truth->fault[0] ? truth->fault : NULL;
}
