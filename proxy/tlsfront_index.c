/* Names of certificates, sorted; each with the number of its pair. Knows no OpenSSL. */
#include "proxy/tlsfront_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/peername.h"
#include "proxy/certificate.h"

struct name {
	char *text;
	size_t at; /* while it is built, the certificate's position; then the pair's */
};

struct tlsfront_index {
	struct name *names;
	size_t name_count;
	struct tlsfront_pair *pairs;
	size_t pair_count;
};

static int compare(const void *a, const void *b)
{
	const struct name *left = a, *right = b;
	int order = strcmp(left->text, right->text);
	return order != 0 ? order : (left->at > right->at) - (left->at < right->at);
}

static void gather(struct tlsfront_index *index, struct certificate *const *certificates, size_t count)
{
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += certificates[i]->name_count;
	index->names = memory_array(total, sizeof(*index->names));
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < certificates[i]->name_count; j++)
			index->names[index->name_count++] = (struct name){memory_text(certificates[i]->names[j]), i};
	qsort(index->names, total, sizeof(*index->names), compare);
}

static size_t find_pair(struct tlsfront_index *index, const struct tlsfront_pair *pair)
{
	size_t at = 0;
	while (at < index->pair_count && (index->pairs[at].rsa != pair->rsa || index->pairs[at].ecdsa != pair->ecdsa))
		at++;
	if (at == index->pair_count) {
		index->pairs = memory_grow(index->pairs, index->pair_count + 1, sizeof(*index->pairs));
		index->pairs[index->pair_count++] = *pair;
	}
	return at;
}

/* Those of `names` that are the first one's; *pair gets the first certificate of each kind. */
static size_t measure_group(const struct name *names, size_t count, struct certificate *const *certificates, struct tlsfront_pair *pair)
{
	size_t length = 0;
	*pair = (struct tlsfront_pair){NULL, NULL};
	for (; length < count && strcmp(names[length].text, names[0].text) == 0; length++) {
		const struct certificate *one = certificates[names[length].at];
		const struct certificate **place = one->kind == CERTIFICATE_RSA ? &pair->rsa : &pair->ecdsa;
		*place = *place ? *place : one;
	}
	return length;
}

/* The pair that holds the name at `from`, at the position `to` of the names that stay. Returns how many were of that name. */
static size_t settle(struct tlsfront_index *index, size_t from, size_t to, struct certificate *const *certificates)
{
	struct tlsfront_pair pair;
	size_t length = measure_group(index->names + from, index->name_count - from, certificates, &pair);
	for (size_t i = 1; i < length; i++)
		free(index->names[from + i].text);
	index->names[to] = (struct name){index->names[from].text, find_pair(index, &pair)};
	return length;
}

static bool find_text(const struct tlsfront_index *index, const char *text, size_t *pair)
{
	size_t low = 0, high = index->name_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(text, index->names[middle].text);
		if (order == 0) {
			*pair = index->names[middle].at;
			return true;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* The pair for whoever asks for no name becomes the first. */
static void put_first(struct tlsfront_index *index, const char *name)
{
	size_t first = 0;
	bool found = find_text(index, name, &first);
	assert(found);
	(void)found;
	struct tlsfront_pair pair = index->pairs[first];
	index->pairs[first] = index->pairs[0];
	index->pairs[0] = pair;
	for (size_t i = 0; i < index->name_count; i++)
		index->names[i].at = index->names[i].at == first ? 0 : index->names[i].at == 0 ? first : index->names[i].at;
}

struct tlsfront_index *tlsfront_index_new(struct certificate *const *certificates, size_t count)
{
	struct tlsfront_index *index = memory_new(sizeof(*index));
	assert(count > 0 && certificates[0]->name_count > 0);
	gather(index, certificates, count);
	size_t kept = 0;
	for (size_t from = 0; from < index->name_count; kept++)
		from += settle(index, from, kept, certificates);
	index->name_count = kept;
	put_first(index, certificates[0]->names[0]);
	return index;
}

void tlsfront_index_free(struct tlsfront_index *index)
{
	for (size_t i = 0; i < index->name_count; i++)
		free(index->names[i].text);
	free(index->names);
	free(index->pairs);
	free(index);
}

size_t tlsfront_index_pairs(const struct tlsfront_index *index)
{
	return index->pair_count;
}

const struct tlsfront_pair *tlsfront_index_pair(const struct tlsfront_index *index, size_t pair)
{
	assert(pair < index->pair_count);
	return &index->pairs[pair];
}

bool tlsfront_index_find(const struct tlsfront_index *index, const char *name, size_t *pair)
{
	char wildcard[PEERNAME_SIZE + 1] = "*";
	const char *rest = strchr(name, '.');
	if (find_text(index, name, pair))
		return true;
	return rest && find_text(index, strcpy(wildcard + 1, rest) - 1, pair);
}
