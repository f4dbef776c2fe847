"""Every key and every word of the manifest format is used by a type that ships, or stands
here with the reason why none does; docs/kinds.md is what its sources say."""
import os
import subprocess
import sys

import tap

sys.path.insert(0, os.path.join(tap.TOP, "contrib"))
os.environ.setdefault("srcdir", tap.TOP)
import manifest_uses  # noqa: E402

# What is meant where nothing is said: nobody writes it.
MEANT = ["action.decode=json", "column.pick=first", "column.time=iso8601",
         "entity.decode=json",
         "list.method=GET", "manifest.form=repeat", "probe.method=GET",
         "test.method=GET"]
# What no service of the types has, for those who write manifests of their own.
NONE_HAS = {
    "action.decode=csv": "actions that answer with CSV",
    "action.decode=ndjson": "actions that answer with JSON lines",
    "auth_request.method=PUT": "tokens that are got by PUT",
    "cursor.step": "counters that are so wide apart that they need steps",
    "limit_headers.reset_unit=epoch_ms": "resets in milliseconds since 1970",
    "probe.body": "what is looked for by POST is found late, or not by when",
    "probe.method": "the same",
    "probe.method=POST": "the same",
    "split.order=desc": "caps of lists that come newest first and tell no total",
    "list.cost": "lists that count as several calls; GitHub's writes do",
    "column.time=epoch_us": "times in microseconds",
    "push.time=epoch_us": "filters by microseconds",
    "push.header": "filters in a header",
    "probe.missing": "another status than 404 for what is not there",
    "sign.algorithm=sha256": "OVHcloud alone signs in a way of its own, by SHA-1",
    "sign.algorithm=hmac_sha1": "the same",
    "sign.algorithm=hmac_sha256": "the same",
    "sign.encoding=base64": "the same: in hex",
    "sign.key": "the same: without a MAC's key",
    "strftime.zone": "filters by a clock that is not UTC's",
}

schema = manifest_uses.load("connectors", "manifest.schema.json")
used = set()
for m in manifest_uses.manifests().values():
    used |= manifest_uses.used(schema, m)
known = manifest_uses.whole(schema)
fine = set(MEANT) | set(NONE_HAS)
made = subprocess.run([sys.executable, os.path.join(
    tap.TOP, "contrib", "kinds-table.py"), "--check"], capture_output=True,
    text=True, env=dict(os.environ, srcdir=tap.TOP))
tap.report([
    ("%d keys and words are used by a type, or excused" % len(known),
     ["%s: no type uses it" % x for x in sorted(known - used - fine)]
     if used else ["there are no types"]),
    ("nothing is excused that is used, or is not there",
     ["%s: take it out" % x for x in sorted(fine & used | fine - known)]),
    ("docs/kinds.md is up to date, and each kind has a test and a type",
     [] if made.returncode == 0 else
     (made.stdout + made.stderr).splitlines()),
])
