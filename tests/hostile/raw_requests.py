"""The 65 raw HTTP/1 requests of raw_requests.txt: 2 valid, 51 that must and 12 that should be refused.

REQUESTS is a list of Raw(name, bytes, direct_status, gateway_status_set, kind). Send the bytes as they
are, read one answer, and then see the connection end: a second answer means that a request was smuggled.
Gate every run on the valid ones: a server that is down refuses everything.
"""

import pathlib
import re
from typing import NamedTuple


class Raw(NamedTuple):
    name: str
    bytes: bytes
    direct_status: int
    gateway_status_set: frozenset
    kind: str


def decode(text: str) -> bytes:
    """Undo the escapes of raw_requests.txt."""
    text = re.sub(r"<<(.*?)\*(\d+)>>", lambda m: m[1] * int(m[2]), text)
    return text.encode("ascii").decode("unicode_escape").encode("latin-1")


def load(path=pathlib.Path(__file__).with_name("raw_requests.txt")) -> list:
    rows = [line.split("\t") for line in path.read_text().splitlines() if line[0] != "#"]
    return [
        Raw(name, decode(raw), int(direct), frozenset(map(int, gateway.split(","))), kind)
        for kind, name, direct, gateway, raw in rows
    ]


REQUESTS = load()
