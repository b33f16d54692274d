/* Whole connections: a worker in this thread between clients and backends that say any bytes at any moment; what they hear must make sense.
 *
 * Input: records that end with the byte 0x1e. The first one is options, a letter each; the others happen one after the other:
 *   A BYTES … D BYTES   the client says this (a new connection when there is none, or the last one is over)
 *   0 BYTES … 7 BYTES   the backend end of the n-th connection to a backend says this;   . BYTES  the newest one
 *   ! WHO LETTERS       to one of these happens: f FIN, x close, r reset, p hears nothing for now, g hears again, n a new connection beside the old one
 *   ? LETTER            backends: o open, s slow, r refused, a away, q queue full; Y, X: the slow ones are let in, or fail
 *   ? LETTER COLOR      the same for the backends of one color, b or g
 *   + DIGIT             time passes
 *   U COLOR, S          the backends of a color (b, g, or else both) are down, or up again, as probes say; the live color gets no help of the other (options H, 5, f), or does again
 *   h j                 new requests are held for 3 s, as long as few wait; or let go, the others one by one
 *   F K k w d t T       flip, cut requests and tunnels, cut tunnels, close tunnels one by one, drain, one turn, turns until nothing moves
 * In BYTES, ~~ becomes a mark of its own each time, and the byte 0x1f and the one behind it a run of letters, no two pages of which are alike. */
// links: proxy
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/exchange/oracle.h"
#include "tests/fuzz/exchange/scene.h"
#include "tests/fuzz/exchange/world.h"

#define RECORD_END 0x1e
#define RUN 0x1f
#define RUN_UNIT 128u
#define RECORDS_MAX 200u
#define SLOTS 4u
#define PIECEWISE_MOST 400u /* more is said at once */

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

/* How the script goes on after each record. */
enum pace { PACE_settle, PACE_turn, PACE_none };

struct script {
	struct scene scene;
	struct party *slots[SLOTS]; /* the clients A to D */
	enum pace pace;
	size_t piece; /* bytes said at a time, with a turn behind each; 0: all at once */
	bool abrupt;
};

static struct script script;

/* ---- who ---- */

static struct party *find_client(char letter)
{
	struct party **slot = &script.slots[letter - 'A'];
	if (!*slot || (*slot)->fd < 0 || (*slot)->said_fin || (*slot)->heard_fin) {
		struct party *next = scene_add_client(&script.scene);
		*slot = next ? next : *slot;
	}
	return *slot;
}

static struct party *find_call(char letter)
{
	const struct scene *scene = &script.scene;
	if (scene->call_count == 0)
		return NULL;
	if (letter == '.')
		return scene->calls[scene->call_count - 1];
	unsigned number = (unsigned)(letter - '0');
	return number < scene->call_count ? scene->calls[number] : NULL;
}

static bool is_client(char letter)
{
	return letter >= 'A' && letter < 'A' + (char)SLOTS;
}

static bool is_call(char letter)
{
	return letter == '.' || (letter >= '0' && letter <= '7');
}

/* ---- records ---- */

static void go_on(void)
{
	if (script.pace == PACE_settle)
		scene_settle(&script.scene);
	else if (script.pace == PACE_turn)
		scene_turn(&script.scene);
}

/* No hexadecimal digits: a run is never the size of a chunk. */
static void add_run(struct bytes *out, unsigned char units)
{
	char run[255 * RUN_UNIT];
	size_t length = units * RUN_UNIT;
	for (size_t i = 0; i < length; i++)
		run[i] = (char)('g' + (i + i / 20 + i / 4096) % 20);
	bytes_add(out, run, length);
}

static struct bytes expand(const char *text, size_t length)
{
	struct bytes out = {0};
	for (size_t i = 0; i < length; i++) {
		char mark[2];
		bool pair = i + 1 < length;
		if (pair && text[i] == '~' && text[i + 1] == '~') {
			scene_mark(&script.scene, mark);
			bytes_add(&out, mark, sizeof(mark));
			i++;
		} else if (pair && text[i] == RUN) {
			add_run(&out, (unsigned char)text[++i]);
		} else {
			bytes_add(&out, text + i, 1);
		}
	}
	return out;
}

