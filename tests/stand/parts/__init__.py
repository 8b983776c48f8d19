"""The parts a stand is made of. A new part is a file here and a line below."""

from parts.azure import Azure
from parts.base import Part
from parts.kafka import Kafka
from parts.monitoring import Monitoring
from parts.odcs import Odcs
from parts.readers import Readers
from parts.registry import Registry
from parts.s3 import S3
from parts.serdes import Serdes
from parts.suite import Suite

ALL: list[type[Part]] = [Kafka, S3, Azure, Registry, Readers, Serdes, Suite, Odcs, Monitoring]
