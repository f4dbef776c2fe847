#!/usr/bin/env python3
"""The type aws against moto, which plays Amazon: moto_server in MOLTLER_MOTO (the
program) or PATH.  It looks at no signature: what stands between checks them."""
import base64
import hashlib
import hmac
import http.client
import http.server
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, free_port, reap, serve, wait  # noqa: E402
from tap import Tap  # noqa: E402

MOTO = os.environ.get("MOLTLER_MOTO") or shutil.which("moto_server")
if not MOTO or not os.path.exists(MOTO):
    Tap.skip_all("moto_server is neither in MOLTLER_MOTO nor in PATH")

t = Tap()
EAST, WEST = "us-east-1", "eu-west-1"


class Moto:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="moltler-moto-")
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.proc = subprocess.Popen([MOTO, "-p", str(self.port)],
                                     cwd=self.dir, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        reap(self)

    def up(self):
        try:
            return self.call("s3", EAST, "GET", "/")[0] == 200
        except OSError:
            return False

    def call(self, service, region, method, path, body=None, headers=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        h = {"Authorization": "AWS4-HMAC-SHA256 Credential=AK/20260101/%s/%s/"
             "aws4_request, SignedHeaders=host, Signature=0" % (region, service)}
        if isinstance(body, dict):
            body = urllib.parse.urlencode(body)
            h["Content-Type"] = "application/x-www-form-urlencoded"
        h.update(headers or {})
        c.request(method, path, body, h)
        r = c.getresponse()
        out = r.read()
        c.close()
        return r.status, out

    def must(self, *args, **kw):
        status, out = self.call(*args, **kw)
        if status // 100 != 2:
            raise RuntimeError("%s: %d %s" % (args, status, out[:500]))
        return out.decode()

    def close(self):
        self.proc.kill()
        self.proc.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def quoted(s):
    return urllib.parse.quote(s, safe="-_.~")


def canonical(method, target, headers, signed, body, service):
    """What AWS makes of a request that arrived, to compare its signature."""
    path, _, query = target.partition("?")
    if service == "s3":
        path = "/".join(quoted(urllib.parse.unquote(p))
                        for p in path.split("/"))
    else:
        path = "/".join(map(quoted, path.split("/")))
    params = sorted((quoted(k), quoted(v)) for k, v in urllib.parse.parse_qsl(
        query.replace("+", "%2B"), keep_blank_values=True))
    lines = ["%s:%s\n" % (h, " ".join(headers[h].split())) for h in signed]
    return "\n".join([method, path, "&".join("%s=%s" % p for p in params),
                      "".join(lines), ";".join(signed),
                      headers.get("x-amz-content-sha256", sha(body))])


class Gate:
    """Before moto: forwards what is signed as AWS wants it, and keeps the rest."""

    def __init__(self, moto, secrets):
        self.bad, self.services = [], {}
        self.secrets = secrets      # by access key
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length")
                                           or 0))
                outer.look(self, body)
                c = http.client.HTTPConnection("127.0.0.1", moto.port,
                                               timeout=30)
                c.request(self.command, self.path, body or None,
                          {k: v for k, v in self.headers.items()
                           if k.lower() not in ("host", "content-length")})
                r = c.getresponse()
                out = r.read()
                c.close()
                outer.learn(out.decode("utf-8", "replace"))
                self.send_response(r.status)
                for k, v in r.getheaders():
                    if k.lower() in ("content-type", "etag") or \
                            k.lower().startswith("x-amz"):
                        self.send_header(k, v)
                if r.status != 204:
                    self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)
            do_GET = do_POST = do_PUT = do_DELETE = _do

            def log_message(self, *a):
                pass

        self.server = serve(Handler)
        self.url = self.server.base

    def learn(self, out):
        """The keys of a role."""
        m = re.search("<AccessKeyId>(.*?)<.*<SecretAccessKey>(.*?)<", out, re.S)
        if m:
            self.secrets[m.group(1)] = m.group(2)

    def look(self, h, body):
        headers = {k.lower(): v for k, v in h.headers.items()}
        m = re.match("AWS4-HMAC-SHA256 Credential=([^/]*)/(.*?), "
                     "SignedHeaders=(.*?), Signature=([0-9a-f]{64})$",
                     headers.get("authorization", ""))
        if not m or m.group(1) not in self.secrets:
            return self.bad.append((h.command, h.path, "no signature"))
        day, region, service, _ = m.group(2).split("/")
        signed = m.group(3).split(";")
        self.services.setdefault(service, set()).add(region)
        text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], m.group(2),
                          sha(canonical(h.command, h.path, headers, signed,
                                        body, service).encode())])
        key = ("AWS4" + self.secrets[m.group(1)]).encode()
        for part in (day, region, service, "aws4_request", text):
            key = hmac.new(key, part.encode(), "sha256").digest()
        if key.hex() != m.group(4) or "host" not in signed or \
                headers.get("x-amz-content-sha256", sha(body)) != sha(body):
            self.bad.append((h.command, h.path, body[:300], m.group(0)))

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def ec2(region, action, **more):
    return moto.must("ec2", region, "POST", "/", dict(
        more, Action=action, Version="2016-11-15"))


