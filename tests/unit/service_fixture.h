#ifndef MOLTLER_TESTS_SERVICE_FIXTURE_H
#define MOLTLER_TESTS_SERVICE_FIXTURE_H

#include <stdint.h>
#include <string.h>

#include "conn/connector.h"
#include "conn/plan.h"
#include "conn/request.h"
#include "manifest/manifest.h"
#include "manifest_text.h"

/* A service that has a bit of everything; quotes are written as '. */
static const char service_manifest[] =
"{'format': 1, 'type': 'svc', 'title': 'S', 'drive_model': 'on_demand',"
"'config': {'site': {'type': 'string', 'default': 'api.example.com'},"
"  'org': {'type': 'string'}, 'token': {'type': 'secret'},"
"  'user': {'type': 'string', 'default': 'me'}},"
"'auth': {'kind': 'bearer', 'token': '{{config.token}}'},"
"'base_url': 'https://{{config.site}}/v1/',"
"'headers': {'Accept': 'application/json', 'X-Key': 'k {{config.token}}'},"
"'entities': {"
"'issues': {'description': 'd', 'key': ['id'], 'columns': {"
"  'id': {'type': 'integer', 'not_null': true},"
"  'org': {'type': 'text', 'input': true, 'default': '{{config.org}}', 'path': 'o.n'},"
"  'repo': {'type': 'text', 'input': true},"
"  'state': {'type': 'text', 'nocase': true},"
"  'kind': {'type': 'text'}, 'private': {'type': 'boolean', 'not_null': true},"
"  'title': {'type': 'text'}, 'labels': {'type': 'list'},"
"  'assignee': {'type': 'text'}, 'word': {'type': 'text', 'input': true},"
"  'created': {'type': 'timestamp', 'not_null': true},"
"  'updated': {'type': 'timestamp'},"
"  'day': {'type': 'timestamp', 'time': {'strptime': '%d.%m.%Y', 'zone': '-05:00'}}},"
" 'lists': ["
"  {'name': 'repo', 'needs': ['org', 'repo'], 'url': '/repos/{{in.org}}/{{in.repo}}/issues',"
"   'query': {'state': 'all', 'sort?': 'x{{config.org}}'}, 'records': '$',"
"   'paginate': {'kind': 'page', 'query': 'page', 'size': {'query': 'per_page', 'default': 30, 'max': 100}},"
"   'push': {"
"    'state': {'op': '=', 'query': 'state', 'values': ['open', 'closed']},"
"    'kind': {'op': ['=', 'in'], 'query': 'kinds[]', 'many': 'repeat', 'values': {'bug': 'B', 'both': 'X&Y'}},"
"    'private': {'op': '=', 'query': 'private'},"
"    'title': [{'op': 'like_prefix', 'query': 'starts'}, {'op': 'like_substring', 'query': 'q', 'text': 'in:title {{value|query}}', 'loose': true}],"
"    'labels': {'op': 'contains', 'query': 'labels', 'many': 'csv'},"
"    'assignee': [{'op': '=', 'query': 'assignee', 'except': ['none']}, {'op': 'is_null', 'query': 'assignee', 'text': 'none'},"
"      {'op': 'in', 'query': 'assignee', 'many': 'csv'}],"
"    'word': {'op': '=', 'query': 'word', 'with': {'exact': 'yes', 'state': null}},"
"    'day': {'op': ['=', '>', '>=', '<', '<='], 'query': 'day'},"
"    'created': [{'op': ['>', '>='], 'query': 'since', 'time': 'iso8601'},"
"      {'op': ['<', '<='], 'query': 'until', 'time': 'epoch_s', 'widen_s': 60}]},"
"   'order': {'columns': {'created': 'created', 'private': 'p', 'title': 't', 'updated': 'u'}, 'max': 2,"
"    'query': {'sort': '{{order.column}}', 'direction': '{{order.direction}}'}}},"
"  {'name': 'org', 'needs': ['org'], 'url': '/orgs/{{in.org}}/issues', 'records': '$',"
"   'paginate': {'kind': 'link', 'rel': 'next'}}]},"
"'tickets': {'description': 'd', 'key': ['key'], 'columns': {"
"  'key': {'type': 'text'}, 'project': {'type': 'text'}, 'priority': {'type': 'text'},"
"  'status': {'type': 'text'}, 'created': {'type': 'timestamp', 'not_null': true},"
"  'jql': {'type': 'text', 'input': true}, 'rank': {'type': 'integer', 'not_null': true},"
"  'updated': {'type': 'timestamp'}},"
" 'lists': [{'name': 'search', 'method': 'POST', 'url': '/search', 'body': {'fields': ['*all'], 'q': {'x': 1}}, 'records': 'issues',"
"   'paginate': {'kind': 'cursor', 'body': 'next', 'from': 'next', 'size': {'body': 'q.max', 'default': 50}},"
"   'push': {'project': {'op': '=', 'clause': 'jql', 'text': 'project = {{value}}'},"
"    'priority': {'op': ['=', 'in'], 'clause': 'jql', 'text': 'priority IN ({{value}})'},"
"    'status': {'op': '!=', 'clause': 'jql', 'text': 'status != {{value}}'},"
"    'jql': {'op': '=', 'clause': 'jql', 'text': '({{value|raw}})'},"
"    'updated': {'op': ['>', '>=', '<', '<='], 'query': 'updated', 'time': 'iso8601'},"
"    'created': [{'op': ['>', '>='], 'clause': 'jql', 'text': 'created >= {{value}}', 'time': {'strftime': '%Y/%m/%d %H:%M'}, 'widen_s': 50400},"
"      {'op': ['<', '<='], 'clause': 'jql', 'text': 'created <= {{value}}', 'time': {'strftime': '%Y/%m/%d %H:%M'}, 'widen_s': 50400}]},"
"   'clauses': {'jql': {'body': 'jql', 'join': ' AND ', 'empty': 'created >= -30d', 'order': ' ORDER BY {{order}}'}},"
"   'order': {'columns': {'created': 'created', 'rank': 'Rank'}, 'asc': 'ASC', 'desc': 'DESC', 'max': 3}}],"
" 'actions': {"
"  'create': {'args': {'title': {'type': 'string', 'required': true}, 'body': {'type': 'string'},"
"     'labels': {'type': 'array', 'items': {'type': 'string'}, 'max_items': 3}, 'state': {'type': 'string', 'values': ['open', 'closed']},"
"     'org': {'type': 'string', 'required': true, 'default': '{{config.org}}'},"
"     'data': {'type': 'object', 'fields': {'n': {'type': 'integer', 'required': true}, 's': {'type': 'string'}}}},"
"   'method': 'POST', 'url': '/orgs/{{in.org}}/tickets', 'query': {'notify': '{{in.state}}'},"
"   'body': {'title': '{{in.title}}', 'body': '{{in.body}}', 'labels': '{{in.labels}}', 'data': '{{in.data}}'},"
"   'success': [201], 'result': 'ticket'},"
"  'move': {'args': {'id': {'type': 'string', 'required': true}, 'to': {'type': 'string', 'required': true}},"
"   'method': 'POST', 'url': '/t/{{in.id}}/move', 'body': {'id': '{{lookup}}'},"
"   'lookup': {'url': '/t/{{in.id}}/moves', 'records': 'moves', 'match': {'name': '{{in.to}}'}, 'value': 'id'}},"
"  'alert': {'args': {'text': {'type': 'string', 'required': true}}, 'method': 'POST', 'url': 'https://other.example/alert',"
"   'body': {'key': '{{config.token}}', 'text': '{{in.text}}'}, 'safe_to_retry': true},"
"  'page': {'method': 'GET', 'url': 'https://other.example/page', 'auth': {'kind': 'headers', 'headers': {'X-Page': '{{config.token}}'}},"
"   'lookup': {'url': 'https://other.example/find', 'value': 'id'}}}}},"
"'test': {'url': '/me', 'expect': {'ok': true}}}";

static inline struct manifest *
service_load(struct err * e)
{
	return (manifest_text(service_manifest, "service", e));
}

static inline struct connector *
service_connector(struct manifest * m, const char * config, struct err * e)
{
	json_t * cfg = json_loads(config, 0, NULL);
	struct connector * c = connector_new(m, "id-1", "svc", cfg, NULL, e);

	json_decref(cfg);
	return (c);
}

static inline struct value
text_value(const char * s)
{
	struct value v = { .type = VALUE_TEXT, .len = (uint32_t)strlen(s) };

	v.s = s;
	return (v);
}

static inline struct value
int_value(int64_t i)
{
	struct value v = { .type = VALUE_INT };

	v.i = i;
	return (v);
}

#endif
