"""mailsink - a real SMTP server that keeps each mail as a file and sends nothing anywhere.

usage: mailsink.py PORT FOLDER

Like any mail store it knows a mail by its Message-ID: a copy takes the place of the first.
"""
import email
import hashlib
import pathlib
import signal
import sys
import uuid

from aiosmtpd.controller import Controller


class Folder:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    async def handle_DATA(self, server, session, envelope):
        """Written beside, then renamed: a reader of *.eml never sees half a mail."""
        head = f"X-Envelope-From: {envelope.mail_from}\r\n" + "".join(
            f"X-Envelope-To: {to}\r\n" for to in envelope.rcpt_tos)
        new = self.folder / f"{uuid.uuid4()}.new"
        new.write_bytes(head.encode() + envelope.content)
        named = email.message_from_bytes(envelope.content)["Message-ID"] or str(uuid.uuid4())
        name = hashlib.sha256("\n".join([named, *envelope.rcpt_tos]).encode()).hexdigest()[:32]
        new.rename(self.folder / f"{name}.eml")
        return "250 kept"


def main():
    port, folder = int(sys.argv[1]), sys.argv[2]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    controller = Controller(Folder(folder), hostname="127.0.0.1", port=port)
    controller.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    controller.stop()


if __name__ == "__main__":
    main()
