#include "manifest/mread.h"

/* The format's objects and their keys; manifest.schema.json holds the same. */

static const char * const manifest_keys[] = { "format", "type", "title",
    "description", "drive_model", "config", "auth", "base_url",
    "base_url_or", "headers", "form",
    "limits", "errors", "error_text", "entities", "test", "$schema", NULL };
static const char * const field_keys[] = { "type", "required", "default",
    "description", "min", "max", "values", "pattern", "variants", NULL };
static const char * const unless_keys[] = { "unless", NULL };
static const char * const auth_keys[] = { "kind", "token", "username",
    "password", "headers", "query", "jwt", "request", "expires_in",
    "expires_at", "lives_s", "rotates", "use", "base_url", "access_key",
    "secret_key", "session_token", "region", "service", "assume_role", "sign",
    "clock", NULL };
static const char * const jwt_keys[] = { "alg", "key", "header", "claims",
    NULL };
static const char * const auth_request_keys[] = { "method", "url", "headers",
    "form", "json", "basic", NULL };
static const char * const auth_basic_keys[] = { "username", "password", NULL };
static const char * const rotates_keys[] = { "from", "to", NULL };
static const char * const assume_role_keys[] = { "role_arn", "external_id",
    "session_name", "url", "region", NULL };
static const char * const sign_keys[] = { "algorithm", "encoding", "key",
    "text", NULL };
static const char * const limits_keys[] = { "rate", "burst", "concurrency",
    "scope", "headers", "buckets", NULL };
static const char * const bucket_keys[] = { "rate", "burst", "concurrency",
    "scope", "headers", "when", "every", NULL };
static const char * const limit_header_keys[] = { "limit", "remaining",
    "reset", "reset_unit", "usage", "reserve", NULL };
static const char * const error_keys[] = { "status", "headers", "path",
    "equals", "contains", "do", "then", "class", "code", "message", "wait_s",
    NULL };
static const char * const test_keys[] = { "entity", "url", "method", "body",
    "headers", "service", "expect", "bucket", NULL };
static const char * const entity_keys[] = { "main", "hidden", "description",
    "key", "columns", "lists", "explode", "drop_if", "keep_if", "decode", "retry",
    "service", "cursor", "deleted", "complete", "actions", NULL };
static const char * const keep_keys[] = { "path", "contains", NULL };
static const char * const complete_keys[] = { "over", "bind", "match", NULL };
static const char * const retry_keys[] = { "count", "base_ms", NULL };
static const char * const cursor_keys[] = { "column", "kind", "per", "order",
    "lag_s", "lookback_s", "step", "step_s", "from", "keeps_s", NULL };
static const char * const token_keys[] = { "from", "changes_only",
    "lost", NULL };
static const char * const deleted_keys[] = { "column", "is", NULL };
static const char * const column_keys[] = { "type", "path", "description",
    "time", "pick", "segment", "not_null", "nocase", "as", "input", "default",
    "zip", "none",
    "lazy", NULL };
static const char * const list_keys[] = { "name", "needs", "batch", "method",
    "url", "query", "headers", "body", "timeout_ms", "records", "records_optional",
    "incomplete", "paginate", "push",
    "clauses", "order", "partition", "max_rows", "split", "only_pushed",
    "token", "revalidate", "bucket", "cost", NULL };
static const char * const paginate_keys[] = { "kind", "size", "rel", "query",
    "header", "body", "from", "from_header",
    "from_record", "end", "last", "more", "total", "cap", "first",
    "short_page_ends", "max_pages", "base", "keep", NULL };
static const char * const size_keys[] = { "query", "header", "body", "clause",
    "default", "max", "min", NULL };
static const char * const push_keys[] = { "op", "query", "header", "body",
    "clause", "text", "add", "values", "except", "pattern", "many",
    "most", "time", "widen_s", "round_s", "within_s", "with", "loose", "caps",
    "range", "span_s", NULL };
static const char * const strftime_keys[] = { "strftime", "zone", NULL };
static const char * const strptime_keys[] = { "strptime", "zone", "else_null",
    NULL };
static const char * const clause_keys[] = { "query", "body", "join", "always",
    "empty", "order", "limit", NULL };
