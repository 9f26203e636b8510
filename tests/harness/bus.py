"""A Kafka for tests: librdkafka's own mock cluster, in this process; plaintext on loopback.

    bus = Bus()
    suite.service("notifications", kafka=bus.address)
    event(suite.services["notifications"], "appointments.visits.v1", key=visit, kind=1, payload=...)

It knows no rights, so the relay of any service says whatever stands in that service's outbox.
"""
import ctypes
import pathlib
import re
import uuid

from postgres import quote
from telecura import ORG

TOPICS = re.compile(r'^TOPIC\(\w+, "([^"]+)", \w+, \w+, (\d+),', re.M)
PRODUCER = 0


class Bus:
    def __init__(self):
        kafka = ctypes.CDLL("librdkafka.so.1")
        for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
            getattr(kafka, name).restype = ctypes.c_void_p
        kafka.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        client = kafka.rd_kafka_new(PRODUCER, ctypes.c_void_p(kafka.rd_kafka_conf_new()), None, 0)
        mock = ctypes.c_void_p(kafka.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1))
        table = pathlib.Path(__file__).parents[2] / "proto/topics.def"
        for topic, partitions in TOPICS.findall(table.read_text()):
            kafka.rd_kafka_mock_topic_create(mock, topic.encode(), int(partitions) or 3, 1)
        self.address = "plaintext://" + kafka.rd_kafka_mock_cluster_bootstraps(mock).decode()
        self._parts = kafka, mock, ctypes.c_void_p(client)

    def down(self):
        """Nobody is answered and nobody gets in, until up()."""
        kafka, mock, _ = self._parts
        kafka.rd_kafka_mock_broker_set_down(mock, 1)

    def up(self):
        kafka, mock, _ = self._parts
        kafka.rd_kafka_mock_broker_set_up(mock, 1)

    def close(self):
        kafka, mock, client = self._parts
        kafka.rd_kafka_mock_cluster_destroy(mock)
        kafka.rd_kafka_destroy(client)


def event(service, topic, key, payload, kind, version=1, org=ORG, age_s=0):
    """Leaves an event in the outbox of @service, whose relay tells it; the event's id."""
    made = str(uuid.uuid4())
    service.execute(
        "INSERT INTO outbox (org, id, topic, key, kind, version, at, act, payload) VALUES "
        f"({quote(org)}, {quote(made)}, {quote(topic)}, {quote(key)}, {kind}, {version}, "
        f"now() - interval '{age_s} s', gen_random_uuid(), decode('{payload.hex()}', 'hex'))")
    return made
