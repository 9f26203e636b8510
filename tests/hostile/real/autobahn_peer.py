"""The cases of Autobahn|Testsuite, which are written in Python 2 for a client of their own time, on sockets of today.

    for name, case in autobahn_peer.cases().items():    # {"1.1.1": class}
        peer = autobahn_peer.Peer(port)
        outcome = peer.play(case)                       # the case itself, with its verdicts

A case asks its peer (`p`) to send frames and to act later, is told what comes, and compares in the end. Its texts are
bytes: here they are texts of the same numbers (latin-1).
"""
import codecs
import heapq
import importlib.machinery
import importlib.util
import itertools
import lib2to3.refactor
import re
import select
import struct
import sys
import time
import types

import pypi
import ws

PACKAGE, SHA256 = "autobahntestsuite==25.10.1", "b083d6e15330fc16f3e5f0975cce2b15f21bfa0c6db09547316b1852c6dbd6df"
GROUPS = (1, 2, 3, 4, 5, 6, 7, 10)      # 9: how fast, and messages up to 16 MiB; 12, 13: compression, which we do not offer
PATIENCE = 10       # a case kills after a second what has not answered; a busy machine takes longer
CLOSING_S_MAX = 10
OPEN, CLOSING, CLOSED = "open", "closing", "closed"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


# ---- their code, made new ----

class Loader(importlib.machinery.SourceFileLoader):
    FIXES = [f"lib2to3.fixes.fix_{name}" for name in ("print", "unicode", "xrange")]

    def source_to_code(self, data, path, **more):
        text = str(lib2to3.refactor.RefactoringTool(self.FIXES).refactor_string(data.decode("latin-1") + "\n", path))
        text = text.replace("(object, Case, )", "(Case, )").replace("len(self.payload) / self", "len(self.payload) // self")
        return super().source_to_code(text.replace("import binascii", "import latin_binascii as binascii"), path, **more)


class Finder:
    def __init__(self, folder):
        self.folder = folder

    def find_spec(self, name, path=None, target=None):
        file = self.folder / f"{name}.py"
        return importlib.util.spec_from_loader(name, Loader(name, str(file))) if file.exists() else None


class Utf8Validator:
    """As theirs: (is it valid so far, does it end with a character)."""

    def reset(self):
        self.decoder = codecs.getincrementaldecoder("utf-8")()

    def validate(self, text):
        try:
            self.decoder.decode(text.encode("latin-1"))
        except UnicodeDecodeError:
            return False, False
        return True, self.decoder.getstate()[0] == b""


def module(name, **members):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__dict__.update(members)


def cases():
    """{"1.1.1": class} of the groups that are played."""
    folder = pypi.source(PACKAGE, SHA256) / PACKAGE.replace("==", "-") / "autobahntestsuite/case"
    sys.meta_path.append(Finder(folder))
    module("latin_binascii", b2a_hex=lambda text: text.encode("latin-1").hex())
    module("autobahn")
    module("autobahn.websocket")
    module("autobahn.websocket.protocol", WebSocketProtocol=types.SimpleNamespace(STATE_OPEN=OPEN, STATE_CLOSED=CLOSED))
    module("autobahn.websocket.utf8validator", Utf8Validator=Utf8Validator)
    found = {}
    for file in folder.glob("case*_*.py"):
        if int(re.match(r"case(\d+)_", file.name)[1]) in GROUPS:
            members = vars(importlib.import_module(file.stem))
            for one in [*members.values(), *(one for made in members.values() if isinstance(made, list) for one in made)]:
                if isinstance(one, type) and (number := re.fullmatch(r"Case(\d+)_(\d+)(?:_(\d+))?", one.__name__)):
                    found[tuple(int(n) for n in number.groups() if n)] = one
    return {".".join(map(str, number)): found[number] for number in sorted(found)}


# ---- their client, on a socket ----

class Plain:
    """Where ws.py wants a TLS context: loopback, without."""

    @staticmethod
    def wrap_socket(raw, server_hostname):
        return raw


