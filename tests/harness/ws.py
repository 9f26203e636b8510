"""A WebSocket client (RFC 6455) of sockets and ssl alone, which can also say what it should not.

    with connect(service, "/v1/stream") as ws:
        opened = ws.ask("connect", token=..., grant=...)       # the reply's body; raises Refused
        ws.push("message")                                     # the next pushed frame of that type
        ws.closed()                                            # (code, reason)
"""
import base64
import collections
import hashlib
import json
import os
import socket
import ssl
import struct
import time

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SUBPROTOCOL = "telecura.v1.json"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Refused(Exception):
    """An error frame; @code is one of errors.def."""

    def __init__(self, error):
        super().__init__(error["code"])
        self.code, self.retryable, self.at = error["code"], error["retryable"], error.get("pointer")


class Closed(Exception):
    """The server closed; the code says whether to come back."""

    def __init__(self, code, reason=""):
        super().__init__(code, reason)
        self.code, self.reason = code, reason


def frame(opcode, payload=b"", fin=True, mask=True, rsv=0, length=None):
    """The bytes of one frame; @length claims another length than the payload's."""
    n = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    if n < 126:
        head += bytes([bit | n])
    elif n < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", n)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", n)
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


class Upgrade(Exception):
    """The server did not upgrade."""

    def __init__(self, status, head):
        super().__init__(status)
        self.status, self.head = status, head


class WebSocket:
    def __init__(self, service, path, headers=None, subprotocol=SUBPROTOCOL, timeout=10, rcvbuf=None,
                 name="gateway", context=None):
        """@context: TLS as a client of the gateway has it; without one, as the gateway to a service."""
        context = context or service.suite.authority.context(name)
        raw = socket.socket()
        if rcvbuf:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        raw.settimeout(timeout)
        raw.connect(("127.0.0.1", service.port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(raw, server_hostname="localhost")
        self.timeout, self.buffer, self.next_id = timeout, b"", 0
        self.pushes, self.replies, self.parts, self.close_frame = collections.deque(), {}, b"", None
        key = base64.b64encode(os.urandom(16)).decode()
        head = {"Host": f"localhost:{service.port}", "Upgrade": "websocket", "Connection": "Upgrade",
                "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Protocol": subprotocol, **(headers or {})}
        self.raw((f"GET {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.items() if v is not None)
                  + "\r\n").encode())
        while b"\r\n\r\n" not in self.buffer:
            self._fill()
        answer, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.head = answer.decode("latin-1").lower()
        status = int(answer.split()[1])
        if status != 101:
            self.socket.close()
            raise Upgrade(status, self.head)
        expected = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode().lower()
        assert f"sec-websocket-accept: {expected}" in self.head
        assert f"sec-websocket-protocol: {subprotocol}" in self.head

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()

    # Bytes.

    def raw(self, data):
        self.socket.sendall(data)

    def drop(self):
        """No close frame: the network went away."""
        self.socket.close()

    def _fill(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError) as e:
            if isinstance(e, TimeoutError):
                raise
            data = b""
        if not data:
            raise Closed(1006)
        self.buffer += data

    def _take(self, n):
        while len(self.buffer) < n:
            self._fill()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    # Frames.

    def frame(self):
        """The next (opcode, payload). A server's frames are whole and not masked."""
        first, second = self._take(2)
        assert first & 0x80 and not first & 0x70, "a fragment or a reserved bit from the server"
        assert not second & 0x80, "a masked frame from the server"
        n = second & 0x7f
        if n == 126:
            n = struct.unpack(">H", self._take(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self._take(8))[0]
        return first & 0x0f, self._take(n)

    def text(self, text):
        self.raw(frame(TEXT, text.encode() if isinstance(text, str) else text))

    def close(self, code=1000):
        self.raw(frame(CLOSE, struct.pack(">H", code)))

    def _receive(self, timeout):
        """Reads one message into pushes or replies."""
        self.socket.settimeout(max(timeout, 0.001))
        opcode, payload = self.frame()
        if opcode == PING:
            self.raw(frame(PONG, payload))
        elif opcode == CLOSE:
            code = struct.unpack(">H", payload[:2])[0] if payload else 1005
            self.close_frame = Closed(code, payload[2:].decode())
            try:
                self.raw(frame(CLOSE, payload[:2]))
            except OSError:
                pass
            raise self.close_frame
        elif opcode == TEXT:
            message = json.loads(payload)
            if "id" in message:
                self.replies[message.pop("id")] = message
            else:
                self.pushes.append(message)

    # Telecura's frames.

    def send(self, type, /, **body):
        """Sends {"id": n, "<type>": {...}}; returns n."""
        self.next_id += 1
        self.text(json.dumps({"id": self.next_id, type: body}))
        return self.next_id

    def reply(self, number, timeout=None):
        until = time.monotonic() + (timeout or self.timeout)
        while number not in self.replies:
            self._receive(until - time.monotonic())
        reply = self.replies.pop(number)
        if "error" in reply:
            raise Refused(reply["error"])
        (body,) = reply.values()
        return body

    def ask(self, type, /, **body):
        return self.reply(self.send(type, **body))

    def push(self, type, timeout=None):
        """The next push of @type; others stay for later."""
        until = time.monotonic() + (timeout or self.timeout)
        while True:
            for message in self.pushes:
                if type in message:
                    self.pushes.remove(message)
                    return message[type]
            self._receive(until - time.monotonic())

    def silent(self, type, seconds):
        """No push of @type comes for that long."""
        try:
            got = self.push(type, seconds)
        except TimeoutError:
            return True
        raise AssertionError(f"a {type} came: {got}")

    def closed(self, timeout=None):
        """Waits for the server's close frame; (code, reason)."""
        until = time.monotonic() + (timeout or self.timeout)
        try:
            while True:
                self._receive(until - time.monotonic())
        except Closed as end:
            return end.code, end.reason


def connect(service, path, **kw):
    return WebSocket(service, path, **kw)
