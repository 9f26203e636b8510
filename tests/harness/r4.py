"""What FHIR R4 asks of the resources that are served here: a second reading of the specification
(http://hl7.org/fhir/R4), by element: cardinality, type, value set; and the invariants."""
import re

ID = r"[A-Za-z0-9\-.]{1,64}"
PATTERNS = {
    "id": ID, "code": r"[^\s]+(\s[^\s]+)*", "string": r"(?s).*\S.*", "uri": r"\S+", "url": r"\S+", "canonical": r"\S+",
    "date": r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?",
    "dateTime": r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?",
    "instant": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
}
ISSUE_TYPES = set("""invalid structure required value invariant security login unknown expired forbidden suppressed
processing not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly
business-rule conflict transient lock-error no-store exception timeout incomplete throttled informational""".split())

# element: (min, max, type); a set is a required value set, a dict a backbone element, text a type.
CODING = {"system": (0, 1, "uri"), "version": (0, 1, "string"), "code": (0, 1, "code"),
          "display": (0, 1, "string"), "userSelected": (0, 1, bool)}
CONCEPT = {"coding": (0, 9, CODING), "text": (0, 1, "string")}
IDENTIFIER = {"use": (0, 1, {"usual", "official", "temp", "secondary", "old"}), "type": (0, 1, CONCEPT),
              "system": (0, 1, "uri"), "value": (0, 1, "string")}
REFERENCE = {"reference": (0, 1, "string"), "type": (0, 1, "uri"), "identifier": (0, 1, IDENTIFIER),
             "display": (0, 1, "string")}
META = {"versionId": (0, 1, "id"), "profile": (0, 9, "canonical"), "lastUpdated": (0, 1, "instant")}
RESOURCE = {"id": (0, 1, "id"), "meta": (0, 1, META)}
RESOURCES = {
    "Patient": RESOURCE | {
        "identifier": (0, 9, IDENTIFIER), "active": (0, 1, bool),
        "name": (0, 9, {"use": (0, 1, "code"), "text": (0, 1, "string"), "family": (0, 1, "string"),
                        "given": (0, 9, "string")}),
        "telecom": (0, 9, {"system": (0, 1, {"phone", "fax", "email", "pager", "url", "sms", "other"}),
                           "value": (0, 1, "string")}),
        "gender": (0, 1, {"male", "female", "other", "unknown"}), "birthDate": (0, 1, "date"),
        "address": (0, 9, {"text": (0, 1, "string")}),
        "communication": (0, 9, {"language": (1, 1, CONCEPT), "preferred": (0, 1, bool)})},
    "Appointment": RESOURCE | {
        "status": (1, 1, {"proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow",
                          "entered-in-error", "checked-in", "waitlist"}),
        "serviceType": (0, 9, CONCEPT), "reasonCode": (0, 9, CONCEPT), "description": (0, 1, "string"),
        "start": (0, 1, "instant"), "end": (0, 1, "instant"), "minutesDuration": (0, 1, int),
        "participant": (1, 9, {"actor": (0, 1, REFERENCE),
                               "status": (1, 1, {"accepted", "declined", "tentative", "needs-action"})})},
    "AuditEvent": RESOURCE | {
        "type": (1, 1, CODING), "subtype": (0, 9, CODING), "action": (0, 1, {"C", "R", "U", "D", "E"}),
        "recorded": (1, 1, "instant"), "outcome": (0, 1, {"0", "4", "8", "12"}), "outcomeDesc": (0, 1, "string"),
        "purposeOfEvent": (0, 9, CONCEPT),
        "agent": (1, 9, {
            "type": (0, 1, CONCEPT), "role": (0, 9, CONCEPT), "who": (0, 1, REFERENCE), "requestor": (1, 1, bool),
            "policy": (0, 9, "uri"),
            "network": (0, 1, {"address": (0, 1, "string"), "type": (0, 1, {"1", "2", "3", "4", "5"})})}),
        "source": (1, 1, {"site": (0, 1, "string"), "observer": (1, 1, REFERENCE), "type": (0, 9, CODING)}),
        "entity": (0, 9, {"what": (0, 1, REFERENCE), "type": (0, 1, CODING), "role": (0, 1, CODING)})},
    "OperationOutcome": RESOURCE | {
        "issue": (1, 9, {"severity": (1, 1, {"fatal", "error", "warning", "information"}),
                         "code": (1, 1, ISSUE_TYPES), "diagnostics": (0, 1, "string")})},
    "CapabilityStatement": RESOURCE | {
        "status": (1, 1, {"draft", "active", "retired", "unknown"}), "date": (1, 1, "dateTime"),
        "kind": (1, 1, {"instance", "capability", "requirements"}),
        "software": (0, 1, {"name": (1, 1, "string"), "version": (0, 1, "string")}),
        "implementation": (0, 1, {"description": (1, 1, "string"), "url": (0, 1, "url")}),
        "fhirVersion": (1, 1, {"4.0.0", "4.0.1"}), "format": (1, 9, "code"),
        "rest": (0, 9, {
            "mode": (1, 1, {"client", "server"}),
            "security": (0, 1, {"cors": (0, 1, bool), "service": (0, 9, CONCEPT)}),
            "resource": (0, 99, {
                "type": (1, 1, "code"),
                "interaction": (0, 9, {"code": (1, 1, {"read", "vread", "update", "patch", "delete", "create",
                                                       "history-instance", "history-type", "search-type"})}),
                "searchParam": (0, 9, {"name": (1, 1, "string"), "definition": (0, 1, "canonical"),
                                       "type": (1, 1, {"number", "date", "string", "token", "reference",
                                                       "composite", "quantity", "uri", "special"})})})})},
    "Bundle": RESOURCE | {
        "type": (1, 1, {"searchset"}), "total": (0, 1, int),
        "link": (0, 9, {"relation": (1, 1, "string"), "url": (1, 1, "uri")}),
        "entry": (0, 999, {"fullUrl": (0, 1, "uri"), "resource": (0, 1, "resource"),
                           "search": (0, 1, {"mode": (0, 1, {"match", "include", "outcome"})})})},
}


