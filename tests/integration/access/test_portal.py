"""The portal's files, the API's description, and what the binary says of itself."""
import json
import os

import pytest


def test_the_portal_is_served_with_headers_that_bind_the_browser(access):
    page = access.get("/")
    assert page.status == 200 and page.body.startswith(b"<!doctype html>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    script = access.get("/app/main.js")
    assert script.status == 200 and script.headers["content-type"].startswith("text/javascript")
    assert access.get("/index.html").body == page.body


@pytest.mark.family(25)
@pytest.mark.parametrize("path", [
    "/.secret.html", "/app/.secret.html", "/notes.md", "/app", "/app/", "/nothing.html", "/app//main.js",
    "/../portal/index.html", "/app/../index.html", "/%2e%2e/index.html", "/..%2findex.html",
    "/app/main.js%00.html", "/v1/nothing", "/etc/passwd.txt", "/" + "a" * 300 + ".html",
])
def test_nothing_leads_outside(access, path):
    assert access.get(path).status in (400, 404)


@pytest.mark.family(25)
def test_a_link_that_leads_outside_is_not_followed(suite, access):
    os.symlink("/etc/hostname", f"{suite.folder}/portal/host.txt")
    assert access.get("/host.txt").status == 404


def test_the_description_needs_no_token(access):
    reply = access.get("/v1/openapi.json")
    assert reply.status == 200 and reply.json == {"openapi": "3.1.0"}


def test_the_binary_describes_every_route(access):
    text = json.loads(access.command("--describe").stdout)
    paths = {(r["method"], r["path"]) for r in text["routes"]}
    assert ("POST", "/v1/people/{id}/disable") in paths and ("POST", "/v1/grants/{id}/revoke") in paths


def test_its_statements_fit_its_tables(access):
    done = access.command("--config", access.config, "--verify")
    assert done.returncode == 0, done.stderr
