"""The work of the booking bench: the clinic that every run finds, the requests that book in it, and
the same booking as a pgbench script made from the service's own statements.

PATIENTS and PROVIDERS take turns, in no order of their ids, and go forward in time, so that no booking
collides by chance. A conflict asks again for a slot that was booked 300 to 600 requests earlier: 409 is the right answer.
"""
import base64
import hashlib
import hmac
import json
import random
import re
import time
import uuid

PATIENTS, PROVIDERS, PRELOADED = 1000, 1000, 50_000
STRIDE, STRIDE_PROVIDERS = 7, 389  # of turns; no common factor with the numbers above
SLOT_S, SLOTS_A_DAY, DAYS = 1800, 16, 30
PRELOADED_FROM_DAY = 20  # a booking run never comes so far
ORG = "0a000000-0000-4000-8000-000000000001"
SEED_PATIENTS = 10_000
SEED_SECRET = "of-the-bench-alone-0123456789abcdef"
REASON = ("Follow-up consultation after the visit of last week; the patient reports mild symptoms "
          "and asks for a video call in the morning.")
# People differ in the leading digits of their ids, as UUIDv7s of different moments do. GiST chooses a
# page by the first 53 significant bits: what differs only below is scattered, 400 us an insert for 156.
APART = 10**15
# Midnight, the day after tomorrow.
BASE_S = (int(time.time()) // 86400 + 2) * 86400


def number_uuid(kind, n):
    """A uuid whose digits are decimal, so that pgbench, which knows only integers, can spell it."""
    return str(uuid.UUID(f"{kind * 10**18 + n * APART:032d}"))


def patient(n):
    return number_uuid(2, n)


def provider(n):
    return number_uuid(3, n)


def slot_s(i):
    """The start of every provider's i-th slot: eight hours a day from nine."""
    return BASE_S + i // SLOTS_A_DAY * 86400 + 9 * 3600 + i % SLOTS_A_DAY * SLOT_S


def rfc3339(at_s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))


# ---- the clinic, in the service's schema ----

def fill(postgres, database, text):
    """And plans know of it, and no checkpoint is due."""
    for statement in (text, "VACUUM ANALYZE", "CHECKPOINT"):
        postgres.execute(database, statement)


def clinic_sql(issuer):
    """People, consents, offered time and PRELOADED bookings to come, so that plans and depths are
    those of a live clinic and not of an empty table."""
    digits = "('0000000000000' || ({kind}000000000000000000 + {n} * {apart})::text)::uuid"
    of_patient = digits.format(kind=2, n="({n})", apart=APART)
    of_provider = digits.format(kind=3, n="({n})", apart=APART)
    p, q = of_patient.format(n="n"), of_provider.format(n="n")
    base = f"to_timestamp({BASE_S})"
    return f"""
BEGIN;
INSERT INTO member (org, id, act_id, person, role, state, issuer, subject, patient)
SELECT '{ORG}', {p}, {p}, {p}, 'patient', 'active', '{issuer}', 'patient-' || n, {p}
FROM generate_series(0, {PATIENTS - 1}) AS n;
INSERT INTO relation (org, id, act_id, person, patient_id, kind, starts_at)
SELECT '{ORG}', {p}, {p}, {p}, {p}, 'self', '2020-01-01Z' FROM generate_series(0, {PATIENTS - 1}) AS n;
INSERT INTO consent (org, id, act_id, patient_id, scope, state, starts_at)
SELECT '{ORG}', {p}, {p}, {p}, 'telehealth', 'active', '2020-01-01Z'
FROM generate_series(0, {PATIENTS - 1}) AS n;
INSERT INTO schedule (org, id, provider_id, site_id, time_zone, weeks, expand_from)
SELECT '{ORG}', {q}, {q}, '{ORG}', 'UTC', 1, '2100-01-01'
FROM generate_series(0, {PROVIDERS - 1}) AS n;
INSERT INTO availability (org, schedule_id, provider_id, site_id, time_zone, during)
SELECT '{ORG}', {q}, {q}, '{ORG}', 'UTC',
       tstzrange({base} + day * interval '1 day' + interval '9 hours',
                 {base} + day * interval '1 day' + interval '17 hours')
FROM generate_series(0, {PROVIDERS - 1}) AS n, generate_series(0, {DAYS - 1}) AS day;
CREATE TEMPORARY TABLE booked ON COMMIT DROP AS
SELECT gen_random_uuid() AS id, {of_patient.format(n=f"n * {STRIDE} % {PATIENTS}")} AS patient_id,
       {of_provider.format(n=f"n * {STRIDE_PROVIDERS} % {PROVIDERS}")} AS provider_id,
       {base} + ({PRELOADED_FROM_DAY} + n / {PROVIDERS * SLOTS_A_DAY}) * interval '1 day'
              + interval '9 hours'
              + n / {PROVIDERS} % {SLOTS_A_DAY} * interval '30 minutes' AS at
FROM generate_series(0, {PRELOADED - 1}) AS n;
INSERT INTO appointment (org, id, act_id, patient_id, provider_id, site_id, time_zone, visit_type,
                         target_minutes, state, during, starts_at, ends_at, local_start, sealed)
SELECT '{ORG}', id, id, patient_id, provider_id, '{ORG}', 'UTC', 'consultation', 15, 'scheduled',
       tstzrange(at, at + interval '30 minutes'), at, at + interval '30 minutes', '', decode(repeat('a5', 300), 'hex') FROM booked;
INSERT INTO appointment_history (org, appointment_id, version, event, state, starts_at, actor, role,
                                 act_id, at)
SELECT '{ORG}', id, 1, 'book', 'scheduled', at, patient_id, 'patient', id, now() FROM booked;
INSERT INTO relation (org, id, act_id, person, patient_id, kind, starts_at, ends_at)
SELECT '{ORG}', id, id, provider_id, patient_id, 'booked', now(), at + interval '30 days' FROM booked;
COMMIT;
"""


