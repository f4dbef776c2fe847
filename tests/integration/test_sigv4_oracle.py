#!/usr/bin/env python3
"""AWS signatures against another signer's: npm's aws4, in MOLTLER_NODE_MODULES."""
import json
import os
import random
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import BUILD, have  # noqa: E402
from tap import Tap  # noqa: E402

NODE = os.environ.get("MOLTLER_NODE_MODULES") or os.path.join(BUILD,
                                                              "node_modules")
if not have("node") or not os.path.exists(os.path.join(NODE, "aws4")):
    Tap.skip_all("aws4 is not in " + NODE)

t = Tap()
rng = random.Random(4)
COUNT = 400
TEXT = "abcXYZ019-_.~ /:+*=&%$@!'(),;é日"

SCRIPT = """
const aws4 = require(process.argv[1]);
for (const l of require('fs').readFileSync(0, 'utf8').split('\\n')) {
  if (!l) continue;
  const r = JSON.parse(l), u = r.url.match(/^https:\\/\\/([^/]*)(.*)$/);
  const headers = {'X-Amz-Date': new Date(r.time_ms).toISOString()
    .replace(/[:-]|\\.\\d{3}/g, '')};
  for (const h of r.headers)
    headers[h.slice(0, h.indexOf(':'))] = h.slice(h.indexOf(':') + 1).trim();
  const q = {host: u[1], path: u[2], method: r.method, headers,
    service: r.service, region: r.region, body: r.body || undefined,
    doNotModifyHeaders: false, extraHeadersToIgnore: {'content-length': true}};
  aws4.sign(q, {accessKeyId: r.key, secretAccessKey: r.secret,
    sessionToken: r.token || undefined});
  console.log(q.headers.Authorization);
}
"""


def word(most=8):
    return "".join(rng.choice(TEXT) for _ in range(rng.randint(1, most)))


def request(i):
    service = rng.choice(("s3", "ec2", "lambda", "monitoring"))
    # A plain + in a path means itself to some and a blank to others.
    path = "".join("/" + urllib.parse.quote(word(), safe="-_.~:")
                   for _ in range(rng.randint(0, 3))) or "/"
    query = urllib.parse.urlencode(
        [(word(4), rng.choice(("", word()))) for _ in range(rng.randint(0, 4))],
        quote_via=urllib.parse.quote)
    body = rng.choice((None, "a=b&c=d", json.dumps({"k": word()})))
    headers = ["Content-Type: " + rng.choice((
        "application/json", "application/x-amz-json-1.1"))] if body else []
    if rng.random() < 0.3:
        headers.append("X-Amz-Target:  Some.%d   Thing" % i)
    return {"method": rng.choice(("GET", "POST", "PUT")), "service": service,
            "url": "https://%s.eu-west-1.amazonaws.com%s%s" % (
                service, path, "?" + query if query else ""),
            "headers": headers, "body": body, "region": "eu-west-1",
            "key": "AKID%d" % i, "secret": word(30),
            "token": word(40).replace(" ", "") if rng.random() < 0.3 else None,
            "time_ms": 1700000000000 + i * 12345000}


cases = [request(i) for i in range(COUNT)]
text = "".join(json.dumps(c) + "\n" for c in cases).encode()
theirs = subprocess.run(["node", "-e", SCRIPT, os.path.join(NODE, "aws4")],
                        input=text, capture_output=True)
t.ok(theirs.returncode == 0, "aws4 signs", theirs.stderr)
ours = subprocess.run([os.path.join(BUILD, "tests", "unit", "sign_sigv4")],
                      input=text, capture_output=True)
t.eq(ours.returncode, 0, "we sign")
a, b = ours.stdout.decode().splitlines(), theirs.stdout.decode().splitlines()
t.eq((len(a), len(b)), (COUNT, COUNT), "every request")
bad = [(c, x, y) for c, x, y in zip(cases, a, b) if x != y]
t.ok(not bad, "%d requests are signed alike" % COUNT,
     "%d differ: %s" % (len(bad), bad[:2]))
