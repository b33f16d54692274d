/* The log writing thread and its rings. Producers call logring_add and nothing else; the owner's thread opens, reopens and closes. Formats nothing and rotates nothing.
 *
 * The thread is awake, napping or asleep. After a pass that wrote something it naps for up to 100 ms, so that lines gather; a ring that is half full ends the nap. After a
 * pass that found nothing it sleeps until a line comes. While the file fails it waits a second at a time and no producer wakes it. */
#include "base/logwriter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"

#define NAP_MS 100
#define RETRY_MS 1000
#define CLOSE_WAIT_MS 2000
#define RING_SMALLEST 4096u

enum { WRITER_AWAKE, WRITER_NAPPING, WRITER_ASLEEP };

/* Positions only rise; the place in `bytes` is the position modulo the size. */
struct logring {
	/* the producer's */
	_Alignas(64) _Atomic size_t head;
	size_t tail_seen;
	_Atomic uint64_t dropped;
	/* the writer's */
	_Alignas(64) _Atomic size_t tail;
	_Atomic uint64_t skipped; /* lines that could not be finished after the file was opened anew */
	/* neither's */
	_Alignas(64) struct logwriter *writer;
	struct logring *next;
	size_t size;
	char bytes[];
};

struct logwriter {
	_Atomic(struct logring *) rings;
	atomic_int state;
	atomic_bool stopping, reopening;
	int wake_fd, ended_fd;
	pthread_t thread;
	/* the thread's own */
	char *path; /* NULL: standard output */
	int fd;
	bool failing;          /* the last write failed */
	struct logring *begun; /* its next byte is the middle of a line */
};

/* ---- the producer ---- */

static void notify(int fd)
{
	uint64_t one = 1;
	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR) {
	}
}

static void wake_if_due(struct logring *ring, size_t used)
{
	int state = atomic_load(&ring->writer->state);
	if (state == WRITER_AWAKE || (state == WRITER_NAPPING && used < ring->size / 2))
		return;
	if (atomic_exchange(&ring->writer->state, WRITER_AWAKE) != WRITER_AWAKE)
		notify(ring->writer->wake_fd);
}

static void copy_in(struct logring *ring, size_t head, const char *line, size_t length)
{
	size_t at = head & (ring->size - 1), until_end = ring->size - at;
	size_t first = length < until_end ? length : until_end;
	memcpy(ring->bytes + at, line, first);
	memcpy(ring->bytes, line + first, length - first);
}

bool logring_add(struct logring *ring, const char *line, size_t length)
{
	size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	if (head + length - ring->tail_seen > ring->size / 2)
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	size_t used = head - ring->tail_seen;
	if (length > ring->size - used) {
		atomic_store_explicit(&ring->dropped, atomic_load_explicit(&ring->dropped, memory_order_relaxed) + 1, memory_order_relaxed);
		wake_if_due(ring, used + length);
		return false;
	}
	copy_in(ring, head, line, length);
	/* Ordered before the look at the writer's state, as the writer orders its state before its last look at the rings. */
	atomic_store(&ring->head, head + length);
	wake_if_due(ring, used + length);
	return true;
}

/* ---- the thread: writing ---- */

static size_t copy_parts(struct logring *ring, size_t tail, size_t length, struct iovec parts[2])
{
	size_t at = tail & (ring->size - 1), until_end = ring->size - at;
	size_t first = length < until_end ? length : until_end;
	parts[0] = (struct iovec){ring->bytes + at, first};
	parts[1] = (struct iovec){ring->bytes, length - first};
	return length > first ? 2 : 1;
}

static bool ends_line(const struct logring *ring, size_t tail)
{
	return ring->bytes[(tail - 1) & (ring->size - 1)] == '\n';
}

/* A pipe that its other owner made non-blocking. */
static bool has_room_soon(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	return poll(&wait, 1, NAP_MS) > 0;
}