def faults(resource):
    """Everything that is wrong with @resource, as texts; none is sound."""
    kind = resource.get("resourceType")
    if kind not in RESOURCES:
        return [f"no resource: {kind}"]
    found = list(_element(kind, {k: v for k, v in resource.items() if k != "resourceType"}, RESOURCES[kind]))
    found += [f"{kind}: {name}" for name, holds in INVARIANTS.get(kind, []) if not holds(resource)]
    return found


def _element(path, value, kind):
    if kind == "resource":
        yield from faults(value)
    elif isinstance(kind, dict):
        if not isinstance(value, dict) or not value:
            yield f"{path}: no element"
            return
        for name in value.keys() - kind.keys():
            yield f"{path}.{name}: unknown"
        for name, (low, high, inner) in kind.items():
            yield from _member(f"{path}.{name}", value.get(name), low, high, inner)
    elif isinstance(kind, set):
        if value not in kind:
            yield f"{path}: {value} is no code of its value set"
    elif isinstance(kind, str):
        if not isinstance(value, str) or not re.fullmatch(PATTERNS[kind], value):
            yield f"{path}: no {kind}"
    elif type(value) is not kind:
        yield f"{path}: no {kind.__name__}"


def _member(path, value, low, high, inner):
    if value is None:
        if low:
            yield f"{path}: missing"
    elif high > 1:
        if not isinstance(value, list) or not low <= len(value) <= high or not value:
            yield f"{path}: no array of {max(low, 1)} to {high}"
        else:
            for item in value:
                yield from _element(path, item, inner)
    else:
        yield from _element(path, value, inner)


def _both_or_neither(a):
    return ("start" in a) == ("end" in a)


BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
HL7 = "http://terminology.hl7.org/CodeSystem/"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
# profile: (action, interactions, role of the client, role of the server, roles of the user)
PROFILES = {
    "Read": ("R", {"read", "vread"}, "110152", "110153", {"IRCP"}),
    "Create": ("C", {"create"}, "110153", "110152", {"AUT", "INF", "CST"}),
    "Update": ("U", {"update", "patch"}, "110153", "110152", {"AUT", "INF", "CST"}),
}


