"""The 25 families of attack and what others' tools try; where each is tried, and what of it has no subject yet.

`where` names files below tests/: those of this folder are of one family each, the others hold the mark
`family(number)` where a test of theirs is such a case. `later` is (what is not tried, the capability that brings
its subject); these are printed and not counted. A family needs one or the other.
"""
import pathlib
import re
from typing import NamedTuple

TESTS = pathlib.Path(__file__).resolve().parents[1]
TOOLS = 26      # others' tools are no family of attack


class Family(NamedTuple):
    number: int
    name: str
    where: tuple
    later: tuple = ()


FAMILIES = [
    Family(1, "tokens", ("hostile/test_tokens.py", "hostile/test_every_route.py", "hostile/real/test_door.py",
                         "hostile/real/test_guests.py", "integration/test_gateway_rules.py", "unit/crypto/test_jws.c")),
    Family(2, "key ids", ("hostile/test_key_ids.py", "hostile/real/test_door.py")),
    Family(3, "claims", ("hostile/test_claims.py", "integration/access/test_people.py", "hostile/test_who_acts.py", "hostile/test_every_route.py",
                         "hostile/real/test_machines.py")),
    Family(4, "foreign ids", ("hostile/test_foreign_ids.py", "hostile/test_every_route.py", "hostile/test_lists.py",
                              "hostile/test_act_rules.py", "integration/audit/test_feed.py", "integration/access/test_keys.py"),
           (("a file's id, a claim's id", "files; insurance claims"),)),
    Family(5, "extra fields", ("hostile/test_extra_fields.py", "hostile/test_every_route.py")),
    Family(6, "grants", ("hostile/test_grants.py", "integration/access/test_removals.py", "integration/messaging/test_hostile.py",
                         "integration/messaging/test_feed.py", "integration/access/test_relations.py",
                         "integration/audit/test_answers.py", "unit/app/test_grant.c", "unit/crypto/test_paseto.c")),
    Family(7, "revoked in use", ("integration/messaging/test_feed.py", "integration/messaging/test_sessions.py", "integration/signaling/test_feed.py",
                                 "integration/signaling/test_turn.py", "e2e/test_revocation.py"),
           (("a recording that goes on, an export to who may not have it any more", "recordings; exports for research"),)),
    Family(8, "foreign origins", ("hostile/test_origins.py", "hostile/real/test_door.py", "integration/messaging/test_hostile.py")),
    Family(9, "WebSocket frames", ("hostile/real/test_door.py", "hostile/real/test_autobahn.py", "integration/messaging/test_hostile.py", "hostile/test_act_rules.py",
                                   "unit/io/test_ws.c")),
    Family(10, "slow clients", ("hostile/real/test_door.py", "hostile/test_waiting.py", "integration/messaging/test_replicas.py", "unit/io/test_http.c")),
    Family(11, "floods", ("hostile/real/test_door.py", "hostile/real/test_guests.py", "integration/messaging/test_hostile.py",
                          "integration/test_gateway_rules.py")),
    Family(12, "JSON", ("hostile/test_json.py", "hostile/test_every_route.py", "unit/codec/test_json.c")),
    Family(13, "smuggling", ("hostile/test_smuggling.py", "hostile/real/test_door.py", "e2e/test_gateway.py", "unit/io/test_h1.c")),
    Family(14, "SQL", ("hostile/test_injection.py",)),
    Family(15, "protobuf", ("hostile/real/test_records.py", "unit/codec/test_pb.c",)),
    Family(16, "forged events", ("hostile/real/test_records.py", "integration/audit/test_feed.py",
                                 "integration/audit/test_unheard.py")),
    Family(17, "canaries", ("hostile/test_nowhere.py", "e2e/test_canary.py", "integration/audit/test_feed.py")),
    Family(18, "log lines", ("hostile/test_log_lines.py", "unit/base/test_log.c")),
    Family(19, "guessing", ("hostile/test_guessing.py", "hostile/real/test_signing_in.py")),
    Family(20, "second factors", ("hostile/test_second_factor.py", "hostile/real/test_signing_in.py", "integration/access/test_people.py"),
           (("wrong origin, challenge, counter of a key", "WebAuthn"),)),
    Family(21, "break-glass", ("integration/access/test_glass.py", "integration/access/test_emergency_pass.py",
                                  "integration/audit/test_browsing.py")),
    Family(22, "twice and at once", ("hostile/test_act_rules.py", "integration/access/test_removals.py",
                                     "integration/access/test_grants.py", "integration/appointments/test_booking.py",
                                     "integration/billing/test_paying.py", "integration/prescriptions/test_prescribing.py"),
           (("two sign a controlled substance", "controlled substances"),)),
    Family(23, "sealed data", ("hostile/test_tampering.py", "hostile/test_act_rules.py", "integration/keyd/test_keyd.py",
                               "unit/crypto/test_aead.c", "unit/keyd/test_kek.c")),
    Family(24, "the audit log", ("hostile/test_own_past.py", "integration/audit/test_rollback.py",
                                 "unit/audit/test_note.c", "unit/audit/test_merkle.c", "unit/audit/test_tiles.c"),
           (("a forged witness's signature", "witnesses"),)),
    Family(25, "paths and references", ("hostile/test_paths.py", "integration/access/test_portal.py", "integration/audit/test_feed.py"),
           (("kinds that lie, bombs, polyglots, ranges, chunks", "files"), ("webhooks' and pictures' addresses", "webhooks"))),
    Family(TOOLS, "others' tools", ("hostile/real/test_schemathesis.py", "hostile/real/test_tls.py")),
]


def faults():
    """What is wrong with the table, without running anything."""
    if [family.number for family in FAMILIES] != list(range(1, TOOLS + 1)):
        yield "the table has 26 rows in order"
    for family in FAMILIES:
        if not family.where and not family.later:
            yield f"family {family.number} is neither tried nor later"
        for name in family.where:
            if not (TESTS / name).exists():
                yield f"family {family.number}: there is no tests/{name}"
            elif name.endswith(".py") and not re.search(rf"\bfamily\({family.number}\)", (TESTS / name).read_text()):
                yield f"family {family.number}: tests/{name} has no case of it"
    marked = {str(file.relative_to(TESTS)): set(map(int, re.findall(r"\bmark\.family\((\d+)\)", file.read_text())))
              for file in TESTS.rglob("test_*.py")}
    for name, numbers in marked.items():
        for number in numbers:
            if not 1 <= number <= TOOLS or name not in FAMILIES[number - 1].where:
                yield f"tests/{name} has cases of family {number}, whose row does not name it"
