/* The control thread's end of a log watch. Touches no file. */
#include "probe/logwatch.h"

#include <event2/event.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/pattern.h"
#include "probe/logboard.h"
#include "probe/logreader.h"

struct logwatch {
	struct logboard *board;
	struct event *news;
	logwatch_on_news *on_news;
	void *arg;
};

static void on_board_news(evutil_socket_t fd, short what, void *arg)
{
	struct logwatch *watch = arg;
	uint64_t count;
	(void)what;
	if (read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		watch->on_news(watch->arg);
}

/* The reader has its hold of the board from here on. */
static bool start_reader(struct logboard *board, const char *glob, const char *text, struct err *err)
{
	struct timespec since;
	struct pattern *pattern = pattern_new(text, err);
	if (!pattern)
		return false;
	clock_gettime(CLOCK_REALTIME_COARSE, &since); /* the one that file systems stamp with */
	if (logreader_start(board, glob, pattern, &since, err))
		return true;
	pattern_free(pattern);
	return false;
}

struct logwatch *logwatch_new(
	struct event_base *loop, const char *glob, const char *pattern, uint64_t within_ms, logwatch_on_news *on_news, void *arg, struct err *err)
{
	struct logboard *board = logboard_new(within_ms, clock_mono_ms(), err);
	if (!board)
		return NULL;
	if (!start_reader(board, glob, pattern, err)) {
		logboard_let_go(board);
		logboard_let_go(board);
		return NULL;
	}
	struct logwatch *watch = memory_new(sizeof(*watch));
	watch->board = board;
	watch->on_news = on_news;
	watch->arg = arg;
	if (on_news) {
		watch->news = event_new(loop, board->news_fd, EV_READ | EV_PERSIST, on_board_news, watch);
		event_add(watch->news, NULL);
	}
	return watch;
}

void logwatch_free(struct logwatch *watch)
{
	if (!watch)
		return;
	if (watch->news)
		event_free(watch->news);
	logboard_stop(watch->board);
	logboard_let_go(watch->board);
	free(watch);
}

void logwatch_read(const struct logwatch *watch, uint64_t now_ms, struct logwatch_state *state)
{
	logboard_read(watch->board, now_ms, state);
}
