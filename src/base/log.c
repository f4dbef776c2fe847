#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/utf8.h"

static enum log_level min_level = LOG_INFO;
static enum log_format out_format = LOG_JSON;
static void (*capture_cb)(void *, const char *);
static void * capture_arg;
static const char * const level_names[] = { "debug", "info", "warn", "error" };

/* A field that would make the line longer than this is left out, and the line
 * is marked; TAIL_BYTES are kept for the mark and the end. */
#define LINE_MAX_BYTES 16384
#define TAIL_BYTES 64
#define LINE_USUAL_BYTES 512

/* Whether the last line could not be written to its end. */
static int torn;

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

/* The length of the printable character that starts ${s}, or 0: a log is read
 * on terminals, where control characters (ASCII's and U+0080 to U+009F) act. */
static size_t
printable(const char * s, size_t n)
{
	unsigned char c = (unsigned char)s[0];
	size_t len = utf8_seq(s, n);

	if (len == 1 && (c < 0x20 || c == 0x7f))
		return (0);
	if (len == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0)
		return (0);
	return (len);
}

/* Text for people: bare words stay bare, everything else is quoted. */
static void
add_text_value(struct buf * b, const char * s)
{
	size_t n = strlen(s), i, len;
	int quote = n == 0 || s[strcspn(s, " \"\\=")] != '\0';

	for (i = 0; i < n && !quote; i += len)
		quote = (len = printable(s + i, n - i)) == 0;
	if (!quote) {
		buf_add(b, s, n);
		return;
	}
	buf_addc(b, '"');
	for (i = 0; i < n; i += len) {
		if ((len = printable(s + i, n - i)) == 0) {
			len = 1;
			buf_addf(b, s[i] == '\n' ? "\\n" : "\\x%02x",
			    (unsigned char)s[i]);
			continue;
		}
		if (s[i] == '"' || s[i] == '\\')
			buf_addc(b, '\\');
		buf_add(b, s + i, len);
	}
	buf_addc(b, '"');
}

static void
add_field(struct buf * b, const struct log_field * f)
{
	if (out_format == LOG_JSON) {
		buf_addc(b, ',');
		buf_add_json_str(b, f->key, strlen(f->key));
		buf_addc(b, ':');
	} else {
		buf_addf(b, " %s=", f->key);
	}
	if (f->s == NULL)
		buf_addf(b, "%" PRId64, f->i);
	else if (out_format == LOG_JSON)
		buf_add_json_str(b, f->s, strlen(f->s));
	else
		add_text_value(b, f->s);
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
			break; /* nowhere left to complain */
		p += w;
		n -= (size_t)w;
	}
	torn = n > 0;
}

/* Add the fields that fit; return whether all did. */
static int
add_fields(struct buf * b, const struct log_field * fields, size_t n)
{
	size_t i, whole;
	int all = 1;

	for (i = 0; i < n; i++) {
		whole = b->len;
		add_field(b, &fields[i]);
		if (b->failed) {
			b->failed = 0;
			b->len = whole;
			all = 0;
		}
	}
	return (all);
}

void
log_write(enum log_level level, const char * event,
    const struct log_field * fields, size_t n)
{
	struct buf b = BUF_INIT(LINE_MAX_BYTES);
	int json = out_format == LOG_JSON, saved = errno;
	char ts[RFC3339_LEN];

	buf_reserve(&b, LINE_USUAL_BYTES);
	rfc3339_format(clock_wall_ms(), ts);
	if (json) {
		buf_addf(&b, "{\"ts\":\"%s\",\"level\":\"%s\",\"event\":",
		    ts, level_names[level]);
		buf_add_json_str(&b, event, strlen(event));
	} else {
		buf_addf(&b, "%s %-5s %s", ts, level_names[level], event);
	}
	if (b.failed) {
		/* No memory, or no event of ours: there is no line to keep. */
		buf_free(&b);
		errno = saved;
		return;
	}
	if (!add_fields(&b, fields, n)) {
		b.max += TAIL_BYTES;
		buf_adds(&b, json ? ",\"cut\":true" : " cut=true");
	}
	b.max = LINE_MAX_BYTES + 2 * TAIL_BYTES;
	if (json)
		buf_addc(&b, '}');
	if (capture_cb != NULL) {
		capture_cb(capture_arg, b.p);
	} else {
		/* What follows half a line must not look like its end. */
		if (torn)
			write_all("\n", 1);
		buf_addc(&b, '\n');
		write_all(b.p, b.len);
	}
	buf_free(&b);
	errno = saved;
}

void
log_capture(void (*cb)(void *, const char *), void * arg)
{
	capture_cb = cb;
	capture_arg = arg;
}
