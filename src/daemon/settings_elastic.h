#ifndef MOLTLER_DAEMON_SETTINGS_ELASTIC_H
#define MOLTLER_DAEMON_SETTINGS_ELASTIC_H

#include "base/err.h"
#include "daemon/settings.h"
#include "target/elastic.h"

/** settings_elastic(c, o): Fill ${o} from [elasticsearch], but for what is no
 * setting; texts are borrowed.  0 if there is none. */
int settings_elastic(const struct settings * c, struct elastic_opts * o);

/** settings_elastic_check(c, e): Whether they go together.  Errors: config. */
int settings_elastic_check(const struct settings * c, struct err * e)
    MUST_CHECK;

#endif