static void say(struct party *party, const char *text, size_t length)
{
	if (!party || party->slow)
		return;
	struct bytes bytes = expand(text, length);
	size_t piece = script.piece > 0 && bytes.length <= PIECEWISE_MOST ? script.piece : bytes.length;
	for (size_t at = 0; at < bytes.length; at += piece) {
		party_say(party, bytes.at + at, piece < bytes.length - at ? piece : bytes.length - at);
		if (script.piece > 0)
			scene_turn(&script.scene);
	}
	free(bytes.at);
}

static void happen(char who, struct party *party, char letter)
{
	if (letter == 'n' && is_client(who))
		script.slots[who - 'A'] = NULL;
	else if (letter == 'f')
		party_finish(party);
	else if (letter == 'x' || letter == 'r')
		party_leave(party, letter == 'r');
	else if (letter == 'p' || letter == 'g')
		party->deaf = letter == 'p';
	script.scene.relented |= letter == 'p';
}

static void happen_all(const char *text, size_t length)
{
	if (length == 0)
		return;
	struct party *party = is_client(text[0]) ? script.slots[text[0] - 'A'] : is_call(text[0]) ? find_call(text[0]) : NULL;
	for (size_t i = 1; party && i < length; i++)
		happen(text[0], party, text[i]);
}

/* Bits of the backends that a color's letter means. */
static unsigned of_color(char letter)
{
	return letter == 'b' ? 3 : letter == 'g' ? 12 : 15;
}

static void reach(char letter, char color)
{
	static const char letters[] = "osraq";
	const char *at = letter ? strchr(letters, letter) : NULL;
	if (at)
		world_set_reach(of_color(color), (enum world_reach)(at - letters));
	script.scene.relented |= at > letters;
	for (unsigned i = 0; i < script.scene.call_count; i++) {
		struct party *call = script.scene.calls[i];
		if (!call->slow || call->fd < 0)
			continue;
		if (letter == 'X')
			party_leave(call, true);
		if (letter == 'Y') {
			world_let_in(call->fd);
			call->slow = false;
		}
	}
}

static void pass(char letter)
{
	static const uint64_t times_ms[] = {1, 20, 120, 499, 1000, 2000, 4000, 10000, 61000, 600000};
	if (letter >= '0' && letter <= '9')
		world_pass_ms(times_ms[letter - '0']);
}

static void publish(char letter)
{
	struct scene *scene = &script.scene;
	if (letter == 'F') {
		scene->live = color_other(scene->live);
		scene->flipped = scene->relented = true;
	}
	if (letter == 'K')
		scene->cut_requests_before = scene->generation + 1;
	if (letter == 'K' || letter == 'k')
		scene->cut_tunnels_before = scene->generation + 1;
	if (letter == 'w')
		scene->closing = (struct table_closing){scene->generation + 1, world_now_us() / 1000u + 2000};
	if (letter == 'd') {
		scene->options.globals.draining = true;
		atomic_store(&scene->worker.draining, true);
	}
	if (letter == 'h' || letter == 'j')
		scene->hold = (struct table_hold){letter == 'h' ? world_now_us() / 1000u + 3000 : 0, 3, 20000, 20};
	scene_publish(scene);
}

/* What keeps one color from helping the other. */
static void relent(char first, char color)
{
	struct scene *scene = &script.scene;
	unsigned backends = of_color(color);
	if (first == 'S')
		scene->alone = !scene->alone;
	for (unsigned i = 0; first == 'U' && i < COLOR_COUNT; i++)
		scene->down[i] ^= (backends >> i * 2 & 1u) != 0;
	scene->relented = true;
	scene_publish(scene);
}

