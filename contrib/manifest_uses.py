"""What of the manifest's format the types use: every key of every object of
manifest.schema.json, and every word that the schema lists."""
import json
import os

SRC = os.environ.get("srcdir") or os.path.join(os.path.dirname(
    os.path.abspath(__file__)), "..")
IDLE = ("$comment", "$schema")


def load(*path):
    with open(os.path.join(SRC, *path), encoding="utf-8") as f:
        return json.load(f)


def manifests():
    """Type -> its manifest."""
    top = os.path.join(SRC, "connectors")
    return {n: load("connectors", n, "manifest.json") for n in sorted(
        os.listdir(top)) if os.path.isfile(os.path.join(
            top, n, "manifest.json"))}


def words(node, defs):
    """The words that a property's schema lists, also of a list's elements."""
    out = set()
    if not isinstance(node, dict):
        return out
    if "$ref" in node and "properties" not in defs[node["$ref"][8:]]:
        node = defs[node["$ref"][8:]]
    out.update(w for w in node.get("enum", ()) if isinstance(w, str))
    out.update(w for w in node.get("propertyNames", {}).get("enum", ()))
    for one in node.get("anyOf", ()):
        out |= words(one, defs)
    if isinstance(node.get("items"), dict):
        out |= words(node["items"], defs)
    return out


def whole(schema):
    """All there is to use: "object.key" and "object.key=word"."""
    defs, out = schema["$defs"], set()
    for name, node in defs.items():
        for key, prop in node.get("properties", {}).items():
            if key in IDLE:
                continue
            out.add("%s.%s" % (name, key))
            out.update("%s.%s=%s" % (name, key, w)
                       for w in words(prop, defs))
    return out


def fits(node, inst, defs):
    """Whether of several schemas this one may be the instance's."""
    if "$ref" in node:
        node = defs[node["$ref"][8:]]
    if "enum" in node:
        return inst in node["enum"]
    if "anyOf" in node:
        return any(fits(one, inst, defs) for one in node["anyOf"])
    kind = {dict: "object", list: "array", str: "string"}.get(type(inst))
    return node.get("type", kind) == kind and (
        kind != "object" or all(k in inst for k in node.get("required", ())))


def walk(node, inst, defs, name, seen):
    """Put into seen what the instance uses; name: the object's."""
    if node is True or not isinstance(node, dict):
        return
    if "$ref" in node:
        name = node["$ref"][8:]
        return walk(defs[name], inst, defs, name, seen)
    for one in node.get("anyOf", ()):
        if fits(one, inst, defs):
            walk(one, inst, defs, name, seen)
    if isinstance(inst, list):
        for x in inst:
            walk(node.get("items"), x, defs, name, seen)
    if not isinstance(inst, dict):
        return
    props = node.get("properties", {})
    for key, value in inst.items():
        if key in props and key not in IDLE:
            seen.add("%s.%s" % (name, key))
            said = value if isinstance(value, list) else [value] if \
                not isinstance(value, dict) else list(value)
            seen.update("%s.%s=%s" % (name, key, w) for w in
                        words(props[key], defs) if w in said)
            walk(props[key], value, defs, name, seen)
        elif key not in props:
            walk(node.get("additionalProperties"), value, defs, name, seen)


def used(schema, manifest):
    seen = set()
    walk(schema, manifest, schema["$defs"], None, seen)
    return seen
