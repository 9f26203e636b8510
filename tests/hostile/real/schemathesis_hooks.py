"""Loaded by Schemathesis, in a Python of its own: who asks, and what it does not make up when an answer is expected,
since no document can say that it is refused. TELECURA_TOKENS names a file of {"GET /v1/me": token}, which changes."""
import datetime
import json
import os

import schemathesis
from hypothesis import strategies

FIRST, LAST = datetime.datetime(1900, 1, 1), datetime.datetime(2200, 12, 31)      # our calendar (common/base/clock.c)

schemathesis.openapi.format("date", strategies.dates(FIRST.date(), LAST.date()).map(str))
schemathesis.openapi.format("date-time", strategies.datetimes(FIRST, LAST).map(lambda time: time.isoformat() + "Z"))


@schemathesis.auth(refresh_interval=None)
class Bearer:
    def get(self, case, context):
        with open(os.environ["TELECURA_TOKENS"]) as file:
            return json.load(file).get(context.operation.label)

    def set(self, case, token, context):
        case.headers["Authorization"] = f"Bearer {token}"


def is_written(values):
    """A control byte in an address is refused before it reaches a route."""
    return all(str(value).isprintable() for value in (values or {}).values())


def is_whole(value):
    """7.0 is an integer to JSON Schema; we take numbers as they are written (common/codec/json.h)."""
    if isinstance(value, (list, dict)):
        return all(map(is_whole, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float)


if os.environ["TELECURA_WAY"] == "positive":
    @schemathesis.hook
    def filter_query(context, query):
        return is_written(query)

    @schemathesis.hook
    def filter_path_parameters(context, path_parameters):
        return is_written(path_parameters)

    @schemathesis.hook
    def filter_body(context, body):
        return is_whole(body)
