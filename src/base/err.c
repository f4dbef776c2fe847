#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/*
 * Put a text of ${n} bytes, as vsnprintf counted them, into the message.  What
 * peers send gets into messages, and other writers of JSON than ours refuse
 * what is not UTF-8: so a sequence torn by the cut goes, and any other bad byte
 * becomes a question mark.  What was cut ends in "...", as one character.
 */
static void
set_msg(struct err * e, char * s, int n)
{
	static const char more[] = "\xe2\x80\xa6";
	size_t len = strlen(s), i = 0;
	int cut = n >= (int)sizeof(e->msg);

	if (cut && len > sizeof(e->msg) - sizeof(more)) {
		len = sizeof(e->msg) - sizeof(more);
		s[len] = '\0';
	}
	while ((i += utf8_check(s + i, len - i)) < len) {
		if (cut && len - i < 4 &&
		    (unsigned char)s[i] >= 0xc2) {
			len = i;
			break;
		}
		s[i++] = '?';
	}
	memcpy(e->msg, s, len);
	memcpy(e->msg + len, cut ? more : "", cut ? sizeof(more) : 1);
}

int
err_set(struct err * e, enum err_class cls, const char * code,
    const char * fmt, ...)
{
	/* Not in place: the arguments may be the old code and message. */
	char msg[sizeof(e->msg)], kept[sizeof(e->code)];
	va_list ap;
	int n;

	if (e == NULL)
		return (-1);
	msg[0] = '\0';
	va_start(ap, fmt);
	n = vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	snprintf(kept, sizeof(kept), "%s", code);
	e->cls = cls;
	e->retry_after_ms = -1;
	e->unsent = 0;
	memcpy(e->code, kept, sizeof(kept));
	set_msg(e, msg, n);
	return (-1);
}

int
err_prefix(struct err * e, const char * fmt, ...)
{
	char msg[sizeof(e->msg)];
	va_list ap;
	size_t at;
	int n;

	if (e == NULL)
		return (-1);
	msg[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	at = strlen(msg);
	n = snprintf(msg + at, sizeof(msg) - at, ": %s", e->msg);
	set_msg(e, msg, (int)at + n);
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
