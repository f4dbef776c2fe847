"""A daemon for the client's tests: answers the API by rote, faults included.

The statement says what to answer: the dictionary ANSWERS in the test maps it to
a function that gets the request (an http.server handler) and writes what it
likes to its socket.
"""
import json
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def address_string(self):
        return "client"

    # What answers are made of.
    def head(self, status=200, ctype="application/x-moltler-rows"):
        self.send_response(status)
        self.send_header("Content-Type", ctype)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def chunk(self, data):
        if isinstance(data, str):
            data = data.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def end(self):
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def lines(self, *lines):
        """A whole streamed answer of these JSON values, a line each."""
        self.head()
        self.chunk("".join(
            (x if isinstance(x, str) else json.dumps(x)) + "\n"
            for x in lines))
        self.end()

    def body(self, status, text, ctype="application/json"):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", ctype)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def gone(self, seconds=10):
        """Wait for the client to close its connection."""
        self.connection.settimeout(seconds)
        try:
            return self.connection.recv(1) == b""
        except ConnectionError:
            return True
        except OSError:
            return False

    def setup(self):
        super().setup()
        self.server.daemon_.open.add(self.connection)

    def finish(self):
        self.server.daemon_.open.discard(self.connection)
        super().finish()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        d = self.server.daemon_
        q = json.loads(body)
        d.requests.append((self.path, dict(self.headers.items()), q))
        d.answers[q["sql"]](self)

    def do_GET(self):
        d = self.server.daemon_
        d.requests.append((self.path, dict(self.headers.items()), None))
        d.get(self)


class _Tcp(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


class _Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class FakeDaemon:
    def __init__(self, answers, get, path=None, port=0, tls=None):
        self.answers = answers
        self.get = get
        self.requests = []
        self.open = set()
        if path:
            self.server = _Unix(path, Handler)
            self.url = "unix://" + path
        else:
            self.server = _Tcp(("127.0.0.1", port), Handler)
            self.port = self.server.server_address[1]
            self.url = "http://127.0.0.1:%d" % self.port
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket,
                                                 server_side=True)
            self.url = self.url.replace("http:", "https:")
        self.server.daemon_ = self
        threading.Thread(target=self.server.serve_forever,
                         kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        for s in list(self.open):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
