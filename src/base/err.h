#ifndef MOLTLER_BASE_ERR_H
#define MOLTLER_BASE_ERR_H

#include <stdint.h>

/* What a caller may do about an error; only run/ acts on the class. */
enum err_class {
	ERR_TRANSIENT, /* may pass by itself: try again later */
	ERR_PERMANENT, /* the same request will fail the same way */
	ERR_CONFIG,    /* a person must change something first */
	ERR_CANCELLED  /* we were told to stop */
};

/**
 * struct err: what went wrong, for a person and for a program.
 * ${code} is a short stable word ("timeout", "http_503", "parse"); ${msg} names
 * the thing, the place and the remedy, holds no secret and ends without a dot;
 * it is always valid UTF-8.
 * ${retry_after_ms} is what a peer asked us to wait, or -1.  ${unsent} is set where
 * it is sure that nothing of a request left us.
 */
struct err {
	enum err_class cls;
	char code[32];
	int64_t retry_after_ms;
	int unsent;
	char msg[480];
};

/* Functions that can fail return 0, or -1 with their last argument filled. */
#define MUST_CHECK __attribute__((warn_unused_result))

/**
 * err_set(e, cls, code, fmt, ...):
 * Fill ${e} (ignored if NULL), cutting what is too long at a UTF-8 boundary.
 * The arguments may point into ${e}.  Return -1, so that "return err_set(...)"
 * reads well.
 */
int err_set(struct err * e, enum err_class cls, const char * code,
    const char * fmt, ...) __attribute__((format(printf, 4, 5)));

/**
 * err_prefix(e, fmt, ...):
 * Put the formatted text and ": " before the message of ${e}.  Return -1.
 */
int err_prefix(struct err * e, const char * fmt, ...)
    __attribute__((format(printf, 2, 3)));

/** err_nomem(e, what): Fill ${e} for a failed allocation.  Return -1. */
int err_nomem(struct err * e, const char * what);

/** err_class_name(cls): "transient", "permanent", "config" or "cancelled". */
const char * err_class_name(enum err_class cls);

#endif
