#ifndef MOLTLER_TESTS_NOMEM_H
#define MOLTLER_TESTS_NOMEM_H

/* Allocations that fail, in a program that is linked with NOMEM_WRAPS: while
 * armed, malloc, calloc, realloc, strdup and strndup are counted, and that of the
 * number nomem_at gives nothing. */
extern int nomem_armed;
extern unsigned nomem_count, nomem_at;

/** nomem_begin(at): Count from 0, and let the ${at}th fail; not armed yet. */
void nomem_begin(unsigned at);

/** nomem_fails(void): Count one that a test answers for; whether it fails. */
int nomem_fails(void);

/** nomem_rest(void): Disarm; what nomem_armed was. */
int nomem_rest(void);

#endif