def balp_faults(event):
    """What IHE's Basic Audit Log Patterns ask of the profile that an AuditEvent claims."""
    profile = event["meta"]["profile"][0].removeprefix(BALP)
    about_patient = profile.startswith("Patient")
    action, interactions, client, server, users = PROFILES[profile.removeprefix("Patient")]
    agents = {}
    for agent in event["agent"]:
        coding = agent["type"]["coding"][0]
        agents.setdefault((coding["system"], coding["code"]), []).append(agent)
    entities = {}
    for entity in event["entity"]:
        entities.setdefault((entity["type"]["system"], entity["type"]["code"]), []).append(entity)
    machines = [agents.get((DCM, code), []) for code in (client, server)]
    people = [agent for (system, code), found in agents.items() for agent in found
              if system == HL7 + "v3-ParticipationType" and code in users]
    things = entities.get((HL7 + "audit-entity-type", "2"), [])
    patients = entities.get((HL7 + "audit-entity-type", "1"), [])
    requests = [entity for (_, code), found in entities.items() for entity in found if code == "XrequestId"]
    asked = {
        "type is rest": (event["type"]["system"], event["type"]["code"]) == (HL7 + "audit-event-type", "rest"),
        "subtype is the interaction": any(s["system"] == "http://hl7.org/fhir/restful-interaction"
                                          and s["code"] in interactions for s in event["subtype"]),
        "action": event["action"] == action,
        "outcome is success": event["outcome"] == "0",
        "one client and one server": [len(found) for found in machines] == [1, 1],
        "machines have a name and a network": all("who" in a and "network" in a for found in machines for a in found),
        "at most one user": len(people) <= 1 and len(people) + 2 == len(event["agent"]),
        "a user is the requestor, and no machine": all(
            a["requestor"] and "who" in a and "network" not in a for a in people),
        "one thing in a role of REST": len(things) == 1 and "what" in things[0] and (
            things[0]["role"]["system"], things[0]["role"]["code"]) in {(HL7 + "object-role", c) for c in ("3", "4", "20")},
        "a request has its id": all(e["what"]["identifier"]["value"] for e in requests) and len(requests) <= 1,
        "one patient, if the profile is of patients": len(patients) == about_patient and all(
            e["what"]["reference"].startswith("Patient/") and
            (e["role"]["system"], e["role"]["code"]) == (HL7 + "object-role", "1") for e in patients),
    }
    return [f"{profile}: {name}" for name, holds in asked.items() if not holds]


# Of HL7's value set v3-PurposeOfUse, those that a record here can have been used for.
PURPOSES = {"PATRQT", "FAMRQT", "TREAT", "BTG", "PATADMIN", "HPAYMT", "HCOMPL", "HSYSADMIN", "HOPERAT"}
INVARIANTS = {
    "AuditEvent": [
        ("sev-1: what was asked for is no query", lambda a: all(not ("name" in e and "query" in e) for e in a["entity"])),
        ("what for is a PurposeOfUse", lambda a: all(
            c["system"] == HL7 + "v3-ActReason" and c["code"] in PURPOSES
            for p in a.get("purposeOfEvent", []) for c in p["coding"])),
        ("its profile", lambda a: "meta" not in a or not balp_faults(a)),
        ("a failure claims no profile of a success", lambda a: a["outcome"] == "0" or "meta" not in a)],
    "Patient": [("pat: a record says something", lambda p: "name" in p or "identifier" in p)],
    "Appointment": [
        ("app-1: a participant has a type or an actor", lambda a: all("actor" in p for p in a["participant"])),
        ("app-2: start and end, or neither", _both_or_neither),
        ("app-3: only proposed and cancelled ones lack a time",
         lambda a: "start" in a or a["status"] in ("proposed", "cancelled", "waitlist")),
        ("ref-1: a reference says whom", lambda a: all(
            {"reference", "identifier"} & p.get("actor", {"reference": ""}).keys() for p in a["participant"]))],
    "CapabilityStatement": [
        ("cpb-1: rest, messaging or document", lambda c: "rest" in c),
        ("cpb-2: description, software or implementation", lambda c: "software" in c or "implementation" in c),
        ("cpb-14: an instance says its implementation", lambda c: c["kind"] != "instance" or "implementation" in c),
        ("cpb-9: a type once", lambda c: all(
            len({r["type"] for r in rest["resource"]}) == len(rest["resource"]) for rest in c["rest"])),
        ("cpb-12: a search parameter once", lambda c: all(
            len({s["name"] for s in r.get("searchParam", [])}) == len(r.get("searchParam", []))
            for rest in c["rest"] for r in rest["resource"]))],
    "Bundle": [
        ("a searchset says its own link", lambda b: any(link["relation"] == "self" for link in b.get("link", []))),
        ("bdl-8: fullUrl is no version's", lambda b: all("_history" not in e["fullUrl"] for e in b.get("entry", []))),
        ("bdl-7: fullUrl once", lambda b: len({e["fullUrl"] for e in b.get("entry", [])}) == len(b.get("entry", []))),
        ("fullUrl ends in the id", lambda b: all(
            e["fullUrl"].endswith(f"/{e['resource']['resourceType']}/{e['resource']['id']}")
            for e in b.get("entry", [])))],
}
