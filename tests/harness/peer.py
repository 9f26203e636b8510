"""A service that asks keyd on its socket, known by its certificate."""
import http.client
import json
import socket
import ssl

from telecura import ORG, Reply


class Peer:
    def __init__(self, suite, name):
        self._known(f"{suite.folder}/keyd.sock", suite.authority.ca, name and suite.authority.leaf(name))

    def _known(self, path, ca, leaf):
        self.path, self.tls = path, ssl.create_default_context(cafile=ca)
        if leaf:
            self.tls.load_cert_chain(*leaf)

    def post(self, path, raw=None, **body):
        plain = socket.socket(socket.AF_UNIX)
        plain.settimeout(20)
        plain.connect(self.path)
        connection = http.client.HTTPConnection("localhost")
        connection.sock = self.tls.wrap_socket(plain, server_hostname="localhost")
        connection.request("POST", path, raw if raw is not None else json.dumps(body),
                           {"Content-Type": "application/json"})
        reply = Reply(connection.getresponse())
        connection.close()
        return reply

    def seal(self, domain, patient=None, org=ORG):
        return self.post("/v1/keys/seal", org=org, domain=domain, **({"patient": patient} if patient else {}))

    def open(self, domain, dek, patient=None, org=ORG):
        return self.post("/v1/keys/open", org=org, domain=domain, dek_id=dek,
                         **({"patient": patient} if patient else {}))


class PeerOfPlace(Peer):
    """The same in the run folder of a whole suite."""

    def __init__(self, place, name):
        self._known(f"{place.run}/keyd/keyd.sock", place.ca_file,
                    (place.run / f"tls/{name}.crt", place.run / f"tls/{name}.key"))
