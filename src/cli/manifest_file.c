#include "cli/manifest_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
manifest_file_read(const char * file, struct buf * b, struct err * e)
{
	FILE * f = fopen(file, "re");
	char piece[16384];
	size_t n;
	int bad;

	buf_adds(b, "");
	if (f == NULL)
		return (err_set(e, ERR_CONFIG, "file", "cannot read %s: %s",
		    file, strerror(errno)));
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		if (buf_add(b, piece, n))
			break;
	bad = ferror(f);
	fclose(f);
	if (bad || b->failed)
		return (err_set(e, ERR_CONFIG, "file", "cannot read %s: %s",
		    file, bad ? strerror(errno) : "it is too large"));
	return (0);
}

struct teller {
	const char * file;
	int warns;
};

static void
say_fault(void * arg, int is_warning, const char * path, const char * msg)
{
	const struct teller * t = arg;

	if (!is_warning || t->warns)
		printf("%s: %s: %s: %s\n", t->file, is_warning ? "warning" :
		    "error", path, msg);
}

const char *
manifest_file_path(const char * file, char path[MANIFEST_FILE_PATH])
{
	struct stat st;

	if (stat(file, &st) || !S_ISDIR(st.st_mode))
		return (file);
	snprintf(path, MANIFEST_FILE_PATH, "%s/manifest.json", file);
	return (path);
}

struct manifest *
manifest_file_load(const char * file, int warns)
{
	struct teller t = { file, warns };
	struct buf b = BUF_INIT(MANIFEST_FILE_MAX);
	struct manifest * m = NULL;
	struct err e;

	if (manifest_file_read(file, &b, &e))
		printf("%s: error: %s\n", file, e.msg);
	else
		m = manifest_check(b.p, b.len, file, say_fault, &t,
		    &e);
	buf_free(&b);
	return (m);
}

/* All of it, or -1 with errno. */
static int
write_all(int fd, const char * p, size_t n)
{
	ssize_t w;

	for (; n > 0; p += w, n -= (size_t)w)
		if ((w = write(fd, p, n)) < 0)
			return (-1);
	return (fsync(fd));
}

/* Where ${file} is written: itself, or beside it in ${part}; the descriptor or -1. */
static int
open_new(const char * file, int replace, char part[MANIFEST_FILE_PATH],
    struct err * e)
{
	struct stat st;
	int fd;

	if ((size_t)snprintf(part, MANIFEST_FILE_PATH, "%s.part", file) >=
	    MANIFEST_FILE_PATH)
		return (err_set(e, ERR_CONFIG, "file", "%.100s...: the name is "
		    "too long", file));
	if (replace && stat(file, &st) == 0 && S_ISDIR(st.st_mode))
		return (err_set(e, ERR_CONFIG, "file", "cannot write %s: %s",
		    file, strerror(EISDIR)));
	fd = open(replace ? part : file, O_WRONLY | O_CREAT | O_CLOEXEC |
	    (replace ? O_TRUNC : O_EXCL), 0666);
	if (fd < 0 && errno == EEXIST)
		return (err_set(e, ERR_CONFIG, "exists", "%s is there already",
		    file));
	if (fd < 0)
		return (err_set(e, ERR_CONFIG, "file", "cannot write %s: %s",
		    file, strerror(errno)));
	return (fd);
}

int
manifest_file_try(const char * file, int replace, struct err * e)
{
	char part[MANIFEST_FILE_PATH];
	int fd = open_new(file, replace, part, e);

	if (fd < 0)
		return (-1);
	close(fd);
	unlink(replace ? part : file);
	return (0);
}

int
manifest_file_write(const char * file, const char * p, size_t n, int replace,
    struct err * e)
{
	char part[MANIFEST_FILE_PATH];
	const char * to = replace ? part : file;
	int fd = open_new(file, replace, part, e), bad, why;

	if (fd < 0)
		return (-1);
	bad = write_all(fd, p, n);
	why = errno;
	close(fd);
	if (!bad && replace && (bad = rename(part, file)) != 0)
		why = errno;
	if (!bad)
		return (0);
	unlink(to);
	return (err_set(e, ERR_CONFIG, "file", "cannot write %s: %s", file,
	    strerror(why)));
}
