/* What Route 53 answers: any bytes at all are read as XML, as a record set, as each kind of answer and as an error, without harm; and what is understood can be written and read back.
 *
 * Input: the body. */
// links: dns
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/batch.h"
#include "dns/r53_answer.h"
#include "dns/r53_error.h"
#include "dns/xml.h"

#define WRITTEN_MAX ((size_t)1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void demand_printable(const struct text *text)
{
	demand(!text->cut);
	for (size_t i = 0; i < text->length; i++)
		demand((unsigned char)text->bytes[i] >= ' ' && text->bytes[i] != 0x7f);
}

/* ---- the tree ---- */

static size_t count_nodes(const struct xml_node *node, unsigned depth)
{
	size_t count = 1, texts = strlen(node->text);
	demand(depth <= XML_DEPTH_MAX && node->name[0]);
	demand(!node->child || texts == 0);
	for (const struct xml_node *child = node->child; child; child = child->next)
		count += count_nodes(child, depth + 1);
	return count;
}

/* ---- record sets ---- */

static void check_batch(const struct record *record)
{
	struct batch batch, back;
	size_t length;
	batch_init(&batch, "c");
	batch_replace(&batch, record, record);
	batch_check(&batch, NULL);
	batch_init_inverse(&back, &batch, "");
	demand(batch_compare(&batch, record, 1) == BATCH_AFTER && batch_compare(&batch, NULL, 0) == BATCH_DRIFTED);
	char *body = batch_write(&back, &length);
	enum xml_fault fault;
	struct xml *xml = xml_read(body, length, &fault);
	demand(xml != NULL);
	xml_free(xml);
	free(body);
	batch_fini(&batch);
	batch_fini(&back);
}

static void check_record(const struct record *record)
{
	struct record again;
	struct text out, described;
	text_init(&described, WRITTEN_MAX);
	record_describe(record, &described);
	demand(described.length > 0);
	text_fini(&described);
	if (record->foreign[0])
		return;
	record_check(record, NULL);
	text_init(&out, WRITTEN_MAX);
	record_write(record, &out);
	demand(record_parse(&again, out.bytes, out.length));
	demand(record_equal(record, &again) && record_equal(&again, record));
	record_fini(&again);
	text_fini(&out);
	check_batch(record);
}

static void read_record(const struct xml_node *root)
{
	struct record record;
	if (!record_read(&record, root))
		return;
	check_record(&record);
	record_fini(&record);
}

/* ---- answers ---- */

static void check_marker(struct r53_marker *marker)
{
	if (marker->more)
		demand(marker->name && strlen(marker->name) < R53_NAME_SIZE && (!marker->identifier || strlen(marker->identifier) <= 512));
	r53_marker_fini(marker);
}

static void read_answers(const struct xml_node *root)
{
	struct r53_change change;
	struct r53_zone *zone = calloc(1, sizeof(*zone)), *zones = NULL;
	struct record *records = NULL;
	struct r53_marker marker;
	size_t zone_count = 0, record_count = 0;
	if (r53_answer_read_change(root, &change)) {
		demand(change.id[0] && !strchr(change.id, '/'));
		r53_change_fini(&change);
	}
	r53_zone_free_all(zone, r53_answer_read_zone(root, zone) ? 1 : 0);
	if (r53_answer_read_records(root, "www.example.com.", NULL, &records, &record_count, &marker))
		check_marker(&marker);
	for (size_t i = 0; i < record_count; i++)
		check_record(&records[i]);
	record_free_all(records, record_count);
	if (r53_answer_read_zones(root, "example.com.", &zones, &zone_count, &marker))
		check_marker(&marker);
	r53_zone_free_all(zones, zone_count);
}

static void read_error(const char *body, size_t length)
{
	static const int statuses[] = {400, 403, 404, 429, 500, 503};
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		struct r53_error error;
		struct text out;
		text_init(&out, WRITTEN_MAX);
		r53_error_read(&error, statuses[i], body, length, NULL);
		r53_error_choose(&error);
		r53_error_describe(&error, &out);
		demand_printable(&out);
		demand(!strcasestr(out.bytes, "x-amz-security-token:"));
		text_fini(&out);
		r53_error_fini(&error);
	}
}

static void read_name(const char *body, size_t length)
{
	char *text = calloc(1, length + 1), full[R53_NAME_SIZE], again[R53_NAME_SIZE];
	demand(text != NULL);
	memcpy(text, body, length);
	if (r53_name_make_full(text, full, NULL)) {
		demand(r53_name_make_full(full, again, NULL) && strcmp(full, again) == 0 && r53_name_is_within(full, full));
		r53_name_show(full, again);
		demand(r53_name_equal(again, text));
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	char *exact = malloc(length > 0 ? length : 1);
	enum xml_fault fault;
	demand(exact != NULL);
	if (length > 0)
		memcpy(exact, input, length);
	struct xml *xml = xml_read(exact, length, &fault);
	demand((xml != NULL) == (fault == XML_WELL));
	if (xml) {
		demand(count_nodes(xml_root(xml), 1) <= XML_NODES_MAX);
		read_record(xml_root(xml));
		read_answers(xml_root(xml));
	}
	xml_free(xml);
	read_error(exact, length);
	read_name(exact, length);
	free(exact);
	return 0;
}
