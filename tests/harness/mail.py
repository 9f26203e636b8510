"""A real SMTP server that keeps what it takes, and can be told to misbehave.

    sink = Sink()
    sink.mails                       # accepted, in order: .to, .id, .text, .subject, .raw
    sink.answers["a@b.test"] = "550 no such mailbox"
    sink.down(); sink.up()
"""
import dataclasses
import email
import email.policy
import threading

from aiosmtpd.controller import Controller


@dataclasses.dataclass
class Mail:
    to: str
    raw: bytes

    @property
    def parsed(self):
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def id(self):
        return self.parsed["Message-ID"]

    @property
    def subject(self):
        return str(self.parsed["Subject"])

    @property
    def text(self):
        return self.parsed.get_content()


class Sink:
    def __init__(self, port):
        self.port, self.mails, self.answers, self._changed = port, [], {}, threading.Condition()
        self.before_answer = lambda mail: None  # called when a mail is kept and not yet acknowledged
        self._controller = None
        self.up()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = Mail(envelope.rcpt_tos[0], envelope.content)
        with self._changed:
            self.mails.append(mail)
            self._changed.notify_all()
        self.before_answer(mail)
        return "250 kept"

    def up(self):
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def down(self):
        if self._controller:
            self._controller.stop()
            self._controller = None

    def to(self, address):
        return [mail for mail in self.mails if mail.to == address]

    def wait(self, what, seconds=20):
        """Until @what() of the mails is true."""
        with self._changed:
            assert self._changed.wait_for(what, seconds), f"{len(self.mails)} mails, and not what was awaited"
