#ifndef MOLTLER_CLI_MANIFEST_FILE_H
#define MOLTLER_CLI_MANIFEST_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "manifest/manifest.h"

#define MANIFEST_FILE_MAX ((size_t)16 << 20)
#define MANIFEST_FILE_PATH 4096

/** manifest_file_read(file, b, e): All of ${file} into ${b}.  Errors: config. */
int manifest_file_read(const char * file, struct buf * b, struct err * e)
    MUST_CHECK;

/** manifest_file_path(file, path): ${file}, or the manifest.json in it where it is
 * a folder (in ${path}). */
const char * manifest_file_path(const char * file,
    char path[MANIFEST_FILE_PATH]);

/** manifest_file_load(file, warns): Read and check a manifest; its faults go to
 * stdout, and if ${warns} known mistakes too.  NULL if it has any.  The caller owns a reference. */
struct manifest * manifest_file_load(const char * file, int warns) MUST_CHECK;

/** manifest_file_write(file, p, n, replace, e): Make ${file} of ${n} bytes; one
 * that is replaced is there until the new one is whole.  Errors: config "exists" where it is there and
 * ${replace} is 0, "file". */
int manifest_file_write(const char * file, const char * p, size_t n,
    int replace, struct err * e) MUST_CHECK;

/** manifest_file_try(file, replace, e): Whether manifest_file_write() could; what
 * was made to see it is gone again.  Errors as there. */
int manifest_file_try(const char * file, int replace, struct err * e)
    MUST_CHECK;

#endif