/* Writes all that is in the ring now; false when the file took less. */
static bool drain_ring(struct logwriter *writer, struct logring *ring, bool *wrote)
{
	size_t head = atomic_load(&ring->head), tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	while (tail != head) {
		struct iovec parts[2];
		int count = (int)copy_parts(ring, tail, head - tail, parts);
		ssize_t written = writev(writer->fd, parts, count);
		if (written < 0 && (errno == EINTR || (errno == EAGAIN && has_room_soon(writer->fd))))
			continue;
		if (written <= 0)
			return false;
		*wrote = true;
		tail += (size_t)written;
		writer->begun = ends_line(ring, tail) ? NULL : ring;
		atomic_store_explicit(&ring->tail, tail, memory_order_release);
	}
	return true;
}

/* One pass over the rings; a line that was begun is finished first. */
static bool drain(struct logwriter *writer, bool *wrote)
{
	if (writer->begun && !drain_ring(writer, writer->begun, wrote))
		return false;
	for (struct logring *ring = atomic_load_explicit(&writer->rings, memory_order_acquire); ring; ring = ring->next) {
		if (!drain_ring(writer, ring, wrote))
			return false;
	}
	return true;
}

/* ---- the thread: the file ---- */

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

/* Of what somebody may not look at nothing is said. */
static bool check_folder(const char *path, const char *slash, struct err *err)
{
	struct stat found;
	char *folder = memory_text(path);
	folder[slash == path ? 1 : slash - path] = '\0';
	int why = stat(folder, &found) == 0 ? 0 : errno;
	free(folder);
	if (why != 0 && why != EACCES)
		return err_set(err, "the log file %s can't be made: its folder: %s", path, strerror(why));
	return why != 0 || S_ISDIR(found.st_mode) || err_set(err, "the log file %s can't be made: its folder is none", path);
}

bool logwriter_check(const char *path, struct err *err)
{
	struct stat found;
	const char *slash = strrchr(path, '/');
	if (slash && !check_folder(path, slash, err))
		return false;
	bool is_folder = (slash && !slash[1]) || (stat(path, &found) == 0 && S_ISDIR(found.st_mode));
	return !is_folder || err_set(err, "the log file %s can't be made: it is a folder", path);
}

/* The rest of a line whose beginning went to the file before is left out, and the line counts as dropped. */
static void skip_begun(struct logwriter *writer)
{
	struct logring *ring = writer->begun;
	if (!ring)
		return;
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	do
		tail++;
	while (!ends_line(ring, tail));
	atomic_store_explicit(&ring->tail, tail, memory_order_release);
	atomic_store_explicit(&ring->skipped, atomic_load_explicit(&ring->skipped, memory_order_relaxed) + 1, memory_order_relaxed);
	writer->begun = NULL;
}

/* Keeps the old file when the new one can't be opened; the next pass tries again. */
static void reopen(struct logwriter *writer)
{
	if (!writer->path)
		return;
	int fd = open_file(writer->path);
	if (fd < 0) {
		atomic_store(&writer->reopening, true);
		return;
	}
	skip_begun(writer);
	close(writer->fd);
	writer->fd = fd;
}

/* ---- the thread: waiting ---- */

static bool anything_queued(struct logwriter *writer)
{
	for (struct logring *ring = atomic_load_explicit(&writer->rings, memory_order_acquire); ring; ring = ring->next) {
		if (atomic_load(&ring->head) != atomic_load_explicit(&ring->tail, memory_order_relaxed))
			return true;
	}
	return false;
}

static void wait_for_wake(struct logwriter *writer, int timeout_ms)
{
	struct pollfd wait = {.fd = writer->wake_fd, .events = POLLIN};
	uint64_t count;
	if (poll(&wait, 1, timeout_ms) > 0 && read(writer->wake_fd, &count, sizeof(count)) < 0)
		assert(errno == EAGAIN || errno == EINTR);
	atomic_store(&writer->state, WRITER_AWAKE);
}

