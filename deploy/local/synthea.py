"""synthea - reads FHIR R4 bundles as Synthea writes them; a malformed one is refused whole.

read(file) answers a Bundle with the bodies that our routes take, or raises Malformed with the
resource and the reason. Reasons quote nothing: what stands in a bundle may be about a real person.
Resource types that we do not keep are looked at only as far as every resource is.
"""
import dataclasses
import datetime
import json
import re

ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
DATE_TIME = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
BUNDLE_TYPES = ["transaction", "batch", "collection"]
GENDERS = ["male", "female", "other", "unknown"]
CRITICALITIES = ["low", "high", "unable-to-assess"]

# type: our path, whose it is, since when
CHART = {
    "AllergyIntolerance": ("allergies", "patient", "onsetDateTime"),
    "Condition": ("conditions", "subject", "onsetDateTime"),
    "MedicationRequest": ("medicines", "subject", "authoredOn"),
}


class Malformed(Exception):
    def __init__(self, where, reason):
        super().__init__(f"{where}: {reason}")
        self.where, self.reason = where, reason


@dataclasses.dataclass
class Record:
    where: str      # "Condition/17"
    path: str       # allergies, conditions, medicines
    body: dict


@dataclasses.dataclass
class Patient:
    where: str
    body: dict
    records: list


@dataclasses.dataclass
class Clinician:
    where: str
    body: dict


@dataclasses.dataclass
class Bundle:
    name: str
    patients: list
    clinicians: list


def read(file):
    resources, names = index(parse(file))
    patients = {where: Patient(where, patient_body(where, resource), [])
                for where, resource in resources.items() if resource["resourceType"] == "Patient"}
    clinicians = [Clinician(where, clinician_body(where, resource)) for where, resource
                  in resources.items() if resource["resourceType"] == "Practitioner"]
    for where, resource in resources.items():
        if resource["resourceType"] in CHART:
            path, whose, _ = CHART[resource["resourceType"]]
            owner = names.get(reference(where, resource, whose))
            if owner not in patients:
                raise Malformed(where, f"{whose} is no patient of this bundle")
            body = record_body(where, resource, resources, names)
            patients[owner].records.append(Record(where, path, body))
    return Bundle(file.name, list(patients.values()), clinicians)


# ---- the bundle ----

