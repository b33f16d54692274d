/* The board between a log reader's thread and the control thread. */
#include "probe/logboard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

/* A turn that takes longer is told. */
#define BUSY_MAX_MS 3000u
/* So is being behind for longer. */
#define BEHIND_MAX_MS 5000u

/* ---- the pair ---- */

static void destroy(struct logboard *board)
{
	if (board->stop_fd >= 0)
		close(board->stop_fd);
	if (board->news_fd >= 0)
		close(board->news_fd);
	pthread_mutex_destroy(&board->lock);
	free(board);
}

struct logboard *logboard_new(uint64_t within_ms, uint64_t now_ms, struct err *err)
{
	struct logboard *board = memory_new(sizeof(*board));
	atomic_init(&board->holders, 2);
	pthread_mutex_init(&board->lock, NULL);
	logcount_init(&board->lines, within_ms);
	logcount_init(&board->matches, within_ms);
	board->busy_ms = now_ms;
	board->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	board->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (board->stop_fd >= 0 && board->news_fd >= 0)
		return board;
	err_set(err, "can't follow log files: no descriptors: %s", strerror(errno));
	destroy(board);
	return NULL;
}

void logboard_let_go(struct logboard *board)
{
	if (atomic_fetch_sub(&board->holders, 1) == 1)
		destroy(board);
}

static void notify(int fd)
{
	uint64_t one = 1;
	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR) {
	}
}

void logboard_stop(struct logboard *board)
{
	atomic_store(&board->stopping, true);
	notify(board->stop_fd);
}

/* ---- the reader's side ---- */

void logboard_begin(struct logboard *board, uint64_t now_ms)
{
	pthread_mutex_lock(&board->lock);
	board->busy_ms = now_ms;
	pthread_mutex_unlock(&board->lock);
}

static void add_samples(struct logboard *board, const struct logfinds *finds)
{
	unsigned first = finds->sample_count > LOGWATCH_SAMPLES ? finds->sample_count - LOGWATCH_SAMPLES : 0;
	for (unsigned i = first; i < finds->sample_count; i++)
		board->samples[board->sample_count++ % LOGWATCH_SAMPLES] = finds->samples[i % LOGWATCH_SAMPLES];
}

static void add_finds(struct logboard *board, uint64_t now_ms, const struct logfinds *finds)
{
	logcount_add(&board->lines, now_ms, finds->lines);
	logcount_add(&board->matches, now_ms, finds->matches);
	add_samples(board, finds);
	board->skipped_bytes += finds->skipped_bytes;
	board->given_up += finds->given_up;
	if (finds->skipped_bytes)
		board->skipped_ms = now_ms;
	if (finds->given_up)
		board->given_up_ms = now_ms;
}

void logboard_tell(struct logboard *board, uint64_t now_ms, const struct logfinds *finds, unsigned files, const char *problem)
{
	pthread_mutex_lock(&board->lock);
	bool news = !board->told || finds->matches || finds->skipped_bytes || finds->given_up || strcmp(board->problem, problem) != 0;
	add_finds(board, now_ms, finds);
	snprintf(board->problem, sizeof(board->problem), "%s", problem);
	board->files = files;
	board->told = true;
	board->busy_ms = 0;
	board->behind_ms = !finds->behind ? 0 : board->behind_ms ? board->behind_ms : now_ms;
	pthread_mutex_unlock(&board->lock);
	if (news)
		notify(board->news_fd);
}

/* ---- the control thread's side ---- */

static bool is_within(const struct logboard *board, uint64_t count, uint64_t at_ms, uint64_t now_ms)
{
	return count > 0 && now_ms < at_ms + board->matches.within_ms;
}

/* The one that says most about what is not known. */
static void write_problem(const struct logboard *board, uint64_t now_ms, char *out, size_t size)
{
	char bytes[TEXT_UNIT_SIZE];
	if (board->busy_ms && now_ms > board->busy_ms + BUSY_MAX_MS)
		snprintf(out, size, "the log files have not been read for %llu s: their file system does not answer, or the pattern takes too long",
			(unsigned long long)((now_ms - board->busy_ms) / 1000));
	else if (!board->told)
		snprintf(out, size, "the log files have not been looked at yet");
	else if (board->problem[0])
		snprintf(out, size, "%s", board->problem);
	else if (board->behind_ms && now_ms > board->behind_ms + BEHIND_MAX_MS)
		snprintf(out, size, "the log is written faster than it can be searched: what was written in the last %llu s may be missing",
			(unsigned long long)((now_ms - board->behind_ms) / 1000));
	else if (is_within(board, board->skipped_bytes, board->skipped_ms, now_ms)) {
		text_format_size(board->skipped_bytes >> 20 << 20, bytes);
		snprintf(out, size, "the log is written faster than it can be searched: %s of it were left out", bytes);
	} else if (is_within(board, board->given_up, board->given_up_ms, now_ms))
		snprintf(out, size, "the pattern takes too long: it was given up on %llu lines", (unsigned long long)board->given_up);
}

static void copy_samples(const struct logboard *board, struct logwatch_state *state)
{
	state->sample_count = board->sample_count < LOGWATCH_SAMPLES ? board->sample_count : LOGWATCH_SAMPLES;
	for (unsigned i = 0; i < state->sample_count; i++)
		state->samples[i] = board->samples[(board->sample_count - 1 - i) % LOGWATCH_SAMPLES];
}

void logboard_read(struct logboard *board, uint64_t now_ms, struct logwatch_state *state)
{
	memset(state, 0, sizeof(*state));
	pthread_mutex_lock(&board->lock);
	state->files = board->files;
	state->lines = logcount_sum(&board->lines, now_ms);
	state->matches = logcount_sum(&board->matches, now_ms);
	state->total_lines = board->lines.total;
	state->total_matches = board->matches.total;
	state->skipped_bytes = board->skipped_bytes;
	state->given_up = board->given_up;
	write_problem(board, now_ms, state->problem, sizeof(state->problem));
	copy_samples(board, state);
	pthread_mutex_unlock(&board->lock);
}
