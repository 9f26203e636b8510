"""The installation's keys are for who operates it."""
import uuid

import pytest


@pytest.mark.family(4)
@pytest.mark.parametrize("domain", [None, "mac"])
def test_no_other_organisation_turns_what_is_everybodys(suite, access, staff, domain):
    def asks(who):
        if domain:
            return [access.post("/v1/keys/renew", {"domain": domain}, who=who)]
        return [access.get("/v1/keys", who=who), access.post("/v1/keys/rotate", who=who)]

    for who, code in ((staff["admin"], None), (staff["other_admin"], "forbidden")):
        who.token = suite.idp.token(who.subject, acr=2)
        assert {reply.code for reply in asks(who)} == {code}
    own = access.post("/v1/keys/renew", {"domain": "idx"}, who=staff["other_admin"])
    assert own.status == 200, "an organisation's own it renews"


@pytest.mark.parametrize("named,why", [("the clinic", "operator_org: not an id"), (str(uuid.uuid4()), "no organisation")])
def test_an_operator_who_is_nobody_is_told_at_start(access, named, why):
    """Not when the keys have to be turned."""
    with open(f"{access.config}.operator", "w") as f:
        f.write(open(access.config).read() + f"\noperator_org = {named}\n")
    done = access.command("--config", f"{access.config}.operator")
    assert done.returncode and why in done.stderr + done.stdout
