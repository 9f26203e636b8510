"""SQL through libpq itself, on connections that are kept: a psql for each question costs more than what it asks.

    pool = Pool("host=/tmp/x user=y")
    text = pool.execute("postgres", "SELECT 1")     # rows in lines, columns between |, as `psql -At` says it

Any number of threads; each text has a connection for itself, which forgets it before the next. A text of several
statements is one transaction, unless it says otherwise, and answers with what the last of them found.
"""
import collections
import contextlib
import ctypes

P, S, I = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
FUNCTIONS = {
    "PQconnectdb": (P, S), "PQfinish": (None, P), "PQstatus": (I, P), "PQerrorMessage": (S, P), "PQexec": (P, P, S),
    "PQresultStatus": (I, P), "PQclear": (None, P), "PQntuples": (I, P), "PQnfields": (I, P), "PQgetvalue": (S, P, I, I),
}
FINE = (0, 1, 2)    # nothing asked, done, rows
OPTIONS = "-c statement_timeout=300s -c client_min_messages=error"


def libpq():
    library = ctypes.CDLL("libpq.so.5")
    for name, (gives, *takes) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = gives, takes
    return library


PQ = libpq()


class Lost(RuntimeError):
    """The connection has ended."""


class Connection:
    def __init__(self, conninfo):
        self._pq = PQ.PQconnectdb(conninfo.encode())
        self._check(PQ.PQstatus(self._pq) == 0)

    def __del__(self):
        PQ.PQfinish(self._pq)

    def execute(self, text):
        result = PQ.PQexec(self._pq, text.encode())
        try:
            self._check(PQ.PQresultStatus(result) in FINE)
            columns = range(PQ.PQnfields(result))
            return "".join("|".join(PQ.PQgetvalue(result, row, i).decode() for i in columns) + "\n"
                           for row in range(PQ.PQntuples(result)))
        finally:
            PQ.PQclear(result)

    def _check(self, fine):
        if not fine:
            raise (RuntimeError if PQ.PQstatus(self._pq) == 0 else Lost)(PQ.PQerrorMessage(self._pq).decode().strip())


class Pool:
    def __init__(self, conninfo):
        self._conninfo, self._idle = f"{conninfo} options='{OPTIONS}'", collections.defaultdict(list)

    def leave(self):
        """Ends what is idle, so that nobody stands in a database that is copied or dropped."""
        self._idle.clear()

    def execute(self, database, text):
        connection = self._kept(database) or Connection(f"{self._conninfo} dbname={database}")
        answer = connection.execute(text)
        self._idle[database].append(connection)
        return answer

    def _kept(self, database):
        """One that stands idle, with nothing left of whose it was; the server may have ended it since."""
        idle = self._idle[database]
        while idle:
            with contextlib.suppress(Lost, IndexError):
                connection = idle.pop()
                connection.execute("DISCARD ALL")
                return connection
        return None
