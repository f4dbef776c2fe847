#include "secret/secret_env.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENV_FILE (1 << 20)

void
secret_env_wipe(struct secret_env * s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		explicit_bzero(s->values[i], strlen(s->values[i]));
		free(s->values[i]);
		free(s->names[i]);
	}
	free(s->names);
	free(s->values);
	s->names = s->values = NULL;
	s->n = 0;
}

static int
add(struct secret_env * s, const char * name, size_t nname, const char * v,
    size_t nv, struct err * e)
{
	char ** names = realloc(s->names, (s->n + 1) * sizeof(*names));
	char ** values;

	if (names != NULL)
		s->names = names;
	values = realloc(s->values, (s->n + 1) * sizeof(*values));
	if (values != NULL)
		s->values = values;
	if (names == NULL || values == NULL)
		return (err_nomem(e, "the env file"));
	names[s->n] = strndup(name, nname);
	values[s->n] = strndup(v, nv);
	if (names[s->n] == NULL || values[s->n] == NULL) {
		free(names[s->n]);
		free(values[s->n]);
		return (err_nomem(e, "the env file"));
	}
	s->n++;
	return (0);
}

static int
parse_line(struct secret_env * s, char * p, int line, struct err * e)
{
	char * end = p + strlen(p), * v;
	size_t n;

	while (end > p && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*p))
		p++;
	if (*p == '\0' || *p == '#')
		return (0);
	if (strncmp(p, "export ", 7) == 0)
		p += 7 + strspn(p + 7, " ");
	for (n = 0; isalnum((unsigned char)p[n]) || p[n] == '_'; n++)
		continue;
	if (n == 0 || p[n] != '=')
		return (err_set(e, ERR_CONFIG, "env_file",
		    "%s line %d: expected NAME=value", s->path, line));
	v = p + n + 1;
	if ((*v == '"' || *v == '\'') && end - v >= 2 && end[-1] == *v) {
		v++;
		end--;
	}
	return (add(s, p, n, v, (size_t)(end - v), e));
}

/* Read the file into ${s}, which is empty. */
static int
read_file(struct secret_env * s, struct err * e)
{
	char * line = NULL;
	size_t cap = 0, total = 0;
	ssize_t n;
	int no = 0, rc = 0;
	FILE * f;

	if ((f = fopen(s->path, "re")) == NULL)
		return (err_set(e, ERR_CONFIG, "env_file",
		    "cannot read the env file %s: %s", s->path,
		    strerror(errno)));
	while (rc == 0 && (n = getline(&line, &cap, f)) >= 0) {
		no++;
		total += (size_t)n;
		if (total > MAX_ENV_FILE)
			rc = err_set(e, ERR_CONFIG, "env_file",
			    "the env file %s is over 1 MiB", s->path);
		else if (strlen(line) != (size_t)n)
			rc = err_set(e, ERR_CONFIG, "env_file",
			    "%s line %d holds a NUL byte", s->path, no);
		else
			rc = parse_line(s, line, no, e);
	}
	if (rc == 0 && ferror(f))
		rc = err_set(e, ERR_CONFIG, "env_file",
		    "cannot read the env file %s: %s", s->path,
		    strerror(errno));
	if (line != NULL)
		explicit_bzero(line, cap);
	free(line);
	fclose(f);
	return (rc);
}

int
secret_env_read(struct secret_env * s, struct err * e)
{
	struct secret_env fresh = { s->path, NULL, NULL, 0 };

	if (s->path == NULL)
		return (0);
	if (read_file(&fresh, e)) {
		secret_env_wipe(&fresh);
		return (-1);
	}
	secret_env_wipe(s);
	*s = fresh;
	return (0);
}

int
secret_env_get(const struct secret_env * s, const char * ref,
    struct buf * out, struct err * e)
{
	const char * v = NULL;
	size_t i;

	/* Whoever may make connectors must not be able to send our own token
	 * to a host of theirs. */
	if (strncmp(ref + 5, "MOLTLER_", 8) == 0)
		return (err_set(e, ERR_CONFIG, "secret", "%.200s: variables "
		    "that begin with MOLTLER_ are the daemon's own; use "
		    "another name", ref));
	/* The last line of a name wins, as in a shell. */
	for (i = s->n; i-- > 0 && v == NULL;)
		if (strcmp(s->names[i], ref + 5) == 0)
			v = s->values[i];
	if (v == NULL)
		v = getenv(ref + 5);
	if (v == NULL || *v == '\0')
		return (err_set(e, ERR_CONFIG, "secret",
		    "%.200s is %s; set it in the environment or the env file, "
		    "and have that read again by ALTER CONNECTOR ... ENABLE or "
		    "SIGHUP", ref,
		    v == NULL ? "not set" : "empty"));
	if (buf_adds(out, v))
		return (err_nomem(e, "a secret"));
	return (0);
}
