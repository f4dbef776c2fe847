#include "secret/secret_key.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"

#define HEX_LEN (SECRET_KEY_LEN * 2)
#define BASE64_LEN 44
#define BAD(e, ...) err_set((e), ERR_CONFIG, "master_key", __VA_ARGS__)

static int
parse_hex(const char * s, struct secret_key * key)
{
	int i, hi, lo;

	for (i = 0; i < SECRET_KEY_LEN; i++) {
		hi = hex_digit(s[2 * i]);
		lo = hex_digit(s[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return (-1);
		key->k[i] = (unsigned char)(hi << 4 | lo);
	}
	return (0);
}

static int
parse_base64(const char * s, struct secret_key * key)
{
	unsigned char in[BASE64_LEN], out[BASE64_LEN / 4 * 3];
	int n;

	memcpy(in, s, sizeof(in));
	n = EVP_DecodeBlock(out, in, sizeof(in));
	/* One "=" is one byte less, two would be 31. */
	n = n == sizeof(out) && in[43] == '=' && in[42] != '=' ? 0 : -1;
	if (n == 0)
		memcpy(key->k, out, SECRET_KEY_LEN);
	explicit_bzero(in, sizeof(in));
	explicit_bzero(out, sizeof(out));
	return (n);
}

int
secret_key_parse(const char * s, struct secret_key * key, struct err * e)
{
	size_t n = strlen(s);

	while (n > 0 && isspace((unsigned char)s[n - 1]))
		n--;
	if ((n == HEX_LEN && parse_hex(s, key) == 0) ||
	    (n == BASE64_LEN && parse_base64(s, key) == 0))
		return (0);
	secret_box_wipe(key);
	return (BAD(e, "the master key must be 64 hex digits or the base64 of "
	    "32 bytes, no passphrase; make one with: openssl rand -hex 32"));
}

/* Whether others than we, or root, could read or write it. */
static int
check_file(int fd, const char * path, struct err * e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return (BAD(e, "cannot look at the master key %s: %s", path,
		    strerror(errno)));
	if (!S_ISREG(st.st_mode))
		return (BAD(e, "the master key %s is no regular file", path));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return (BAD(e, "the master key %s belongs to user %u; it must "
		    "belong to the user that runs moltlerd, %u: chown it",
		    path, (unsigned)st.st_uid, (unsigned)geteuid()));
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return (BAD(e, "others may use the master key %s (mode %04o); "
		    "chmod 600 it", path, (unsigned)(st.st_mode & 07777)));
	return (0);
}

int
secret_key_read(const char * path, struct secret_key * key, struct err * e)
{
	char text[256];
	ssize_t n;
	int fd, rc;

	/* Not waiting for a pipe that somebody put there. */
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0) {
		if (errno == ENOENT)
			return (1);
		return (BAD(e, "cannot read the master key %s: %s", path,
		    strerror(errno)));
	}
	if ((rc = check_file(fd, path, e)) == 0) {
		n = read(fd, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = '\0';
		if (secret_key_parse(text, key, e))
			rc = err_prefix(e, "%s", path);
		explicit_bzero(text, sizeof(text));
	}
	close(fd);
	return (rc);
}

static int
write_key(const char * path, const struct secret_key * key)
{
	char text[HEX_LEN + 1];
	int fd, rc;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return (-1);
	hex_write(key->k, SECRET_KEY_LEN, text);
	text[HEX_LEN] = '\n';
	rc = write(fd, text, sizeof(text)) == (ssize_t)sizeof(text) &&
	    fsync(fd) == 0 ? 0 : -1;
	explicit_bzero(text, sizeof(text));
	if (close(fd) != 0)
		rc = -1;
	return (rc);
}

/* The name is on the disk too, or a power cut takes the key and leaves what was
 * sealed with it. */
static int
sync_folder(const char * path)
{
	char dir[PATH_MAX];
	const char * slash = strrchr(path, '/');
	int fd, rc;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 1,
	    slash ? path : ".");
	fd = open(*dir != '\0' ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return (-1);
	rc = fsync(fd);
	close(fd);
	return (rc);
}

int
secret_key_make(const char * path, struct secret_key * key, struct err * e)
{
	char tmp[PATH_MAX];
	int rc = -1;

	if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp))
		return (BAD(e, "the path of the master key is too long"));
	if (RAND_bytes(key->k, SECRET_KEY_LEN) != 1)
		return (BAD(e, "no random bytes for a master key"));
	/* Whole or not at all, and never over one that is there. */
	if (write_key(tmp, key) == 0 && (link(tmp, path) == 0 ||
	    errno == EEXIST) && sync_folder(path) == 0)
		rc = 0;
	else
		BAD(e, "cannot write the master key %s: %s", path,
		    strerror(errno));
	unlink(tmp);
	if (rc != 0) {
		secret_box_wipe(key);
		return (-1);
	}
	rc = secret_key_read(path, key, e);
	return (rc > 0 ? BAD(e, "the master key %s is gone", path) : rc);
}
