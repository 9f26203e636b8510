"""The suite's mail server: what is sent again takes the place of the first, what is another mail does not."""
import email
import smtplib
import subprocess

import pytest

import telecura
import visits

MAILSINK = f"{telecura.ROOT}/deploy/local/mailsink.py"


@pytest.fixture
def sink(tmp_path):
    """(port, folder) of one that runs."""
    port = telecura.free_port()
    with subprocess.Popen(["/usr/bin/python3", MAILSINK, str(port), tmp_path]) as process:
        try:
            visits.until(lambda: answers(port), what="the mail server")
            yield port, tmp_path
        finally:
            process.terminate()


def answers(port):
    try:
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            return smtp.noop()[0] == 250
    except ConnectionRefusedError:
        return False


def send(port, to, body, message_id=None):
    head = f"Message-ID: {message_id}\r\n" if message_id else ""
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        smtp.sendmail("no-reply@telecura.example", to, f"{head}Subject: news\r\n\r\n{body}\r\n")


def kept(folder):
    mails = [email.message_from_bytes(file.read_bytes()) for file in folder.glob("*.eml")]
    return sorted((mail.get_all("X-Envelope-To"), mail.get_payload().strip()) for mail in mails)


def test_a_copy_takes_the_place_of_the_first(sink):
    port, folder = sink
    send(port, "ana@riverside.example", "once", "<1@telecura>")
    send(port, "ana@riverside.example", "again", "<1@telecura>")
    assert kept(folder) == [(["ana@riverside.example"], "again")]


def test_other_mails_are_kept_beside_it(sink):
    """Another id, another reader of the same one, and mails that have none."""
    port, folder = sink
    send(port, "ana@riverside.example", "once", "<1@telecura>")
    send(port, "ana@riverside.example", "twice", "<2@telecura>")
    send(port, "ben@riverside.example", "once", "<1@telecura>")
    send(port, "ben@riverside.example", "bare")
    send(port, "ben@riverside.example", "bare")
    assert [body for _, body in kept(folder)] == ["once", "twice", "bare", "bare", "once"]
    assert not list(folder.glob("*.new"))
