#include "httpd_fixture.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define H "Host: h\r\n"

static char dir[64], cert[96], key[96], other_key[96], locked_key[96];
static SSL_CTX * ctx;
static int starve; /* OpenSSL gets no memory */

/* A TLS client in the test's own thread. */
static struct tls_cli {
	struct cli * raw; /* its socket; read through ssl only */
	SSL * ssl;
	char buf[65536];
	size_t len;
	size_t total;
	int up;
	int end; /* 1: closed properly, 2: broken off */
} clis[64];
static unsigned nclis;

static void
tls_pump(struct tls_cli * c)
{
	char skip[4096];
	int room, n;

	if (c->end)
		return;
	if (!c->up) {
		n = SSL_connect(c->ssl);
		c->up = n == 1;
	} else {
		do {
			room = (int)(sizeof(c->buf) - 1 - c->len);
			n = room > 0 ?
			    SSL_read(c->ssl, c->buf + c->len, room) :
			    SSL_read(c->ssl, skip, sizeof(skip));
			if (n > 0) {
				c->total += (size_t)n;
				if (room > 0)
					c->len += (size_t)n;
			}
		} while (n > 0);
		c->buf[c->len] = '\0';
	}
	if (n <= 0) {
		n = SSL_get_error(c->ssl, n);
		if (n == SSL_ERROR_ZERO_RETURN)
			c->end = 1;
		else if (n != SSL_ERROR_WANT_READ && n != SSL_ERROR_WANT_WRITE)
			c->end = 2;
	}
	ERR_clear_error();
}

static void
tls_turn(void)
{
	unsigned i;

	turn();
	for (i = 0; i < nclis; i++)
		tls_pump(&clis[i]);
}

#define TLS_UNTIL(ms, cond) do { \
	int64_t end_ = now_ms() + (ms); \
	while (!(cond)) { \
		if (now_ms() >= end_) \
			fail_msg("not within %d ms: %s", (int)(ms), #cond); \
		tls_turn(); \
	} \
} while (0)
#define TLS_GOT(c, s) TLS_UNTIL(3000, strstr((c)->buf, (s)) != NULL)

static struct tls_cli *
tls_dial(int version)
{
	struct tls_cli * c;

	assert_true(nclis < 64);
	c = &clis[nclis++];
	memset(c, 0, sizeof(*c));
	c->raw = dial();
	c->raw->hold = 1;
	assert_non_null(c->ssl = SSL_new(ctx));
	SSL_set_fd(c->ssl, c->raw->fd);
	if (version != 0) {
		SSL_set_min_proto_version(c->ssl, version);
		SSL_set_max_proto_version(c->ssl, version);
	}
	assert_int_equal(fcntl(c->raw->fd, F_SETFL, O_NONBLOCK), 0);
	return (c);
}

static void
tls_say(struct tls_cli * c, const char * s)
{
	TLS_UNTIL(3000, c->up || c->end);
	assert_false(c->end);
	assert_int_equal(SSL_write(c->ssl, s, (int)strlen(s)), (int)strlen(s));
}

static void
serve_tls(void)
{
	struct err e;

	serve();
	port = httpd_listen_tls(S, "127.0.0.1", 0, cert, key, &e);
	if (port < 0)
		fail_msg("%s", e.msg);
}

static int
tls_teardown(void ** state)
{
	unsigned i;

	for (i = 0; i < nclis; i++)
		SSL_free(clis[i].ssl);
	nclis = 0;
	return (fixture_teardown(state));
}

/* What libcurl gets, in a thread of its own. */
struct fetch {
	char url[128], text[4096];
	size_t len, total;
	const char * body;
	long status, nconnects;
	CURLcode rc;
	CURL * h;
	atomic_int done;
};

static size_t
fetched(char * p, size_t size, size_t n, void * arg)
{
	struct fetch * f = arg;
	size_t k = size * n;

	(void)size;
	f->total += k;
	if (k > sizeof(f->text) - 1 - f->len)
		k = sizeof(f->text) - 1 - f->len;
	memcpy(f->text + f->len, p, k);
	f->len += k;
	f->text[f->len] = '\0';
	return (n * size);
}

