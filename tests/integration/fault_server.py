#!/usr/bin/env python3
"""An HTTP server that misbehaves on request, for tests (stdlib only).

Usage: fault_server.py [FOLDER]   (certificates and the unix socket go there)

It prints one line of JSON with its ports and files, and serves until its
stdin closes or it is killed:
  port, unix              plain HTTP (port of 127.0.0.1, path of a socket)
  any                     plain HTTP on every address (127.x.y.z)
  tls, ca                 TLS for 127.0.0.1 and localhost, and its authority
  tls_mutual              the same, for clients with a certificate of that authority
  tls_wrong               TLS of the same authority for another name
  tls_self                TLS with a certificate that signed itself
  full                    a port whose backlog is full: connecting hangs
  silent                  a port that takes connections and never speaks
  closed                  a port where nobody listens

Paths (query arguments with their defaults):
  /ok                     200, "ok\\n"
  /page?n=1000            n bytes of text
  /status/503?body=...    that status
  /echo                   the request as JSON
  /delay?ms=100           200 after that long
  /never                  nothing, ever
  /drip?n=1000&ms=1000    a byte every ms
  /half                   half of the body that was promised, then the end
  /garbage                chunks that are none
  /nothttp                an answer that is no HTTP
  /big?n=1073741824       n bytes as fast as they are taken, chunked
  /bomb?n=1073741824      n zero bytes, gzipped
  /gzip?n=1000            n bytes of text, gzipped
  /redirect?to=URL        302
  /retry-after?v=7        503 with that Retry-After
  /hugeheaders?n=1048576  n bytes of header lines
  /slowheaders            a header line a second, without end
  /reset                  the connection is reset at once
  /reset-late             the same after some of the body
  /close                  200 with Connection: close
  /continue               a 100 before the 200
  /stats?reset=0          {"connections", "requests", "open", "peak"} as JSON;
                          reset=1 lets the peak begin anew
"""
import asyncio
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from urllib.parse import parse_qs, unquote, urlsplit

STATS = {"connections": 0, "requests": 0, "open": 0, "peak": 0}