static void play(const char *text, size_t length)
{
	char first = length > 0 ? text[0] : 'T', second = length > 1 ? text[1] : '\0';
	if (is_client(first))
		say(find_client(first), text + 1, length - 1);
	else if (is_call(first))
		say(find_call(first), text + 1, length - 1);
	else if (first == '!')
		happen_all(text + 1, length - 1);
	else if (first == '?')
		reach(second, length > 2 ? text[2] : '\0');
	else if (first == '+')
		pass(second);
	else if (strchr("FKkwdhj", first))
		publish(first);
	else if (first == 'S' || first == 'U')
		relent(first, second);
	else if (first == 't')
		scene_turn(&script.scene);
	else
		scene_settle(&script.scene);
	go_on();
}

/* ---- options ---- */

static void read_option(char letter, struct scene_options *options)
{
	static struct addr_block all = {.kind = ADDR_IPV4, .bits = 0};
	struct table_globals *globals = &options->globals;
	if (letter == 'o' || letter == 'm')
		script.pace = letter == 'o' ? PACE_turn : PACE_none;
	if (letter == 'p' || letter == 'q')
		script.piece = letter == 'p' ? 1 : 7;
	if (letter == 's')
		options->narrow_client = true;
	if (letter == 'S')
		options->narrow_backend = true;
	if (letter == 't') {
		globals->trusted = &all;
		globals->trusted_count = 1;
	}
	if (letter == 'b')
		globals->body_bytes = 100;
	if (letter == 'h') {
		globals->header_bytes = 512;
		globals->headers = 8;
	}
	if (letter == 'r')
		options->replay_methods = 1u << METHOD_post | 1u << METHOD_put;
	if (letter == 'l')
		options->backends = 2;
	if (letter == 'c')
		options->balance = TABLE_LEAST_CONNECTIONS;
	if (letter == 'x')
		options->halves = true;
	if (letter == 'u')
		options->serves = true;
	if (letter == 'e')
		script.abrupt = true;
	if (letter == 'R')
		globals->rate = 1000;
	if (letter == 'L')
		globals->total_ms = 5000;
	if (letter == 'P')
		options->announced = true;
	if (letter == 'v')
		options->announces = true;
	if (letter == 'g')
		options->splices = true;
	if (letter == 'i')
		options->one_pipe = true;
	if (letter == 'H' || letter == '5')
		options->shield |= letter == '5' ? TABLE_SHIELD_500 : TABLE_SHIELD_FAILURES | TABLE_SHIELD_502 | TABLE_SHIELD_503 | TABLE_SHIELD_504;
	if (letter == 'f')
		options->fallback = true;
	if (letter == 'V')
		options->veiled = true;
	if (letter == 'W')
		options->veiled_backends = true;
	if (letter == 'Q')
		globals->client_connections = 1;
}

static void begin(const char *text, size_t length)
{
	struct scene_options options = {
		.globals = {.header_ms = 1000,
			.idle_ms = 10000,
			.connect_ms = 500,
			.response_ms = 2000,
			.stall_ms = 1500,
			.header_bytes = 8192,
			.headers = 64,
			.connections = 1000},
		.backends = 1,
		.balance = TABLE_ROUND_ROBIN,
	};
	memset(&script, 0, sizeof(script));
	for (size_t i = 0; i < length; i++)
		read_option(text[i], &options);
	options.veiled &= !options.announced;
	options.veiled_backends &= !options.announces && !options.narrow_backend; /* of half a record nothing is heard, though it may be answered */
	scene_open(&script.scene, &options);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	const char *text = (const char *)input, *end = text + length;
	for (unsigned records = 0; records < RECORDS_MAX && (text < end || records == 0); records++) {
		const char *stop = text < end ? memchr(text, RECORD_END, (size_t)(end - text)) : NULL;
		size_t size = (size_t)((stop ? stop : end) - text);
		if (records == 0)
			begin(text, size);
		else
			play(text, size);
		text = stop ? stop + 1 : end;
	}
	scene_close(&script.scene, script.abrupt);
	return 0;
}