class Peer:
    CLOSE_STATUS_CODE_NORMAL, CLOSE_STATUS_CODE_PROTOCOL_ERROR, CLOSE_STATUS_CODE_INVALID_PAYLOAD = 1000, 1002, 1007
    factory = types.SimpleNamespace(isServer=False)

    def __init__(self, port):
        opened = ws.connect(types.SimpleNamespace(port=port), "/", context=Plain)
        self.socket, self.buffer = opened.socket, opened.buffer
        self.state, self.timers, self.order = OPEN, [], itertools.count()
        self.connectionWasOpen, self.wasClean = True, False
        self.closedByMe = self.failedByMe = self.droppedByMe = False
        self.remoteCloseCode = self.localCloseReason = self.autoFragmentSize = None
        self.txFrameStats = {}

    def play(self, case):
        playing = case(self)
        playing.compare = lambda one, other: one == other       # theirs pickles, which tells equal ones apart
        playing.onOpen()
        while self.state != CLOSED:
            self.turn(playing)
        self.socket.close()
        playing.onClose(self.wasClean, self.remoteCloseCode, "")
        playing.onConnectionLost(self.failedByMe)
        return playing

    def turn(self, playing):
        wait = max(0, self.timers[0][0] - time.monotonic()) if self.timers else CLOSING_S_MAX
        if select.select([self.socket], [], [], wait)[0]:
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                data = b""
            self.buffer += data
            self.hear(playing)
            if not data:
                self.state = CLOSED
        while self.timers and self.timers[0][0] <= time.monotonic() and self.state != CLOSED:
            heapq.heappop(self.timers)[2]()

    def later(self, seconds, do):
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.order), do))

    # What comes: a server's frames are whole and not masked.

    def hear(self, playing):
        while len(self.buffer) >= 2:
            first, n, at = self.buffer[0], self.buffer[1], 2
            assert first & 0xf0 == 0x80 and n < 128, "not as a server's frame is"
            if n >= 126:
                size = 2 if n == 126 else 8
                at, n = at + size, int.from_bytes(self.buffer[at:at + size], "big")
                if len(self.buffer) < at:
                    return
            if len(self.buffer) < at + n:
                return
            payload, self.buffer = self.buffer[at:at + n], self.buffer[at + n:]
            self.heard(playing, first & 0x0f, payload.decode("latin-1"))

    def heard(self, playing, opcode, payload):
        if opcode in (TEXT, BINARY):
            playing.onMessage(payload, opcode == BINARY)
        elif opcode == PONG:
            playing.onPong(payload)
        elif opcode == PING:
            self.sendFrame(PONG, payload)
            playing.onPing(payload)
        elif opcode == CLOSE:
            self.wasClean = True
            if payload:
                self.remoteCloseCode = struct.unpack(">H", payload[:2].encode("latin-1"))[0]
            if self.state == OPEN:
                self.sendCloseFrame(self.remoteCloseCode, isReply=True)

    # What a case asks for, by its names.

    def put(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass        # it has gone, which the reading side finds out

    def sendFrame(self, opcode, payload="", fin=True, rsv=0, mask=None, payload_len=None, chopsize=None, sync=False):
        if payload_len:
            payload = (payload * (payload_len // len(payload) + 1))[:payload_len]
        data = ws.frame(opcode, payload.encode("latin-1"), fin=fin, rsv=rsv)
        self.txFrameStats[opcode] = self.txFrameStats.get(opcode, 0) + 1
        for at in range(0, len(data), chopsize or len(data)):
            self.put(data[at:at + (chopsize or len(data))])

    def sendMessage(self, payload, isBinary=False, fragmentSize=None, sync=False):
        size = fragmentSize or self.autoFragmentSize or max(1, len(payload))
        parts = [payload[at:at + size] for at in range(0, len(payload), size)] or [""]
        for n, part in enumerate(parts):
            self.sendFrame((BINARY if isBinary else TEXT) if n == 0 else 0, part, fin=n == len(parts) - 1)

    def beginMessage(self):
        pass

    def beginMessageFrame(self, length):
        """Masked by zeros, so that its parts need not know where they stand."""
        self.put(bytes([TEXT, 0x80 | length]) + bytes(4))

    def sendMessageFrameData(self, payload):
        self.put(payload.encode("latin-1"))

    def endMessage(self):
        self.sendFrame(0)

    def sendClose(self, code=None, reason=None):
        if self.state == OPEN:
            self.sendCloseFrame(code or 1000, reason or "")

    def sendCloseFrame(self, code=None, reasonUtf8="", isReply=False):
        self.sendFrame(CLOSE, (b"" if code is None else struct.pack(">H", code)).decode("latin-1") + (reasonUtf8 or ""))
        self.state, self.closedByMe = CLOSING, not isReply
        self.later(CLOSING_S_MAX, self.drop)

    def drop(self):
        self.state, self.droppedByMe = CLOSED, True

    def fail(self):
        self.failedByMe = True
        self.drop()

    def killAfter(self, seconds):
        self.later(seconds * PATIENCE, self.fail)

    def closeAfter(self, seconds):
        self.later(seconds, self.sendClose)

    def continueLater(self, seconds, do, tag=None):
        self.later(seconds, do)
