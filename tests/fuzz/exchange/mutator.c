/* Mutations that know what a script is made of: records are doubled, dropped, moved, exchanged for others and put together anew, so that the fuzzer gets to long conversations.
 *
 * For libFuzzer alone. Half of the time its own mutations are used, on the whole or on one record. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_END 0x1e
#define RECORDS_MAX 64u

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t most);
size_t mutator_mutate(uint8_t *bytes, size_t size, size_t most, unsigned seed) __asm__("LLVMFuzzerCustomMutator");

struct record {
	const uint8_t *at;
	size_t length;
};

struct script {
	struct record records[RECORDS_MAX];
	unsigned count;
};

/* After a letter for who says it. */
static const char *const requests[] = {
	"GET /~~ HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /f/~~ HTTP/1.1\r\nHost: a\r\n\r\n",
	"HEAD /f?~~ HTTP/1.1\r\nHost: a\r\n\r\n",
	"HEAD /~~ HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /~~ HTTP/1.0\r\n\r\n",
	"GET /~~ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"GET /~~ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"POST /~~ HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nbody~~",
	"POST /~~ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab~~\r\n2;x=y\r\ncd\r\n0\r\nX-T: 1\r\n\r\n",
	"POST /~~ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab",
	"POST /~~ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n",
	"POST /~~ HTTP/1.1\r\nHost: a\r\nContent-Length: 32640\r\n\r\n\x1f\xff",
	"GET /~~ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	"\x81\x85mask\x01\x02\x03\x04\x05",
	"body~~",
	"GET /~~",
	" HTTP/1.1\r\nHost: a\r\n\r\n",
	"\x1f\xff",
	"PROXY TCP4 198.51.100.7 192.0.2.9 1000 80\r\n",
};
static const char *const answers[] = {
	"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nyes ~~",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab~~\r\n2;x=y\r\ncd\r\n0\r\nX-T: 1\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab",
	"HTTP/1.1 200 OK\r\n\r\nuntil the end ~~",
	"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n~~",
	"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n~~",
	"HTTP/1.1 200 OK\r\nContent-Length: 32640\r\n\r\n\x1f\xff",
	"HTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\n",
	"HTTP/1.1 103 Early Hints\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
	"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\n~~",
	"HTTP/1.1 999 No\r\n\r\n",
	"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n~~",
	"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n~~",
	"HTTP/1.1 503 Later\r\nContent-Length: 2\r\n\r\n~~",
	"HTTP/1.1 502 Oh\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab~~\r\n",
	"HTTP/1.1 500 Oh\r\n\r\nuntil the end ~~",
	"\x81\x05\x66ra~~",
	"\x88\x02\x03\xe8",
	"yes ~~",
	"\x1f\xff",
};
static const char *const events[] = {"t", "T", "F", "K", "k", "w", "d", "h", "h", "h", "j", "?o", "?s", "?r", "?a", "?q", "?Y", "?X", "?rb", "?rg", "?sb",
	"?sg", "?ob", "Ub", "Ug", "S", "+1", "+2", "+3", "+4", "+5", "+6", "+7", "+8"};
static const char options[] = "ompqsStbhrlcxueRLPvQggiHHH5fffVVWW";

static unsigned random_state;

static unsigned random_below(unsigned limit)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % limit;
}

#define PICK(list) (list)[random_below(sizeof(list) / sizeof((list)[0]))]

/* A record out of nothing. */
static size_t invent(char out[512])
{
	static const char clients[] = "AAABCD", backends[] = ".....01234567", ends[] = "fxrpgn";
	const char *text = PICK(events);
	size_t length = 0;
	switch (random_below(5)) {
	case 0:
	case 1:
		out[length++] = clients[random_below(sizeof(clients) - 1)];
		text = PICK(requests);
		break;
	case 2:
		out[length++] = backends[random_below(sizeof(backends) - 1)];
		text = PICK(answers);
		break;
	case 3:
		out[length++] = '!';
		out[length++] = random_below(2) ? clients[random_below(sizeof(clients) - 1)] : backends[random_below(sizeof(backends) - 1)];
		out[length++] = ends[random_below(sizeof(ends) - 1)];
		return length;
	default:
		break;
	}
	memcpy(out + length, text, strlen(text));
	return length + strlen(text);
}

