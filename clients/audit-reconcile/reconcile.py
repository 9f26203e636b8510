"""reconcile - does everything that was done stand in the log, and is everything in the log something that
was done? Compares, for every organisation:

    requests of the gateway  <->  acts  <->  versions of rows  <->  leaves of the published log

usage: reconcile.py SETTINGS [--from TIME]      SETTINGS: JSON, as `up.py reconcile` writes it
                                                TIME: RFC 3339; what was done before is not asked about

Says each kind of difference in a line: how often, and the first. What is still on its way is pending and
no difference; the order in which the sources are read makes sure of that. An auditor who trusts nobody
runs it on copies of their own and with their own verifier; it only reads. Exits with 0 when there is no
difference, with 1 when there is one, with 69 when it could not look.
"""
import argparse
import collections
import datetime
import json
import math
import re
import sys
import time

import leaf
import sources

NOBODY = "00000000-0000-0000-0000-000000000000"
PATIENCE_S = 60     # an answer that is being written has no line in the gateway's log yet
ORIGIN = re.compile(r"[a-z0-9./-]+")
ROUTES = "/v1/", "/fhir/"    # how the resource of an act begins that somebody asked for
TRIED = "guest.enter"   # refused, it still leaves that it was tried
# Acts that leave no row.
READS = re.compile(r".*\.(read|list|search|explain|disclosures|breach_scope|access_review|status)")


class Report:
    def __init__(self):
        self.found = {}
        self.pending = 0

    def add(self, kind, detail):
        count, first = self.found.get(kind, (0, detail))
        self.found[kind] = count + 1, first

    def total(self):
        return sum(count for count, _ in self.found.values())


def born_s(act):
    """When an act began: its id is a UUID of version 7. What is none is asked about at any time."""
    return int(act[:8] + act[9:13], 16) / 1000 if act[14] == "7" else math.inf


# ---- the log as published: every entry once, in its producer's order, by who it says ----

class Log:
    def __init__(self):
        self.entries = {}       # (org, producer, seq): (bytes, body)
        self.acts = {}          # act: [body]
        self.requests = {}      # request: act
        self.last = {}          # (org, producer): the highest number
        self.erased = 0

    def read(self, settings, keys, report):
        events, published = set(), sources.logs(settings)
        for origin, _, _, entries, wrong in published:
            if wrong:
                report.add("the log is not sound", f"{origin}: {wrong}")
            for entry in entries or ():
                try:
                    self.add(entry, keys, events, report)
                except leaf.Damaged as damaged:
                    report.add("an entry is damaged", f"{origin}: {damaged}")
        for producer, last in sorted(self.last.items()):
            missing = [seq for seq in range(1, last + 1) if (*producer, seq) not in self.entries]
            for seq in missing:
                report.add("a leaf is missing", f"{producer[1]} {seq} in log {producer[0]}")
        return published

    def add(self, entry, keys, events, report):
        clear, body = sources.opened(entry, keys)
        if clear["class"] != leaf.EVENT:
            return
        name = clear["log"], clear["producer"], clear["seq"]
        where = f"{name[1]} {name[2]} in log {name[0]}"
        if name in self.entries or body.get("event") in events:
            report.add("a leaf stands twice", where)
        self.entries[name] = entry, body
        self.last[name[:2]] = max(self.last.get(name[:2], 0), name[2])
        if not body:
            self.erased += 1
            return
        if body.get("service") != clear["producer"]:
            report.add("a leaf under another's name", f"{where} was sealed as {body.get('service')}'s")
        body["org"] = clear["log"]
        events.add(body["event"])
        self.acts.setdefault(body["act"], []).append(body)
        if "request" in body:
            self.requests.setdefault(body["request"], set()).add(body["act"])


# ---- what services hold ----

def outboxes(databases):
    """{(org, service): rows}, and the acts and requests that wait there."""
    rows, acts, asked = {}, set(), {}
    for name, database in databases.items():
        for org, act, seq, entry, request in database.rows(sources.OUTBOX):
            rows.setdefault((org, name), []).append((int(seq), bytes.fromhex(entry)))
            acts.add(act)
            if request:
                asked.setdefault(request, set()).add(act)
    return rows, acts, asked


