#!/usr/bin/env python3
"""types-table.py [--check]: write docs/types.md, the table of the types and of how
each was checked, of connectors/*, the tests and docs/types.facts.  With --check
nothing is written: exit 1 if it is not up to date."""
import ast
import json
import os
import re
import sys

SRC = os.environ.get("srcdir") or os.path.join(os.path.dirname(
    os.path.abspath(__file__)), "..")
TESTS = os.path.join(SRC, "tests", "integration")
HEAD = """# The types, and how each was checked

Made by `contrib/types-table.py`; do not edit.

Every type: its manifest is without fault or warning; each of its entities has fixtures of a listing and of a failure, and each action one of its
request (`tests/integration/test_types.py`); and these are played with wrong and expired credentials, the service's own way of limiting, a failure in
the middle of paging, an empty account, unknown fields and nulls (`test_type_faults.py`). Fixtures are written from the services' documentation: they prove that the type does what is
meant, not that the service agrees. What more was done:

- **described**: each listing and each action of the fixtures was asked for in SQL of a mock server made of the service's own published
  description, and accepted by it (`test_mock_services.py`);
- **further**: another program's answers: the real one, an emulator, recorded ones, or an imitation written for the tests, which proves the whole
  daemon rather than the service.

A dash in both: by fixtures alone. None of the services themselves was asked, as that takes accounts; `moltler manifest record`
(`build-your-own.md`) does it with yours.

"""


def read(*path):
    with open(os.path.join(SRC, *path), encoding="utf-8") as f:
        return f.read()


def types():
    out = {}
    for name in sorted(os.listdir(os.path.join(SRC, "connectors"))):
        if not os.path.isfile(os.path.join(SRC, "connectors", name,
                                           "manifest.json")):
            continue
        out[name] = json.loads(read("connectors", name, "manifest.json"))
    return out


def root(node):
    """The name that a statement gives a value to, or changes; or None."""
    if isinstance(node, ast.Assign):
        node = node.targets[0]
    elif isinstance(node, ast.AugAssign):
        node = node.target
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        node = node.value.func
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def described():
    """Type -> what its description does not agree with, each with why."""
    tree = ast.parse(read("tests", "integration", "test_mock_services.py"))
    tree.body = [x for x in tree.body
                 if root(x) in ("NAMES", "NARROW", "UNTOLD")]
    said = {"re": re}
    exec(compile(tree, "test_mock_services.py", "exec"), said)
    out = {n: [] for n in said["NAMES"]}
    for name in out:
        out[name] = ["`%s`: %s" % pair for pair in said["NARROW"].get(name, ())]
        if name in said["UNTOLD"]:
            out[name].append("`%s`: not described" %
                             said["UNTOLD"][name].pattern)
    return out


def first_sentence(test):
    doc = ast.get_docstring(ast.parse(read("tests", "integration", test))) or ""
    said = re.split(r"(?<=[.:;])\s", " ".join(doc.split()))[0].rstrip(".:;")
    return said[:1].lower() + said[1:]


def facts(names):
    """Type -> [(test, what)]."""
    out = {n: [] for n in names}
    wrong = []
    for line in read("docs", "types.facts").splitlines():
        if not line or line.startswith("#"):
            continue
        name, test, what = [x.strip() for x in line.split(":", 2)]
        if name not in out or not os.path.isfile(os.path.join(TESTS, test)):
            wrong.append(line)
            continue
        out[name].append((test, what))
    for test in sorted(os.listdir(TESTS)):
        m = re.match(r"test_([a-z]+)_\w+\.py$", test)
        if m and m.group(1) in out and (not any(
                test == x for x, _ in out[m.group(1)])):
            out[m.group(1)].append((test, first_sentence(test)))
    if wrong:
        sys.exit("docs/types.facts: no such type or test:\n" + "\n".join(wrong))
    return out


def cell(text):
    return text.replace("|", "\\|")


def table():
    known = types()
    spec, more = described(), facts(known)
    rows = ["| type | entities | actions | described | further |",
            "|---|---|---|---|---|"]
    notes = []
    for name, m in known.items():
        shown = {k: v for k, v in m["entities"].items() if not v.get("hidden")}
        what = "-"
        if name in spec:
            what = "yes"
            if spec[name]:
                what += ", with exceptions"
                notes += ["- %s: %s" % (name, x) for x in spec[name]]
        rows.append("| [%s](../connectors/%s/README.md) | %d | %d | %s | %s |" % (
            name, name, len(shown),
            sum(len(v.get("actions", {})) for v in shown.values()), what,
            "; ".join(
                "%s (`%s`)" % (cell(w), test) for test, w in more[name]) or
            "-"))
    out = HEAD + "\n".join(rows) + "\n"
    if notes:
        out += "\nWhere a description does not agree with the service's documentation, which was followed:\n\n" + \
            "\n".join(notes) + "\n"
    return out


def main(args):
    new = table()
    path = os.path.join(SRC, "docs", "types.md")
    if args == ["--check"]:
        old = read("docs", "types.md") if os.path.exists(path) else ""
        if old != new:
            print("docs/types.md is not what connectors/, the tests and "
                  "docs/types.facts say; run contrib/types-table.py")
        return int(old != new)
    with open(path, "w", encoding="utf-8") as f:
        f.write(new)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
