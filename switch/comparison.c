/* Pairs of answers into one table of differences, and what it says. Pure. Sends nothing, knows no clock.
 *
 * Whether a difference is noise is known only at the end, so each pair is remembered by the set of its differences. Different sets are few. */
#include "switch/comparison.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/histogram.h"
#include "base/memory.h"
#include "base/text.h"
#include "switch/wire.h"

#define SETS_MAX 256u
#define BITS_WORDS 2u
#define REST COMPARISON_DIFFERENCES_MAX /* the entry of those beyond the table */
#define TAIL_LEAST 100u                 /* copies; of fewer there is no p99 to speak of */
#define ROUTE_LEAST 5u                  /* copies of a route before it is called slow */
#define SLACK_US 5000u

struct entry {
	unsigned route;
	struct compare_difference first; /* the first example */
	uint64_t pairs, noise;           /* seen between the colors; between two answers of the live one */
};

struct route {
	char name[COMPARISON_ROUTE_SIZE];
	uint64_t pairs, noise;                /* compared */
	struct histogram_counts *live, *idle; /* NULL before the first */
};

struct set {
	uint64_t bits[BITS_WORDS];
	uint64_t count;
};

struct comparison {
	struct route routes[COMPARISON_ROUTES_MAX], all;
	unsigned route_count;
	struct entry entries[COMPARISON_DIFFERENCES_MAX + 1];
	unsigned entry_count; /* without the rest's */
	struct set sets[SETS_MAX];
	unsigned set_count;
	uint64_t lost; /* pairs with differences, beyond the sets */
};

struct comparison *comparison_new(void)
{
	return memory_new(sizeof(struct comparison));
}

static void fini_route(struct route *route)
{
	free(route->live);
	free(route->idle);
}

void comparison_free(struct comparison *comparison)
{
	if (!comparison)
		return;
	for (unsigned i = 0; i < comparison->route_count; i++)
		fini_route(&comparison->routes[i]);
	fini_route(&comparison->all);
	free(comparison);
}

/* ---- routes ---- */

/* A number, a hexadecimal identifier, or a long word with a digit. */
static bool is_variable(const char *segment, size_t length)
{
	size_t digits = 0, hex = 0;
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)segment[i];
		digits += isdigit(byte) != 0;
		hex += isxdigit(byte) != 0 || byte == '-';
	}
	return digits > 0 && (digits == length || length >= 16 || (length >= 8 && hex == length));
}

void comparison_name_route(const char *method, const char *target, size_t target_length, char out[COMPARISON_ROUTE_SIZE])
{
	const char *query = memchr(target, '?', target_length);
	size_t left = query ? (size_t)(query - target) : target_length;
	struct text name;
	text_init(&name, COMPARISON_ROUTE_SIZE - 1);
	text_addf(&name, "%s ", method);
	while (left > 0 && *target == '/') {
		const char *end = memchr(target + 1, '/', left - 1);
		size_t length = (end ? (size_t)(end - target) : left) - 1;
		bool variable = is_variable(target + 1, length);
		text_add(&name, "/", 1);
		text_add(&name, variable ? "*" : target + 1, variable ? 1 : length);
		target += length + 1;
		left -= length + 1;
	}
	snprintf(out, COMPARISON_ROUTE_SIZE, "%s", name.bytes);
	text_fini(&name);
}

unsigned comparison_route(struct comparison *comparison, const char *name)
{
	const unsigned last = COMPARISON_ROUTES_MAX - 1;
	for (unsigned i = 0; i < comparison->route_count; i++)
		if (strcmp(comparison->routes[i].name, name) == 0)
			return i;
	if (comparison->route_count == COMPARISON_ROUTES_MAX)
		return last;
	unsigned at = comparison->route_count++;
	snprintf(comparison->routes[at].name, COMPARISON_ROUTE_SIZE, "%s", at == last ? "other" : name);
	return at;
}

uint64_t comparison_pairs(const struct comparison *comparison, unsigned route)
{
	return comparison->routes[route].pairs;
}

/* ---- adding ---- */

