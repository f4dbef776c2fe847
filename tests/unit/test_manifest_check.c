#include "manifest_check_rig.h"

static const struct {
	const char * json;
	const char * path;
	const char * want; /* part of the message */
} bad[] = {
	{ "", "$", "not valid JSON" },
	{ "[]", "$", "must be an object" },
	{ "{\"format\":2,\"x\":1}", "$.format", "must be 1" },
	{ "{\"format\":1,\"format\":1}", "$", "not valid JSON" },
	{ TOP("\"tipe\":\"t\","), "$.tipe", "did you mean type?" },
	{ TOP("\"$comment\":7,"), "$.$comment", "must be a string" },
	{ TOP("\"$coment\":\"x\","), "$.$coment", "is not known" },
	{ "{\"format\":1}", "$.type", "is missing" },
	{ "{\"format\":1}", "$.entities", "is missing" },
	{ "{\"format\":1,\"type\":\"../x\"}", "$.type", "a name holds" },
	{ "{\"format\":1,\"drive_model\":\"ondemand\"}", "$.drive_model",
	  "did you mean 'on_demand'?" },
	{ "{\"format\":1,\"title\":7}", "$.title", "a string" },
	/* auth */
	{ TOP("\"auth\":{\"kind\":\"tokn\"},"), "$.auth.kind",
	  "did you mean 'token'?" },
	{ TOP("\"auth\":{\"kind\":\"headers\"},"), "$.auth.headers",
	  "at least one header" },
	{ TOP("\"auth\":{\"kind\":\"headers\",\"query\":{\"k\":1}},"),
	  "$.auth.query.k", "a string" },
	{ TOP("\"auth\":{\"kind\":\"bearer\",\"token\":\"x\",\"clock\":"
	  "\"/t\"},"), "$.auth.clock", "no meaning for kind bearer" },
	{ TOP("\"auth\":{\"kind\":\"token\"},"), "$.auth.request",
	  "is missing" },
	{ TOP("\"auth\":{\"kind\":\"token\",\"request\":{\"url\":"
	  "\"https://a/\"}},"), "$.auth.token", "is missing" },
	{ TOP("\"auth\":{\"kind\":\"token\",\"request\":{\"url\":"
	  "\"https://a/?{{config.token}}\"},\"token\":\"t\"},"),
	  "$.auth.request.url", "speaks of a secret" },
	{ TOP("\"auth\":{\"kind\":\"token\",\"request\":{\"url\":"
	  "\"https://a/\",\"form\":{\"a\":\"{{jwt}}\"}},\"token\":\"t\"},"),
	  "$.auth.request.form.a", "has no meaning here" },
	{ TOP("\"auth\":{\"kind\":\"token\",\"jwt\":{\"alg\":\"RS512\","
	  "\"key\":\"k\",\"claims\":{}},\"lives_s\":60},"),
	  "$.auth.jwt.alg", "HS256" },
	{ TOP("\"auth\":{\"kind\":\"token\",\"jwt\":{\"alg\":\"RS256\","
	  "\"key\":\"k\",\"claims\":{}}},"), "$.auth.lives_s",
	  "is missing" },
	{ TOP("\"auth\":{\"kind\":\"token\",\"request\":{\"url\":"
	  "\"https://a/\"},\"token\":\"t\",\"rotates\":{\"from\":\"r\","
	  "\"to\":\"tokn\"}},"), "$.auth.rotates.to", "no such key" },
	{ TOP("\"auth\":{\"kind\":\"token\",\"request\":{\"url\":"
	  "\"https://a/\"},\"token\":\"t\",\"use\":{\"X\":\"y\"}},"),
	  "$.auth.use", "nowhere of {{token}}" },
	{ TOP("\"base_url\":\"https://{{token.base_url}}\","), "$.base_url",
	  "may only begin" },
	{ TOP("\"auth\":{\"kind\":\"sigv4\",\"access_key\":\"a\","
	  "\"secret_key\":\"b\",\"service\":\"ec2\",\"region\":"
	  "\"{{in.regoin}}\"},"), "$.auth.region", "input" },
	{ TOP("\"auth\":{\"kind\":\"sigv4\",\"access_key\":\"a\","
	  "\"secret_key\":\"b\",\"service\":\"ec2\",\"region\":\"r\","
	  "\"assume_role\":{}},"), "$.auth.assume_role.role_arn",
	  "is missing" },
	{ TOP("\"auth\":{\"kind\":\"signature\",\"headers\":{\"X\":"
	  "\"{{timestamp}}\"},\"sign\":{\"algorithm\":\"sha1\",\"text\":"
	  "\"x\"}},"), "$.auth.headers", "{{signature}}" },
	{ TOP("\"auth\":{\"kind\":\"signature\",\"headers\":{\"X\":"
	  "\"{{signature}}\"},\"sign\":{\"algorithm\":\"md5\",\"text\":"
	  "\"x\"}},"), "$.auth.sign.algorithm", "md5" },
	{ TOP("\"auth\":{\"kind\":\"signature\",\"headers\":{\"X\":"
	  "\"{{signature}}\"}},"), "$.auth.sign", "is missing" },
	/* what answers say of themselves */
	{ COL("\"x\":{\"type\":\"integer\",\"segment\":2}"),
	  "$.entities.e.columns.x.segment", "type text" },
	{ COL("\"x\":{\"type\":\"text\",\"path\":\"a[*]\",\"segment\":2}"),
	  "$.entities.e.columns.x.segment", "one text" },
	{ COL("\"x\":{\"type\":\"text\",\"segment\":99}"),
	  "$.entities.e.columns.x.segment", "32" },
	{ LIST(",\"incomplete\":{}"), L ".incomplete", "1 to 8" },
	{ LIST(",\"incomplete\":{\"a[\":[]}"), L ".incomplete[\"a[\"]",
	  "expected at byte" },
	{ LIST(",\"incomplete\":{\"@.a\":[]}"), L ".incomplete[\"@.a\"]",
	  "whole answer" },
	{ LIST(",\"incomplete\":{\"a\":\"b\"}"), L ".incomplete.a",
	  "array" },
	{ LIST(",\"incomplete\":{\"a\":[1]}"), L ".incomplete.a", "texts" },
	{ LIST(",\"records_optional\":1"), L ".records_optional", "true" },
	{ LIST(",\"order\":{\"columns\":{\"at\":\"a\"},\"query\":{\"s\":"
	  "\"x\"},\"asc\":null,\"desc\":null}"), L ".order",
	  "neither direction" },
	{ ENT(",\"keep_if\":{\"path\":\"a\"}"),
	  "$.entities.e.keep_if.contains", "is missing" },
	{ ENT(",\"keep_if\":{\"path\":\"a\",\"is\":\"b\"}"),
	  "$.entities.e.keep_if.is", "" },
	/* several services of a cloud */
	{ TOP("\"base_url\":\"https://{{service}}.x\","), "$.entities.e.service",
	  "is missing" },
	{ TOP("\"base_url\":\"https://{{in.regoin}}.x\","), "$.base_url",
	  "input" },
	{ TOP("\"form\":\"nested\","), "$.form", "numbered" },
	{ LIST(",\"query\":{\"a\":\"{{service}}\"}"), L ".query.a",
	  "has no meaning here" },
	{ LIST(",\"push\":{\"title\":{\"query\":\"t\",\"most\":3}}"),
	  L ".push.title.most", "goes with in" },
	{ LIST(",\"push\":{\"at\":{\"op\":\">=\",\"query\":\"t\",\"range\":\"..\"}}"),
	  L ".push.at.range", "bounds of both sides" },
	{ LIST(",\"push\":{\"at\":{\"op\":\"like_prefix\",\"query\":\"t\"}}"),
	  L ".push.at.pattern", "is missing" },
	{ COL("\"id\":{\"type\":\"text\",\"as\":\"pairs\"}"),
	  "$.entities.e.columns.id.as", "type map" },
	/* config */
	{ M("3", "", "{}"), "$.config", "must be an object" },
	{ FIELD("{\"type\":\"strin\"}"), "$.config.f.type",
	  "did you mean 'string'?" },
	{ FIELD("{}"), "$.config.f.type", "is missing" },
	{ FIELD("{\"type\":\"string\",\"requird\":true}"),
	  "$.config.f.requird", "did you mean required?" },
	{ FIELD("{\"type\":\"string\",\"required\":1}"),
	  "$.config.f.required", "true, false" },
	{ FIELD("{\"type\":\"string\",\"required\":{\"unless\":\"z\"}}"),
	  "$.config.f.required.unless", "no key 'z'" },
	{ FIELD("{\"type\":\"variant\"}"), "$.config.f.variants",
	  "is missing" },
	{ FIELD("{\"type\":\"variant\",\"variants\":{\"a\":{\"type\":{"
	  "\"type\":\"string\"}}}}"), "$.config.f.variants.a.type",
	  "names the variant" },
	{ FIELD("{\"type\":\"integer\",\"min\":5,\"max\":1}"),
	  "$.config.f.min", "more than max" },
	{ FIELD("{\"type\":\"integer\",\"min\":5,\"default\":1}"),
	  "$.config.f.default", "must be an integer from 5" },
	{ FIELD("{\"type\":\"string\",\"values\":[\"a\"],\"default\":\"b\"}"),
	  "$.config.f.default", "must be one of: a" },
	{ FIELD("{\"type\":\"integer\",\"values\":[\"a\"]}"),
	  "$.config.f.values", "number 1 is no integer" },
	{ FIELD("{\"type\":\"string\",\"pattern\":\"(\"}"),
	  "$.config.f.pattern", "regular expression" },
	{ FIELD("{\"type\":\"string\",\"pattern\":\"(a{99}){99}\"}"),
	  "$.config.f.pattern", "too much" },
	{ FIELD("{\"type\":\"secret\",\"default\":\"hunter2\"}"),
	  "$.config.f.default", "everybody's" },
	{ M("{\"a b\":{\"type\":\"string\"}}", "", "{}"), "$.config[\"a b\"]",
	  "a name holds" },
	/* auth */
	{ TOP("\"auth\":{\"kind\":\"magic\"},"), "$.auth.kind",
	  "'magic' is not known; known are: none, bearer, basic, headers" },
	{ TOP("\"auth\":{\"kind\":\"bearer\"},"), "$.auth.token",
	  "is missing" },
	{ TOP("\"auth\":{\"kind\":\"bearer\",\"token\":\"{{config.tokn}}\"},"),
	  "$.auth.token", "config.tokn" },
	{ TOP("\"auth\":{\"kind\":\"none\",\"token\":\"x\"},"), "$.auth.token",
	  "has no meaning for kind none" },
	{ TOP("\"auth\":{\"kind\":\"headers\",\"headers\":{}},"),
	  "$.auth.headers", "at least one" },
	{ TOP("\"auth\":{\"choose\":\"{{config.org}}\",\"a\":3},"), "$.auth.a",
	  "must be an object" },
	{ M("{\"base\":{\"type\":\"url\"},\"a\":{\"type\":\"variant\","
	  "\"variants\":{\"x\":{},\"y\":{}}}}", "\"auth\":{\"choose\":"
	  "\"{{config.a.type}}\",\"x\":{\"kind\":\"none\"}},", "{}"),
	  "$.auth.y", "the config can choose it" },
	/* limits, errors */
	{ TOP("\"limits\":{\"rate\":0},"), "$.limits.rate", "a number from" },
	{ TOP("\"limits\":{\"burst\":5},"), "$.limits.burst", "needs rate" },
	{ TOP("\"limits\":{\"headers\":{\"reset\":\"X\",\"reset_unit\":"
	  "\"seconds\"}},"), "$.limits.headers.reset_unit",
	  "known are: delta_s, epoch_s, epoch_ms, epoch_us, iso8601, duration" },
	{ TOP("\"limits\":{\"headers\":{\"remaining\":\"R\",\"reserve\":9}},"),
	  "$.limits.headers.reserve", "needs reset" },
	{ TOP("\"limits\":{\"headers\":{\"remaining\":\"R\",\"reset\":\"S\","
	  "\"reserve\":\"5%\"}},"), "$.limits.headers.reserve",
	  "needs limit" },
	{ TOP("\"limits\":{\"headers\":{\"reserve\":\"60%\"}},"),
	  "$.limits.headers.reserve", "from 1% to 50%" },
	{ TOP("\"limits\":{\"headers\":{\"limit\":\"R;a b\"}},"),
	  "$.limits.headers.limit", "RateLimit;remaining" },
	{ TOP("\"limits\":{\"scope\":\"{{config.token}}\"},"),
	  "$.limits.scope", "speaks of a secret" },
	{ TOP("\"limits\":{\"buckets\":{}},"), "$.limits.buckets",
	  "must be 1 to 8" },
	{ TOP("\"limits\":{\"buckets\":{\"a b\":{\"rate\":1}}},"),
	  "$.limits.buckets[\"a b\"]", "a name holds letters" },
	{ TOP("\"limits\":{\"buckets\":{\"a\":{}}},"), "$.limits.buckets.a",
	  "bounds nothing" },
	{ TOP("\"limits\":{\"buckets\":{\"a\":{\"rate\":1,\"reserve\":1}}},"),
	  "$.limits.buckets.a.reserve", "is not known" },
	{ TOP("\"limits\":{\"buckets\":{\"a\":{\"rate\":1,\"when\":"
	  "{\"nokey\":[1]}}}},"), "$.limits.buckets.a.when.nokey",
	  "is no key of config" },
	{ TAKES(",\"bucket\":\"b\""), L ".bucket", "no bucket 'b' in limits" },
	{ TAKES(",\"bucket\":[]"), L ".bucket", "must be a bucket's name" },
	{ TAKES(",\"bucket\":[\"a\",7]"), L ".bucket", "must be a bucket's" },
	{ TAKES(",\"bucket\":\"a\",\"cost\":7"), L ".cost",
	  "more than the burst (6) of bucket a" },
	{ TAKES(",\"cost\":2"), L ".cost", "needs a rate in limits" },
	{ TAKES(",\"cost\":0"), L ".cost", "from 1" },
	{ TOP("\"errors\":[{\"status\":[999],\"do\":\"fail\"}],"),
	  "$.errors[0].status[0]", "such as 403" },
	{ TOP("\"errors\":[{\"status\":[403]}],"), "$.errors[0].do",
	  "is missing" },
	{ TOP("\"errors\":[{\"do\":\"retry\",\"class\":\"config\"}],"),
	  "$.errors[0].class", "goes with" },
	{ TOP("\"errors\":[{\"do\":\"empty\",\"then\":\"skip\"}],"),
	  "$.errors[0].then", "goes with" },
	{ TOP("\"errors\":[{\"do\":\"retry\",\"equals\":1}],"),
	  "$.errors[0].equals", "needs a path" },
	{ TOP("\"error_text\":[\"a[\"],"), "$.error_text[0]", "expected" },
	{ TOP("\"headers\":{\"A\":\"b\\r\\nc\"},"), "$.headers.A",
	  "one-line" },
	{ TOP("\"headers\":{\"A:\":\"b\"},"), "$.headers[\"A:\"]",
	  "header name" },
	{ TOP("\"base_url_or\":\"http://h\","), "$.base_url_or",
	  "stands in for" },
	/* entities, columns */
	{ M(CONF, "", "{}"), "$.entities", "1 to" },
	{ M(CONF, "", "{\"e\":3}"), "$.entities.e", "must be an object" },
	{ M(CONF, "", "{\"a-b\":{}}"), "$.entities[\"a-b\"]",
	  "a name holds" },
	{ ENT(",\"key\":[\"titl\"]"), "$.entities.e.key[0]",
	  "'titl' is no column of this entity (did you mean 'title'?)" },
	{ ENT(",\"key\":[\"id\",\"ID\"]"), "$.entities.e.key[1]", "already" },
	{ ENT(",\"decode\":\"yaml\""), "$.entities.e.decode", "openmetrics" },
	{ ENT(",\"retry\":{\"count\":99}"), "$.entities.e.retry.count",
	  "from 0 to 10" },
	{ ENT(",\"cursor\":{\"column\":\"tags\",\"order\":\"asc\"}"),
	  "$.entities.e.cursor.column", "a cursor is" },
	{ ENT(",\"deleted\":\"title\""), "$.entities.e.deleted",
	  "a boolean or a timestamp" },
	{ ENT(",\"cursor\":{\"column\":\"title\",\"order\":\"asc\"}"),
	  "$.entities.e.cursor.column", "a cursor is" },
	{ ENT(",\"cursor\":{\"column\":\"id\",\"order\":\"none\",\"kind\":"
	  "\"token\"}"), "$.entities.e.cursor.kind", "no list says" },
	{ ENT(",\"cursor\":{\"column\":\"id\",\"order\":\"none\",\"per\":"
	  "\"partition\"}"), "$.entities.e.cursor.per", "no list has" },
	{ ENT(",\"cursor\":{\"column\":\"id\",\"order\":\"none\",\"kind\":"
	  "\"token\",\"per\":\"partition\"}"), "$.entities.e.cursor.per",
	  "no meaning" },
	{ ENT(",\"cursor\":{\"column\":\"id\",\"order\":\"none\",\"kind\":"
	  "\"tokens\"}"), "$.entities.e.cursor.kind", "did you mean 'token'" },
	{ LIST(",\"token\":{\"from\":\"a\"},\"paginate\":{\"kind\":\"cursor\","
	  "\"query\":\"c\",\"from\":\"a\"}"), "$.entities.e.cursor.kind",
	  "must be token" },
	{ LIST(",\"token\":{\"from\":\"a\"}"), L ".token", "goes with paginate" },
	{ LIST(",\"token\":{}"), L ".token.from", "is missing" },
	{ LIST(",\"token\":{\"from\":\"a\",\"lost\":[7]}"), L ".token.lost",
	  "no status" },
	{ LIST(",\"token\":\"a\""), L ".token", "an object" },
	{ ENT(",\"deleted\":{\"column\":\"title\",\"is\":true}"),
	  "$.entities.e.deleted.is", "must be a text" },
	{ ENT(",\"deleted\":{\"column\":\"title\"}"),
	  "$.entities.e.deleted.is", "must be a text" },
	{ ENT(",\"cursor\":{\"column\":\"id\"}"), "$.entities.e.cursor.order",
	  "is missing" },
	{ ENT(",\"main\":true,\"hidden\":true"), "$.entities.e.hidden",
	  "main entity" },
	{ COL(""), "$.entities.e.columns", "at least one column" },
	{ COL("\"a\":{\"type\":\"txt\"}"), "$.entities.e.columns.a.type",
	  "did you mean 'text'?" },
	{ COL("\"a\":{\"type\":\"text\"},\"A\":{\"type\":\"text\"}"),
	  "$.entities.e.columns.A", "already" },
	{ COL("\"a\":{\"type\":\"text\",\"path\":\"@.x\"}"),
	  "$.entities.e.columns.a.path", "no explode" },
	{ COL("\"a\":{\"type\":\"text\",\"path\":\"x[\"}"),
	  "$.entities.e.columns.a.path", "expected" },
	{ COL("\"a\":{\"type\":\"integer\",\"path\":\"x[*].y\"}"),
	  "$.entities.e.columns.a.path", "several values" },
	{ COL("\"a\":{\"type\":\"timestamp\",\"time\":{\"strptime\":\"%F\","
	  "\"zone\":\"Z\",\"else_null\":1}}"), "$.entities.e.columns.a.time"
	  ".else_null", "true or false" },
	{ COL("\"a\":{\"type\":\"timestamp\",\"time\":{\"strptime\":\"%F\"}}"),
	  "$.entities.e.columns.a.time.zone", "is missing" },
	{ COL("\"a\":{\"type\":\"timestamp\",\"time\":{\"strptime\":\"%F\","
	  "\"zone\":\"CET\"}}"), "$.entities.e.columns.a.time.zone", "+02:00" },
	{ COL("\"a\":{\"type\":\"timestamp\",\"time\":{\"strptime\":\"%F %z\","
	  "\"zone\":\"Z\"}}"), "$.entities.e.columns.a.time.zone", "is said by" },
	{ COL("\"a\":{\"type\":\"timestamp\",\"time\":{\"strptime\":\"%s\","
	  "\"zone\":\"Z\"}}"), "$.entities.e.columns.a.time.strptime",
	  "cannot be read" },
	{ COL("\"a\":{\"type\":\"text\",\"time\":\"epoch_s\"}"),
	  "$.entities.e.columns.a.time", "goes with type timestamp" },
	{ COL("\"a\":{\"type\":\"map\",\"as\":\"text\"}"),
	  "$.entities.e.columns.a.as", "goes with type text" },
	{ COL("\"a\":{\"type\":\"text\",\"default\":\"{{config.org}}\"}"),
	  "$.entities.e.columns.a.default", "goes with input" },
	{ COL("\"a\":{\"type\":\"list\",\"input\":true}"),
	  "$.entities.e.columns.a.type", "one value" },
	/* lists */
	{ M(CONF, "", "{\"e\":{" COLS "}}"), "$.entities.e.lists",
	  "is missing" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[]}}"),
	  "$.entities.e.lists", "1 to" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{\"url\":\"/x\"}]}}"),
	  L ".url", "no base_url" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{\"url\":\"ftp://x\"}]}}"),
	  L ".url", "must begin with" },
	{ M("{\"base\":{\"type\":\"url\"},\"k\":{\"type\":\"secret\"}}", "",
	  "{\"e\":{" COLS ",\"lists\":[{\"url\":\"{{config.base}}/"
	  "{{config.k}}\"}]}}"), L ".url", "cannot stand in a URL" },
	{ M("{\"base\":{\"type\":\"url\"},\"k\":{\"type\":\"secret\"}}", "",
	  "{\"e\":{" COLS ",\"lists\":[{" URL ",\"query\":{\"key\":"
	  "\"{{config.k}}\"}}]}}"), L ".query.key", "cannot stand in a URL" },
	{ LIST(",\"metod\":\"GET\""), L ".metod", "did you mean method?" },
	{ LIST(",\"method\":\"DELETE\""), L ".method", "GET, POST" },
	{ LIST(",\"needs\":[\"title\"]"), L ".needs[0]", "is no input" },
	{ LIST(",\"needs\":[\"rep\"]"), L ".needs[0]", "did you mean 'repo'" },
	{ LIST(",\"query\":{\"a\":\"{{in.rep}}\"}"), L ".query.a",
	  "'rep' is no input (did you mean 'repo'?)" },
	{ LIST(",\"query\":{\"a\":\"{{value}}\"}"), L ".query.a",
	  "no meaning here" },
	{ LIST(",\"query\":{\"a\":\"{{conf.x}}\"}"), L ".query.a",
	  "a template speaks of" },
	{ LIST(",\"query\":{\"a\":\"{{config.base\"}"), L ".query.a",
	  "{{ without }}" },
	{ LIST(",\"query\":{\"a\":1}"), L ".query.a", "a string" },
	{ LIST(",\"body\":{}"), L ".body", "goes with method POST" },
	{ LIST(",\"method\":\"POST\",\"body\":{\"a\":[\"{{in.x}}\"]}"),
	  L ".body.a[0]", "no input" },
	{ LIST(",\"records\":\"a..b\""), L ".records", "expected" },
	{ LIST(",\"timeout_ms\":0"), L ".timeout_ms", "from 1" },
	{ LIST("},{" URL), "$.entities.e.lists[1].name", "same name" },
	/* pagination */
	{ LIST(",\"paginate\":{}"), L ".paginate.kind", "is missing" },
	{ LIST(",\"paginate\":{\"kind\":\"links\"}"), L ".paginate.kind",
	  "did you mean 'link'?" },
	{ LIST(",\"paginate\":{\"kind\":\"link\",\"query\":\"p\"}"),
	  L ".paginate.query", "no meaning for kind link" },
	{ LIST(",\"paginate\":{\"kind\":\"cursor\",\"query\":\"p\"}"),
	  L ".paginate", "one of from, from_header and from_record" },
	{ LIST(",\"paginate\":{\"kind\":\"cursor\",\"from\":\"p\"}"),
	  L ".paginate", "needs query, header or body" },
	{ LIST(",\"paginate\":{\"kind\":\"cursor\",\"from\":\"p\","
	  "\"query\":\"c\",\"header\":\"X-C\"}"), L ".paginate",
	  "more than one of query, header and body" },
	{ LIST(",\"paginate\":{\"kind\":\"page\",\"query\":\"p\","
	  "\"end\":\"null\"}"), L ".paginate.end",
	  "no meaning for kind page" },
	{ LIST(",\"paginate\":{\"kind\":\"offset\",\"query\":\"o\"}"),
	  L ".paginate.size", "is missing" },
	{ LIST(",\"paginate\":{\"kind\":\"next_url\"}"), L ".paginate.from",
	  "is missing" },
	{ LIST(",\"paginate\":{\"kind\":\"page\",\"query\":\"p\",\"size\":{"
	  "\"query\":\"n\",\"default\":50,\"max\":10}}"),
	  L ".paginate.size.default", "more than max (10)" },
	{ LIST(",\"paginate\":{\"kind\":\"page\",\"query\":\"p\","
	  "\"short_page_ends\":true}"), L ".paginate.short_page_ends",
	  "needs size" },
	/* pushes */
	{ LIST(",\"push\":{\"titel\":{\"query\":\"t\"}}"), L ".push.titel",
	  "did you mean 'title'?" },
	{ LIST(",\"push\":{\"title\":{\"op\":\"~\",\"query\":\"t\"}}"),
	  L ".push.title.op", "'~' is no operator" },
	{ LIST(",\"push\":{\"title\":[{\"query\":\"t\"},{\"op\":[\"=\",7],"
	  "\"query\":\"t\"}]}"), L ".push.title[1].op[1]",
	  "must be an operator" },
	{ LIST(",\"push\":{\"title\":{\"op\":\"=\"}}"), L ".push.title",
	  "needs one of query, header, body and clause" },
	{ LIST(",\"push\":{\"id\":{\"op\":\"like_prefix\",\"query\":\"t\"}}"),
	  L ".push.id.op", "LIKE goes with text" },
	{ LIST(",\"push\":{\"id\":{\"op\":\"contains\",\"query\":\"t\"}}"),
	  L ".push.id.op", "contains goes with a list" },
	{ LIST(",\"push\":{\"tags\":{\"op\":\"=\",\"query\":\"t\"}}"),
	  L ".push.tags.op", "use contains" },
	{ LIST(",\"push\":{\"repo\":{\"op\":\">\",\"query\":\"t\"}}"),
	  L ".push.repo.op", "an input is told by =" },
	{ LIST(",\"push\":{\"title\":{\"op\":\"=\",\"clause\":\"jql\",\"text\":"
	  "\"x\"}}"), L ".push.title.clause", "is no language" },
	{ LIST(",\"clauses\":{\"jql\":{\"query\":\"q\"}},\"push\":{\"title\":{"
	  "\"clause\":\"jql\"}}"), L ".push.title.text", "is missing" },
	{ LIST(",\"push\":{\"title\":{\"query\":\"t\",\"widen_s\":3}}"),
	  L ".push.title.widen_s", "goes with a timestamp" },
	{ LIST(",\"push\":{\"at\":{\"op\":\">\",\"query\":\"t\",\"time\":"
	  "\"epoch\"}}"), L ".push.at.time", "epoch" },
	{ LIST(",\"push\":{\"at\":{\"op\":\">\",\"query\":\"t\",\"time\":{}}}"),
	  L ".push.at.time.strftime", "is missing" },
	{ LIST(",\"push\":{\"title\":{\"op\":[\"is_null\",\"=\"],\"query\":"
	  "\"t\",\"text\":\"x\"}}"), L ".push.title.op", "rule of their own" },
	{ LIST(",\"push\":{\"title\":{\"op\":\"is_null\",\"query\":\"t\"}}"),
	  L ".push.title.text", "is missing" },
	{ LIST(",\"push\":{\"title\":{\"query\":\"t\",\"many\":\"csv\"}}"),
	  L ".push.title.many", "in or contains" },
	{ LIST(",\"push\":{\"title\":{\"query\":\"t\",\"values\":3}}"),
	  L ".push.title.values", "must be an array" },
	{ LIST(",\"push\":{\"title\":{\"query\":\"t\",\"caps\":true}}"),
	  L ".push.title.caps", "no max_rows" },
	/* batch */
	{ LIST(",\"batch\":2"), L ".batch", "one input in needs" },
	{ LIST(",\"batch\":2,\"needs\":[\"repo\"]"), L ".batch",
	  "the url does not speak of {{in.repo}}" },
	{ LIST(",\"batch\":2,\"needs\":[\"repo\"]"), L ".batch",
	  "needs a path" },
	{ LIST(",\"batch\":1,\"needs\":[\"repo\"]"), L ".batch", "2 to 1000" },
	{ LIST(",\"clauses\":{\"sql\":{\"query\":\"q\"}}"), L ".clauses.sql",
	  "is no clause language" },
	{ LIST(",\"clauses\":{\"soql\":{\"query\":\"q\",\"limit\":\"LIMIT "
	  "5\"}}"), L ".clauses.soql.limit", "{{value}}" },
	{ COL("\"_ID\":{\"type\":\"text\"}"), "$.entities.e.columns._ID", "no target uses" },
	{ COL("\"_moltler_x\":{\"type\":\"text\"}"), "$.entities.e.columns._moltler_x",
	  "no target uses" },
	{ COL("\"__x\":{\"type\":\"text\"}"), "$.entities.e.columns.__x", "no target uses" },
	{ LIST(",\"clauses\":{\"spl\":{\"query\":\"q\"}},\"paginate\":{"
	  "\"kind\":\"none\",\"size\":{\"clause\":\"spl\",\"max\":5}}"),
	  L ".paginate.size.clause", "that has a limit" },
	{ LIST(",\"paginate\":{\"kind\":\"none\",\"size\":{\"clause\":"
	  "\"spl\",\"body\":\"n\",\"max\":5}}"), L ".paginate.size",
	  "in one of them" },
	{ LIST(",\"clauses\":{\"soql\":{\"query\":\"q\",\"order\":"
	  "\"{{value}}\"}}"), L ".clauses.soql.order", "no meaning here" },
	{ LIST(",\"clauses\":{\"jql\":{}}"), L ".clauses.jql",
	  "query or body" },
	/* windows of syncs */
	{ ENT(",\"cursor\":{\"column\":\"at\",\"order\":\"none\",\"step_s\":"
	  "60,\"keeps_s\":600}"), "$.entities.e.cursor.step_s",
	  "needs a list with pushes" },
	{ ENT(",\"cursor\":{\"column\":\"at\",\"order\":\"none\",\"step_s\":"
	  "60}"), "$.entities.e.cursor.step_s", "needs from or keeps_s" },
	{ ENT(",\"cursor\":{\"column\":\"at\",\"order\":\"none\",\"step\":"
	  "60}"), "$.entities.e.cursor.step", "goes with an integer" },
	{ ENT(",\"cursor\":{\"column\":\"at\",\"order\":\"none\",\"from\":"
	  "\"2020\"}"), "$.entities.e.cursor.from", "must be a time" },
	{ ENT(",\"cursor\":{\"column\":\"at\",\"order\":\"none\",\"from\":"
	  "\"2020-01-01T00:00:00Z\"}"), "$.entities.e.cursor.from",
	  "goes with step_s" },
	{ ENT(",\"cursor\":{\"column\":\"id\",\"order\":\"none\",\"step_s\":"
	  "60}"), "$.entities.e.cursor.step_s", "goes with a timestamp" },
	{ ENT(",\"cursor\":{\"column\":\"id\",\"order\":\"none\",\"keeps_s\":"
	  "60}"), "$.entities.e.cursor.keeps_s", "goes with a timestamp" },
	/* order, partition */
	{ LIST(",\"split\":{\"column\":\"at\"}"), L ".split.column",
	  "needs a push of >=" },
	{ LIST(",\"push\":{\"id\":[{\"op\":\">=\",\"query\":\"a\"},{\"op\":"
	  "\"<\",\"query\":\"b\"}]},\"split\":{\"column\":\"id\"}"),
	  L ".split.column", "must be not_null" },
	{ LIST(",\"split\":{\"column\":\"title\"}"), L ".split.column",
	  "must be a timestamp" },
	{ LIST(",\"split\":{\"colum\":\"at\"}"), L ".split.colum",
	  "did you mean column?" },
	{ LIST(",\"split\":{\"column\":\"at\"}"), L ".split",
	  "needs a cap" },
	{ LIST(",\"split\":{\"column\":\"at\",\"order\":\"none\"}"),
	  L ".split.order", "asc" },
	{ LIST(",\"push\":{\"at\":[{\"op\":\">=\",\"query\":\"a\","
	  "\"span_s\":60},{\"op\":\"<\",\"query\":\"b\",\"span_s\":60}]},"
	  "\"split\":{\"column\":\"at\"}"), L ".split.from", "is missing" },
	{ LIST(",\"push\":{\"at\":[{\"op\":\">=\",\"query\":\"a\"},{"
	  "\"op\":\"<\",\"query\":\"b\"}]},\"split\":{\"column\":\"at\","
	  "\"from\":5}"), L ".split.from", "must be a time" },
	{ LIST(",\"push\":{\"at\":{\"op\":\"=\",\"query\":\"a\","
	  "\"span_s\":60}}"), L ".push.at.span_s", "goes with bounds" },
	{ LIST(",\"push\":{\"id\":{\"op\":\">=\",\"query\":\"a\","
	  "\"span_s\":60}}"), L ".push.id.span_s", "goes with a timestamp" },
	{ LIST(",\"order\":{\"columns\":{\"x\":\"x\"},\"query\":{}}"),
	  L ".order.columns.x", "is no column" },
	{ LIST(",\"order\":{\"columns\":{\"at\":\"x\"}}"), L ".order.query",
	  "is missing" },
	{ LIST(",\"order\":{\"columns\":{\"at\":1},\"query\":{}}"),
	  L ".order.columns.at", "the service's word" },
	{ LIST(",\"partition\":{\"over\":\"f\",\"bind\":{\"repo\":\"id\"}}"),
	  L ".partition.over", "'f' is no entity" },
	{ LIST(",\"partition\":{\"over\":\"e\",\"bind\":{\"repo\":\"id\"}}"),
	  L ".partition.over", "over itself" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL ",\"partition\":{"
	  "\"over\":\"f\",\"bind\":{\"title\":\"idd\"},\"where\":{\"x\":1}}}]},"
	  "\"f\":{" COLS ",\"lists\":[{" URL "}]}}"),
	  L ".partition.bind.title", "is no input" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL ",\"partition\":{"
	  "\"over\":\"f\",\"bind\":{\"repo\":\"titl\"},\"where\":{\"x\":1}}}]},"
	  "\"f\":{" COLS ",\"lists\":[{" URL "}]}}"),
	  L ".partition.bind.repo", "did you mean 'title'?" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL ",\"partition\":{"
	  "\"over\":\"f\",\"bind\":{\"repo\":\"id\"},\"where\":{\"x\":1}}}]},"
	  "\"f\":{" COLS ",\"lists\":[{" URL "}]}}"),
	  L ".partition.where.x", "is no column" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL ",\"partition\":{"
	  "\"over\":\"f\",\"bind\":{\"repo\":\"id\"}}}]},"
	  "\"f\":{" COLS ",\"lists\":[{" URL ",\"partition\":{\"over\":\"e\","
	  "\"bind\":{\"repo\":\"id\"}}}]}}"), "$.entities.e.lists", "ring" },
	/* actions */
	{ ENT(",\"actions\":{\"do\":{}}"), "$.entities.e.actions.do.url",
	  "is missing" },
	{ ACT(",\"method\":\"PUSH\""), "$.entities.e.actions.do.method",
	  "not known" },
	{ ACT(",\"query\":{\"a\":\"{{in.b}}\"}"),
	  "$.entities.e.actions.do.query.a", "no input" },
	{ ACT(",\"query\":{\"a\":\"{{lookup}}\"}"),
	  "$.entities.e.actions.do.query.a", "no meaning here" },
	{ ACT(",\"args\":{\"a\":{\"type\":\"text\"}}"),
	  "$.entities.e.actions.do.args.a.type", "not known" },
	{ ACT(",\"args\":{\"a\":{\"type\":\"string\",\"fields\":{\"x\":{\"type\":"
	  "\"any\"}}}}"), "$.entities.e.actions.do.args.a.fields",
	  "goes with type object" },
	{ ACT(",\"args\":{\"a\":{\"type\":\"string\",\"items\":{\"type\":"
	  "\"any\"}}}"), "$.entities.e.actions.do.args.a.items",
	  "goes with type array" },
	{ ACT(",\"args\":{\"a\":{\"type\":\"integer\",\"values\":[1,\"b\"]}}"),
	  "$.entities.e.actions.do.args.a.values", "number 2 is no integer" },
	{ ACT(",\"args\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":"
	  "\"object\",\"fields\":{\"b\":{\"typ\":\"any\"}}}}}"),
	  "$.entities.e.actions.do.args.a.items.fields.b.typ",
	  "did you mean type?" },
	{ ACT(",\"auth\":{\"kind\":\"some\"}"),
	  "$.entities.e.actions.do.auth.kind", "" },
	{ ACT(",\"success\":[99]"), "$.entities.e.actions.do.success",
	  "number 1 is no status" },
	{ ACT(",\"result\":\"a[\""), "$.entities.e.actions.do.result",
	  "expected" },
	{ ACT(",\"lookup\":{\"url\":\"x\"}"),
	  "$.entities.e.actions.do.lookup.value", "is missing" },
	{ ACT(",\"lookup\":{\"url\":\"/{{action.id}}\",\"value\":\"a\"}"),
	  "$.entities.e.actions.do.lookup.url", "action" },
	{ ACT(",\"poll\":{}"), "$.entities.e.actions.do.poll.url",
	  "is missing" },
	{ ACT(",\"query\":{\"a\":\"{{answer.x}}\"}"),
	  "$.entities.e.actions.do.query.a", "no meaning here" },
	{ ACT(",\"poll\":{\"url\":\"{{header.Location}}\",\"until\":"
	  "{\"a\":true}}"), "$.entities.e.actions.do.poll.until.a",
	  "must be an array" },
	{ ACT(",\"poll\":{\"url\":\"{{answer.url}}\",\"failed\":{}}"),
	  "$.entities.e.actions.do.poll.failed", "is empty" },
	{ ACT(",\"poll\":{\"url\":\"{{answer.url}}\",\"every_ms\":5}"),
	  "$.entities.e.actions.do.poll.every_ms", "" },
	{ ACT(",\"poll\":{\"url\":\"{{answer}}\"}"),
	  "$.entities.e.actions.do.poll.url", "alone is no value" },
	{ ACT(",\"probe\":{}"), "$.entities.e.actions.do.probe.url",
	  "is missing" },
	{ ACT(",\"probe\":{\"url\":\"https://x\",\"records\":\"a\"}"),
	  "$.entities.e.actions.do.probe.match", "any record" },
	{ ACT(",\"probe\":{\"url\":\"https://x\",\"unless\":[\"nope\"]}"),
	  "$.entities.e.actions.do.probe.unless", "is no argument" },
	{ ACT(",\"probe\":{\"url\":\"https://x\",\"next\":\"a\"}"),
	  "$.entities.e.actions.do.probe.next_query", "is missing" },
	{ ACT(",\"probe\":{\"url\":\"https://x\",\"pages\":2}"),
	  "$.entities.e.actions.do.probe.pages", "needs next" },
	{ ACT(",\"probe\":{\"url\":\"https://x\",\"next_query\":\"c\"}"),
	  "$.entities.e.actions.do.probe.next_query", "needs next" },
	{ ACT(",\"lookup\":{\"url\":\"https://x\",\"value\":\"a\",\"unless\":"
	  "[\"nope\"]}"), "$.entities.e.actions.do.lookup.unless",
	  "is no argument" },
	{ ACT(",\"idempotency\":{}"), "$.entities.e.actions.do.idempotency",
	  "needs a header" },
	{ ACT(",\"idempotency\":{\"header\":\"A\",\"when\":{\"b\":[1]}}"),
	  "$.entities.e.actions.do.idempotency.when.b", "is no argument" },
	{ ACT(",\"idempotency\":{\"header\":\"A\",\"body\":\"b\"}"),
	  "$.entities.e.actions.do.idempotency", "needs a header" },
	/* the test call */
	{ M(CONF, "\"test\":{},", "{}"), "$", "not valid JSON" },
	{ "{\"format\":1,\"test\":{}}", "$.test", "needs an entity or a url" },
	{ "{\"format\":1,\"test\":{\"entity\":\"x\"}}", "$.test.entity",
	  "no entity 'x'" },
	{ "{\"format\":1,\"test\":{\"entity\":\"x\",\"expect\":{}}}",
	  "$.test.expect", "goes with a url" },
};

