#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/httpd_internal.h"

/* The library's own default asks on the terminal. */
static int
no_passphrase(char * buf, int size, int rwflag, void * arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return (0);
}

static int
tls_err(struct err * e, const char * what, const char * file)
{
	unsigned long code = ERR_peek_last_error();
	const char * why = ERR_reason_error_string(code);

	/* A system error, such as a file that is not there, came first. */
	if (ERR_SYSTEM_ERROR(ERR_peek_error()))
		why = ERR_reason_error_string(ERR_peek_error());
	err_set(e, ERR_CONFIG, "tls", "cannot %s %s: %s", what, file,
	    why != NULL ? why : "unknown TLS error");
	ERR_clear_error();
	return (-1);
}

int
httpd_tls_load(struct httpd_listener * lst, const char * cert_file,
    const char * key_file, struct err * e)
{
	SSL_CTX * ctx;

	ERR_clear_error();
	if ((ctx = SSL_CTX_new(TLS_server_method())) == NULL)
		return (tls_err(e, "set up TLS for", cert_file));
	lst->tls = ctx;
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
		return (tls_err(e, "ask for TLS 1.2 with", cert_file));
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION |
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
	/* Else every client that just closes counts as an attack. */
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
	/* An idle connection shall not keep 32 KB of buffers. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
		return (tls_err(e, "read the certificate", cert_file));
	if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
		return (tls_err(e, "read the key", key_file));
	if (SSL_CTX_check_private_key(ctx) != 1)
		return (tls_err(e, "use the certificate with the key",
		    key_file));
	return (0);
}

struct bufferevent *
httpd_tls_bev(struct httpd_listener * lst)
{
	struct bufferevent * bev;
	SSL * ssl;

	if ((ssl = SSL_new(lst->tls)) == NULL)
		return (NULL);
	bev = bufferevent_openssl_socket_new(loop_base(lst->S->loop), -1, ssl,
	    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev != NULL)
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return (bev);
}

void
httpd_tls_flush(struct bufferevent * bev)
{
	struct evbuffer * out = bufferevent_get_output(bev);
	SSL * ssl = bufferevent_openssl_get_ssl(bev);
	struct evbuffer_iovec v;
	int n, i;

	if (ssl == NULL || !SSL_is_init_finished(ssl))
		return;
	for (i = 0; i < 64 && evbuffer_peek(out, -1, NULL, &v, 1) > 0; i++) {
		n = SSL_write(ssl, v.iov_base,
		    v.iov_len > 16384 ? 16384 : (int)v.iov_len);
		if (n <= 0)
			break;
		evbuffer_drain(out, (size_t)n);
	}
	ERR_clear_error();
}

void
httpd_tls_bye(struct bufferevent * bev)
{
	SSL * ssl = bufferevent_openssl_get_ssl(bev);

	if (ssl != NULL && SSL_is_init_finished(ssl))
		(void)SSL_shutdown(ssl);
	ERR_clear_error();
}

void
httpd_tls_break(struct bufferevent * bev)
{
	SSL * ssl = bufferevent_openssl_get_ssl(bev);

	if (ssl != NULL)
		SSL_set_quiet_shutdown(ssl, 1);
}

void
httpd_tls_free(struct httpd_listener * lst)
{
	SSL_CTX_free(lst->tls);
	lst->tls = NULL;
}