static unsigned find_entry(struct comparison *comparison, unsigned route, const struct compare_difference *difference)
{
	for (unsigned i = 0; i < comparison->entry_count; i++) {
		const struct entry *entry = &comparison->entries[i];
		if (entry->route == route && entry->first.kind == difference->kind && strcmp(entry->first.where, difference->where) == 0)
			return i;
	}
	unsigned at = comparison->entry_count < REST ? comparison->entry_count++ : REST;
	struct entry *entry = &comparison->entries[at];
	if (entry->pairs + entry->noise > 0)
		return at;
	entry->route = route;
	entry->first = *difference;
	if (at == REST)
		entry->first = (struct compare_difference){.kind = difference->kind, .where = "further places"};
	return at;
}

static void set_bit(uint64_t bits[BITS_WORDS], unsigned at)
{
	bits[at / 64] |= UINT64_C(1) << at % 64;
}

static bool has_bit(const uint64_t bits[BITS_WORDS], unsigned at)
{
	return bits[at / 64] >> at % 64 & 1;
}

/* The entries of what was found: where there was more than it could hold, that is one entry of its route. */
static void list_entries(struct comparison *comparison, unsigned route, const struct compare_differences *found, uint64_t bits[BITS_WORDS])
{
	static const struct compare_difference more = {.kind = COMPARE_JSON, .where = "further places"};
	for (size_t i = 0; i < found->count; i++)
		set_bit(bits, find_entry(comparison, route, &found->list[i]));
	if (found->more)
		set_bit(bits, find_entry(comparison, route, &more));
}

static void count_set(struct comparison *comparison, const uint64_t bits[BITS_WORDS])
{
	unsigned at = 0;
	while (at < comparison->set_count && memcmp(comparison->sets[at].bits, bits, sizeof(comparison->sets[at].bits)) != 0)
		at++;
	if (at == SETS_MAX) {
		comparison->lost++;
		return;
	}
	if (at == comparison->set_count)
		memcpy(comparison->sets[comparison->set_count++].bits, bits, sizeof(comparison->sets[at].bits));
	comparison->sets[at].count++;
}

static void add_time(struct histogram_counts **to, uint64_t us)
{
	if (!*to)
		*to = memory_new(sizeof(**to));
	(*to)->counts[histogram_bucket(us)]++;
	(*to)->total++;
	(*to)->sum_us += us;
}

void comparison_add_pair(struct comparison *comparison, unsigned route, const struct compare_differences *found)
{
	uint64_t bits[BITS_WORDS] = {0};
	comparison->routes[route].pairs++;
	comparison->all.pairs++;
	list_entries(comparison, route, found, bits);
	for (unsigned i = 0; i <= REST; i++)
		comparison->entries[i].pairs += has_bit(bits, i);
	if (found->count > 0 || found->more)
		count_set(comparison, bits);
}

void comparison_add_noise(struct comparison *comparison, unsigned route, const struct compare_differences *found)
{
	uint64_t bits[BITS_WORDS] = {0};
	comparison->routes[route].noise++;
	comparison->all.noise++;
	list_entries(comparison, route, found, bits);
	for (unsigned i = 0; i <= REST; i++)
		comparison->entries[i].noise += has_bit(bits, i);
}

void comparison_add_time(struct comparison *comparison, unsigned route, bool idle, uint64_t us)
{
	struct route *one = &comparison->routes[route], *all = &comparison->all;
	add_time(idle ? &one->idle : &one->live, us);
	add_time(idle ? &all->idle : &all->live, us);
}

/* ---- what it says ---- */

static const struct route *route_of(const struct comparison *comparison, const struct entry *entry)
{
	return entry == &comparison->entries[REST] ? &comparison->all : &comparison->routes[entry->route];
}

/* Two answers of the live release differ there too, and the colors do so not much more often: the bound allows for few answers having been repeated. */
static bool is_noise(const struct comparison *comparison, const struct entry *entry)
{
	const struct route *route = route_of(comparison, entry);
	if (entry->noise == 0 || route->pairs == 0)
		return entry->noise > 0;
	double seen = (double)entry->pairs / (double)route->pairs;
	return seen <= 3.0 * (double)(entry->noise + 1) / (double)(route->noise + 2);
}

static bool is_difference(const struct comparison *comparison, const struct entry *entry)
{
	return entry->pairs > 0 && !is_noise(comparison, entry);
}

static uint64_t count_differing(const struct comparison *comparison)
{
	uint64_t real[BITS_WORDS] = {0}, differing = comparison->lost;
	for (unsigned i = 0; i <= REST; i++)
		if (is_difference(comparison, &comparison->entries[i]))
			set_bit(real, i);
	for (unsigned i = 0; i < comparison->set_count; i++) {
		const struct set *set = &comparison->sets[i];
		differing += (set->bits[0] & real[0]) | (set->bits[1] & real[1]) ? set->count : 0;
	}
	return differing;
}