static void *
fetch_main(void * arg)
{
	struct fetch * f = arg;

	curl_easy_setopt(f->h, CURLOPT_URL, f->url);
	curl_easy_setopt(f->h, CURLOPT_CAINFO, cert);
	curl_easy_setopt(f->h, CURLOPT_PROXY, "");
	curl_easy_setopt(f->h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(f->h, CURLOPT_TIMEOUT_MS, 20000L);
	curl_easy_setopt(f->h, CURLOPT_WRITEFUNCTION, fetched);
	curl_easy_setopt(f->h, CURLOPT_WRITEDATA, f);
	if (f->body != NULL)
		curl_easy_setopt(f->h, CURLOPT_POSTFIELDS, f->body);
	else
		curl_easy_setopt(f->h, CURLOPT_HTTPGET, 1L);
	f->rc = curl_easy_perform(f->h);
	curl_easy_getinfo(f->h, CURLINFO_RESPONSE_CODE, &f->status);
	curl_easy_getinfo(f->h, CURLINFO_NUM_CONNECTS, &f->nconnects);
	atomic_store(&f->done, 1);
	return (NULL);
}

static void
fetch(struct fetch * f, CURL * h, const char * target, const char * body)
{
	pthread_t t;

	memset(f, 0, sizeof(*f));
	f->h = h;
	f->body = body;
	snprintf(f->url, sizeof(f->url), "https://127.0.0.1:%d%s", port,
	    target);
	assert_int_equal(pthread_create(&t, NULL, fetch_main, f), 0);
	while (!atomic_load(&f->done))
		turn(); /* bounded by curl's own timeout */
	pthread_join(t, NULL);
}

static void
test_with_libcurl(void ** state)
{
	static char body[500001];
	CURL * h = curl_easy_init();
	struct fetch f;

	(void)state;
	serve_tls();
	fetch(&f, h, "/a?k=v", NULL);
	assert_int_equal(f.rc, CURLE_OK);
	assert_int_equal(f.status, 200);
	assert_non_null(strstr(f.text, "path=[/a] "));
	assert_int_equal(f.nconnects, 1);
	memset(body, 'b', sizeof(body) - 1);
	fetch(&f, h, "/post", body);
	assert_int_equal(f.rc, CURLE_OK);
	assert_true(f.total > 500000);
	assert_int_equal(f.nconnects, 0); /* kept alive */
	fetch(&f, h, "/stream?n=300&size=100000", NULL);
	assert_int_equal(f.rc, CURLE_OK);
	assert_int_equal(f.total, 30000000);
	fetch(&f, h, "/stream?n=3&size=100000&abort=1", NULL);
	assert_int_not_equal(f.rc, CURLE_OK);
	curl_easy_cleanup(h);
}

static void
test_versions(void ** state)
{
	static const struct {
		int version, good;
	} tries[] = { { TLS1_1_VERSION, 0 }, { TLS1_2_VERSION, 1 },
	    { TLS1_3_VERSION, 1 } };
	struct tls_cli * c;
	size_t i;

	(void)state;
	serve_tls();
	for (i = 0; i < 3; i++) {
		c = tls_dial(tries[i].version);
		TLS_UNTIL(3000, c->up || c->end);
		assert_int_equal(c->up, tries[i].good);
		if (c->up) {
			tls_say(c, "GET /v HTTP/1.1\r\n" H "\r\n");
			TLS_GOT(c, "path=[/v]");
		}
	}
}

static void
test_requests_over_tls(void ** state)
{
	struct tls_cli * c, * d;
	struct httpd_stats st;

	(void)state;
	serve_tls();
	c = tls_dial(0);
	tls_say(c, "GET /1 HTTP/1.1\r\n" H "\r\nGET /hold HTTP/1.1\r\n" H
	    "\r\nGET /3 HTTP/1.1\r\n" H "\r\n");
	TLS_UNTIL(2000, nheld == 1);
	tls_say(c, "GET /4 HTTP/1.1\r\n" H "\r\n");
	TLS_GOT(c, "path=[/1]");
	httpd_reply(held[0], 200, NULL, "{\"two\":2}", 9);
	TLS_GOT(c, "path=[/4]");
	assert_true(strstr(c->buf, "two") < strstr(c->buf, "path=[/3]"));
	tls_say(c, "no request\r\n\r\n");
	TLS_UNTIL(2000, c->end);
	assert_int_equal(c->end, 1);
	assert_non_null(strstr(c->buf, "HTTP/1.1 400 Bad Request\r\n"
	    "Content-Type: application/json\r\n"));
	/* Leaving is noticed here, too. */
	d = tls_dial(0);
	tls_say(d, "GET /hold HTTP/1.1\r\n" H "\r\n");
	TLS_UNTIL(2000, nheld == 2);
	SSL_shutdown(d->ssl);
	hang_up(d->raw);
	d->end = 1;
	TLS_UNTIL(500, nleft == 1);
	httpd_reply(held[1], 200, NULL, "{}", 2);
	/* Broken off: no proper end of TLS, which would look whole. */
	d = tls_dial(0);
	tls_say(d, "GET /stream?abort=1 HTTP/1.0\r\n\r\n");
	TLS_UNTIL(2000, d->end);
	assert_int_equal(d->end, 2);
	d = tls_dial(0);
	tls_say(d, "GET /stream HTTP/1.0\r\n\r\n");
	TLS_UNTIL(2000, d->end);
	assert_int_equal(d->end, 1);
	TLS_UNTIL(1000, (httpd_stats_get(S, &st), st.conns == 0));
}

static void
test_plain_text_is_not_answered(void ** state)
{
	struct cli * c;

	(void)state;
	serve_tls();
	c = dial();
	say(c, "GET /secret HTTP/1.1\r\n" H "\r\n");
	UNTIL(2000, c->eof);
	assert_null(strstr(c->buf, "HTTP/1.1 200"));
	assert_null(strstr(c->buf, "path="));
}

/* Where no TLS session can be had evhttp would serve in the clear. */
static void
test_no_fall_back(void ** state)
{
	struct httpd_stats st;
	struct cli * c;

	(void)state;
	serve_tls();
	c = dial();
	say(c, "GET /secret HTTP/1.1\r\n" H "\r\n");
	starve = 1;
	UNTIL(2000, c->eof);
	starve = 0;
	assert_int_equal(c->total, 0);
	httpd_stats_get(S, &st);
	assert_int_equal(st.requests, 0);
	assert_int_equal(st.conns, 0);
}

static void
test_handshake_drip(void ** state)
{
	/* The start of a ClientHello of 512 bytes. */
	static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc";
	struct cli * c, * silent;
	int64_t t0, next = 0;
	size_t i = 0;

	(void)state;
	opts.request_s = 1;
	serve_tls();
	silent = dial();
	c = dial();
	t0 = now_ms();
	while (!c->eof || !silent->eof) {
		assert_true(now_ms() - t0 < 2600);
		if (now_ms() >= next) {
			next = now_ms() + 100;
			say_n(c, i < sizeof(hello) - 1 ? &hello[i] : "x", 1);
			i++;
		}
		turn();
	}
	assert_true(now_ms() - t0 >= 1000);
}

static void
test_cap(void ** state)
{
	struct tls_cli * c[4];
	struct httpd_stats st;
	int i;

	(void)state;
	opts.max_conns = 2;
	serve_tls();
	for (i = 0; i < 4; i++) {
		c[i] = tls_dial(0);
		TLS_UNTIL(2000, c[i]->up);
	}
	tls_say(c[3], "GET / HTTP/1.1\r\n" H "\r\n");
	TLS_UNTIL(2000, c[3]->end);
	assert_non_null(strstr(c[3]->buf, "HTTP/1.1 429 Too Many Requests"));
	assert_non_null(strstr(c[3]->buf, "too_many_connections"));
	tls_say(c[1], "GET /in HTTP/1.1\r\n" H "\r\n");
	TLS_GOT(c[1], "path=[/in]");
	httpd_stats_get(S, &st);
	assert_int_equal(st.conns, 2);
	assert_int_equal(st.refused, 2);
}

static void
test_free_answers(void ** state)
{
	struct tls_cli * c;

	(void)state;
	serve_tls();
	c = tls_dial(0);
	tls_say(c, "GET /hold HTTP/1.1\r\n" H "\r\n");
	TLS_UNTIL(2000, nheld == 1);
	httpd_free(S);
	S = NULL;
	TLS_UNTIL(2000, c->end);
	assert_non_null(strstr(c->buf, "HTTP/1.1 503 "));
	TLS_UNTIL(1000, nleft == 1);
	httpd_error(held[0], 500, "x", "y");
}

static void
refused(const char * cert_file, const char * key_file, const char * names)
{
	struct err e;

	assert_int_equal(httpd_listen_tls(S, "127.0.0.1", 0, cert_file,
	    key_file, &e), -1);
	assert_int_equal(e.cls, ERR_CONFIG);
	if (strstr(e.msg, names) == NULL)
		fail_msg("<%s> does not name %s", e.msg, names);
}

static void
test_bad_files(void ** state)
{
	(void)state;
	serve();
	refused("/nonexistent/c.pem", key, "/nonexistent/c.pem");
	refused(cert, "/nonexistent/k.pem", "/nonexistent/k.pem");
	refused(key, key, key); /* a key is no certificate */
	refused(cert, cert, cert);
	refused(cert, other_key, other_key);
	refused(cert, locked_key, locked_key); /* and nobody is asked */
}

static void *
ssl_malloc(size_t n, const char * file, int line)
{
	(void)file;
	(void)line;
	return (starve ? NULL : malloc(n));
}

static void *
ssl_realloc(void * p, size_t n, const char * file, int line)
{
	(void)file;
	(void)line;
	return (starve ? NULL : realloc(p, n));
}

static void
ssl_free(void * p, const char * file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static int
make_files(void ** state)
{
	char cmd[1024];

	(void)state;
	strcpy(dir, "/tmp/httpd-tls-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return (-1);
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	snprintf(other_key, sizeof(other_key), "%s/other.pem", dir);
	snprintf(locked_key, sizeof(locked_key), "%s/locked.pem", dir);
	snprintf(cmd, sizeof(cmd), "exec 2>/dev/null; cd %s && "
	    "openssl req -x509 -newkey ec -pkeyopt "
	    "ec_paramgen_curve:prime256v1 -nodes -keyout key.pem "
	    "-out cert.pem -days 2 -subj /CN=localhost "
	    "-addext subjectAltName=IP:127.0.0.1 && "
	    "openssl ecparam -name prime256v1 -genkey -noout -out other.pem "
	    "&& openssl ec -in key.pem -aes128 -passout pass:x "
	    "-out locked.pem", dir);
	if (system(cmd) != 0)
		return (-1);
	if ((ctx = SSL_CTX_new(TLS_client_method())) == NULL)
		return (-1);
	SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0");
	return (0);
}

static int
drop_files(void ** state)
{
	(void)state;
	SSL_CTX_free(ctx);
	unlink(cert);
	unlink(key);
	unlink(other_key);
	unlink(locked_key);
	return (rmdir(dir));
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, tls_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_with_libcurl), T(test_versions),
		T(test_requests_over_tls), T(test_plain_text_is_not_answered),
		T(test_no_fall_back), T(test_handshake_drip), T(test_cap),
		T(test_free_answers), T(test_bad_files),
	};

	if (system("openssl version >/dev/null 2>&1") != 0) {
		puts("1..0 # SKIP no openssl command to make certificates");
		return (77);
	}
	if (CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) != 1)
		return (1);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	return (cmocka_run_group_tests_name("httpd tls", tests, make_files,
	    drop_files));
}
