#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/settings.h"
#include "secret/secret.h"

/* Where settings come from: the file and the environment. */

#define BAD(e, ...) err_set((e), ERR_CONFIG, "config", __VA_ARGS__)

struct reading {
	struct settings * c;
	const char * path;
	struct err * e;
	FILE * f;
	int line;
	int failed;
	uint64_t seen; /* a bit a setting */
};
_Static_assert(SETTINGS_MAX <= 64, "one bit a setting");

static void
fail(struct reading * rd)
{
	rd->failed = 1;
	err_prefix(rd->e, "%s line %d", rd->path, rd->line);
}

/* Whether a line is a section's; inih tells of none without keys. */
static int
section_ok(const char * s)
{
	size_t n = strcspn(s, "]");

	return (s[n] == ']' && settings_section(s + 1, n - 1) != NULL);
}

/*
 * fgets for inih, which counts no lines where it is built as in Debian, takes
 * what follows the end of its buffer for a line of its own, and an indented key
 * for more of the value before it.
 */
static char *
read_line(char * s, int max, void * arg)
{
	struct reading * rd = arg;
	size_t n, blank;

	if (rd->failed || fgets(s, max, rd->f) == NULL)
		return (NULL);
	rd->line++;
	n = strlen(s);
	if (n > 0 && s[n - 1] != '\n' && !feof(rd->f)) {
		BAD(rd->e, "the line is longer than %d bytes; give so long a "
		    "value by its environment variable", max - 2);
		fail(rd);
		return (NULL);
	}
	blank = strspn(s, " \t");
	memmove(s, s + blank, n - blank + 1);
	if (*s == '[' && !section_ok(s)) {
		BAD(rd->e, "expected [daemon], [elasticsearch] or [vault]; "
		    "found %.*s",
		    (int)strcspn(s, "\r\n"), s);
		fail(rd);
		return (NULL);
	}
	return (s);
}

static int
is_secret(const char * key)
{
	return (strcmp(key, "elasticsearch_api_key") == 0 ||
	    strcmp(key, "elasticsearch_password") == 0 ||
	    strcmp(key, "vault_token") == 0 ||
	    strcmp(key, "vault_secret_id") == 0);
}

/* A secret itself, not a reference to one, is for a file that others cannot read. */
static int
secret_ok(struct reading * rd, const char * key, const char * value)
{
	struct stat st;

	if (!is_secret(key) || secret_is_ref(value))
		return (1);
	if (fstat(fileno(rd->f), &st) == 0 &&
	    (st.st_mode & (S_IROTH | S_IWOTH)) == 0)
		return (1);
	BAD(rd->e, "%s: others may read %s; chmod 600 it, or give a reference "
	    "such as $env:NAME", key, rd->path);
	return (0);
}

static int
take_key(struct reading * rd, const char * section, const char * name,
    const char * value)
{
	const char * head = settings_section(section, strlen(section));
	char key[128], from[512];
	uint64_t bit;
	int i;

	snprintf(key, sizeof(key), "%s%s", head ? head : "", name);
	/* One that belongs to another section is none here. */
	i = strlen(name) > 64 || head == NULL || (*head == '\0' &&
	    (strncmp(name, "elasticsearch_", 14) == 0 ||
	    strncmp(name, "vault_", 6) == 0)) ? -1 : settings_index(key);
	if (i < 0) {
		settings_unknown(section, name, rd->e);
		return (-1);
	}
	bit = UINT64_C(1) << i;
	if (rd->seen & bit)
		return (BAD(rd->e, "key '%s' is given twice", name));
	if (*value == '"' || *value == '\'')
		return (BAD(rd->e, "%.64s: a value stands without quotes",
		    name));
	if (!secret_ok(rd, key, value))
		return (-1);
	rd->seen |= bit;
	snprintf(from, sizeof(from), "%s line %d", rd->path, rd->line);
	if (settings_set_from(rd->c, from, key, value, rd->e) == 0)
		return (0);
	/* It has said where already. */
	rd->failed = 1;
	return (-1);
}

/* inih's handler: 1 to go on, 0 for an error on this line. */
static int
on_key(void * arg, const char * section, const char * name, const char * value)
{
	struct reading * rd = arg;

	if (rd->failed)
		return (0);
	if (*section == '\0') {
		BAD(rd->e, "key '%.64s' stands before [daemon]", name);
		fail(rd);
		return (0);
	}
	if (take_key(rd, section, name, value) == 0)
		return (1);
	if (!rd->failed)
		fail(rd);
	return (0);
}

int
settings_read_file(struct settings * c, const char * path, struct err * e)
{
	struct reading rd = { c, path, e, NULL, 0, 0, 0 };
	int line;

	if ((rd.f = fopen(path, "re")) == NULL)
		return (BAD(e, "cannot read %s: %s", path, strerror(errno)));
	errno = 0;
	line = ini_parse_stream(read_line, &rd, on_key, &rd);
	if (ferror(rd.f)) {
		BAD(e, "cannot read %s: %s", path, strerror(errno));
		fclose(rd.f);
		return (-1);
	}
	fclose(rd.f);
	/* What inih itself minds comes first: it went on reading. */
	if (line > 0 && (!rd.failed || line < rd.line))
		return (BAD(e, "%s line %d: expected [daemon] or key = value",
		    path, line));
	return (rd.failed || line < 0 ? -1 : 0);
}

extern char ** environ;

int
settings_read_env(struct settings * c, struct err * e)
{
	char key[64], from[128];
	const char * p, * eq;
	size_t i, n;
	char ** ep;

	for (ep = environ; *ep != NULL; ep++) {
		if (strncmp(*ep, "MOLTLER_", 8) != 0 ||
		    (eq = strchr(*ep, '=')) == NULL || eq[1] == '\0')
			continue;
		p = *ep + 8;
		n = (size_t)(eq - p);
		/* The client's own, and secrets named so by their owner, are
		 * not ours to judge: only what is a setting counts. */
		if (n == 0 || n >= sizeof(key))
			continue;
		for (i = 0; i < n; i++)
			key[i] = (char)tolower((unsigned char)p[i]);
		key[n] = '\0';
		snprintf(from, sizeof(from), "environment variable "
		    "MOLTLER_%.*s", (int)n, p);
		if (strcmp(key, "token") == 0) {
			free(c->token);
			if ((c->token = strdup(eq + 1)) == NULL)
				return (err_nomem(e, "the configuration"));
		} else if (strcmp(key, "master_key") == 0) {
			free(c->master_key);
			if ((c->master_key = strdup(eq + 1)) == NULL)
				return (err_nomem(e, "the configuration"));
			/* Out of /proc/PID/environ. */
			explicit_bzero((char *)(uintptr_t)(eq + 1),
			    strlen(eq + 1));
		} else if (settings_index(key) >= 0) {
			if (settings_set_from(c, from, key, eq + 1, e))
				return (-1);
			if (is_secret(key) && !secret_is_ref(eq + 1))
				explicit_bzero((char *)(uintptr_t)(eq + 1),
				    strlen(eq + 1));
		}
	}
	return (0);
}
