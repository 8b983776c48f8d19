"""Confluent's client against the registry: what it prints is compared by the test. Arguments: URL, token, subject."""

import json
import sys

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

url, token, topic = sys.argv[1:]
client = SchemaRegistryClient({"url": url, "basic.auth.user.info": f"any:{token}"})
subject = f"{topic}-value"
registered = client.get_latest_version(subject)
where = SerializationContext(topic, MessageField.VALUE)
event = {"id": 7}

# A producer that registers nothing, one that takes the newest, and one that always registers: all three get the recorded id.
produced = []
for conf in (
    {"auto.register.schemas": False},
    {"auto.register.schemas": False, "use.latest.version": True},
    {"auto.register.schemas": True},
):
    serializer = AvroSerializer(client, registered.schema.schema_str, conf=conf)
    produced.append(serializer(event, where))
ids = [int.from_bytes(record[1:5], "big") for record in produced]

# A consumer that has nothing but the bytes.
fresh = SchemaRegistryClient({"url": url, "basic.auth.user.info": f"any:{token}"})
read = AvroDeserializer(fresh)(produced[0], where)

refusals = {}
other = registered.schema.__class__('{"type":"record","name":"Other","fields":[]}', "AVRO")
for name, call in (
    ("register", lambda: client.register_schema(subject, other)),
    ("lookup", lambda: client.lookup_schema(subject, other)),
    ("unknown", lambda: client.get_latest_version("nobody-value")),
    ("delete", lambda: client.delete_subject(subject)),
):
    try:
        call()
        refusals[name] = "not refused"
    except SchemaRegistryError as error:
        refusals[name] = [error.http_status_code, error.error_code, "Git" in error.error_message]
try:
    SchemaRegistryClient({"url": url}).get_subjects()
    refusals["stranger"] = "not refused"
except SchemaRegistryError as error:
    refusals["stranger"] = [error.http_status_code]

print(json.dumps({
    "ids": ids,
    "registered": registered.schema_id,
    "read": read,
    "subjects": client.get_subjects(),
    "versions": client.get_versions(subject),
    "refusals": refusals,
}))