def reply(status=200, body=b"", headers=(), length=None):
    if isinstance(body, str):
        body = body.encode()
    lines = [f"HTTP/1.1 {status} X"]
    names = {h.split(":")[0].lower() for h in headers}
    if "content-type" not in names:
        lines.append("Content-Type: text/plain; charset=utf-8")
    if "transfer-encoding" not in names:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    lines.extend(headers)
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def text(n):
    return (b"0123456789abcdef" * (n // 16 + 1))[:n]


def chunk(data):
    return b"%x\r\n" % len(data) + data + b"\r\n"


def reset(writer):
    """Close with RST: linger of zero."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Request:
    def __init__(self, method, target, headers, body):
        parts = urlsplit(target)
        self.method, self.target = method, target
        self.path = unquote(parts.path)
        self.args = {k: v[-1] for k, v in parse_qs(parts.query).items()}
        self.headers, self.body = headers, body

    def number(self, name, default):
        return int(self.args.get(name, default))


async def read_request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = [tuple(x.strip() for x in l.split(":", 1)) for l in lines if ":" in l]
    get = {k.lower(): v for k, v in headers}
    body = b""
    if "content-length" in get:
        body = await reader.readexactly(int(get["content-length"]))
    return Request(method, target, headers, body)


# Each handler returns True where the connection may be kept.
async def do_ok(r, w):
    w.write(reply(body="ok\n"))
    return True


async def do_page(r, w):
    w.write(reply(body=text(r.number("n", 1000))))
    return True


async def do_status(r, w):
    code = int(r.path.rsplit("/", 1)[1])
    heads = [f"Content-Type: {r.args['type']}"] if "type" in r.args else []
    w.write(reply(code, r.args.get("body", "status\n"), heads))
    return True


async def do_echo(r, w):
    out = {"method": r.method, "target": r.target, "path": r.path,
           "headers": r.headers, "body": r.body.decode("latin-1")}
    w.write(reply(body=json.dumps(out), headers=["Content-Type: application/json"]))
    return True


async def do_delay(r, w):
    await asyncio.sleep(r.number("ms", 100) / 1000)
    return await do_ok(r, w)


async def do_never(r, w):
    await asyncio.sleep(3600)


async def do_drip(r, w):
    n = r.number("n", 1000)
    w.write(reply(length=n))
    for _ in range(n):
        w.write(b".")
        await w.drain()
        await asyncio.sleep(r.number("ms", 1000) / 1000)
    return True


async def do_half(r, w):
    w.write(reply(body=text(500), length=1000))
    await w.drain()


async def do_garbage(r, w):
    w.write(reply(headers=["Transfer-Encoding: chunked"]) + b"zz not a chunk\r\n")
    await w.drain()


async def do_nothttp(r, w):
    w.write(b"220 mail.example ESMTP\r\n")
    await w.drain()


async def do_big(r, w):
    n, piece = r.number("n", 1 << 30), text(65536)
    w.write(reply(headers=["Transfer-Encoding: chunked"]))
    while n > 0:
        w.write(chunk(piece[:min(n, len(piece))]))
        await w.drain()
        n -= len(piece)
    w.write(b"0\r\n\r\n")
    return True


async def send_gzip(w, pieces):
    z = zlib.compressobj(9, zlib.DEFLATED, 31)
    w.write(reply(headers=["Transfer-Encoding: chunked", "Content-Encoding: gzip"]))
    for piece in pieces:
        data = z.compress(piece)
        if data:
            w.write(chunk(data))
            await w.drain()
    w.write(chunk(z.flush()) + b"0\r\n\r\n")
    return True


async def do_bomb(r, w):
    zeros = bytes(1 << 20)
    return await send_gzip(w, (zeros for _ in range(r.number("n", 1 << 30) >> 20)))


async def do_gzip(r, w):
    return await send_gzip(w, [text(r.number("n", 1000))])


async def do_redirect(r, w):
    w.write(reply(302, headers=[f"Location: {r.args.get('to', 'http://127.0.0.1:1/')}"]))
    return True


async def do_retry_after(r, w):
    w.write(reply(503, "busy, come back\n", [f"Retry-After: {r.args.get('v', '7')}"]))
    return True


async def do_hugeheaders(r, w):
    line = "X-Huge: " + "h" * 1000
    w.write(reply(body="ok\n", headers=[line] * (r.number("n", 1 << 20) // 1000)))
    await w.drain()
    return True


async def do_slowheaders(r, w):
    w.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        w.write(b"X-Slow: yes\r\n")
        await w.drain()
        await asyncio.sleep(1)


async def do_reset(r, w):
    reset(w)


async def do_reset_late(r, w):
    w.write(reply(body=text(500), length=1000))
    await w.drain()
    await asyncio.sleep(0.05)
    reset(w)


async def do_close(r, w):
    w.write(reply(body="ok\n", headers=["Connection: close"]))
    await w.drain()


async def do_continue(r, w):
    w.write(b"HTTP/1.1 100 Continue\r\nX-Interim: yes\r\n\r\n")
    return await do_ok(r, w)


async def do_stats(r, w):
    w.write(reply(body=json.dumps(STATS), headers=["Content-Type: application/json"]))
    if r.number("reset", 0):
        STATS["peak"] = STATS["open"]
    return True


def handler(path):
    name = path.split("/")[1].replace("-", "_")
    return globals().get("do_" + name)


async def serve(reader, writer):
    STATS["connections"] += 1
    try:
        keep = True
        while keep:
            r = await read_request(reader)
            STATS["requests"] += 1
            STATS["open"] += 1
            STATS["peak"] = max(STATS["peak"], STATS["open"])
            try:
                do = handler(r.path)
                if do is None:
                    writer.write(reply(404, "no such path\n"))
                    continue
                keep = await do(r, writer)
            finally:
                STATS["open"] -= 1
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, OSError,
            asyncio.LimitOverrunError, ValueError):
        pass
    except asyncio.CancelledError:
        pass
    finally:
        writer.close()


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certs(folder):
    """An authority, two certificates of it, and one that signed itself."""
    at = lambda name: os.path.join(folder, name)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=test authority",
            "-keyout", at("ca.key"), "-out", at("ca.pem"))
    for name, alt in (("good", "IP:127.0.0.1,DNS:localhost"), ("wrong", "DNS:wrong.example")):
        openssl("req", *key, "-subj", f"/CN={name}", "-keyout", at(name + ".key"),
                "-out", at(name + ".csr"))
        with open(at(name + ".ext"), "w") as f:
            f.write(f"subjectAltName={alt}\n")
        openssl("x509", "-req", "-in", at(name + ".csr"), "-CA", at("ca.pem"), "-CAkey",
                at("ca.key"), "-set_serial", "0x" + os.urandom(8).hex(), "-days", "2",
                "-extfile", at(name + ".ext"), "-out", at(name + ".pem"))
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=self",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", at("self.key"),
            "-out", at("self.pem"))


def full_port():
    """A listening socket whose queue is full, so that more SYNs are dropped."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(0)
    held = []
    for _ in range(4):
        c = socket.socket()
        c.setblocking(False)
        c.connect_ex(s.getsockname())
        held.append(c)
    return s, held


async def silent(reader, writer):
    await asyncio.sleep(3600)


async def main():
    own = len(sys.argv) < 2
    folder = tempfile.mkdtemp(prefix="fault") if own else sys.argv[1]
    make_certs(folder)
    info = {"ca": os.path.join(folder, "ca.pem"), "unix": os.path.join(folder, "http.sock")}
    port = lambda s: s.sockets[0].getsockname()[1]
    opts = {"backlog": 2048, "limit": 1 << 22}
    info["port"] = port(await asyncio.start_server(serve, "127.0.0.1", 0, **opts))
    info["any"] = port(await asyncio.start_server(serve, "0.0.0.0", 0, **opts))
    await asyncio.start_unix_server(serve, info["unix"])
    for name, cert in (("tls", "good"), ("tls_mutual", "good"), ("tls_wrong", "wrong"),
                       ("tls_self", "self")):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(os.path.join(folder, cert + ".pem"),
                            os.path.join(folder, cert + ".key"))
        if name == "tls_mutual":
            ctx.verify_mode = ssl.CERT_REQUIRED
            ctx.load_verify_locations(info["ca"])
        info[name] = port(await asyncio.start_server(serve, "127.0.0.1", 0, ssl=ctx, **opts))
    info["silent"] = port(await asyncio.start_server(silent, "127.0.0.1", 0))
    keep = full_port()
    info["full"] = keep[0].getsockname()[1]
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))  # bound but not listening: refused
    info["closed"] = closed.getsockname()[1]
    print(json.dumps(info), flush=True)
    # The tests' end of our stdin closes when they end, however they end.
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait_eof():
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=wait_eof, daemon=True).start()
    await done.wait()
    if own:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
