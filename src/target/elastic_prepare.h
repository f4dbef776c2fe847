#ifndef MOLTLER_TARGET_ELASTIC_PREPARE_H
#define MOLTLER_TARGET_ELASTIC_PREPARE_H

#include "base/err.h"
#include "target/elastic.h"
#include "target/writer.h"

/*
 * What must be there before the first row: the templates, the index, a field for
 * each column.  A state machine: KNOW, TEMPLATE, REJECTED, LOOK, CREATE, EXTEND,
 * DONE.
 */
struct elastic_prepare;

/** elastic_prepare_start(el, spec, made, cb, arg): ${spec} is borrowed for as long as
 * it takes, as is ${made}, which is set where there was no such index.  ${cb} is called once, never before this returns; ${e} NULL: all is
 * there.  NULL only when out of memory. */
struct elastic_prepare * elastic_prepare_start(struct elastic * el,
    const struct writer_spec * spec, int * made, void (*cb)(void * arg,
    const struct err * e), void * arg);

/** elastic_prepare_forget(el, spec): Something was wrong with that index: the next
 * start looks at all again, which else it does every ten minutes. */
void elastic_prepare_forget(struct elastic * el,
    const struct writer_spec * spec);

/** elastic_prepare_cancel(p): No callback any more.  NULL: no-op. */
void elastic_prepare_cancel(struct elastic_prepare * p);

#endif
