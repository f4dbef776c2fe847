#include "decode/decode_json_note.h"

#include <string.h>
#include <strings.h>

#include "base/utf8.h"

uint8_t
decode_json_note_kept(const struct decode_json * d, const struct json_token * t)
{
	const char * s = d->body.p + t->at, * want = d->plan->ent->keep_text;
	size_t i, n = strlen(want);

	if (t->kind == TOKEN_NULL || t->kind == TOKEN_TREE)
		return (0);
	for (i = 0; i + n <= t->len; i++)
		if (strncasecmp(s + i, want, n) == 0)
			return (1);
	return (0);
}

/* Whether there is nothing in an array or object. */
static int
is_hollow(const char * s, size_t n)
{
	size_t i = 1;

	while (i < n && strchr(" \t\r\n", s[i]) != NULL)
		i++;
	return (i + 1 >= n);
}

void
decode_json_note_lack(struct decode_json * d,
    const struct manifest_lack * l, const struct json_token * t)
{
	const char * s = d->body.p + t->at, * fine;
	size_t i, n = t->len;
	json_t * v;

	if (d->lack[0] != '\0' || n == 0 || t->kind == TOKEN_NULL ||
	    t->kind == TOKEN_FALSE || (t->kind == TOKEN_TREE && is_hollow(s, n)))
		return;
	json_array_foreach((json_t *)(uintptr_t)l->fine, i, v) {
		fine = json_string_value(v);
		if (fine != NULL && strlen(fine) == n &&
		    memcmp(fine, s, n) == 0)
			return;
	}
	n = n < sizeof(d->lack) ? n : sizeof(d->lack) - 1;
	n = utf8_check(s, n);
	for (i = 0; i < n; i++)
		d->lack[i] = (char)((unsigned char)s[i] < 0x20 ? ' ' : s[i]);
	d->lack[n] = '\0';
	if (n == 0)
		memcpy(d->lack, "?", 2);
}
