#ifndef MOLTLER_TESTS_DECODE_PIECES_H
#define MOLTLER_TESTS_DECODE_PIECES_H

#include <stddef.h>
#include <stdint.h>

#include "decode_rig.h"

/* Bodies that come in pieces: whatever is in them, how they are cut must not
 * matter. */

/* The decoder of the running test. */
extern struct decode_json * decoder;

/* The lengths of pieces that a body is cut into, one after the other. */
#define NPIECES 6
extern const size_t pieces[NPIECES];

/* What is done once a piece was refused: nothing more is fed, or the rest all the
 * same, which must not be read any more. */
enum after_bad { BAD_ENDS, BAD_GOES_ON };

/**
 * pieces_decode(r, body, n, first, then, after, wanted, p, b, e):
 * Decode ${body}: ${first} bytes, then pieces of ${then} bytes, each memory of its
 * own, so that a read past it is seen.  0 or -1 as decode_json_end() says; a piece
 * that was refused must make it -1.
 */
int pieces_decode(struct rig * r, const char * body, size_t n, size_t first,
    size_t then, enum after_bad after, const uint8_t * wanted, struct page ** p,
    struct decode_body * b, struct err * e);

/** pieces_whole(r, body, n, piece, p, b, e): All columns, in such pieces. */
int pieces_whole(struct rig * r, const char * body, size_t n, size_t piece,
    struct page ** p, struct decode_body * b, struct err * e);

/**
 * pieces_rows(r, body, wanted, want, raw):
 * The rows of ${body} must be ${want}, and made of ${raw} records (SIZE_MAX: of
 * however many), however it is cut.
 * pieces_cut_rows(r, body, want): Also when it is cut in two, at each byte.
 */
void pieces_rows(struct rig * r, const char * body, const uint8_t * wanted,
    const char * want, size_t raw);
void pieces_cut_rows(struct rig * r, const char * body, const char * want);

/**
 * pieces_column(spec, json, want):
 * The one column ${spec} of a record that has ${json} for x is ${want}, also with
 * blanks around everything.
 */
void pieces_column(const char * spec, const char * json, const char * want);

/**
 * pieces_refused(r, body, n, after, code, with):
 * ${body} must be refused for good with these words, however it is cut.
 */
void pieces_refused(struct rig * r, const char * body, size_t n,
    enum after_bad after, const char * code, const char * with);

/** pieces_setup(state) / pieces_teardown(state): Make and free the decoder. */
int pieces_setup(void ** state);
int pieces_teardown(void ** state);

#endif
