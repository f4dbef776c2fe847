#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Cut a torn UTF-8 sequence off the end of a string that filled its buffer. */
static void
trim_utf8(char * s, size_t cap)
{
	size_t n = strlen(s), back = 0;
	unsigned char c;

	if (n + 1 < cap)
		return;
	while (n > 0 && back < 4) {
		c = (unsigned char)s[n - 1];
		if (c < 0x80)
			return;
		n--;
		back++;
		if (c >= 0xc0) {
			/* A lead byte: keep it only if its sequence is whole. */
			size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

			if (want != back)
				s[n] = '\0';
			return;
		}
	}
}

int
err_set(struct err * e, enum err_class cls, const char * code,
    const char * fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return (-1);
	e->cls = cls;
	e->retry_after_ms = -1;
	snprintf(e->code, sizeof(e->code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	trim_utf8(e->msg, sizeof(e->msg));
	return (-1);
}

int
err_prefix(struct err * e, const char * fmt, ...)
{
	char old[sizeof(e->msg)];
	va_list ap;
	size_t n;

	if (e == NULL)
		return (-1);
	memcpy(old, e->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	n = strlen(e->msg);
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", old);
	trim_utf8(e->msg, sizeof(e->msg));
	return (-1);
}

int
err_nomem(struct err * e, const char * what)
{
	return (err_set(e, ERR_TRANSIENT, "nomem", "out of memory for %s", what));
}

const char *
err_class_name(enum err_class cls)
{
	switch (cls) {
	case ERR_TRANSIENT:
		return ("transient");
	case ERR_PERMANENT:
		return ("permanent");
	case ERR_CONFIG:
		return ("config");
	case ERR_CANCELLED:
		return ("cancelled");
	}
	return ("unknown");
}
