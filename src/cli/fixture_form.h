#ifndef MOLTLER_CLI_FIXTURE_FORM_H
#define MOLTLER_CLI_FIXTURE_FORM_H

#include <jansson.h>

#include "base/err.h"

/** fixture_form_check(fx, e): Whether ${fx} has the form of a fixture: what is
 * misspelt would prove nothing, and pass. */
MUST_CHECK int fixture_form_check(const json_t * fx, struct err * e);

#endif