# ---- requests ----

def _record(status, token, key, body):
    text = json.dumps(body, separators=(",", ":"))
    request = ("POST /v1/appointments HTTP/1.1\r\nHost: bench.test\r\n"
               f"X-Request-Id: {uuid.uuid4()}\r\n"
               f"Authorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n"
               "Content-Type: application/json\r\nAccept: application/json\r\n"
               f"Content-Length: {len(text)}\r\n\r\n{text}")
    return f"{status} {len(request)}\n{request}"


def _bookings(first, count, conflicts, patients=PATIENTS):
    """(status, patient number, provider number, slot) of each."""
    chance = random.Random(1)
    recent = []
    for i in range(first, first + count):
        if conflicts and len(recent) > 600 and chance.random() < conflicts:
            taken, slot = recent[-chance.randrange(300, 600)]
            yield 409, i * STRIDE % patients, taken, slot
        else:
            recent.append((i * STRIDE_PROVIDERS % PROVIDERS, i // PROVIDERS))
            yield 201, i * STRIDE % patients, *recent[-1]


def write_requests(path, tokens, first, count, conflicts=0.0):
    """For the service."""
    with open(path, "w") as f:
        for status, who, whom, slot in _bookings(first, count, conflicts):
            f.write(_record(status, tokens[who], uuid.uuid4(), {
                "patient_id": patient(who), "provider_id": provider(whom),
                "visit_type": "consultation", "starts_at": rfc3339(slot_s(slot)),
                "reason": REASON}))


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _seed_token(n):
    body = {"exp": int(time.time()) + 86400, "sub": f"00000000-0000-4000-8000-{n:012x}"}
    text = ".".join(_base64url(json.dumps(part).encode())
                    for part in ({"alg": "HS256", "typ": "JWT"}, body))
    mac = hmac.new(SEED_SECRET.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{_base64url(mac)}"


def write_seed_requests(path, first, count, conflicts):
    """The same bookings for the seed's design."""
    tokens = [_seed_token(n) for n in range(SEED_PATIENTS)]
    with open(path, "w") as f:
        for status, who, whom, slot in _bookings(first, count, conflicts, SEED_PATIENTS):
            f.write(_record(status, tokens[who], uuid.uuid4(), {
                "provider_id": f"00000000-0000-4000-9000-{whom:012x}",
                "appointment_time": rfc3339(slot_s(slot)), "duration_minutes": 30,
                "reason": REASON}))


# ---- the same booking as a pgbench script ----

# What the service sends, flush by flush; app/act and services/appointments/visit.c are the truth.
FLUSHES = [["BEGIN", "guard_allow", "guard_consent", "appointment_insert"],
           ["act_end", "COMMIT"]]

# Values that differ from booking to booking, as pgbench computes them.
OF_THE_SCRIPT = {
    "id": "('0000000000000' || :id::text)::uuid",
    "patient": "('0000000000000' || :patient::text)::uuid",
    "provider": "('0000000000000' || :provider::text)::uuid",
    "starts_at": "to_timestamp(:at::float8)",
}


def statements_of(*files):
    """name -> text of every statement of the .sql files."""
    found = {}
    for path in files:
        heads = re.sub(r"^-- (\w+)  :\w+.*$", r"@\1", path.read_text(), flags=re.M)
        plain = re.sub(r"^--.*\n", "", heads, flags=re.M)  # a comment may end in a semicolon
        for name, text in re.findall(r"^@(\w+)\n(.*?;)$", plain, re.M | re.S):
            found[name] = " ".join(text.split())
    return found


def _filled(text, values):
    """@text with its parameters replaced, each with the type that its first cast gives it."""
    types = {"org": "uuid", "now": "timestamptz", "act": "uuid", "actor": "uuid"}
    for name, kind in re.findall(r"(?<!:):([a-z_]+)\??::(\w+(?:\[\])?)", text):
        types.setdefault(name, kind)
    # pgbench would take the colons of a quoted format for variables.
    text = re.sub(r"'[^']*'", lambda m: m.group().replace(":", "' || chr(58) || '"), text)

    def value(match):
        name = match.group(1)
        return f"{values[name]}::{types[name]}"
    return re.sub(r"(?<![:\w]):([a-z_]+)\??(?:::\w+(?:\[\])?)?", value, text)


def pgbench_script(statements, sample, clients):
    """@sample: rows that the service left of one booking; the constants come from there."""
    constants = {  # a pgbench variable each, so that they travel as parameters
        "org": ORG, "kinds": "{self}", "act": sample["audit"]["act"],
        "now": sample["audit"]["at"], "sealed": sample["visit"]["sealed"],
        "payload": sample["event"]["payload"], "hash": sample["key"]["body_hash"],
        "remote": sample["audit"]["remote"] or "127.0.0.1",
        "action": sample["audit"]["action"], "resource": sample["audit"]["resource"],
        "purpose": sample["audit"]["purpose"],
        "request": sample["audit"]["request"], "token": sample["audit"]["token"],
        "sign_in": sample["audit"]["sign_in"],
        "topic": sample["event"]["topic"], "kind": sample["event"]["kind"],
    }
    of = OF_THE_SCRIPT
    common = {"org": ":org", "now": ":now", "act": ":act", "actor": of["patient"],
              "patient_id": of["patient"], "provider_id": of["provider"], "id": of["id"],
              "starts_at": of["starts_at"], "version": "1", "sealed": ":sealed"}
    own = {
        "guard_allow": {"kinds": ":kinds"},
        "guard_consent": {"scope": "'telehealth'", "purpose": ":purpose", "refusal": "'TC002'"},
        "appointment_insert": {"visit_type": "'consultation'", "labels": "0", "role": "'patient'",
                               "care_days": "30"},
        "act_end": {"event": of["id"], "topic": ":topic", "event_key": of["id"], "event_kind": ":kind",
                    "event_version": "1", "payload": ":payload", "resource": ":resource",
                    "key": of["id"] + "::text", "body_hash": ":hash", "row_id": of["id"],
                    "action": ":action", "outcome": "'done'", "error": "NULL", "who": of["patient"],
                    "role": "'patient'", "acr": "1", "remote": ":remote", "purpose": ":purpose",
                    "request": ":request", "token": ":token", "sign_in": ":sign_in",
                    "labels": "NULL", "resource_id": of["id"], "resource_version": "1"},
    }
    lines = [
        "\\set n :n + 1",
        f"\\set turn :n * {clients} + :client_id",
        "\\set id 1000000000000000000 + :client_id * 1000000000000000 + :n",
        f"\\set patient 2000000000000000000 + :turn * {STRIDE} % {PATIENTS} * {APART}",
        f"\\set provider 3000000000000000000 + :turn * {STRIDE_PROVIDERS} % {PROVIDERS} * {APART}",
        f"\\set slot :turn / {PROVIDERS}",
        f"\\set at {slot_s(0)} + :slot / {SLOTS_A_DAY} * 86400 + :slot % {SLOTS_A_DAY} * {SLOT_S}",
    ]
    for flush in FLUSHES:
        lines.append("\\startpipeline")
        for name in flush:
            text = f"{name};" if name.isupper() else _filled(statements[name],
                                                             {**common, **own.get(name, {})})
            lines.append(text)
        lines.append("\\endpipeline")
    flags = [word for name, value in {**constants, "n": 0}.items()
             for word in ("-D", f"{name}={value}")]
    return "\n".join(lines) + "\n", flags
