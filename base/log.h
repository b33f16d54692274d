/* The daemon's own log: one line an event, to standard error; never called by a worker.
 *
 * Under systemd (JOURNAL_STREAM set) each line carries the `<N>` priority; else it starts with the time. Control bytes in
 * the text are escaped, so that one event is one line. Control thread and start-up only. */
#ifndef TEAL_BASE_LOG_H
#define TEAL_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Lines above the level are dropped. Default: LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
