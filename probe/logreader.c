/* The log reader's thread. It may wait for disks, file systems over a network and costly patterns; nobody waits for it. Judges nothing.
 *
 * A turn: look for files when it is time to, read them in slices, by turns, until all are read or TURN_MS are over; tell the board; rest. While there is more to read it
 * rests as long as it worked. When there is not it waits for a notice, or for a second. */
#include "probe/logreader.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "probe/logset.h"

#define TURN_MS 5u
#define GATHER_MS 10u   /* between two turns, so that a busy writer's lines come together */
#define LOOK_MS 1000u   /* between looks for files, when nothing is told */
#define LOOK_MIN_MS 20u /* between them, whatever is told */
#define LOOK_SHARE 10u  /* and at least so many times as long as one takes */
#define NICE 10
#define SAMPLE_BEFORE 64u /* bytes of the line before the match that a sample shows */

struct logreader {
	struct logboard *board;
	struct pattern *pattern;
	struct logset set;
	struct logfinds finds;
	unsigned next; /* whose turn it is to be read */
	bool look_wanted;
	uint64_t looked_ms, look_took_ms;
	char buffer[LOGFILE_SLICE + LOGFILE_TAIL];
};

/* ---- lines ---- */

/* Leaves out the rest of a sequence that was cut, puts a space for controls and U+FFFD for what is no UTF-8. */
static void make_readable(const char *line, size_t length, char *out, size_t size)
{
	size_t written = 0;
	while (length > 0 && ((unsigned char)line[0] & 0xc0) == 0x80) {
		line++;
		length--;
	}
	for (size_t at = 0, used; at < length; at += used) {
		const unsigned char *bytes = (const unsigned char *)line + at;
		size_t valid = text_measure_utf8(bytes, length - at);
		const char *piece = valid == 0 ? "\xef\xbf\xbd" : bytes[0] < 0x20 || bytes[0] == 0x7f ? " " : line + at;
		size_t piece_length = valid == 0 ? 3 : valid;
		used = valid ? valid : 1;
		if (written + piece_length >= size)
			break;
		memcpy(out + written, piece, piece_length);
		written += piece_length;
	}
	out[written] = '\0';
}

static void take_sample(struct logreader *reader, const char *line, size_t length, size_t at)
{
	struct logwatch_sample *sample = &reader->finds.samples[reader->finds.sample_count++ % LOGWATCH_SAMPLES];
	const char *path = reader->set.current->path;
	size_t path_length = strlen(path), room = sizeof(sample->file) - 1;
	size_t from = length >= sizeof(sample->text) && at > SAMPLE_BEFORE ? at - SAMPLE_BEFORE : 0;
	sample->at_wall_ms = clock_wall_ms();
	make_readable(path_length > room ? path + path_length - room : path, path_length > room ? room : path_length, sample->file, sizeof(sample->file));
	make_readable(line + from, length - from, sample->text, sizeof(sample->text));
}

static void on_line(void *arg, const char *line, size_t length)
{
	struct logreader *reader = arg;
	size_t at;
	reader->finds.lines++;
	switch (pattern_find(reader->pattern, line, length, &at)) {
	case PATTERN_ABSENT:
		break;
	case PATTERN_FOUND:
		reader->finds.matches++;
		take_sample(reader, line, length, at);
		break;
	case PATTERN_GAVE_UP:
		reader->finds.given_up++;
		break;
	}
}

/* ---- a turn ---- */

static uint64_t next_look(const struct logreader *reader)
{
	uint64_t pause = reader->look_wanted ? LOOK_MIN_MS : LOOK_MS, least = reader->look_took_ms * LOOK_SHARE;
	return reader->looked_ms + (pause > least ? pause : least);
}

static void look_if_due(struct logreader *reader, uint64_t now_ms)
{
	if (reader->set.begun && now_ms < next_look(reader))
		return;
	reader->look_wanted = false;
	reader->looked_ms = now_ms;
	logset_look(&reader->set, now_ms, on_line, reader);
	reader->look_took_ms = clock_mono_ms() - now_ms;
}

/* One slice of the next file; true when there was something to read. */
static bool read_next(struct logreader *reader)
{
	if (reader->next >= reader->set.count)
		reader->next = 0;
	struct logfile *file = reader->set.files[reader->next];
	reader->set.current = file;
	enum logfile_found found = logfile_read(file, reader->buffer, on_line, reader, &reader->finds.skipped_bytes);
	if (found == LOGFILE_LOST) {
		logset_drop(&reader->set, file, on_line, reader);
		reader->look_wanted = true;
		return false;
	}
	reader->next++;
	return found == LOGFILE_GREW;
}

/* Until none has more; true when time was up before. */
static bool read_by_turns(struct logreader *reader, uint64_t now_ms)
{
	uint64_t until_ms = now_ms + TURN_MS;
	for (unsigned quiet = 0; quiet < reader->set.count;) {
		if (now_ms >= until_ms || atomic_load(&reader->board->stopping))
			return true;
		quiet = read_next(reader) ? 0 : quiet + 1;
		now_ms = clock_mono_ms();
	}
	return false;
}

static bool take_turn(struct logreader *reader)
{
	uint64_t now_ms = clock_mono_ms();
	logboard_begin(reader->board, now_ms);
	look_if_due(reader, now_ms);
	bool more = reader->finds.behind = read_by_turns(reader, clock_mono_ms());
	logboard_tell(reader->board, clock_mono_ms(), &reader->finds, reader->set.count, reader->set.problem.text);
	memset(&reader->finds, 0, offsetof(struct logfinds, samples));
	return more;
}

/* ---- between turns ---- */

static int milliseconds_until(uint64_t at_ms)
{
	uint64_t now_ms = clock_mono_ms();
	return at_ms > now_ms ? (int)(at_ms - now_ms) : 0;
}

static void rest(struct logreader *reader, bool more, uint64_t began_ms)
{
	uint64_t now_ms = clock_mono_ms(), pause = more ? now_ms - began_ms : GATHER_MS;
	struct pollfd waits[] = {{.fd = reader->board->stop_fd, .events = POLLIN}, {.fd = reader->set.notice.fd, .events = POLLIN}};
	if (poll(waits, 1, (int)pause) > 0 || more)
		return;
	poll(waits, 2, milliseconds_until(next_look(reader)));
}

static void take_notices(struct logreader *reader)
{
	if (lognotice_take(&reader->set.notice, reader->set.name))
		reader->look_wanted = true;
}

static void *run(void *arg)
{
	struct logreader *reader = arg;
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	while (!atomic_load(&reader->board->stopping)) {
		uint64_t began_ms = clock_mono_ms();
		take_notices(reader);
		rest(reader, take_turn(reader), began_ms);
	}
	logset_fini(&reader->set);
	pattern_free(reader->pattern);
	logboard_let_go(reader->board);
	free(reader);
	return NULL;
}

/* ---- the owner's thread ---- */

static int start_detached(struct logreader *reader)
{
	pthread_t thread;
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&thread, NULL, run, reader);
	if (error == 0) {
		pthread_setname_np(thread, "teal-follow");
		pthread_detach(thread);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

bool logreader_start(struct logboard *board, const char *glob, struct pattern *pattern, const struct timespec *since, struct err *err)
{
	struct logreader *reader = memory_new(sizeof(*reader));
	reader->board = board;
	reader->pattern = pattern;
	logset_init(&reader->set, glob, since);
	int error = start_detached(reader);
	if (error == 0)
		return true;
	logset_fini(&reader->set);
	free(reader);
	return err_set(err, "can't start the thread that follows log files: %s", strerror(error));
}
