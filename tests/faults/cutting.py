"""Between the services and PostgreSQL: one COMMIT of a service is cut off, done or not.

PostgreSQL's socket is set aside and another takes its place, so that nobody's settings change; who was
connected before stays so. What is carried is not looked at but for the names of prepared statements and
"COMMIT" as a tag: the bytes of PostgreSQL's protocol, version 3.
"""
import contextlib
import os
import socket
import struct
import threading

ASKED, DONE = b"db.commit", b"COMMIT\0"
BYTES = 1 << 16


class Cutter:
    """@users: of whom the COMMITs are counted."""

    def __init__(self, place, *users):
        self.path = str(place.run / f"postgres/.s.PGSQL.{place.port('postgres')}")
        self.aside, self.users = f"{self.path}.aside", users
        self.lock, self.left, self.when, self.fired = threading.Lock(), 0, None, threading.Event()

    def __enter__(self):
        os.rename(self.path, self.aside)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o777)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        os.rename(self.aside, self.path)
        self.listener.close()

    def arm(self, number, when):
        """The number-th COMMIT from now on is cut off "before" PostgreSQL hears of it, or "after" it is done."""
        with self.lock:
            self.left, self.when = number, when
            self.fired.clear()

    def accept(self):
        with contextlib.suppress(OSError):      # closed
            while True:
                threading.Thread(target=self.carry, args=(self.listener.accept()[0],), daemon=True).start()

    def carry(self, client):
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self.aside)
        except OSError:
            return client.close()       # it is away
        return Link(self, client, server).run()

    def is_the_one(self):
        with self.lock:
            self.left -= 1
            return self.when if self.left == 0 else None


class Link:
    def __init__(self, cutter, client, server):
        self.cutter, self.client, self.server = cutter, client, server
        self.counted = self.last = False

    def run(self):
        hello = self.client.recv(4, socket.MSG_WAITALL)
        if len(hello) < 4:
            return self.close()
        hello += self.client.recv(struct.unpack(">I", hello)[0] - 4, socket.MSG_WAITALL)
        words = hello[8:].split(b"\0")
        self.counted = words[words.index(b"user") + 1].decode() in self.cutter.users if b"user" in words else False
        self.server.sendall(hello)
        threading.Thread(target=self.answers, daemon=True).start()
        return self.asks()

    def asks(self):
        with contextlib.suppress(OSError):
            while data := self.client.recv(BYTES):
                when = self.cutter.is_the_one() if self.counted and ASKED in data else None
                if when == "before":
                    self.cutter.fired.set()
                    break
                self.last = self.last or when == "after"
                self.server.sendall(data)
        self.close()

    def answers(self):
        with contextlib.suppress(OSError):
            while data := self.server.recv(BYTES):
                if self.last and DONE in data:
                    self.cutter.fired.set()
                    break
                self.client.sendall(data)
        self.close()

    def close(self):
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
                end.close()
