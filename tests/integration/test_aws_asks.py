#!/usr/bin/env python3
"""What the type aws would send, as EXPLAIN tells it, and a CloudWatch whose answer
is not whole; without an AWS."""
import http.server
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon, serve  # noqa: E402
from tap import Tap  # noqa: E402

t = Tap()
PART = b"""<GetMetricDataResponse xmlns="x"><GetMetricDataResult><Messages><member>
<Code>MaxMetricsExceeded</Code><Value>too many metrics</Value></member></Messages>
<MetricDataResults><member><Id>q1</Id><Label>L</Label><Timestamps><member>
2026-05-08T10:00:00Z</member></Timestamps><Values><member>1.5</member></Values>
</member></MetricDataResults></GetMetricDataResult></GetMetricDataResponse>"""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(PART)))
        self.end_headers()
        self.wfile.write(PART)

    def log_message(self, *a):
        pass


server = serve(Handler)
d = Daemon(env={"AWS_FIXTURE": "s3cr3t-marker"})
for name, more in (("aws", '"regions": ["eu-central-1", "eu-west-1"]'),
                   ("part", '"endpoint": "http://127.0.0.1:%d"' %
                    server.server_port)):
    d.query("CREATE CONNECTOR %s TYPE 'aws' CONFIG {\"access_key\": "
            '"$env:AWS_FIXTURE", "secret_key": "$env:AWS_FIXTURE", "region": '
            '"eu-central-1", %s}' % (name, more))

# FROM and WHERE; what the request has; what it has not.
ASKS = [
    ("ec2", ["https://ec2.eu-central-1.amazonaws.com/", "(and 1 more)",
             "MaxResults=1000"], ["Filter"]),
    ("ec2 WHERE region = 'us-west-2'", ["ec2.us-west-2.amazonaws.com"],
     ["more)"]),
    ("ec2 WHERE launch_time LIKE '2026-11-0%'", [], ["launch-time"]),
    ("ec2 WHERE launch_time LIKE '2026-11-01%'",
     ["Name=launch-time", "=2026-11-01%2A"], []),
    ("ec2 WHERE launch_time >= '2026-11-01'", [], ["launch-time"]),
    ("ec2 WHERE state IN ('running', 'stopped') AND name = 'a\\b'",
     ["Filter.1.Value.1=running&Filter.1.Value.2=stopped"], ["Filter.2"]),
    ("ec2 WHERE name LIKE 'web%'", [], ["Filter"]),
    ("ec2 WHERE tag_key = 'env' AND tag_value = 'prod'",
     ["Filter.2.Name=tag:env&Filter.2.Value.1=prod"], []),
    ("s3", ["https://s3.eu-central-1.amazonaws.com/?max-buckets=1000"], []),
    ("s3 WHERE name = 'x'", ["prefix=x"], []),
    ("s3 WHERE bucket = 'b' AND key LIKE 'logs/%'", ["/b?list-type=2"],
     ["prefix"]),
    ("s3 WHERE bucket = 'b' AND key LIKE '2026/%'", ["prefix=2026%2F"], []),
    ("s3 WHERE bucket = 'b' AND key > 'm' AND region = 'eu-west-1'",
     ["https://s3.eu-west-1.", "start-after=m"], []),
    ("s3_objects WHERE bucket = 'b' AND key >= 'm'", ["/b?list-type=2"],
     ["start-after"]),
    ("lambda", ["/2015-03-31/functions?MaxItems=50"], ["FunctionVersion"]),
    ("lambda WHERE version != '$LATEST'", ["FunctionVersion=ALL"], []),
    ("lambda WHERE version IN ('1', '2')", ["FunctionVersion=ALL&"],
     ["ALL&FunctionVersion"]),
    ("cloudwatch WHERE alarm_name IN ('a')", ["AlarmNames.member.1=a"], []),
    ("cloudwatch WHERE alarm_name LIKE 'low%'", [], ["AlarmNamePrefix"]),
    ("cloudwatch WHERE prefix = 'low'", ["AlarmNamePrefix=low"], []),
    ("cloudwatch WHERE prefix = 'low' AND alarm_name = 'low-disk'",
     ["AlarmNamePrefix=low"], ["AlarmNames"]),
    ("cloudwatch WHERE state = 'alarm'", [], ["StateValue"]),
    ("cloudwatch_metrics WHERE namespace = 'AWS/EC2'",
     ["Namespace=AWS%2FEC2"], ["Dimensions"]),
    ("cloudwatch_data WHERE namespace = 'n' AND metric = 'm' AND timestamp "
     "BETWEEN '2026-11-01' AND '2026-11-02'",
     ["StartTime=2026-11-01T00:00:00Z", "EndTime=2026-11-02T00:00:01Z",
      "MetricStat.Stat=Average"], ["Dimensions", "Expression"]),
]
for what, has, lacks in ASKS:
    try:
        plan = d.query("EXPLAIN SELECT * FROM aws." + what)[0]["request"]
    except RuntimeError as e:
        plan = str(e)
    t.ok(all(x in plan for x in has) and
         not any(x in plan for x in lacks), what, plan)

plan = str(d.query("EXPLAIN CONNECTOR_EXEC aws.ec2.stop(instance_ids => "
                   "[\"i-1\", \"i-2\"], region => 'eu-west-1')"))
t.ok("InstanceId.1=i-1&InstanceId.2=i-2" in plan and
     "ec2.eu-west-1.amazonaws.com" in plan and "s3cr3t" not in plan,
     "an action, not sent", plan)
status, out = d.post("/v1/query", {
    "sql": "SELECT value FROM part.cloudwatch_data WHERE expression = 'x'"})
t.ok(status == 200 and out["rows"] == [{"value": 1.5}] and
     "too many metrics" in str(out["stats"]), "an answer that is not whole",
     out)
for sql, said in (("SELECT * FROM aws.cloudwatch_data", "namespace"),
                  ("SELECT * FROM aws.ec2 WHERE tag_value = 'x'", "tag_key"),
                  ("EXEC aws.s3.put_object(bucket => 'b', key => 'a/../c', "
                   "body => 'x')", "leads elsewhere")):
    try:
        t.ok(False, sql, d.query(sql))
    except RuntimeError as e:
        t.ok(said in str(e), sql, e)
t.ok(not [x for x in d.log if "s3cr3t" in x], "no log has the secret")
t.eq(d.close(), 0, "the daemon ends well")
server.shutdown()
