"""The portal's own files over HTTPS, and WebSockets that do what a script says: what a client makes of an
answer, without a suite.

    site.script = [("refuse", 4500), ("open", 4506)]     # of one connection after another; the last goes on
    site.seen                                            # what each connection's first frame said
"""
import base64
import hashlib
import json
import pathlib
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import ws
from telecura import ROOT

FILES = pathlib.Path(ROOT) / "clients/portal"
TYPES = {".js": "text/javascript", ".html": "text/html"}
PAGE = b'<!doctype html><meta name="issuer" content="/idp"><title>alone</title>'
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE = 1, 8


class Visitor(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade", "").lower() == "websocket":
            return self.socket()
        file = FILES / self.path.lstrip("/")
        body = PAGE if self.path == "/" else file.read_bytes() if file.is_file() else None
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", TYPES.get(file.suffix, "text/html"))
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass

    def socket(self):
        accept = base64.b64encode(hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + MAGIC).digest())
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         b"Sec-WebSocket-Accept: " + accept + b"\r\nSec-WebSocket-Protocol: telecura.v1.json\r\n\r\n")
        self.close_connection = True
        how, code = self.server.site.arrived(asked := json.loads(self.heard()))
        said = {"connect": {"ends_at": in_ten_minutes()}} if how == "open" else {
            "error": {"code": "forbidden", "title": "no", "retryable": how == "later"}}
        self.wfile.write(ws.frame(TEXT, json.dumps({"id": asked["id"], **said}).encode(), mask=False))
        if code:
            self.wfile.write(ws.frame(CLOSE, struct.pack(">H", code), mask=False))
        while self.rfile.read(1):       # until the client has gone
            pass

    def heard(self):
        """The first frame: whole and masked, as clients send it."""
        size = self.rfile.read(2)[1] & 0x7F
        size = struct.unpack(">H", self.rfile.read(2))[0] if size == 126 else size
        mask, data = self.rfile.read(4), self.rfile.read(size)
        return bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


def in_ten_minutes():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))


class Site:
    def __init__(self, cert, key):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Visitor)
        self.server.daemon_threads, self.server.site = True, self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}/"
        self.script, self.seen, self.one_at_a_time = [], [], threading.Lock()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def arrived(self, asked):
        with self.one_at_a_time:
            self.seen.append(asked["connect"])
            return self.script[min(len(self.seen), len(self.script)) - 1]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
