"""What the revocation bench does to sockets, and the load that runs beside it in a process of its own."""
import multiprocessing
import threading
import time
import uuid

from visits import patiently
from ws import Closed, Refused, connect

TALKERS = 36
FASTEST_S = 1 / 90  # from one message to the next: a socket that says 100 a second is ended
CATCH_UP_S = 0.5    # and who was held up for longer leaves the rest unsaid
MEASURED_S = 4
PATIENCE_S = 30
LONGEST_S = 3600    # the longest grant of staff; a busy machine takes more than ten minutes
PAUSE_S = 0.02  # of who talks while the consent is taken back


def enter(replica, tls, visit, who, ttl_s=600):
    """The chat's socket, or the call's, as the replica is messaging's or signaling's."""
    path = "/v1/stream" if replica.name == "messaging" else f"/v1/calls/{visit.channel}"

    def once():
        ws = connect(replica, path, context=tls)
        ws.ask("connect", token=who.token, grant=visit.grant(who, ttl_s))
        return ws
    return patiently(once)


def say(ws):
    return ws.ask("send", message_id=str(uuid.uuid4()), body="Does it hurt when you breathe in?")


def ended(ws, close):
    """When the close frame was read; nothing follows it."""
    at = time.monotonic()
    if close[0] != 4503:
        raise RuntimeError(f"a socket ended with {close}")
    try:
        ws.socket.settimeout(PATIENCE_S)
        behind = ws.socket.recv(1)
    except ConnectionError:
        behind = b""
    ws.drop()
    if behind or ws.buffer:
        raise RuntimeError("something came behind the close frame")
    return at


def last_byte(ws):
    return ended(ws, ws.closed(PATIENCE_S))


def last_byte_of_talk(ws):
    """Of somebody who goes on talking, whatever they are answered."""
    while True:
        try:
            say(ws)
        except Refused:
            pass
        except Closed as close:
            return ended(ws, (close.code, close.reason))
        time.sleep(PAUSE_S)


# ---- the load ----

def talk(ws, begin, until_s, pause_s, stop, counts):
    """One message each @pause_s, no faster than they are answered; the last sentence is counted too."""
    count, due = 0, begin
    while not stop.is_set() and time.monotonic() < begin + until_s:
        patiently(lambda: say(ws))  # who is told to say it again does
        count += 1
        due = max(due + pause_s, time.monotonic() - CATCH_UP_S)
        time.sleep(max(0.0, due - time.monotonic()))
    counts.append(count)


def talk_all(sockets, until_s, pause_s, stop):
    """Messages a second of all together; raises when one of them was not acknowledged."""
    begin, counts = time.monotonic(), []
    talkers = [threading.Thread(target=talk, args=(ws, begin, until_s, pause_s, stop, counts))
               for ws in sockets]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join()
    if len(counts) != len(sockets):
        raise RuntimeError("a message of the load was not acknowledged")
    return sum(counts) / (time.monotonic() - begin)


def load_main(pipe, stop, replicas, tls, visits):
    """Each (seconds, pause) from @pipe is a run, answered with its rate."""
    sockets = [enter(replicas[n % len(replicas)], tls, visit, visit.clinician, LONGEST_S)
               for n, visit in enumerate(visits)]
    for ws in sockets:
        patiently(lambda: say(ws))  # keyd makes a key
    pipe.send("seated")
    while True:
        pipe.send(talk_all(sockets, *pipe.recv(), stop))


class Load:
    """Clinicians who write, each in a visit of their own, spread over the replicas."""

    def __init__(self, replicas, tls, visits):
        self.pipe, theirs = multiprocessing.Pipe()
        self.ended = multiprocessing.Event()
        self.process = multiprocessing.Process(target=load_main,
                                               args=(theirs, self.ended, replicas, tls, visits))
        self.process.start()
        theirs.close()
        self.heard()

    def heard(self):
        if not self.pipe.poll(PATIENCE_S):
            raise RuntimeError("the load says nothing")
        return self.pipe.recv()  # EOFError: it has said why

    def measure(self):
        self.pipe.send((MEASURED_S, FASTEST_S))
        return self.heard()

    def run(self, per_s):
        """Until end(), at most for the grants' life."""
        self.pipe.send((LONGEST_S, max(FASTEST_S, TALKERS / per_s)))

    def end(self):
        self.ended.set()
        return self.heard()

    def stop(self):
        self.process.terminate()
        self.process.join()
