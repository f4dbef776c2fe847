"""Every type under the faults of its service: wrong credentials, an expired one,
its own way of limiting, a server that fails in the middle of paging, an empty
account, a field that nobody knows, null where an object was.  Each gives the
right class and words that a person can act on, and no row is lost or doubled.

The faults are put into the types' own fixtures, which then are played.
"""
import concurrent.futures
import copy
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from calendar import timegm

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from type_faults import FAULTS  # noqa: E402

SRC = os.environ.get("srcdir", ".")
MOLTLER = os.path.join(os.environ.get("builddir", "."), "moltler")
TYPES = os.path.join(SRC, "connectors")
NOBODY = {"nobody_knows_this": {"a": [1, {"b": None}], "c": "\u00e9\"\\"}}
t = Tap()


def read(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def fixtures(name):
    folder = os.path.join(TYPES, name, "fixtures")
    for f in sorted(os.listdir(folder)):
        v = read(os.path.join(folder, f))
        yield from v if isinstance(v, list) else [v]


def listings(name, manifest):
    """Of each entity the fixture with the most exchanges that gives rows."""
    best = {}
    for fx in fixtures(name):
        # A LIMIT ends early, and then the page that fails would never be asked;
        # of an IN the others are asked side by side.
        if fx.get("rows") and "limit" not in fx and fx.get("token") != "fetch" and \
                all(x["response"].get("status") in (200, None)
                    for x in fx["exchanges"]):
            one = not any(w["op"] == "in" for w in fx.get("where", []))
            worth = one, len(fx["exchanges"])
            if worth > best.get(fx["entity"], ((False, 0), None))[0]:
                best[fx["entity"]] = worth, fx
    best = {k: v[1] for k, v in best.items()}
    return {k: v for k, v in best.items()
            if not manifest["entities"][k].get("hidden")}


def at_path(body, path):
    """What ${path} leads to; where it fans out, all of it; None: no plain path."""
    at, fans = [body], False
    for quoted, each, plain in re.findall(r'"([^"]*)"|(\[\*\])|([^.$\[]+|\[)',
                                          path):
        if plain == "[":
            return None
        if each or plain == "*":
            fans = True
            kind = list if each else dict
            at = [x for v in at if isinstance(v, kind)
                  for x in (v if each else v.values())]
        else:
            at = [v.get(quoted or plain) for v in at if isinstance(v, dict)]
            at = [v for v in at if v is not None]
    return at if fans else at[0] if at else None


def records(entity, body):
    """The records in ${body}, of whichever list it is an answer to."""
    for one in entity["lists"]:
        found = at_path(body, one.get("records", "$"))
        if isinstance(found, list) and found and isinstance(found[0], dict):
            return found
    return []


def told(response, now):
    """Times that count from now on."""
    out = copy.deepcopy(response)
    for k, v in out["headers"].items():
        out["headers"][k] = re.sub(
            r"\{(us|ms)?\+(\d+)\}", lambda m: str(
                int(now + int(m[2])) * {"us": 10 ** 6, "ms": 1000, None: 1}
                [m[1]]), v)
    return out


def error_of(word):
    e = {"class": word["class"]}
    if word["code"]:
        e["code"] = word["code"]
    if word["words"]:
        e["contains"] = word["words"][0]
    return e


def with_error(fx, exchanges, error, **options):
    new = {k: v for k, v in fx.items() if k not in ("rows", "exchanges")}
    new["options"] = {**fx.get("options", {}), **options}
    return {**new, "exchanges": exchanges, "error": error}


def unknown_fields(entity, fx):
    """Each record and what is around has a member more; None: nowhere to put it."""
    new, n = copy.deepcopy(fx), 0
    for x in new["exchanges"]:
        body = x["response"].get("body")
        if isinstance(body, str):
            # A text, not JSON: the answer is made by lines or elements.
            body = in_csv(body) if entity.get("decode") == "csv" else \
                in_text(body)
            n += body != x["response"]["body"]
            x["response"]["body"] = body
            continue
        for r in records(entity, body):
            r.update(copy.deepcopy(NOBODY))
            n += 1
        if isinstance(body, dict):
            body.update(copy.deepcopy(NOBODY))
    return new if n else None


def in_csv(body):
    """One column more; no field there has a line's end in it."""
    head, *lines = body.splitlines()
    return "".join(x + "\n" for x in [head + ",nobodyKnowsThis"] + [
        x + ',"1, 2"' for x in lines])


def in_text(body):
    lines = body.splitlines()
    if lines and all(re.match(r"\{.*\}$", x) for x in lines if x):
        more = json.dumps(NOBODY)[:-1]
        return "\n".join(more + ", " + x[1:] if x else x for x in lines) + "\n"
    # Only into elements that hold others.
    return re.sub(r"((?:</\w+>|/>)\s*)</(item|member|Bucket|Contents)>",
                  r"\1<nobodyKnowsThis><a>1</a></nobodyKnowsThis></\2>", body)


def path_of(entity, column):
    return entity["columns"][column].get("path", column)


def nulled(entity, fx):
    """One fixture for each member of the records that is an object: it is null
    everywhere, and so are the columns that lead into it."""
    cols = fx.get("columns") or list(entity["columns"])
    seen = {k for x in fx["exchanges"]
            for r in records(entity, x["response"].get("body"))
            for k, v in r.items() if isinstance(v, dict) and v}
    bound = {c for a in (entity.get("key", []),) for c in a}
    for member in sorted(seen):
        lead = [member, '"%s"' % member]
        hit = [c for c in cols if any(
            path_of(entity, c) == m or path_of(entity, c).startswith(
                (m + ".", m + "[")) for m in lead)]
        if not hit or bound & set(hit) or str(
                entity.get("drop_if", "")).startswith(member):
            continue
        if any(c.get("input") and n in hit
               for n, c in entity["columns"].items()):
            continue
        new, rows = copy.deepcopy(fx), []
        for x in new["exchanges"]:
            for r in records(entity, x["response"].get("body")):
                if isinstance(r.get(member), dict):
                    r[member] = None
        for row in new["rows"]:
            rows.append([None if c in hit else v
                         for c, v in zip(cols, row)])
        new["rows"] = rows
        yield member, new


def faults_of(name):
    """(what, fixture) for a type; the fixture None: said why it cannot be."""
    manifest = read(os.path.join(TYPES, name, "manifest.json"))
    word = FAULTS[name]
    for ent, fx in listings(name, manifest).items():
        entity = manifest["entities"][ent]
        now = time.time()
        if "now" in fx:
            now = timegm(time.strptime(fx["now"][:19], "%Y-%m-%dT%H:%M:%S"))
        first, rest = fx["exchanges"][0], fx["exchanges"]
        for what in ("denied", "expired", "limited"):
            x = {"request": first["request"],
                 "response": told(word[what]["response"], now)}
            yield "%s: %s" % (ent, what), with_error(
                fx, [x], error_of(word[what]), retry_count=0)
        if word["soon"] is not None:
            soon = copy.deepcopy(word["limited"]["response"])
            soon["headers"] = {k: v for k, v in {
                **soon["headers"], **word["soon"]}.items() if v is not None}
            x = {"request": first["request"], "response": told(soon, now)}
            # Signatures tell the time, and a second has passed.
            yield "%s: limited, but soon again" % ent, {
                **fx, "exchanges": [x] + [{**y, "request": {
                    k: v for k, v in y["request"].items() if k != "headers"}}
                    for y in rest]}
        broken = word.get("broken", {"status": 500, "headers": {},
                                     "body": "<html>oops</html>"})
        path = rest[-1]["request"]["url"].split("?")[0].split("/", 3)[-1]
        bad = rest[:-1] + [{"request": rest[-1]["request"],
                            "response": broken}]
        yield "%s: broken at exchange %d" % (ent, len(rest)), with_error(
            fx, bad, {"class": "transient", "contains": path[:60]},
            retry_count=0) if ent not in word.get("lost", {}) else {
            **fx, "exchanges": bad, "rows": fx["rows"][:word["lost"][ent]],
            "skipped": path[:60], "options": {**fx.get("options", {}),
                                              "retry_count": 0}}
        yield "%s: broken once at exchange %d" % (ent, len(rest)), {
            **fx, "exchanges": rest[:-1] + [
                {"request": rest[-1]["request"], "response": broken}] +
            rest[-1:]}
        yield "%s: a field that nobody knows" % ent, \
            unknown_fields(entity, fx)
        for member, new in nulled(entity, fx):
            yield "%s: %s is null" % (ent, member), new


def is_token(x):
    """Whether it fetches a token, by its words."""
    return re.search(r"token|auth/login|AssumeRole", x["request"]["url"] +
                     str(x["request"].get("body", ""))) is not None


def token_ends(name):
    """A fixture that fetches its token: the service says that it has ended, another
    is fetched, and the list is read as if nothing had been."""
    word = FAULTS[name]
    expired = word.get("ended", word["expired"]["response"])
    for fx in fixtures(name):
        if fx.get("token") != "fetch" or "error" in fx or "action" in fx:
            continue
        n = 0
        while n < len(fx["exchanges"]) and is_token(fx["exchanges"][n]):
            n += 1
        if n in (0, len(fx["exchanges"])):
            continue
        first, rest = fx["exchanges"][:n], fx["exchanges"][n:]
        yield "%s: the token has ended" % fx.get("entity", "test"), {
            **fx, "exchanges": first + [{"request": rest[0]["request"],
                                         "response": expired}] + first + rest}
        return


def play(name):
    """All faults of a type at once: (what, whether it went well, why not)."""
    with tempfile.TemporaryDirectory(prefix="moltler-faults-") as d:
        to = os.path.join(d, name)
        os.mkdir(to)
        shutil.copy(os.path.join(TYPES, name, "manifest.json"), to)
        os.mkdir(os.path.join(to, "fixtures"))
        todo, skipped = [], []
        for what, fx in itertools.chain(faults_of(name), token_ends(name)):
            if fx is None:
                skipped.append(what)
            else:
                todo.append({**fx, "description": what})
        with open(os.path.join(to, "fixtures", "faults.json"), "w",
                  encoding="utf-8") as f:
            json.dump(todo, f)
        p = subprocess.run([MOLTLER, "manifest", "test", to], text=True,
                           capture_output=True, timeout=300)
        return skipped, p.stdout.splitlines() + p.stderr.splitlines()


names = sorted(d for d in os.listdir(TYPES)
               if os.path.isdir(os.path.join(TYPES, d, "fixtures")))
t.eq(sorted(FAULTS), names, "every type has its faults")
known = [n for n in names if n in FAULTS]
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    results = list(pool.map(play, known))
for name, (skipped, lines) in zip(known, results):
    m = read(os.path.join(TYPES, name, "manifest.json"))
    base = listings(name, m)
    # What has no rows of its own in a fixture is not played at all.
    left = {n for n, e in m["entities"].items() if not e.get("hidden") and
            e.get("decode", "json") != "openmetrics"} - set(base)
    t.ok(not left, "%s: all entities are played" % name, left)
    empty = {fx["entity"] for fx in fixtures(name) if fx.get("rows") == []}
    t.ok(set(base) <= empty, "%s: an empty account gives no rows, and no error"
         % name, set(base) - empty)
    t.ok(not skipped, "%s: nothing left out" % name, skipped)
    bad = [a + " " + b for a, b in zip(lines, lines[1:] + [""])
           if a.startswith("not ok")]
    good = [x for x in lines if x.startswith("ok")]
    t.ok(not bad and len(good) >= 6 * len(base), "%s: %d faults of %d entities"
         % (name, len(good), len(base)), "\n".join(bad or lines))