static uint64_t total_of(const struct histogram_counts *times)
{
	return times ? times->total : 0;
}

static uint64_t quantile(const struct histogram_counts *times, double q)
{
	return times ? histogram_quantile_us(times, q) : 0;
}

static bool is_slow(const struct route *route, double q, uint64_t least, const struct comparison_limits *limits)
{
	double bound = (double)quantile(route->live, q) * (1 + limits->slower) + SLACK_US;
	return total_of(route->idle) >= least && (double)quantile(route->idle, q) > bound;
}

static const struct route *find_slow(const struct comparison *comparison, const struct comparison_limits *limits)
{
	for (unsigned i = 0; i < comparison->route_count; i++)
		if (is_slow(&comparison->routes[i], 0.5, ROUTE_LEAST, limits))
			return &comparison->routes[i];
	return NULL;
}

const char *comparison_verdict_name(enum comparison_verdict verdict)
{
	static const char *const names[] = {[COMPARISON_PASSED] = "passed", [COMPARISON_FAILED] = "failed", [COMPARISON_INCONCLUSIVE] = "inconclusive"};
	return names[verdict];
}

/* The most frequent difference of all, or of those that are no answer. */
static const struct entry *find_worst(const struct comparison *comparison, bool unanswered)
{
	const struct entry *worst = NULL;
	for (unsigned i = 0; i <= REST; i++) {
		const struct entry *entry = &comparison->entries[i];
		bool wanted = !unanswered || entry->first.kind == COMPARE_NO_ANSWER;
		if (wanted && is_difference(comparison, entry) && (!worst || entry->pairs > worst->pairs))
			worst = entry;
	}
	return worst;
}

static void tell_differences(const struct comparison *comparison, const struct comparison_limits *limits, char *sentence, size_t size)
{
	char bound[TEXT_UNIT_SIZE];
	const struct entry *worst = find_worst(comparison, false);
	text_format_share(limits->differences, bound);
	int length =
		snprintf(sentence, size, "%" PRIu64 " of %" PRIu64 " answers differ, more than %s", count_differing(comparison), comparison->all.pairs, bound);
	if (worst && length > 0 && (size_t)length < size)
		snprintf(sentence + length, size - (size_t)length, "; most often %s: %s%s%s", route_of(comparison, worst)->name,
			compare_kind_name(worst->first.kind), worst->first.where[0] ? " " : "", worst->first.where);
}

/* Pairs in which the idle color alone gave no answer. A pair is at most once among them. */
static uint64_t count_unanswered(const struct comparison *comparison)
{
	uint64_t unanswered = 0;
	for (unsigned i = 0; i <= REST; i++) {
		const struct entry *entry = &comparison->entries[i];
		if (entry->first.kind == COMPARE_NO_ANSWER && is_difference(comparison, entry))
			unanswered += entry->pairs;
	}
	return unanswered;
}

static void tell_unanswered(const struct comparison *comparison, char *sentence, size_t size)
{
	const struct entry *worst = find_worst(comparison, true);
	snprintf(sentence, size, "the idle color did not answer %" PRIu64 " of %" PRIu64 " requests that the live one answered; most often %s: %s",
		count_unanswered(comparison), comparison->all.pairs, route_of(comparison, worst)->name, worst->first.where);
}

/* One that hangs lets few copies through, each for as long as a request may take: too few pairs, but all say the same. */
static enum comparison_verdict judge_few(const struct comparison *comparison, const struct comparison_limits *limits, char *sentence, size_t size)
{
	uint64_t unanswered = count_unanswered(comparison);
	if (unanswered >= COMPARISON_LEAST_UNANSWERED && (double)unanswered > limits->differences * COMPARISON_LEAST) {
		tell_unanswered(comparison, sentence, size);
		return COMPARISON_FAILED;
	}
	snprintf(sentence, size, "only %" PRIu64 " answers were compared, which is too few to say anything", comparison->all.pairs);
	return COMPARISON_INCONCLUSIVE;
}

static void tell_slow(const struct route *route, const char *name, double q, char *sentence, size_t size)
{
	snprintf(sentence, size, "%s is slower: p%.0f is %.1f ms, %.1f ms on the live color", name, q * 100, (double)quantile(route->idle, q) / 1000.0,
		(double)quantile(route->live, q) / 1000.0);
}