def parse(file):
    def once(pairs):
        if len({name for name, _ in pairs}) < len(pairs):
            raise Malformed("bundle", "a name stands twice in one object")
        return dict(pairs)

    def no_number(_):
        raise Malformed("bundle", "is not JSON")

    try:
        text = file.read_bytes().decode("utf-8")
        return json.loads(text, object_pairs_hook=once, parse_constant=no_number)
    except OSError as error:
        raise Malformed("bundle", f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Malformed("bundle", "is not UTF-8") from None
    except RecursionError:
        raise Malformed("bundle", "is nested too deeply") from None
    except ValueError:
        raise Malformed("bundle", "is not JSON") from None


def index(bundle):
    """{"Type/id": resource} and {reference: "Type/id"} of all entries."""
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise Malformed("bundle", "resourceType is not Bundle")
    if bundle.get("type") not in BUNDLE_TYPES:
        raise Malformed("bundle", f"type is none of {', '.join(BUNDLE_TYPES)}")
    resources, names = {}, {}
    for number, entry in enumerate(listed("bundle", bundle, "entry", required=True)):
        resource = entry.get("resource")
        if not isinstance(resource, dict):
            raise Malformed(f"entry {number}", "has no resource")
        kind, id = resource.get("resourceType"), resource.get("id")
        if not isinstance(kind, str) or not TYPE.fullmatch(kind):
            raise Malformed(f"entry {number}", "the resource has no resourceType")
        if not isinstance(id, str) or not ID.fullmatch(id):
            raise Malformed(f"entry {number} ({kind})", "id is missing or no FHIR id")
        where = f"{kind}/{id}"
        full_url = text(where, entry, "fullUrl", 0, 1024)
        if where in resources or (full_url and full_url in names):
            raise Malformed(where, "stands twice in the bundle")
        resources[where] = resource
        names[where] = where
        if full_url:
            names[full_url] = where
    return resources, names


# ---- what our routes take ----

def patient_body(where, resource):
    name = chosen_name(where, resource)
    gender = text(where, resource, "gender", 1, 16, required=True)
    if gender not in GENDERS:
        raise Malformed(where, f"gender is none of {', '.join(GENDERS)}")
    body = {
        "family_name": text(where, name, "family", 1, 200, required=True),
        "given_name": joined(where, name, "given", 1, 200),
        "birth_date": day(where, resource, "birthDate"),
        "gender": gender,
        "mrn": record_number(where, resource),
        "phone": telecom(where, resource, "phone", 3, 40),
        "email": telecom(where, resource, "email", 3, 254),
        "address": address(where, resource),
        "language": language(where, resource),
    }
    return {key: value for key, value in body.items() if value}


def clinician_body(where, resource):
    name = chosen_name(where, resource)
    words = [word for key in ("prefix", "given") for word in texts(where, name, key)]
    words.append(text(where, name, "family", 1, 200, required=True))
    return {"role": "clinician", "display_name": within(where, "name", " ".join(words), 1, 200)}


def record_body(where, resource, resources, names):
    _, _, since = CHART[resource["resourceType"]]
    body = concept(where, *coded(where, resource, resources, names))
    onset = date_time(where, resource, since)
    criticality = text(where, resource, "criticality", 1, 32)
    if criticality and criticality not in CRITICALITIES:
        raise Malformed(where, f"criticality is none of {', '.join(CRITICALITIES)}")
    if onset and len(onset) >= len("2020-02-02"):   # a year alone is sound, and no day
        body["onset"] = onset[:10]
    if criticality and resource["resourceType"] == "AllergyIntolerance":
        body["criticality"] = criticality
    status = status_of(where, resource)
    return body | ({"status": status} if status else {})


def status_of(where, resource):
    if resource["resourceType"] == "MedicationRequest":
        return text(where, resource, "status", 1, 32, required=True)
    status = resource.get("clinicalStatus")
    code = concept(where, status, "clinicalStatus").get("code") if status is not None else None
    return within(where, "clinicalStatus", code, 1, 32) if code else None


def coded(where, resource, resources, names):
    """The concept that says what it is, and the name under which it stood."""
    if resource["resourceType"] != "MedicationRequest":
        return resource.get("code"), "code"
    if "medicationReference" not in resource:
        return resource.get("medicationCodeableConcept"), "medicationCodeableConcept"
    target = reference(where, resource, "medicationReference")
    inside = {f"#{one.get('id')}": one for one in listed(where, resource, "contained")}
    medication = inside.get(target) or resources.get(names.get(target), {})
    if medication.get("resourceType") != "Medication":
        raise Malformed(where, "medicationReference is no Medication of this bundle")
    return medication.get("code"), "code of the medication"


def chosen_name(where, resource):
    names = listed(where, resource, "name", required=True)
    return next((name for name in names if name.get("use") == "official"), names[0])


def joined(where, holder, key, least, most):
    return within(where, key, " ".join(texts(where, holder, key)), least, most)


def record_number(where, resource):
    for identifier in listed(where, resource, "identifier"):
        kind = identifier.get("type") or {}
        if not isinstance(kind, dict):
            raise Malformed(where, "type of an identifier is not an object")
        if any(code.get("code") == "MR" for code in listed(where, kind, "coding")):
            return text(where, identifier, "value", 1, 64, required=True)
    return None


def telecom(where, resource, system, least, most):
    for contact in listed(where, resource, "telecom"):
        if contact.get("system") == system:
            return text(where, contact, "value", least, most, required=True)
    return None


def address(where, resource):
    for one in listed(where, resource, "address"):
        parts = texts(where, one, "line") + [text(where, one, key, 0, 200) for key in
                                             ("city", "state", "postalCode", "country")]
        return within(where, "address", ", ".join(part for part in parts if part), 0, 500)
    return None


def language(where, resource):
    spoken = listed(where, resource, "communication")
    for one in sorted(spoken, key=lambda one: one.get("preferred") is not True):
        code = concept(where, one.get("language"), "language").get("code")
        return within(where, "language", code, 2, 35) if code else None
    return None


# ---- FHIR's own types ----

def concept(where, value, key):
    """A CodeableConcept as text, system, code; the first coding counts."""
    if not isinstance(value, dict):
        raise Malformed(where, f"{key} is missing or not an object")
    coding = (listed(where, value, "coding") or [{}])[0]
    found = {"system": text(where, coding, "system", 1, 200),
             "code": text(where, coding, "code", 1, 64),
             "text": text(where, value, "text", 1, 500) or text(where, coding, "display", 1, 500)}
    found["text"] = found["text"] or found["code"]
    if not found["text"]:
        raise Malformed(where, f"{key} has neither text nor code")
    return {name: said for name, said in found.items() if said}


def reference(where, resource, key):
    value = resource.get(key)
    if not isinstance(value, dict) or not isinstance(value.get("reference"), str):
        raise Malformed(where, f"{key} is no reference")
    return value["reference"]


def listed(where, holder, key, required=False):
    value = holder.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Malformed(where, f"{key} is not a list of objects")
    if required and not value:
        raise Malformed(where, f"{key} is missing or empty")
    return value


def texts(where, holder, key):
    value = holder.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Malformed(where, f"{key} is not a list of texts")
    return value


def text(where, holder, key, least, most, required=False):
    value = holder.get(key)
    if value is None and not required:
        return None
    return within(where, key, value, least, most)


def within(where, key, value, least, most):
    """@value when it is sound text of @least to @most bytes."""
    if not isinstance(value, str):
        raise Malformed(where, f"{key} is missing or no text")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:      # half of a surrogate pair
        raise Malformed(where, f"{key} is no sound Unicode") from None
    if "\0" in value or not least <= size <= most:
        raise Malformed(where, f"{key} is not of {least} to {most} bytes")
    return value


def day(where, resource, key):
    value = text(where, resource, key, 1, 32, required=True)
    if not DAY.fullmatch(value) or not real_day(value):
        raise Malformed(where, f"{key} is no full day YYYY-MM-DD")
    if not "1900-01-01" <= value <= datetime.date.today().isoformat():
        raise Malformed(where, f"{key} is before 1900 or in the future")
    return value


def date_time(where, resource, key):
    value = text(where, resource, key, 1, 64)
    if value is None:
        return None
    if not DATE_TIME.fullmatch(value) or not real_day((value + "-01-01")[:10]):
        raise Malformed(where, f"{key} is no FHIR dateTime")
    if not "1900" <= value[:4] <= "2200":
        raise Malformed(where, f"{key} is before 1900 or after 2200")
    return value


def real_day(value):
    try:
        return bool(datetime.date.fromisoformat(value))
    except ValueError:
        return False
