#include "conn/manifest_parts.h"

void
manifest_lint(struct mread * r)
{
	if (r->m->test_entity == NULL && r->m->test_url == NULL)
		mread_warn(r, NULL, "has no test call: TEST CONNECTOR cannot "
		    "tell whether it works");
}