static void rest(struct logwriter *writer, bool wrote)
{
	if (writer->failing) {
		wait_for_wake(writer, RETRY_MS);
	} else if (wrote) {
		atomic_store(&writer->state, WRITER_NAPPING);
		wait_for_wake(writer, NAP_MS);
	} else {
		atomic_store(&writer->state, WRITER_ASLEEP);
		wait_for_wake(writer, anything_queued(writer) ? 0 : atomic_load(&writer->reopening) ? RETRY_MS : -1);
	}
}

static void *run(void *arg)
{
	struct logwriter *writer = arg;
	bool last;
	do {
		last = atomic_load(&writer->stopping);
		bool wrote = false;
		if (atomic_exchange(&writer->reopening, false))
			reopen(writer);
		writer->failing = !drain(writer, &wrote);
		if (!last)
			rest(writer, wrote);
	} while (!last);
	notify(writer->ended_fd);
	return NULL;
}

/* ---- the owner ---- */

static bool start_thread(struct logwriter *writer)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&writer->thread, NULL, run, writer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		pthread_setname_np(writer->thread, "teal-log");
	errno = error;
	return error == 0;
}

static void free_writer(struct logwriter *writer)
{
	struct logring *next;
	for (struct logring *ring = atomic_load(&writer->rings); ring; ring = next) {
		next = ring->next;
		free(ring);
	}
	if (writer->fd >= 0)
		close(writer->fd);
	if (writer->wake_fd >= 0)
		close(writer->wake_fd);
	if (writer->ended_fd >= 0)
		close(writer->ended_fd);
	free(writer->path);
	free(writer);
}

struct logwriter *logwriter_open(const char *path, struct err *err)
{
	struct logwriter *writer = memory_new(sizeof(*writer));
	bool standard_output = strcmp(path, "-") == 0;
	writer->path = standard_output ? NULL : memory_text(path);
	writer->wake_fd = writer->ended_fd = -1;
	writer->fd = standard_output ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) : open_file(path);
	if (writer->fd < 0) {
		err_set(err, "can't open the log file %s: %s", standard_output ? "on standard output" : path, strerror(errno));
		free_writer(writer);
		return NULL;
	}
	writer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	writer->ended_fd = eventfd(0, EFD_CLOEXEC);
	if (writer->wake_fd < 0 || writer->ended_fd < 0 || !start_thread(writer)) {
		err_set(err, "can't start the thread that writes the log file %s: %s", path, strerror(errno));
		free_writer(writer);
		return NULL;
	}
	return writer;
}

void logwriter_close(struct logwriter *writer)
{
	if (!writer)
		return;
	atomic_store(&writer->stopping, true);
	notify(writer->wake_fd);
	struct pollfd wait = {.fd = writer->ended_fd, .events = POLLIN};
	int ended;
	do
		ended = poll(&wait, 1, CLOSE_WAIT_MS);
	while (ended < 0 && errno == EINTR);
	if (ended == 0) {
		pthread_detach(writer->thread); /* hangs in a write: what it uses stays */
		return;
	}
	pthread_join(writer->thread, NULL);
	free_writer(writer);
}

void logwriter_reopen(struct logwriter *writer)
{
	atomic_store(&writer->reopening, true);
	notify(writer->wake_fd);
}

struct logring *logwriter_add_ring(struct logwriter *writer, size_t size)
{
	size_t whole = RING_SMALLEST;
	while (whole < size)
		whole *= 2;
	struct logring *ring = memory_aligned(_Alignof(struct logring), sizeof(*ring) + whole);
	ring->writer = writer;
	ring->size = whole;
	ring->next = atomic_load_explicit(&writer->rings, memory_order_relaxed);
	atomic_store_explicit(&writer->rings, ring, memory_order_release);
	return ring;
}

uint64_t logwriter_dropped(const struct logwriter *writer)
{
	uint64_t sum = 0;
	for (const struct logring *ring = atomic_load_explicit(&writer->rings, memory_order_acquire); ring; ring = ring->next)
		sum += atomic_load_explicit(&ring->dropped, memory_order_relaxed) + atomic_load_explicit(&ring->skipped, memory_order_relaxed);
	return sum;
}
