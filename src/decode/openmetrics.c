#include <string.h>
#include <strings.h>

#include "decode/decode_openmetrics.h"

/* Types no metrics come in; '*' at an end stands for anything there. */
static const char * const never[] = { "text/html", "text/xml", "text/css",
	"text/javascript", "text/csv", "text/markdown", "image/*", "audio/*",
	"video/*", "font/*", "multipart/*", "model/*", "*+json", "*+xml",
	"*/json", "*/xml", "application/javascript", "application/x-ndjson",
	"application/pdf", "application/zip", "application/gzip",
	"application/vnd.google.protobuf", "application/x-protobuf",
	"application/x-www-form-urlencoded" };

/* The media type without its parameters and the blanks around it. */
static const char *
media_type(const char * s, size_t * n)
{
	if (s == NULL)
		s = "";
	s += strspn(s, " \t");
	*n = strcspn(s, " \t;,");
	return (s);
}

static int
matches(const char * s, size_t n, const char * pattern)
{
	size_t m = strlen(pattern);

	if (pattern[0] == '*')
		return (n >= m - 1 &&
		    strncasecmp(s + n - (m - 1), pattern + 1, m - 1) == 0);
	if (pattern[m - 1] == '*')
		return (n >= m - 1 && strncasecmp(s, pattern, m - 1) == 0);
	return (n == m && strncasecmp(s, pattern, m) == 0);
}

enum openmetrics_format
openmetrics_format_of(const char * content_type)
{
	size_t n;
	const char * s = media_type(content_type, &n);

	/* Every version: 0.0.1 was 1.0.0's draft, with the same text. */
	return (matches(s, n, "application/openmetrics-text") ?
	    OPENMETRICS_1 : OPENMETRICS_TEXT);
}

int
openmetrics_acceptable(const char * content_type)
{
	size_t n, i;
	const char * s = media_type(content_type, &n);

	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (matches(s, n, never[i]))
			return (0);
	return (1);
}