enum comparison_verdict comparison_judge(const struct comparison *comparison, const struct comparison_limits *limits, char *sentence, size_t size)
{
	uint64_t pairs = comparison->all.pairs, differing = count_differing(comparison);
	const struct route *slow = find_slow(comparison, limits);
	if (pairs < COMPARISON_LEAST)
		return judge_few(comparison, limits, sentence, size);
	bool too_many = (double)differing > limits->differences * (double)pairs;
	if (too_many && count_unanswered(comparison) == differing)
		tell_unanswered(comparison, sentence, size);
	else if (too_many)
		tell_differences(comparison, limits, sentence, size);
	else if (slow)
		tell_slow(slow, slow->name, 0.5, sentence, size);
	else if (is_slow(&comparison->all, 0.99, TAIL_LEAST, limits))
		tell_slow(&comparison->all, "the idle color", 0.99, sentence, size);
	else {
		snprintf(sentence, size, "%" PRIu64 " answers were compared, %" PRIu64 " differ", pairs, differing);
		return COMPARISON_PASSED;
	}
	return COMPARISON_FAILED;
}

/* ---- the report ---- */

static json_t *describe_entry(const struct comparison *comparison, const struct entry *entry)
{
	const struct route *route = route_of(comparison, entry);
	const char *name = route == &comparison->all ? "other" : route->name;
	double share = route->pairs > 0 ? (double)entry->pairs / (double)route->pairs : 0;
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:f, s:o, s:o}", "route", wire_text(name), "kind", compare_kind_name(entry->first.kind), "where",
		wire_text(entry->first.where), "live", wire_text(entry->first.live), "idle", wire_text(entry->first.other), "count", wire_count(entry->pairs),
		"share", share, "repeated", wire_count(route->noise), "repeated_differ", wire_count(entry->noise));
}

/* Most often first. */
static int compare_entries(const void *a, const void *b)
{
	const struct entry *first = *(const struct entry *const *)a, *second = *(const struct entry *const *)b;
	return first->pairs != second->pairs ? (first->pairs < second->pairs ? 1 : -1) : (first > second) - (first < second);
}

static json_t *describe_entries(const struct comparison *comparison, bool noise)
{
	const struct entry *wanted[COMPARISON_DIFFERENCES_MAX + 1];
	size_t count = 0;
	json_t *list = json_array();
	for (unsigned i = 0; i <= REST; i++) {
		const struct entry *entry = &comparison->entries[i];
		if (noise ? is_noise(comparison, entry) : is_difference(comparison, entry))
			wanted[count++] = entry;
	}
	qsort(wanted, count, sizeof(wanted[0]), compare_entries);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, describe_entry(comparison, wanted[i]));
	return list;
}

static json_t *describe_times(const struct histogram_counts *times)
{
	return json_pack("{s:o, s:f, s:f}", "count", wire_count(total_of(times)), "p50_ms", (double)quantile(times, 0.5) / 1000.0, "p99_ms",
		(double)quantile(times, 0.99) / 1000.0);
}

static json_t *describe_latency(const struct route *route)
{
	return json_pack("{s:o, s:o}", "live", describe_times(route->live), "idle", describe_times(route->idle));
}

static json_t *describe_routes(const struct comparison *comparison, const struct comparison_limits *limits)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < comparison->route_count; i++) {
		const struct route *route = &comparison->routes[i];
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:b}", "route", wire_text(route->name), "compared", wire_count(route->pairs), "latency",
						    describe_latency(route), "slow", is_slow(route, 0.5, ROUTE_LEAST, limits)));
	}
	return list;
}

json_t *comparison_make_report(const struct comparison *comparison, const struct comparison_limits *limits)
{
	uint64_t pairs = comparison->all.pairs, differing = count_differing(comparison);
	return json_pack("{s:o, s:o, s:o, s:f, s:o, s:o, s:o, s:o}", "compared", wire_count(pairs), "repeated", wire_count(comparison->all.noise), "differing",
		wire_count(differing), "differing_share", pairs > 0 ? (double)differing / (double)pairs : 0.0, "differences",
		describe_entries(comparison, false), "noise", describe_entries(comparison, true), "latency", describe_latency(&comparison->all), "routes",
		describe_routes(comparison, limits));
}
