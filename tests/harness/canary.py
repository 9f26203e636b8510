"""Canaries: words that stand for PHI, and a search of the places where none may turn up.

    canary = Canary()
    register(family_name=canary.word(), ...)
    assert canary.found_in(folder) == []          # data files, WAL, logs, mails, Redis dumps ...
    assert canary.found_in(dump, metrics) == []   # bytes

A word is looked for as it is, in hexadecimal (how bytea is dumped) and in base64 at each of the
three alignments (mails, JSON of bytes). A test shows with control() that its search would find.
"""
import base64
import os
import subprocess
import tempfile
import uuid


def forms(word):
    raw = word.encode()
    yield raw
    yield raw.hex().encode()
    for shift in range(3):
        # The first and last digits depend on the neighbours; those between are the word's own.
        digits = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        yield digits[4 if shift else 0:-2]


class Canary:
    def __init__(self):
        self.words = []

    def word(self, prefix="canary", size=32):
        """A new word of @size ASCII letters and digits, in lower case: normalising keeps it."""
        made = (prefix + uuid.uuid4().hex)[:size]
        self.words.append(made)
        return made

    def found_in(self, *places):
        """(place, form) of each find. A place is a file, a folder or bytes."""
        found = []
        for place in places:
            if isinstance(place, bytes):
                found += [("bytes", form) for form in self._forms() if form in place]
            else:
                found += self._grep(os.fspath(place))
        return found

    def control(self, place, word):
        """True when @word, which is no secret, is found by the same search."""
        other = Canary()
        other.words.append(word)
        return bool(other.found_in(place))

    def _forms(self):
        return [form for word in self.words for form in forms(word)]

    def _grep(self, path):
        with tempfile.NamedTemporaryFile() as patterns:
            patterns.write(b"\n".join(self._forms()) + b"\n")
            patterns.flush()
            done = subprocess.run(["grep", "-raoF", "-f", patterns.name, path], capture_output=True,
                                  env={**os.environ, "LC_ALL": "C"})
        if done.returncode > 1 and b"No such file" not in done.stderr:  # files come and go
            raise RuntimeError(f"grep: {done.stderr.decode(errors='replace')}")
        return [tuple(line.rsplit(b":", 1)) for line in done.stdout.splitlines()]
