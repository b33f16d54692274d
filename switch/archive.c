/* The documents of deployments. Control thread; decides nothing. */
#include "switch/archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "switch/wire.h"

#define ARCHIVE_COUNT 64u

struct archive {
	struct scribe *scribe;
	json_t *documents[ARCHIVE_COUNT]; /* newest first; NULL behind the last */
};

struct archive *archive_new(struct scribe *scribe)
{
	struct archive *archive = memory_new(sizeof(*archive));
	archive->scribe = scribe;
	return archive;
}

void archive_set_scribe(struct archive *archive, struct scribe *scribe)
{
	archive->scribe = scribe;
}

void archive_free(struct archive *archive)
{
	if (!archive)
		return;
	for (size_t i = 0; i < ARCHIVE_COUNT; i++)
		json_decref(archive->documents[i]);
	free(archive);
}

static json_t *find(const struct archive *archive, const char *key, const char *text)
{
	for (size_t i = 0; i < ARCHIVE_COUNT && archive->documents[i]; i++) {
		const char *value = wire_read_text(archive->documents[i], key);
		if (value && strcmp(value, text) == 0)
			return archive->documents[i];
	}
	return NULL;
}

static void keep(struct archive *archive, json_t *document)
{
	json_t *old = find(archive, "id", wire_read_text(document, "id"));
	for (size_t i = 0; old && i < ARCHIVE_COUNT; i++) {
		if (archive->documents[i] != old)
			continue;
		archive->documents[i] = json_incref(document);
		json_decref(old);
		return;
	}
	json_decref(archive->documents[ARCHIVE_COUNT - 1]);
	memmove(&archive->documents[1], &archive->documents[0], (ARCHIVE_COUNT - 1) * sizeof(json_t *));
	archive->documents[0] = json_incref(document);
}

void archive_write_document(struct archive *archive, json_t *document)
{
	keep(archive, document);
	if (archive->scribe)
		scribe_add_deployment(archive->scribe, document);
}

void archive_write(struct archive *archive, const struct deployment *deployment)
{
	json_t *document = deployment_to_json(deployment);
	if (deployment->key)
		json_object_set_new(document, "fingerprint", json_integer((json_int_t)deployment->fingerprint));
	archive_write_document(archive, document);
	json_decref(document);
}

const json_t *archive_find(const struct archive *archive, const char *id)
{
	return find(archive, "id", id);
}

const json_t *archive_find_key(const struct archive *archive, const char *key)
{
	return find(archive, "idempotency_key", key);
}

static bool is_of_service(const json_t *document, const char *service)
{
	const char *name = wire_read_text(document, "service");
	return !service || (name && strcmp(name, service) == 0);
}

json_t *archive_merge(const struct archive *archive, const json_t *listed, const char *service, size_t limit)
{
	json_t *merged = json_array(), *document;
	size_t i;
	for (i = 0; i < ARCHIVE_COUNT && archive->documents[i] && json_array_size(merged) < limit; i++)
		if (is_of_service(archive->documents[i], service))
			json_array_append(merged, archive->documents[i]);
	json_array_foreach(listed, i, document)
	{
		const char *id = wire_read_text(document, "id");
		if (json_array_size(merged) >= limit)
			break;
		if (id && !find(archive, "id", id))
			json_array_append(merged, document);
	}
	return merged;
}
