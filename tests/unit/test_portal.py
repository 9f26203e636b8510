"""The portal's table of words is whole, and its pages keep their own policy."""
import pathlib
import re

PORTAL = pathlib.Path(__file__).resolve().parents[2] / "clients/portal"
WORDS = (PORTAL / "strings.js").read_text()
KEYS = set(re.findall(r"^    (\w+): \[", WORDS, re.M))
SCRIPTS = {file: file.read_text() for file in PORTAL.rglob("*.js") if file.name != "strings.js"}


def test_every_word_that_is_shown_stands_in_the_table():
    for file, text in SCRIPTS.items():
        asked = set(re.findall(r"\bt\('(\w+)'", text))
        assert asked <= KEYS, f"{file.name}: {sorted(asked - KEYS)}"


def test_every_word_is_there_in_both_languages():
    rows = re.findall(r"^    (\w+): (\[.*?\]),\n(?=    |\n|\})", WORDS, re.M | re.S)
    assert {key for key, _ in rows} == KEYS
    for key, row in rows:
        texts = re.findall(r"'((?:[^'\\]|\\.)+)'", row)
        assert len(texts) == 2, key
        assert set(re.findall(r"\{\d\}", texts[0])) == set(re.findall(r"\{\d\}", texts[1])), key


def test_no_word_is_left_over():
    """Composed keys (t(`state_${…}`)) name their beginning."""
    text = "".join(SCRIPTS.values())
    begun = set(re.findall(r"`(\w+_)\$\{", text)) | {"microphone_", "camera_"}
    left = {key for key in KEYS if f"'{key}'" not in text and not any(key.startswith(b) for b in begun)}
    assert left == set()


# What is not about a patient, and so in no patient's list.
ABOUT_NOBODY = re.compile(r"|slots\.read|availability\.set|formulary\.read|kek\.\w+|key\.status|shard\.\w+|"
                          r"audit\.access_review|audit\.browsing")


def test_every_act_that_a_patient_may_find_on_record_has_words():
    acts = re.findall(r'^AUDIT\(\w+, "([\w.]*)"', (PORTAL.parents[1] / "common/app/audit.def").read_text(), re.M)
    shown = {f"did_{act.replace('.', '_')}" for act in acts if not ABOUT_NOBODY.fullmatch(act)}
    assert shown | {"did_destroyed"} == {key for key in KEYS if key.startswith("did_")}


def test_whoever_is_on_record_has_words():
    """Roles, and how one stands to the patient; oneself needs none."""
    words = {name: re.findall(rf'^{name.upper()}\(\w+, "(\w+)"', (PORTAL.parents[1] / f"common/app/{name}s.def").read_text(), re.M)
             for name in ("role", "relation")}
    assert {f"role_{word}" for word in words["role"]} <= KEYS
    assert {f"stands_{word}" for word in words["relation"]} - KEYS == {"stands_self"}


def test_no_inline_script_or_style():
    for page in PORTAL.glob("*.html"):
        text = page.read_text()
        assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", text), page.name
    for file, text in SCRIPTS.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|document\.cookie", text), file.name