def seed_instances():
    for region, n, kind, env in ((EAST, 4, "t2.micro", "prod"),
                                 (EAST, 3, "m5.large", "test & more"),
                                 (WEST, 6, "t2.micro", "prod")):
        ec2(region, "RunInstances", ImageId="ami-12c6146b", MinCount=n,
            MaxCount=n, InstanceType=kind, **{
                "TagSpecification.1.ResourceType": "instance",
                "TagSpecification.1.Tag.1.Key": "Name",
                "TagSpecification.1.Tag.1.Value": kind + "-" + region,
                "TagSpecification.1.Tag.2.Key": "env",
                "TagSpecification.1.Tag.2.Value": env})


def seed_functions():
    moto.must("apigateway", EAST, "POST", "/moto-api/config",
              '{"lambda": {"use_docker": false}}',
              {"Content-Type": "application/json"})
    moto.must("iam", EAST, "POST", "/", {
        "Action": "CreateRole", "Version": "2010-05-08", "RoleName": "ferry",
        "AssumeRolePolicyDocument": "{}"})
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as z:
        z.writestr("f.py", "def main(e, c):\n return e\n")
    code = base64.b64encode(code.getvalue()).decode()
    for region, names in ((EAST, ("ferry", "buoy", "mole")), (WEST, ("quay",))):
        for n in names:
            moto.must("lambda", region, "POST", "/2015-03-31/functions",
                      '{"FunctionName": "%s", "Runtime": "python3.12", "Role": '
                      '"arn:aws:iam::123456789012:role/ferry", "Handler": '
                      '"f.main", "MemorySize": 256, "Timeout": 9, "Code": '
                      '{"ZipFile": "%s"}}' % (n, code),
                      {"Content-Type": "application/json"})


def seed_alarms():
    for i in range(12):
        moto.must("monitoring", EAST, "POST", "/", {
            "Action": "PutMetricAlarm", "Version": "2010-08-01",
            "AlarmName": "low-%02d" % i, "MetricName": "Depth",
            "Namespace": "Harbour", "Threshold": 2.5, "Period": 300,
            "EvaluationPeriods": 1, "Statistic": "Average",
            "ComparisonOperator": "LessThanThreshold",
            "Dimensions.member.1.Name": "Pier",
            "Dimensions.member.1.Value": str(i)})


def same(got, want, what, why=None):
    """What was answered before may say why."""
    t.ok(got == want, what, "got: %s\nwant: %s\nbefore: %s" % (got, want, why))


def q(sql):
    try:
        return d.query(sql)
    except RuntimeError as e:
        return str(e)


def ids(where):
    got = q("SELECT instance_id FROM aws.ec2" +
            (" WHERE " + where if where else ""))
    return sorted(r["instance_id"] for r in got) if isinstance(got, list) \
        else got


moto = Moto()
if not wait(moto.up, 30, 0.1):
    moto.close()
    Tap.skip_all("%s does not start" % MOTO)
seed_instances()
seed_functions()
seed_alarms()
gate = Gate(moto, {"AKIATEST": "s3cr3t"})
d = Daemon(env={"AWS_FIXTURE": "s3cr3t"})
CONF = ('{"access_key": "AKIATEST", "secret_key": "$env:AWS_FIXTURE", "region": '
        '"%s", "regions": ["%s", "%s"], "endpoint": "%s"}'
        % (EAST, EAST, WEST, gate.url))