static const char * const order_keys[] = { "columns", "query", "body", "asc",
    "desc", "max", NULL };
static const char * const split_keys[] = { "column", "query", "from",
    "order", NULL };
static const char * const partition_keys[] = { "over", "bind", "where",
    "parallel", NULL };
static const char * const action_keys[] = { "description", "args", "method",
    "url", "query", "headers", "body", "lookup", "success", "result",
    "decode", "base64", "safe_to_retry", "raw", "auth", "poll",
    "probe", "idempotency", "bucket", "cost", NULL };
static const char * const arg_keys[] = { "type", "required", "default",
    "description", "values", "max_items", "fields", "items", NULL };
static const char * const lookup_keys[] = { "url", "records", "match",
    "value", "unless", NULL };
static const char * const probe_keys[] = { "method", "url", "query", "body",
    "records", "match", "since", "missing", "result", "unless", "after_ms",
    "next", "next_query", "pages", NULL };
static const char * const idempotency_keys[] = { "header", "query", "body", "value",
    "when", NULL };
static const char * const poll_keys[] = { "when", "url", "base", "every_ms",
    "until", "status", "pending", "failed", "error_text", "result", NULL };

static const struct {
	const char * name;
	const char * const * keys;
} kinds[] = {
	[KEYS_MANIFEST] = { "manifest", manifest_keys },
	[KEYS_FIELD] = { "field", field_keys },
	[KEYS_UNLESS] = { "unless", unless_keys },
	[KEYS_AUTH] = { "auth_kind", auth_keys },
	[KEYS_LIMITS] = { "limits", limits_keys },
	[KEYS_LIMIT_HEADERS] = { "limit_headers", limit_header_keys },
	[KEYS_ERROR] = { "error", error_keys },
	[KEYS_TEST] = { "test", test_keys },
	[KEYS_ENTITY] = { "entity", entity_keys },
	[KEYS_RETRY] = { "retry", retry_keys },
	[KEYS_KEEP] = { "keep", keep_keys },
	[KEYS_COMPLETE] = { "complete", complete_keys },
	[KEYS_CURSOR] = { "cursor", cursor_keys },
	[KEYS_COLUMN] = { "column", column_keys },
	[KEYS_LIST] = { "list", list_keys },
	[KEYS_SPLIT] = { "split", split_keys },
	[KEYS_PAGINATE] = { "paginate", paginate_keys },
	[KEYS_SIZE] = { "size", size_keys },
	[KEYS_PUSH] = { "push", push_keys },
	[KEYS_STRFTIME] = { "strftime", strftime_keys },
	[KEYS_STRPTIME] = { "strptime", strptime_keys },
	[KEYS_CLAUSE] = { "clause", clause_keys },
	[KEYS_ORDER] = { "order", order_keys },
	[KEYS_PARTITION] = { "partition", partition_keys },
	[KEYS_ACTION] = { "action", action_keys },
	[KEYS_ARG] = { "arg", arg_keys },
	[KEYS_LOOKUP] = { "lookup", lookup_keys },
	[KEYS_JWT] = { "jwt", jwt_keys },
	[KEYS_AUTH_REQUEST] = { "auth_request", auth_request_keys },
	[KEYS_AUTH_BASIC] = { "auth_basic", auth_basic_keys },
	[KEYS_ROTATES] = { "rotates", rotates_keys },
	[KEYS_ASSUME_ROLE] = { "assume_role", assume_role_keys },
	[KEYS_PROBE] = { "probe", probe_keys },
	[KEYS_IDEMPOTENCY] = { "idempotency", idempotency_keys },
	[KEYS_POLL] = { "poll", poll_keys },
	[KEYS_SIGN] = { "sign", sign_keys },
	[KEYS_BUCKET] = { "bucket", bucket_keys },
	[KEYS_LIST_TOKEN] = { "list_token", token_keys },
	[KEYS_DELETED] = { "deleted", deleted_keys },
};

const char * const *
mread_keys_of(size_t kind, const char ** name)
{
	if (kind >= sizeof(kinds) / sizeof(kinds[0]))
		return (NULL);
	if (name != NULL)
		*name = kinds[kind].name;
	return (kinds[kind].keys);
}