def chains(databases):
    """{(org, service): (seq, mac)}."""
    return {(org, name): (int(seq), mac) for name, database in databases.items()
            for org, seq, mac in database.rows(sources.CHAIN)}


def compare_chains(log, before, waiting, after, entries, report):
    """Each producer's chain, as it says itself, with what is published of it."""
    for producer in sorted(before.keys() | log.last.keys()):
        org, name = producer
        first, last = before.get(producer, (0, ""))[0], after.get(producer, (0, ""))
        held = {seq: entry for seq, entry in waiting.get(producer, ()) if seq}
        report.pending += sum((*producer, seq) not in log.entries for seq in held)
        for seq in range(1, first + 1):
            if (*producer, seq) not in log.entries and seq not in held and seq > log.last.get(producer, 0):
                report.add("a record was lost before it was sent", f"{name} {seq} in log {org}")
        if log.last.get(producer, 0) > last[0]:
            report.add("the log has more than its producer has said",
                       f"{name} stands at {last[0]} and log {org} at {log.last[producer]}: its database is of "
                       "an older backup, or somebody speaks in its name")
        for seq, entry in held.items():
            known = log.entries.get((*producer, seq))
            if known and known[0] != entry:
                report.add("a producer says another thing than the log", f"{name} {seq} in log {org}")
        mac = entries.get((*producer, last[0]), {}).get("mac")
        if mac and mac != last[1]:
            report.add("a producer's chain is not the one that was believed", f"{name} {last[0]} in log {org}")


def entries_of(database):
    return {(org, producer, int(seq)): {"event": event, "mac": mac, "receipted": receipted == "t"}
            for org, producer, seq, event, mac, receipted in database.rows(sources.ENTRIES)}


def compare_tables(log, published, before, after, audit, report):
    """What audit's own tables say with what it has published: neither may be older than the other."""
    for name, row in sorted(before.items()):
        if row["receipted"] and name not in log.entries:
            report.add("a receipt was given for what is not published", f"{name[1]} {name[2]} in log {name[0]}")
    for name, (_, body) in sorted(log.entries.items()):
        row = after.get(name)
        if not row:
            report.add("audit does not know what it has published",
                       f"{name[1]} {name[2]} in log {name[0]}: its database is of an older backup")
        elif body and row["event"] != body["event"]:
            report.add("audit knows a leaf as another", f"{name[1]} {name[2]} in log {name[0]}")
    for origin, size, root, _, _ in published:
        known = ORIGIN.fullmatch(origin) and audit.rows(sources.SIGNED.format(origin, size))
        if known != [[root]]:
            report.add("the published tree is not the one that audit has signed", f"{origin} {size}")


# ---- rows and requests ----

def can_leave_a_row(body, org):
    action = body.get("action", "")
    done = body.get("outcome") == "done" or action == TRIED
    return body["org"] == org and done and not READS.fullmatch(action)


def compare_rows(rows, histories, log, waiting, since, report):
    for service, table, org, act, row, version in rows:
        where = f"{service}.{table} in organisation {org}: act {act}"
        if act not in log.acts:
            if act not in waiting and born_s(act) >= since:
                report.add("a row that nobody made" if act == NOBODY else "a row without its act", where)
            continue
        bodies = log.acts[act]
        if not any(can_leave_a_row(body, org) for body in bodies):
            report.add("a row that its act cannot have left", f"{where}, which is {bodies[0].get('action')}, "
                       f"{bodies[0].get('outcome')}, in organisation {bodies[0]['org']}")
        left = [body["resource_version"] for body in bodies
                if row and body.get("resource_id") == row and body.get("resource_version")
                # a booking's relation has the visit's id, and a version of its own
                and not (table == "relation" and body.get("action", "").startswith("visit."))]
        if left and int(version) not in left:
            report.add("a row at another version than its act has left it", f"{where}, version {version}, not {left[0]}")
    for service, table, org, row in histories:
        report.add("a row that its history does not tell of", f"{service}.{table} {row} in organisation {org}")


