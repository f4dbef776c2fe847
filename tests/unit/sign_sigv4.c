#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "conn/sigv4.h"

/*
 * Signs requests that come as one JSON object a line ({method, url, headers, body,
 * service, region, time_ms, key, secret, token}) and answers the Authorization
 * header's value, so that another signer's can be held against it.
 */
#define MAX_HEADERS 32

static int
sign_line(const char * line)
{
	struct buf lines[SIGV4_LINES] = { BUF_INIT(0) };
	const char * headers[MAX_HEADERS + 1] = { NULL };
	json_t * v = json_loads(line, 0, NULL), * h;
	struct sigv4 s;
	struct err e;
	size_t i, n = 0;
	int rc = -1;

	memset(&s, 0, sizeof(s));
	json_array_foreach(json_object_get(v, "headers"), i, h)
		if (i < MAX_HEADERS)
			headers[i] = json_string_value(h);
	s.headers = headers;
	s.method = json_str(v, "method");
	s.url = json_str(v, "url");
	s.service = json_str(v, "service");
	s.region = json_str(v, "region");
	s.access_key = json_str(v, "key");
	s.secret_key = json_str(v, "secret");
	s.token = json_str(v, "token");
	s.body = json_str(v, "body");
	s.body_len = s.body ? strlen(s.body) : 0;
	s.time_ms = json_int(v, "time_ms", 0);
	if (s.url != NULL && sigv4_sign(&s, lines, &n, &e) == 0) {
		printf("%s\n", lines[n - 1].p + strlen("Authorization: "));
		rc = 0;
	}
	for (i = 0; i < SIGV4_LINES; i++)
		buf_wipe(&lines[i]);
	json_decref(v);
	return (rc);
}

int
main(void)
{
	char * line = NULL;
	size_t cap = 0;
	int rc = 0;

	while (rc == 0 && getline(&line, &cap, stdin) > 0)
		rc = sign_line(line);
	free(line);
	return (rc == 0 && fflush(stdout) == 0 ? 0 : 1);
}