d.query("CREATE CONNECTOR aws TYPE 'aws' CONFIG %s OPTIONS "
        '{"cache_ttl": 0, "batch_size": 5}' % CONF)
t.ok(q("TEST CONNECTOR aws")[0].get("ok"), "the test call", q(
    "TEST CONNECTOR aws"))

# ---- instances ----
rows = q("SELECT * FROM aws.ec2")
t.eq(len(rows), 13, "instances of two regions, on pages of five")
t.eq(len({r["instance_id"] for r in rows}), 13, "each of them once")
t.eq(sorted({(r["region"], r["instance_type"], r["name"], r["tags"]["env"])
             for r in rows}),
     [(WEST, "t2.micro", "t2.micro-" + WEST, "prod"),
      (EAST, "m5.large", "m5.large-" + EAST, "test & more"),
      (EAST, "t2.micro", "t2.micro-" + EAST, "prod")], "regions, types, tags")
t.ok(all(r["launch_time"].endswith("Z") and r["private_ip"] and r["vpc_id"] and
         r["subnet_id"] and r["az"].startswith(r["region"]) and
         r["account"] == "123456789012" for r in rows), "the other columns",
     rows[0])
one = rows[0]
day = one["launch_time"][:10]
FILTERS = [
    ("state = 'running'", lambda r: True),
    ("state IN ('stopped', 'terminated')", lambda r: False),
    ("instance_type = 'm5.large'",
     lambda r: r["instance_type"] == "m5.large"),
    ("instance_type != 'm5.large' AND region = '%s'" % EAST,
     lambda r: r["instance_type"] != "m5.large" and r["region"] == EAST),
    ("name = 't2.micro-%s'" % WEST, lambda r: r["region"] == WEST),
    ("name LIKE 'T2.%'", lambda r: r["name"].startswith("t2.")),
    ("instance_id IN ('%s', 'i-0123456789abcdef0')" % one["instance_id"],
     lambda r: r is one),
    ("vpc_id = '%s'" % one["vpc_id"], lambda r: r["vpc_id"] == one["vpc_id"]),
    ("subnet_id = '%s'" % one["subnet_id"],
     lambda r: r["subnet_id"] == one["subnet_id"]),
    ("private_ip = '%s'" % one["private_ip"],
     lambda r: r["private_ip"] == one["private_ip"]),
    ("image_id = 'ami-none'", lambda r: False),
    ("region = '%s'" % WEST, lambda r: r["region"] == WEST),
    ("tag_key = 'env'", lambda r: True),
    ("tag_key = 'nope'", lambda r: False),
    ("tag_key = 'env' AND tag_value = 'test & more'",
     lambda r: r["tags"]["env"] == "test & more"),
    ("tags ->> 'env' = 'prod'", lambda r: r["tags"]["env"] == "prod"),
]
for where, pred in FILTERS:
    t.eq(ids(where), sorted(r["instance_id"] for r in rows if pred(r)), where)
# moto does not know this filter.
plan = str(q("EXPLAIN SELECT instance_id FROM aws.ec2 WHERE launch_time LIKE "
             "'%s%%' AND name LIKE 'T2%%'" % day))
t.ok("launch_time LIKE" in plan.split("kept")[0] if "kept" in plan else
     "launch_time LIKE" in plan, "a time's beginning goes down", plan)

east = [r["instance_id"] for r in rows if r["region"] == EAST]
west = [r["instance_id"] for r in rows if r["region"] == WEST]
two = '["%s", "%s"]' % (east[0], east[1])
got = q('EXEC aws.ec2.stop({"instance_ids": %s})' % two)
same(ids("state = 'stopped'"), sorted(east[:2]), "two are stopped", got)
got = q('EXEC aws.ec2.start({"instance_ids": %s})' % two)
same(ids("state = 'stopped'"), [], "and started", got)
q('EXEC aws.ec2.tag({"resource_ids": ["%s"], "tags": [{"Key": "env", "Value": '
  '"a=b&c é"}, {"Key": "x", "Value": ""}], "region": "%s"})' % (west[0], WEST))