def compare_requests(early, late, routes, log, waiting, asked, since, patience_s, report):
    known = {request.id for request in late}
    by_request = {**asked}
    for request, acts in log.requests.items():
        by_request[request] = by_request.get(request, set()) | acts
    for request in early:
        if request.at >= since:
            compare_request(request, routes, log, waiting, by_request, report)
    newest = time.time() - patience_s
    for request, acts in sorted(log.requests.items()):
        if request in known:
            continue
        born = min(map(born_s, acts))
        if newest <= born < math.inf:
            report.pending += 1
        elif born >= since:
            report.add("an act without a request", f"{min(acts)} names request {request}, which the gateway has not had")


def compare_ways(log, since, report):
    """Whoever asks for something does so through the gateway, which gives the request its id."""
    for act, bodies in log.acts.items():
        past = [body for body in bodies if "actor" in body and "request" not in body
                and body.get("resource", "").startswith(ROUTES)]
        if past and born_s(act) >= since:
            report.add("an act past the gateway", f"{act} on {past[0]['resource']} by {past[0]['actor']}")


def compare_request(request, routes, log, waiting, by_request, report):
    """An answer of a service: its act is on record, unless it showed nothing or its route is open."""
    status, what = int(request.status), f"{request.id}, {request.method} {request.path} answered {request.status}"
    acts = by_request.get(request.id, set())
    if request.server.endswith("<NOSRV>") or status >= 500 or status == 101:
        return      # the gateway's own answer, a fault, a socket (its frames are acts of their own)
    kind = routes.kind(request)
    if kind == "audited" and request.act != "-" and request.act not in acts:
        if request.act in log.acts or request.act in waiting:
            report.add("a request answered with another's act", what)
        else:
            report.add("a request without its act", what)
    elif not acts and kind != "open" and status < 400:
        report.add("a request without an act", what)


# ---- all together ----

UNHEARD = {"silent": "a producer has fallen silent", "behind": "a producer's records do not come"}

def reconcile(settings, since, report):
    """Questions are read before their answers: what was done by then is on its way or published since.
    The log, and how much was compared."""
    databases = {name: sources.Database(name, conninfo) for name, conninfo in settings["databases"].items()}
    audit, keys, log = databases["audit"], sources.Keys(settings["keyd"]), Log()
    early = sources.requests(settings["gateway_logs"])
    rows = [(name, *row) for name, database in databases.items() for row in database.union(sources.ROWS)]
    histories = [(name, *row) for name, database in databases.items() for row in database.union(sources.HISTORIES)]
    known = entries_of(audit)
    said = chains(databases)
    held, waiting, asked = outboxes(databases)
    published = log.read(settings, keys, report)
    said_since = chains(databases)
    known_since = entries_of(audit)
    late = sources.requests(settings["gateway_logs"])

    compare_chains(log, said, held, said_since, known_since, report)
    compare_tables(log, published, known, known_since, audit, report)
    compare_rows(rows, histories, log, waiting, since, report)
    compare_requests(early, late, sources.Routes(settings["openapi"]), log, waiting, asked, since,
                     settings.get("patience_s", PATIENCE_S), report)
    compare_ways(log, since, report)
    for org, producer, kind, seq, times in audit.rows(sources.INCIDENTS):
        report.add(UNHEARD.get(kind, f"audit did not believe what it heard ({kind})"),
                   f"{producer} {seq} in log {org}, {times} times")
    return log, {"leaves": len(log.entries), "acts": len(log.acts), "rows": len(rows), "requests": len(early),
                 "erased": log.erased}


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    parser.add_argument("settings")
    parser.add_argument("--from", dest="since", type=datetime.datetime.fromisoformat)
    given, report = parser.parse_args(), Report()
    try:
        with open(given.settings) as file:
            settings = json.load(file)
        _, counted = reconcile(settings, given.since.timestamp() if given.since else 0, report)
    except OSError as error:
        print(f"reconcile: {error}", file=sys.stderr)
        return 69
    for kind, (count, first) in report.found.items():
        print(f"{kind}: {count}, the first: {first}")
    print(f"{report.total()} differences; {report.pending} pending; compared " +
          ", ".join(f"{count} {what}" for what, count in counted.items()))
    return 1 if report.found else 0


if __name__ == "__main__":
    sys.exit(main())
