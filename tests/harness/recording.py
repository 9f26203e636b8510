"""A proxy that writes down every byte a client gets, and a reader of what it wrote.

    with Recorder(own_context, port, their_context) as tape:    # TLS ends here and begins again
        ask(tape.port)
    for link in tape.links():
        link.answers, link.frames

A byte is written down, with the time, before it is passed on: what a client has, the tape has. The
reader knows HTTP/1.1 and RFC 6455 from the standards alone, and is strict: what it cannot read is a
Garbled, not a gap.
"""
import base64
import bisect
import collections
import itertools
import json
import select
import socket
import ssl
import struct
import threading
import time

Chunk = collections.namedtuple("Chunk", "at link to_client data")
Answer = collections.namedtuple("Answer", "asked_at at who method path status headers body")
Frame = collections.namedtuple("Frame", "at to_client text")
Link = collections.namedtuple("Link", "answers frames")
TEXT = 1
PASS_S = 20


class Garbled(Exception):
    """Bytes that are neither HTTP nor frames."""


class Recorder:
    def __init__(self, own_context, port, their_context):
        self._own, self._port, self._theirs = own_context, port, their_context
        self._lock, self._chunks, self._numbers = threading.Lock(), [], itertools.count()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client, next(self._numbers)), daemon=True).start()

    def _carry(self, client, link):
        """Both ways in one thread: a TLS connection is not for two."""
        try:
            with self._own.wrap_socket(client, server_side=True) as near, \
                    socket.create_connection(("127.0.0.1", self._port)) as raw, \
                    self._theirs.wrap_socket(raw, server_hostname="localhost") as far:
                for side in (near, far):
                    side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._pass_on(link, near, far)
        except OSError:
            client.close()      # one of them has gone, as they may

    def _pass_on(self, link, near, far):
        other = {near: far, far: near}
        while True:
            for side in [side for side in other if side.pending()] or select.select([near, far], [], [])[0]:
                side.setblocking(False)
                try:
                    data = side.recv(65536)
                except ssl.SSLWantReadError:
                    continue        # a record of TLS's own
                if not data:
                    return
                self.record(link, side is far, data)
                other[side].settimeout(PASS_S)
                other[side].sendall(data)

    def record(self, link, to_client, data):
        with self._lock:
            self._chunks.append(Chunk(time.time(), link, to_client, data))

    def links(self):
        """What has been said so far, connection by connection."""
        with self._lock:
            chunks = list(self._chunks)
        by_link = collections.defaultdict(lambda: ([], []))
        for chunk in chunks:
            by_link[chunk.link][chunk.to_client].append(chunk)
        return [read_link(Stream(asked), Stream(told)) for asked, told in by_link.values()]

    def clear(self):
        """A new tape. What was connected before is not understood any more: connect anew."""
        with self._lock:
            self._chunks.clear()


# ---- reading ----

class Stream:
    """One direction of a connection: its bytes, and when each came."""

    def __init__(self, chunks):
        self.data = b"".join(chunk.data for chunk in chunks)
        self._ends = list(itertools.accumulate(len(chunk.data) for chunk in chunks))
        self._times = [chunk.at for chunk in chunks]

    def at(self, offset):
        return self._times[bisect.bisect_right(self._ends, offset)]


def read_link(asked, told):
    answers, asks, replies, upgraded = [], 0, 0, False
    while replies < len(told.data) and not upgraded:
        line, headers, body, ends = read_message(told.data, replies, is_answer=True)
        status, began, replies = int(line.split()[1]), replies, ends
        if status == 100:
            continue
        if asks < len(asked.data):
            came = asked.at(asks)
            request, asking, _, asks = read_message(asked.data, asks, is_answer=False)
        else:
            came, request, asking = told.at(began), "- -", {}   # nobody has asked; it was said all the same
        method, path = request.split()[:2]
        answers.append(Answer(came, told.at(began), subject_of(asking), method, path, status, headers, body))
        upgraded = status == 101
    frames = [*read_frames(asked, asks, False), *read_frames(told, replies, True)] if upgraded else []
    return Link(answers, sorted(frames, key=lambda frame: frame.at))


def read_message(data, start, is_answer):
    """(first line, headers, body, where it ends). A body that was cut short is what came of it."""
    head, blank, _ = data[start:].partition(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    if not blank:
        return "HTTP/1.1 0" if is_answer else "- -", {}, head, len(data)
    if not (line.startswith("HTTP/1.1 ") if is_answer else line.endswith(" HTTP/1.1")):
        raise Garbled(line[:80])
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
    body = start + len(head) + 4
    if headers.get("transfer-encoding") == "chunked":
        return line, headers, *read_chunked(data, body)
    status = int(line.split()[1]) if is_answer else 0
    if status in (204, 304) or 100 <= status < 200 or not is_answer and "content-length" not in headers:
        return line, headers, b"", body
    end = body + int(headers["content-length"]) if "content-length" in headers else len(data)
    return line, headers, data[body:end], min(end, len(data))


def read_chunked(data, at):
    body = b""
    while True:
        size, line, _ = data[at:].partition(b"\r\n")
        if not line:
            return body, len(data)
        n, at = int(size.split(b";")[0], 16), at + len(size) + 2
        body += data[at:at + n]
        at += n + 2
        if n == 0 or at > len(data):
            return body, min(at, len(data))


def read_frames(stream, at, to_client):
    data = stream.data
    while len(data) - at >= 2:
        began, n, masked = at, data[at + 1] & 0x7f, data[at + 1] >> 7
        if data[at] & 0x70 or not data[at] & 0x80:
            raise Garbled(f"a frame that begins with {data[at]:#x}")
        at += 2
        if n > 125:
            n, at = int.from_bytes(data[at:at + (2 if n == 126 else 8)], "big"), at + (2 if n == 126 else 8)
        mask, at = data[at:at + 4 * masked], at + 4 * masked
        text, at = data[at:at + n], at + n
        if masked:
            text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
        if data[began] & 0x0f == TEXT:
            yield Frame(stream.at(began), to_client, text)


def subject_of(headers):
    """Whose token it is, as it says itself."""
    try:
        payload = headers.get("authorization", "").split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"]
    except (IndexError, ValueError, KeyError):
        return None