t.eq(q("SELECT tags FROM aws.ec2 WHERE instance_id = '%s'" % west[0])[0]["tags"]
     ["env"], "a=b&c é", "a tag is set in another region")
q('EXEC aws.ec2.reboot({"instance_ids": ["%s"]})' % east[0])
got = q('EXEC aws.ec2.terminate({"instance_ids": ["%s"], "region": "%s"})' %
        (west[1], WEST))
same(ids("state != 'running'"), [west[1]], "one is deleted", got)
got = q('EXEC aws.ec2.stop({"instance_ids": ["i-0123456789abcdef0"]})')
t.ok("does not exist" in str(got), "the service's words", got)
got = q('EXEC aws.ec2.stop({"instance_ids": "%s"})' % east[0])
t.ok("instance_ids" in str(got) and "array" in str(got), "arguments are "
     "checked", got)

# ---- buckets and objects ----
for b in ("harbour", "ledger", "tide"):
    moto.must("s3", EAST, "PUT", "/" + b)
t.eq(sorted(r["name"] for r in q("SELECT name FROM aws.s3")),
     ["harbour", "ledger", "tide"], "buckets")
t.eq([r["name"] for r in q("SELECT name FROM aws.s3 WHERE name = 'tide'")],
     ["tide"], "one bucket")
KEYS = ["plain.txt", "a b+c/d e.txt", "dir//twice", "dir/", "/begins", "é/ü ñ",
        "x&y=z?q#f", "100%", "日本", "quote'\"s", "LOGS/1", "logs/1", "~-._"]
for i, k in enumerate(KEYS):
    got = q("EXEC aws.s3.put_object(bucket => 'tide', key => '%s', body => "
            "'text %d', content_type => 'application/json')" %
            (k.replace("'", "''"), i))
    path = "/tide/" + urllib.parse.quote(k, safe="/-._~")
    same(moto.call("s3", EAST, "GET", path)[1], b"text %d" % i, "written: " + k,
         got)
got = q("SELECT key, size, etag, last_modified, storage_class, bucket FROM "
        "aws.s3 WHERE bucket = 'tide'")
t.eq(sorted(r["key"] for r in got), sorted(KEYS), "objects, on pages of five")
t.ok(all(r["size"] in (6, 7) and r["etag"].startswith('"') and
         r["storage_class"] == "STANDARD" and r["bucket"] == "tide" and
         r["last_modified"].endswith("Z") for r in got), "their columns", got[0])


def keys(where):
    got = q("SELECT key FROM aws.s3_objects WHERE bucket = 'tide' AND " + where)
    return sorted(r["key"] for r in got) if isinstance(got, list) else got


for where, pred in (("key LIKE 'logs/%'", lambda k: k.lower()[:5] == "logs/"),
                    ("key LIKE '/%'", lambda k: k[0] == "/"),
                    ("key LIKE '100%'", lambda k: k[:3] == "100"),
                    ("key > 'dir/'", lambda k: k.encode() > b"dir/"),
                    ("key >= 'dir/'", lambda k: k.encode() >= b"dir/"),
                    ("key = 'dir/'", lambda k: k == "dir/"),
                    ("prefix = 'logs'", lambda k: k[:4] == "logs"),
                    ("size > 6", lambda k: KEYS.index(k) >= 10)):
    t.eq(keys(where), sorted(k for k in KEYS if pred(k)), where)
for k in KEYS[:6]:
    q("EXEC aws.s3.delete_object(bucket => 'tide', key => '%s')" % k)
t.eq(keys("1 = 1"), sorted(KEYS[6:]), "deleted")
t.eq(q("SELECT key FROM aws.s3_objects WHERE bucket = 'harbour'"), [],
     "an empty bucket")

# ---- functions ----
got = q("SELECT name, region, memory, timeout, runtime, last_modified, version "
        "FROM aws.lambda ORDER BY name")
t.eq([(r["name"], r["region"], r["memory"], r["timeout"], r["version"])
      for r in got], [(n, EAST if n != "quay" else WEST, 256, 9, "$LATEST")
                      for n in ("buoy", "ferry", "mole", "quay")], "functions")
t.ok(all(r["last_modified"].endswith("Z") for r in got), "times with a zone",
     got[0])
