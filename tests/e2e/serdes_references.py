"""Confluent's client against schemas that name others: what it prints is compared by the test. Arguments: URL, token, a topic of Avro and
one of JSON."""

import json
import sys

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

url, token, topic, json_topic = sys.argv[1:]


def connected():
    return SchemaRegistryClient({"url": url, "basic.auth.user.info": f"any:{token}"})


def asked(subject, field, event):
    client, where = connected(), SerializationContext(topic, field)
    registered = client.get_latest_version(subject)
    # A producer that registers nothing, one that takes the newest, and one that always registers.
    produced = []
    for conf in (
        {"auto.register.schemas": False},
        {"auto.register.schemas": False, "use.latest.version": True},
        {"auto.register.schemas": True},
    ):
        produced.append(AvroSerializer(connected(), registered.schema, conf=conf)(event, where))
    return {
        "registered": registered.schema_id,
        "references": [[one.name, one.subject, one.version] for one in registered.schema.references],
        "ids": [int.from_bytes(record[1:5], "big") for record in produced],
        # Another client, which has nothing but the bytes.
        "read": AvroDeserializer(connected())(produced[0], where),
    }


def judged(event):
    """What the deserializer says of an event that no serializer of its kind has looked at."""
    client, where = connected(), SerializationContext(json_topic, MessageField.VALUE)
    registered = client.get_latest_version(f"{json_topic}-value")
    record = b"\0" + registered.schema_id.to_bytes(4, "big") + json.dumps(event).encode()
    try:
        read = JSONDeserializer(None, schema_registry_client=connected())(record, where)
        written = JSONSerializer(registered.schema, connected(), conf={"auto.register.schemas": False})(event, where)
        return [read, written[:5] == record[:5]]
    except SerializationError as error:
        return str(error).splitlines()[0]


address = {"city": "Oslo", "in": "NO"}
print(json.dumps({
    "value": asked(f"{topic}-value", MessageField.VALUE, {"id": 7, "to": address, "from": address}),
    "key": asked(f"{topic}-key", MessageField.KEY, {"in": "IS"}),
    "json": [judged(event) for event in (
        {"id": 7, "to": {"in": "IS"}},
        {"id": "7"},
        {"id": 7, "to": {"in": "XX"}},
    )],
    "subjects": connected().get_subjects(),
}))
