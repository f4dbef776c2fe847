"""connectors/manifest.schema.json takes the manifests that are good, and
refuses some that are not."""
import copy
import json
import sys

import tap

try:
    import jsonschema
except ImportError:
    print("1..0 # SKIP python3-jsonschema is not installed")
    sys.exit(0)

WHOLE = "tests/unit/manifest_whole.json"
SCHEMA = json.loads(tap.read("connectors/manifest.schema.json"))

# Where to put what into the whole manifest, so that it is no longer good.
BAD = [
    (["format"], 2),
    (["tipe"], "x"),
    (["type"], "a b"),
    (["drive_model"], "sometimes"),
    (["config", "org", "type"], "text"),
    (["config", "org", "requird"], True),
    (["auth", "token", "kind"], "magic"),
    (["limits", "headers", "reset_unit"], "s"),
    (["errors", 0, "status", 0], 99),
    (["errors", 0, "do"], "panic"),
    (["entities"], {}),
    (["entities", "tickets", "columns", "id", "type"], "int"),
    (["entities", "tickets", "columns", "id", "pth"], "x"),
    (["entities", "tickets", "key"], []),
    (["entities", "tickets", "lists", 0, "metod"], "GET"),
    (["entities", "tickets", "lists", 0, "paginate", "kind"], "links"),
    (["entities", "tickets", "lists", 0, "paginate", "query"], "twice"),
    (["entities", "tickets", "lists", 0, "paginate", "from_header"], "twice"),
    (["entities", "notes", "lists", 0, "partition", "bind"], {}),
    (["entities", "tickets", "lists", 1, "push", "open", "op"], "~"),
    (["entities", "tickets", "lists", 1, "push", "open", "body"], "twice"),
    (["entities", "tickets", "lists", 1, "query", "state"], 1),
    (["entities", "tickets", "actions", "create", "success", 0], 99),
    (["entities", "tickets", "actions", "create", "args", "tags", "items"],
     {}),
    (["test", "entity"], "tickets"),
]


def put(doc, path, value):
    for step in path[:-1]:
        doc = doc[step]
    doc[path[-1]] = value


jsonschema.Draft202012Validator.check_schema(SCHEMA)
validator = jsonschema.Draft202012Validator(SCHEMA)

refused = []
shipped = [p for p in tap.files("connectors", suffix=("manifest.json",))]
for path in shipped + [WHOLE]:
    for e in validator.iter_errors(json.loads(tap.read(path))):
        refused.append("%s: %s: %s" % (path, e.json_path, e.message[:200]))

taken = []
whole = json.loads(tap.read(WHOLE))
for path, value in BAD:
    doc = copy.deepcopy(whole)
    put(doc, path, value)
    if validator.is_valid(doc):
        taken.append("%s = %s" % (path, json.dumps(value)))

tap.report([
    ("the schema takes %d manifests" % (len(shipped) + 1), refused if shipped
     else ["no manifest was found"]),
    ("the schema refuses %d faults" % len(BAD), taken),
])
