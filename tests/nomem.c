#include "nomem.h"

#include <stddef.h>

void * __real_malloc(size_t n);
void * __real_calloc(size_t n, size_t m);
void * __real_realloc(void * p, size_t n);
char * __real_strdup(const char * s);
char * __real_strndup(const char * s, size_t n);

void * __wrap_malloc(size_t n);
void * __wrap_calloc(size_t n, size_t m);
void * __wrap_realloc(void * p, size_t n);
char * __wrap_strdup(const char * s);
char * __wrap_strndup(const char * s, size_t n);

int nomem_armed;
unsigned nomem_count, nomem_at;

void
nomem_begin(unsigned at)
{
	nomem_count = 0;
	nomem_at = at;
}

int
nomem_fails(void)
{
	return (nomem_armed && ++nomem_count == nomem_at);
}

int
nomem_rest(void)
{
	int was = nomem_armed;

	nomem_armed = 0;
	return (was);
}

void *
__wrap_malloc(size_t n)
{
	return (nomem_fails() ? NULL : __real_malloc(n));
}

void *
__wrap_calloc(size_t n, size_t m)
{
	return (nomem_fails() ? NULL : __real_calloc(n, m));
}

void *
__wrap_realloc(void * p, size_t n)
{
	return (nomem_fails() ? NULL : __real_realloc(p, n));
}

char *
__wrap_strdup(const char * s)
{
	return (nomem_fails() ? NULL : __real_strdup(s));
}

char *
__wrap_strndup(const char * s, size_t n)
{
	return (nomem_fails() ? NULL : __real_strndup(s, n));
}
