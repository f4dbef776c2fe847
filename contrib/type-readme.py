#!/usr/bin/env python3
"""type-readme.py [--check] DIR...: write what the manifest of a type says into
its README.md, between the lines <!-- manifest --> and <!-- /manifest -->.  With
--check nothing is written: exit 1 if something is not up to date."""
import json
import os
import re
import sys

BEGIN, END = "<!-- manifest -->\n", "<!-- /manifest -->\n"
OPS = {"like_prefix": "LIKE 'x%'", "like_substring": "LIKE '%x%'",
       "contains": "CONTAINS", "is_null": "IS NULL",
       "is_not_null": "IS NOT NULL", "in": "IN"}


def cell(text):
    return text.replace("|", "\\|")


def table(head, rows):
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    out += ["| " + " | ".join(cell(c) for c in r) + " |" for r in rows]
    return "\n".join(out) + "\n"


def default(v):
    if "default" not in v:
        return ""
    d = v["default"]
    if isinstance(d, str):
        d = d.replace("{{", "").replace("}}", "").replace(" ?? ", " or ")
        return d
    return json.dumps(d)


def config(m):
    rows = []
    for k, f in m.get("config", {}).items():
        need = "required" if f.get("required") is True else default(f)
        what = f.get("description", "")
        if "values" in f:
            what += " (" + ", ".join("`%s`" % x for x in f["values"]) + ")"
        rows.append(("`%s`" % k, f["type"], need and "`%s`" % need if need !=
                     "required" else need, what))
    return "### Config\n\n" + table(("key", "type", "", ""), rows)


def pushed(ent, col):
    """What of a column goes down, in which of the lists."""
    lists = ent["lists"]
    said = []
    for x in lists:
        rules = x.get("push", {}).get(col, [])
        ops = []
        for r in rules if isinstance(rules, list) else [rules]:
            op = r["op"] if isinstance(r["op"], list) else [r["op"]]
            ops += [OPS.get(o, o) for o in op]
        if col in x.get("order", {}).get("columns", {}):
            ops.append("ORDER BY")
        said.append(list(dict.fromkeys(ops)))
    if all(s == said[0] for s in said):
        return ", ".join(said[0])
    return "; ".join("%s: %s" % (x["name"], ", ".join(s))
                     for x, s in zip(lists, said) if s)


def entity(name, ent):
    out = "### `%s`\n\n%s.%s\n\n" % (
        name, ent.get("description", ""),
        " The main entity." if ent.get("main") else "")
    rows = []
    for c, v in ent["columns"].items():
        kind = v["type"]
        if v.get("input"):
            kind += ", input" if "path" in v else ", hidden input"
        what = v.get("description", "")
        if default(v):
            what += " (else `%s`)" % default(v)
        rows.append(("`%s`" % c, kind, what, pushed(ent, c)))
    out += table(("column", "type", "", "pushed down"), rows)
    if ent.get("key"):
        out += "\nKey: %s." % ", ".join("`%s`" % k for k in ent["key"])
    if ent.get("deleted"):
        gone = ent["deleted"]
        if isinstance(gone, dict):
            gone = "%s = %s" % (gone["column"], json.dumps(gone["is"]))
        out += " Deleted where `%s` says so (a sync's `deletes`)." % gone
    ways = []
    for x in ent["lists"]:
        w = "`%s`" % re.sub(r"{{(?:in\.|config\.)?(\w+)[^}]*}}", r"{\1}", x["url"])
        if x.get("needs"):
            w += " when " + " and ".join("`%s`" % n for n in x["needs"]) + \
                (" are" if len(x["needs"]) > 1 else " is") + " told"
        if "partition" in x:
            w += " for each of `%s`" % x["partition"]["over"]
        if x.get("max_rows"):
            w += " (with filters the service gives at most %d)" % x["max_rows"]
        if "token" in x:
            w += " (only by syncs, which go on where the last run ended)"
        ways.append(w)
    out += " Listed by %s.\n" % "; ".join(ways)
    return out + "".join("\n" + action(name, a, v)
                         for a, v in ent.get("actions", {}).items())


def action(ent, name, a):
    out = "#### `%s.%s`\n\n%s. `%s %s`\n\n" % (
        ent, name, a["description"], a.get("method", "GET"),
        a["url"].replace("{{in.", "{").replace("{{", "{").replace("}}", "}"))
    rows = []

    def add(pre, args):
        for k, v in args.items():
            need = "required" if v.get("required") else ""
            if default(v):
                need = "`%s`" % default(v)
            what = v.get("description", "")
            if "values" in v:
                what += " (" + ", ".join("`%s`" % x for x in v["values"]) + ")"
            if "max_items" in v:
                what += ", at most %d" % v["max_items"]
            rows.append(("`%s%s`" % (pre, k), v["type"], need, what))
            add(pre + k + ".", v.get("fields", {}))
            add(pre + k + "[].", v.get("items", {}).get("fields", {}))
    add("", a.get("args", {}))
    return out + table(("argument", "type", "", ""), rows) + unanswered(a)


def unanswered(a):
    """What is done where nobody knows whether it was done."""
    said = []
    if "poll" in a:
        said.append("The service only accepts it at first; it is asked until "
                    "it is done.")
    if "idempotency" in a:
        k = a["idempotency"]
        said.append("Where no answer comes it is sent again under the same "
                    "`%s`." % (k.get("header") or k.get("query") or k["body"]))
    if "probe" in a:
        p = a["probe"]
        what = ["`%s`" % k for k in p.get("match", {})]
        old = "no older than the action" if "since" in p else ""
        said.append("Where no answer comes it is looked for (`%s %s`): what has %s "
                    "is taken for it, and if there is none it is sent once "
                    "more." % (p.get("method", "GET"), p["url"].replace(
                        "{{in.", "{").replace("{{", "{").replace("}}", "}"),
                        (("the same " + ", ".join(what)) if what else
                         "its place") + (" and is " + old if old else "")))
        if "unless" in p:
            said.append("With %s nobody can look." % " or ".join(
                "`%s`" % k for k in p["unless"]))
    return "\n" + " ".join(said) + "\n" if said else ""


def generated(m):
    parts = [config(m)]
    parts += [entity(n, e) for n, e in m["entities"].items()
              if not e.get("hidden")]
    return "\n" + "\n".join(parts) + "\n"


def main(args):
    check = args[:1] == ["--check"]
    stale = 0
    for d in args[check:]:
        with open(os.path.join(d, "manifest.json"), encoding="utf-8") as f:
            m = json.load(f)
        path = os.path.join(d, "README.md")
        with open(path, encoding="utf-8") as f:
            old = f.read()
        if BEGIN not in old or END not in old:
            sys.exit("%s: has no lines %s and %s" % (path, BEGIN.strip(),
                                                    END.strip()))
        head, rest = old.split(BEGIN, 1)
        tail = rest.split(END, 1)[1]
        new = head + BEGIN + generated(m) + END + tail
        if new == old:
            continue
        stale = 1
        if check:
            print("%s is not what its manifest says; run contrib/type-readme.py "
                  "%s" % (path, d))
        else:
            with open(path, "w", encoding="utf-8") as f:
                f.write(new)
    return check and stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