static void read_script(const uint8_t *bytes, size_t size, struct script *script)
{
	const uint8_t *end = bytes + size;
	script->count = 0;
	while (script->count < RECORDS_MAX) {
		const uint8_t *stop = bytes < end ? memchr(bytes, RECORD_END, (size_t)(end - bytes)) : NULL;
		script->records[script->count++] = (struct record){bytes, (size_t)((stop ? stop : end) - bytes)};
		if (!stop)
			return;
		bytes = stop + 1;
	}
}

static void insert(struct script *script, unsigned at, struct record record)
{
	if (script->count == RECORDS_MAX)
		script->count--;
	at = at < script->count ? at : script->count;
	memmove(&script->records[at + 1], &script->records[at], (script->count - at) * sizeof(record));
	script->records[at] = record;
	script->count++;
}

static void drop(struct script *script, unsigned at)
{
	script->count--;
	memmove(&script->records[at], &script->records[at + 1], (script->count - at) * sizeof(script->records[0]));
}

/* Any record but the options. */
static unsigned some_record(const struct script *script)
{
	return script->count > 1 ? 1 + random_below(script->count - 1) : 0;
}

/* Behind the options, or at the end. */
static unsigned some_place(const struct script *script)
{
	return 1 + random_below(script->count < RECORDS_MAX ? script->count : RECORDS_MAX - 1);
}

static void change_order(struct script *script)
{
	unsigned one = some_record(script), other = some_record(script);
	struct record record = script->records[one];
	if (one == 0)
		return;
	switch (random_below(4)) {
	case 0:
		drop(script, one);
		break;
	case 1:
		insert(script, some_place(script), record);
		break;
	case 2:
		script->records[one] = script->records[other];
		script->records[other] = record;
		break;
	default:
		drop(script, one);
		insert(script, some_place(script), record);
		break;
	}
}

/* A message in two records: the same receiver gets the rest a moment later. */
static void split(struct script *script, char rest[512])
{
	unsigned at = some_record(script);
	struct record *record = &script->records[at];
	if (at == 0 || record->length < 3 || record->length > 400 || record->at[0] == '!')
		return;
	size_t first = 2 + random_below((unsigned)record->length - 2);
	rest[0] = (char)record->at[0];
	memcpy(rest + 1, record->at + first, record->length - first);
	struct record second = {(const uint8_t *)rest, record->length - first + 1};
	record->length = first;
	insert(script, at + 1, second);
}

static void change_options(struct script *script, char out[64])
{
	struct record *record = &script->records[0];
	size_t length = record->length < 40 ? record->length : 40;
	if (length > 0)
		memcpy(out, record->at, length);
	if (length > 0 && random_below(2)) {
		length--;
		out[random_below((unsigned)length + 1)] = out[length];
	} else {
		out[length++] = options[random_below(sizeof(options) - 1)];
	}
	*record = (struct record){(const uint8_t *)out, length};
}

static size_t write_script(const struct script *script, uint8_t *out, size_t most)
{
	size_t length = 0;
	for (unsigned i = 0; i < script->count; i++) {
		const struct record *record = &script->records[i];
		if (length + record->length + 1 > most)
			break;
		if (i > 0)
			out[length++] = RECORD_END;
		memcpy(out + length, record->at, record->length);
		length += record->length;
	}
	return length;
}

/* libFuzzer's own mutations on one record. */
static size_t change_record(struct script *script, uint8_t *out, size_t most)
{
	static uint8_t changed[1024];
	unsigned at = random_below(script->count);
	struct record *record = &script->records[at];
	if (record->length > sizeof(changed) / 2)
		return 0;
	memcpy(changed, record->at, record->length);
	*record = (struct record){changed, LLVMFuzzerMutate(changed, record->length, sizeof(changed))};
	return write_script(script, out, most);
}

size_t mutator_mutate(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
	struct script script;
	char text[512], more[512], letters[64];
	random_state = seed;
	uint8_t *before = malloc(size > 0 ? size : 1);
	if (!before)
		abort();
	memcpy(before, bytes, size);
	read_script(before, size, &script);
	unsigned way = random_below(12);
	size_t length = 0;
	if (way < 4) {
		length = LLVMFuzzerMutate(bytes, size, most);
	} else if (way < 6) {
		length = change_record(&script, bytes, most);
	} else {
		if (way < 9)
			insert(&script, some_place(&script), (struct record){(const uint8_t *)text, invent(text)});
		else if (way == 9)
			split(&script, more);
		else if (way == 10)
			change_options(&script, letters);
		else
			change_order(&script);
		length = write_script(&script, bytes, most);
	}
	free(before);
	return length > 0 ? length : LLVMFuzzerMutate(bytes, size, most);
}
