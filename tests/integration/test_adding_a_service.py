"""docs/adding-a-service.md, done to the letter on a copy of the tree: the service it describes is
built, started, and answers."""
import pathlib
import re
import shutil
import subprocess
import uuid

import pytest

import telecura

TREE = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"<!-- (file|append|edit): (\S+) -->\n```\w+\n(.*?)```\n", re.S)


# What a hand in a hurry might add to it: a list without the view, a read that asks about nobody.
CARELESS = (
    ("routes.c", "edit", """-const struct route greetings_routes[] = {
+const struct route greetings_routes[] = { CARELESS
"""),
    ("greetings.h", "append", """
#define CARELESS \\
    {GET, "/v1/greetings", READ_VISIT, AUDIT_MESSAGES_READ, NULL, 2000, careless_list, .list = true}, \\
    {GET, "/v1/greetings/{id}/peek", READ_VISIT, AUDIT_MESSAGES_READ, NULL, 2000, careless_read},
handler careless_list, careless_read;
"""),
    ("sql/greeting.sql", "append", """
-- greetings_all  :many greeting
SELECT id, version, patient_id, sealed FROM greeting WHERE org = :org;
"""),
    ("greeting.c", "append", """
static struct greeting_view bare(const struct greeting *row)
{
    return (struct greeting_view){row->id, row->patient_id, STR("?"), row->version};
}

err_t careless_list(struct act *act)
{
    struct greeting_rows rows;

    TRY(act_allow_list(act));
    TRY(greetings_all(act, &rows));
    struct greeting_view *views = ARENA_ARRAY(act->arena, struct greeting_view, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++) views[i] = bare(&rows.p[i]);
    return act_reply_list(act, &greeting_shape, views, rows.n, STR_NONE);
}

err_t careless_read(struct act *act)
{
    struct greeting row;

    TRY(act_allow_none(act));
    TRY(greeting_get(act, &(struct greeting_get){act->path_id}, &row));
    const struct greeting_view view = bare(&row);
    return act_reply(act, 200, &greeting_shape, &view);
}
"""),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The tree as git knows it, with what the page says."""
    folder = tmp_path_factory.mktemp("adding")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TREE, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (TREE / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TREE / name, folder / name)
    for how, name, text in BLOCK.findall((TREE / "docs/adding-a-service.md").read_text()):
        follow(folder / name, how, text)
    for name, how, text in CARELESS:
        follow(folder / "services/greetings" / name, how, text)
    return folder


def follow(path, how, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if how == "file":
        path.write_text(text)
    elif how == "append":
        path.write_text(path.read_text() + text)
    else:
        old, new = re.search(r"-(.*?)\n\+(.*?)\n", text).groups()
        assert old in path.read_text(), f"{path.name} has no line {old}"
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture(scope="module")
def built(copy):
    """Only it and keyd, and as fast as the compiler can: whether it works is what is asked here."""
    made = subprocess.run(["make", "-j2", "B=build", "OPT_debug=-O0", "build/bin/greetings",
                           "build/bin/keyd"], cwd=copy, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    return copy / "build/bin"


@pytest.fixture
def greetings(built, monkeypatch):
    monkeypatch.setenv("TELECURA_BIN", str(built))
    suite = telecura.Suite()
    yield suite.service("greetings"), suite
    suite.close()


def test_the_service_of_the_page_works(greetings):
    service, suite = greetings
    ana, ben = suite.patient(), suite.patient()
    key = str(uuid.uuid4())
    body = {"patient_id": str(ana.patient), "text": "Thank you"}

    left = service.post("/v1/greetings", body, who=ana, key=key)
    assert left.status == 201, left
    again = service.post("/v1/greetings", body, who=ana, key=key)
    assert again.json["id"] == left.json["id"]

    path = f"/v1/greetings/{left.json['id']}"
    assert service.get(path, who=ana).json["text"] == "Thank you"
    assert service.get(path, who=ben).status == 404
    assert service.get(path).status == 401
    assert suite.outbox("greetings")
    assert "Thank you" not in service.value("SELECT encode(sealed, 'escape') FROM greeting")


def test_a_careless_handler_shows_nobody(greetings):
    """It answers 500 and says so in the log and on record, and the patient stays unseen."""
    service, suite = greetings
    ana, ben = suite.patient(), suite.patient()
    left = service.post("/v1/greetings", {"patient_id": ana.patient, "text": "Thank you"}, who=ana)
    assert left.status == 201, left

    for path in ("/v1/greetings", f"/v1/greetings/{left.json['id']}/peek"):
        reply = service.get(path, who=ben)
        assert (reply.status, reply.code) == (500, "not_visible")
        assert ana.patient.encode() not in reply.body and ana.patient not in service.tail()
        last = suite.audit("greetings", actor=ben.id)[-1]
        assert (last["outcome"], last["error"], last["patient"]) == ("refused", "not_visible", ana.patient)
    mine = service.get("/v1/greetings", who=ana)
    assert [row["patient_id"] for row in mine.json["data"]] == [ana.patient]