static void
test_faults_are_named_by_path(void ** state)
{
	struct manifest * m;
	struct seen s;
	struct err e, first;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&s, 0, sizeof(s));
		s.path = bad[i].path;
		s.want = bad[i].want;
		s.all.max = 1 << 20;
		m = manifest_check(bad[i].json, strlen(bad[i].json), "f.json",
		    on_fault, &s, &e);
		if (m != NULL)
			fail_msg("accepted: %s", bad[i].json);
		if (!s.found)
			fail_msg("%s\nsaid:\n%swanted: %s: %s", bad[i].json,
			    s.all.p ? s.all.p : "", bad[i].path, bad[i].want);
		assert_int_equal(e.cls, ERR_CONFIG);
		assert_int_equal(strncmp(e.msg, "f.json: ", 8), 0);
		assert_int_equal(s.warnings, 0);
		assert_null(manifest_parse(bad[i].json, strlen(bad[i].json),
		    "f.json", &first));
		assert_string_equal(first.msg, e.msg);
		buf_free(&s.all);
	}
}

static void
test_all_faults_at_once(void ** state)
{
	static const char text[] = "{\"format\":3.5,\"type\":\"a b\",\"x\":1,"
	    "\"entities\":{\"e\":{\"columns\":{\"a\":{\"type\":\"t\"}},"
	    "\"lists\":[{\"url\":7,\"records\":8}]}}}";
	struct seen s = { .all = BUF_INIT(1 << 20) };
	struct err e;

	(void)state;
	assert_null(manifest_check(text, strlen(text), "f", on_fault, &s,
	    &e));
	/* x, format, type, title, drive_model, config, the column's type, url,
	 * records. */
	assert_int_equal(s.faults, 9);
	assert_non_null(strstr(e.msg, "f: $.x: is not known"));
	buf_free(&s.all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults_are_named_by_path),
		cmocka_unit_test(test_all_faults_at_once),
	};

	return (cmocka_run_group_tests_name("manifest_check", tests, NULL,
	    NULL));
}
