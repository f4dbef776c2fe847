#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/rfc3339.h"

static enum log_level min_level = LOG_INFO;
static enum log_format out_format = LOG_JSON;
static void (*capture_cb)(void *, const char *);
static void * capture_arg;
static const char * const level_names[] = { "debug", "info", "warn", "error" };

/* A line longer than this is cut by its buffer and marked. */
#define LINE_MAX_BYTES 16384

void
log_setup(enum log_level level, enum log_format format)
{
	min_level = level;
	out_format = format;
}

int
log_level_parse(const char * s, enum log_level * level)
{
	size_t i;

	for (i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(s, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return (0);
		}
	}
	return (-1);
}

int
log_enabled(enum log_level level)
{
	return (level >= min_level);
}

/* Text for people: bare words stay bare, everything else is quoted. */
static void
add_text_value(struct buf * b, const char * s)
{
	if (*s != '\0' && s[strcspn(s, " \"\\=\n\r\t")] == '\0')
		buf_adds(b, s);
	else
		buf_add_json_str(b, s, strlen(s));
}

static void
add_field(struct buf * b, const struct log_field * f)
{
	if (out_format == LOG_JSON) {
		buf_addf(b, ",\"%s\":", f->key);
		if (f->s != NULL)
			buf_add_json_str(b, f->s, strlen(f->s));
		else
			buf_addf(b, "%" PRId64, f->i);
	} else {
		buf_addf(b, " %s=", f->key);
		if (f->s != NULL)
			add_text_value(b, f->s);
		else
			buf_addf(b, "%" PRId64, f->i);
	}
}

static void
write_all(const char * p, size_t n)
{
	ssize_t w;

	while (n > 0) {
		w = write(STDERR_FILENO, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return; /* nowhere left to complain */
		p += w;
		n -= (size_t)w;
	}
}

void
log_write(enum log_level level, const char * event,
    const struct log_field * fields, size_t n)
{
	struct buf b = BUF_INIT(LINE_MAX_BYTES);
	char ts[RFC3339_LEN];
	size_t i, whole;

	rfc3339_format(clock_wall_ms(), ts);
	if (out_format == LOG_JSON)
		buf_addf(&b, "{\"ts\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"",
		    ts, level_names[level], event);
	else
		buf_addf(&b, "%s %-5s %s", ts, level_names[level], event);
	whole = b.len;
	for (i = 0; i < n && !b.failed; i++) {
		add_field(&b, &fields[i]);
		if (!b.failed)
			whole = b.len;
	}
	if (b.failed) {
		/* Drop the field that did not fit, keep the line valid. */
		b.failed = 0;
		b.len = whole;
		b.max += 64;
		buf_adds(&b, out_format == LOG_JSON ?
		    ",\"cut\":true" : " cut=true");
	}
	b.max += 64;
	if (out_format == LOG_JSON)
		buf_addc(&b, '}');
	if (b.p == NULL)
		return;
	if (capture_cb != NULL) {
		capture_cb(capture_arg, b.p);
	} else {
		buf_addc(&b, '\n');
		write_all(b.p, b.len);
	}
	buf_free(&b);
}

void
log_capture(void (*cb)(void *, const char *), void * arg)
{
	capture_cb = cb;
	capture_arg = arg;
}
