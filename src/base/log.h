#ifndef MOLTLER_BASE_LOG_H
#define MOLTLER_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_JSON, LOG_TEXT };

/** log_or_empty(s): ${s}, or "" for NULL (not a macro: clang minds literals). */
static inline const char *
log_or_empty(const char * s)
{
	return (s != NULL ? s : "");
}

/* One key with its value; build them with LOG_S, LOG_I and LOG_E. */
struct log_field {
	const char * key;
	const char * s; /* a string, or NULL: then ${i} */
	int64_t i;
};

#define LOG_S(k, v) { (k), log_or_empty(v), 0 }
#define LOG_I(k, v) { (k), 0, (int64_t)(v) }
/* The class and the message of an error: two fields. */
#define LOG_E(e) { "error_class", err_class_name((e)->cls), 0 }, \
	{ "error", (e)->msg, 0 }

/**
 * log_event(level, event, field, ...):
 * Write one line to stderr: ts (RFC 3339 with milliseconds), level, event and
 * the fields, as one JSON object or as text for people.  ${event} is a stable
 * word such as "tick_failed".  Lines below the level set are not formatted.
 */
#define log_event(level, event, ...) do { \
	if (log_enabled(level)) { \
		const struct log_field log_f_[] = { __VA_ARGS__ }; \
		log_write((level), (event), log_f_, \
		    sizeof(log_f_) / sizeof(log_f_[0])); \
	} \
} while (0)

/** log_setup(level, format): Set both; the start is LOG_INFO, LOG_JSON. */
void log_setup(enum log_level level, enum log_format format);

/** log_level_parse(s, level): 0 with ${*level} set, or -1 if ${s} is none of
 * "debug", "info", "warn", "error". */
int log_level_parse(const char * s, enum log_level * level) MUST_CHECK;

/** log_enabled(level): Whether a line of this level would be written. */
int log_enabled(enum log_level level);

/** log_write(level, event, fields, n): What log_event calls. */
void log_write(enum log_level level, const char * event,
    const struct log_field * fields, size_t n);

/**
 * log_capture(cb, arg):
 * Hand every line (without its newline) to ${cb} instead of stderr, for tests;
 * NULL ends it.
 */
void log_capture(void (*cb)(void *, const char *), void * arg);

#endif