q("EXEC aws.lambda.update_configuration(name => 'ferry', MemorySize => 512)")
t.eq(q("SELECT memory FROM aws.lambda WHERE name = 'ferry'"), [{"memory": 512}],
     "a configuration is changed")
got = q("EXEC aws.lambda.invoke(name => 'ferry', payload => '{\"a\": 1}')")
t.ok(isinstance(got, list), "a function is called", got)

# ---- alarms, metrics ----
got = q("SELECT * FROM aws.cloudwatch ORDER BY alarm_name")
t.eq([r["alarm_name"] for r in got], ["low-%02d" % i for i in range(12)],
     "alarms, on pages of five")
t.ok(all(r["dimensions"] == {"Pier": str(i)} and r["threshold"] == 2.5 and
         r["metric"] == "Depth" and r["region"] == EAST and
         r["actions_enabled"] in (True, 1) and r["period"] == 300
         for i, r in enumerate(got)), "their columns", got[0])
q("EXEC aws.cloudwatch.set_state(alarm_name => 'low-03', state => 'ALARM', "
  "reason => 'a drill')")
t.eq([r["alarm_name"] for r in
      q("SELECT alarm_name FROM aws.cloudwatch WHERE state = 'ALARM'")],
     ["low-03"], "by state, after it was set")
t.eq(sorted(r["alarm_name"] for r in
            q("SELECT alarm_name FROM aws.cloudwatch WHERE alarm_name IN "
              "('low-01', 'low-07', 'LOW-02')")), ["low-01", "low-07"],
     "by names")
then = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 600))
got = q("EXEC aws.cloudwatch.put_metric(namespace => 'Harbour', metric => "
        "'Depth', value => 3.25, timestamp => '%s', dimensions => [{\"Name\": "
        "\"Pier\", \"Value\": \"4\"}])" % then)
same(q("SELECT namespace, metric, dimensions FROM aws.cloudwatch_metrics WHERE "
       "namespace = 'Harbour' AND region = '%s'" % EAST),
     [{"namespace": "Harbour", "metric": "Depth", "dimensions": {"Pier": "4"}}],
     "a value that was sent makes a metric", got)
got = q("SELECT value, statistic, timestamp FROM aws.cloudwatch_data WHERE "
        "namespace = 'Harbour' AND metric = 'Depth' AND region = '%s' AND "
        "dimension_name = 'Pier' AND dimension_value = '4' AND period = 60" %
        EAST)
t.eq([(r["value"], r["statistic"]) for r in got] if isinstance(got, list) else
     got, [(3.25, "Average")], "and is read again")

# ---- a role, syncs ----
d.query("CREATE CONNECTOR role TYPE 'aws' CONFIG %s OPTIONS "
        '{"cache_ttl": 0}' % CONF.replace(
            '"region"', '"role_arn": "arn:aws:iam::123456789012:role/ferry", '
            '"region"', 1))
got = q("SELECT count(*) AS n FROM role.ec2")
t.eq(got, [{"n": 13}], "with the keys of a role")
for n in (1, 2):
    got = q("SYNC CONNECTOR aws.ec2 TO sqlite:machines")
    t.eq(got[0].get("status") if isinstance(got, list) else got, "completed",
         "sync %d" % n)
    t.eq(q("SELECT count(*) AS n, count(DISTINCT instance_id) AS m FROM "
           "machines"), [{"n": 13, "m": 13}], "its rows, %d" % n)
got = q("SYNC CONNECTOR aws.s3_objects TO sqlite:things WHERE bucket = 'tide'")
same(q("SELECT count(*) AS n FROM things"), [{"n": len(KEYS) - 6}],
     "objects are synced", got)
t.ok(not gate.bad, "all is signed as AWS wants it", gate.bad[:3])
t.eq({k: sorted(v) for k, v in gate.services.items()},
     {"ec2": [WEST, EAST], "lambda": [WEST, EAST], "monitoring": [WEST, EAST],
      "s3": [EAST], "sts": [EAST]}, "for its service and region")
t.ok(not [x for x in d.log if "s3cr3t" in x], "no log has the secret")
t.eq(d.close(), 0, "the daemon ends well")
gate.close()
moto.close()
