/* The documents of deployments: the newest ones in memory, so that they are there whatever the disk does, and all of them in the journal. Control thread. */
#ifndef TEAL_SWITCH_ARCHIVE_H
#define TEAL_SWITCH_ARCHIVE_H

#include <stdint.h>
#include <jansson.h>

#include "switch/deployment.h"
#include "switch/scribe.h"

struct archive;

/* `scribe` must outlive it or be taken away with archive_set_scribe(NULL). */
struct archive *archive_new(struct scribe *scribe);
void archive_free(struct archive *archive);
void archive_set_scribe(struct archive *archive, struct scribe *scribe);

/* Keeps the deployment as it is now. */
void archive_write(struct archive *archive, const struct deployment *deployment);
/* A document that was written earlier, changed. */
void archive_write_document(struct archive *archive, json_t *document);
/* From memory: the document with this id, or with this Idempotency-Key; borrowed, or NULL. */
const json_t *archive_find(const struct archive *archive, const char *id);
const json_t *archive_find_key(const struct archive *archive, const char *key);
/* What the journal listed, with what memory knows better; newest first. `listed` is borrowed; a new reference. */
json_t *archive_merge(const struct archive *archive, const json_t *listed, const char *service, size_t limit);

#endif
