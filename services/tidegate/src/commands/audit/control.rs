//! Which source records have no outcome by a policy, read off the records themselves.
//!
//! The reader of change events is asked, not the judge: a judge that wrongly passes records over must not explain itself. Schemas come
//! from the registry that the records name.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use tidegate_audit::{Explain, Explained, keyless_tombstone};
use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup as _, SchemaNeed, Skip};
use tidegate_codec::cdc::{self, FlatNames, SchemaBlockCache, Texts, Unwrapped};
use tidegate_codec::framing::{self, Framed};
use tidegate_contract::Snapshot;
use tidegate_contract::model::{CdcFormat, Encoding};
use tidegate_flow::Record;
use tidegate_validator::Schemas as _;

use crate::wiring::schemas::SchemaSource;

/// Explains records of change topics.
pub(crate) struct ControlRecords {
    topics: HashMap<Arc<str>, Vec<Writer>>,
    schemas: SchemaSource,
    buffers: RefCell<Buffers>,
}

/// How the changes of a topic are written, as one of its contracts says.
#[derive(Debug, Clone, PartialEq)]
struct Writer {
    format: CdcFormat,
    accepted: Vec<framing::Encoding>,
}

#[derive(Default)]
struct Buffers {
    blocks: SchemaBlockCache,
    texts: Texts,
}

// === impl ControlRecords ===

impl ControlRecords {
    /// For the contracts in force.
    pub(crate) fn new(snapshot: &Snapshot, schemas: SchemaSource) -> ControlRecords {
        let mut topics: HashMap<Arc<str>, Vec<Writer>> = HashMap::new();
        for (topic, binding) in &snapshot.bindings {
            let bound = binding.versions.values().chain([&binding.default]).chain(&binding.shadow);
            for object in bound {
                let settings = &object.object().settings;
                let Some(format) = settings.cdc else { continue };
                let accepted = match settings.encodings.as_slice() {
                    [] => vec![framing::Encoding::Json],
                    encodings => encodings.iter().filter_map(|encoding| framing_of(*encoding)).collect(),
                };
                let writer = Writer { format, accepted };
                let writers = topics.entry(topic.clone()).or_default();
                if !writers.contains(&writer) {
                    writers.push(writer);
                }
            }
        }
        ControlRecords {
            topics,
            schemas,
            buffers: RefCell::default(),
        }
    }

    fn control(&self, writer: &Writer, record: &Record, value: &[u8]) -> Explained {
        let headers: Vec<(&str, Option<&[u8]>)> = record
            .headers
            .iter()
            .map(|header| (&*header.name, header.value.as_deref()))
            .collect();
        let Ok(opened) = framing::open_value(&writer.accepted, &headers, value) else {
            return Explained::Nothing;
        };
        if opened.zlib {
            return Explained::Untold("a compressed value is not looked into".to_owned());
        }
        let Buffers { blocks, texts } = &mut *self.buffers.borrow_mut();
        let format = match writer.format {
            CdcFormat::Debezium => cdc::Format::Debezium,
            CdcFormat::DebeziumFlat => cdc::Format::Flat(FlatNames::default()),
            CdcFormat::DebeziumMongodb => cdc::Format::Mongo,
            CdcFormat::Dms => cdc::Format::Dms { before: None },
            CdcFormat::Maxwell => cdc::Format::Maxwell,
        };
        let schema;
        let unwrapped = match opened.framed {
            Framed::Json(bytes) => cdc::read_json(format, bytes, &headers, blocks, texts),
            Framed::Avro { schema: named, datum } => {
                let Some(need) = SchemaNeed::named_by(named) else {
                    return Explained::Nothing;
                };
                schema = match self.known(&need) {
                    Ok(Some(schema)) => schema,
                    Ok(None) => return Explained::Nothing,
                    Err(why) => return Explained::Untold(why),
                };
                cdc::read_avro(format, &schema, datum, value.len() - datum.len(), &headers, texts)
            }
            Framed::Protobuf { .. } | Framed::CloudEvent(_) => return Explained::Nothing,
        };
        let Ok(unwrapped) = unwrapped else { return Explained::Nothing };
        // Only Debezium has a signalling table whose rows are no changes of their own.
        let may_be_control = match unwrapped {
            Unwrapped::Change(_) => matches!(writer.format, CdcFormat::Debezium | CdcFormat::DebeziumFlat),
            _ => true,
        };
        match may_be_control && cdc::control_kind(&record.origin.at.topic, &unwrapped).is_some() {
            true => Explained::Skipped(Skip::CdcControl),
            false => Explained::Nothing,
        }
    }

    fn known(&self, need: &SchemaNeed) -> Result<Option<Arc<tidegate_codec::avro::Schema>>, String> {
        for _ in 0..2 {
            match self.schemas.lookup(need) {
                Known::Avro(schema) => return Ok(Some(schema)),
                Known::NotCached => self.schemas.fetch(need).map_err(|error| error.to_string())?,
                Known::Protobuf(_) | Known::Unknown | Known::Unusable => return Ok(None),
            }
        }
        Err("a schema was asked for and is not there".to_owned())
    }
}

impl Explain for ControlRecords {
    fn explain(&self, record: &Record) -> Explained {
        let Some(writers) = self.topics.get(&record.origin.at.topic) else {
            return Explained::Nothing;
        };
        if let Some(skip) = keyless_tombstone(record) {
            return Explained::Skipped(skip);
        }
        let Some(value) = &record.value else { return Explained::Nothing };
        let mut untold = Explained::Nothing;
        for writer in writers {
            match self.control(writer, record, value) {
                skipped @ Explained::Skipped(_) => return skipped,
                Explained::Nothing => {}
                told @ Explained::Untold(_) => untold = told,
            }
        }
        untold
    }
}

/// Frames in which changes travel; the other encodings hold none.
fn framing_of(encoding: Encoding) -> Option<framing::Encoding> {
    use framing::Encoding as Framing;
    Some(match encoding {
        Encoding::Json => Framing::Json,
        Encoding::Avro => Framing::Avro,
        Encoding::ConfluentJson => Framing::ConfluentJson,
        Encoding::GlueAvro => Framing::GlueAvro,
        Encoding::GlueJson => Framing::GlueJson,
        Encoding::ApicurioAvro => Framing::ApicurioAvro,
        Encoding::ApicurioJson => Framing::ApicurioJson,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tidegate_codec::avro::Schema;
    use tidegate_contract::ContractFile;
    use tidegate_flow::{Offset, Origin, TopicPartition};

    use super::*;

    const HEARTBEAT: &str = "__debezium-heartbeat.shop";

    fn explainer(topic: &str, cdc: &str, encodings: &str, schemas: SchemaSource) -> ControlRecords {
        let text = format!(
            "apiVersion: v3.1.0\nkind: DataContract\nid: c\nname: c\nversion: 1.0.0\nstatus: active\nschema:\n  - name: rows\n    physicalName: \
             {topic}\n    physicalType: topic\n    customProperties:\n      - {{property: tidegate.cdc, value: {cdc}}}\n      - {{property: \
             tidegate.encodings, value: {encodings}}}\n    properties:\n      - {{name: id, logicalType: integer, primaryKey: true, required: \
             true}}\n"
        );
        let file = ContractFile {
            path: "c.odcs.yaml".into(),
            text,
        };
        let (snapshot, notes) = Snapshot::build("c0ffee", &[file]).unwrap_or_else(|notes| panic!("{notes:?}"));
        assert!(snapshot.bindings.contains_key(topic), "{notes:?}");
        ControlRecords::new(&snapshot, schemas)
    }

    fn record(topic: &str, key: Option<&str>, value: Option<Vec<u8>>) -> Record {
        Record {
            origin: Origin {
                at: TopicPartition::new(topic, 0),
                offset: Offset(1),
            },
            timestamp: None,
            key: key.map(|key| Bytes::from(key.to_owned())),
            value: value.map(Bytes::from),
            headers: Vec::new(),
        }
    }

    fn none() -> SchemaSource {
        SchemaSource::Configured {
            registry: None,
            files: None,
        }
    }

    const CONTROL: Explained = Explained::Skipped(Skip::CdcControl);

    #[test]
    fn heartbeats_are_told_off_avro_and_json() {
        let schema = "{\"type\":\"record\",\"name\":\"Heartbeat\",\"namespace\":\"io.debezium.connector.common\",\"fields\":[{\"name\":\"ts_ms\",\"type\":\"long\"}]}";
        let schema = Arc::new(Schema::parse(schema, &[]).unwrap());
        let known = SchemaSource::Fixed(Arc::new([(7, schema)].into()));
        // Magic byte, id, and the long 1 in zigzag.
        let value = vec![0, 0, 0, 0, 7, 2];
        let asked = record(HEARTBEAT, Some("k"), Some(value));
        let explain = |schemas| explainer(HEARTBEAT, "debezium", "[avro, json]", schemas).explain(&asked);
        assert_eq!(explain(known), CONTROL);
        let Explained::Untold(why) = explain(none()) else {
            panic!("a registry is needed")
        };
        assert!(why.contains("registry.url"), "{why}");
        let json = explainer(HEARTBEAT, "debezium", "[json]", none());
        assert_eq!(
            json.explain(&record(HEARTBEAT, Some("k"), Some(b"{\"ts_ms\":1}".to_vec()))),
            CONTROL
        );
        assert_eq!(json.explain(&record(HEARTBEAT, Some("k"), Some(b"{".to_vec()))), Explained::Nothing);
        assert_eq!(json.explain(&record("plain", None, None)), Explained::Nothing, "no change topic");
    }

    #[test]
    fn every_writer_of_changes_has_its_own() {
        let dms = b"{\"metadata\":{\"timestamp\":\"2026-01-01T00:00:00Z\",\"record-type\":\"control\",\"operation\":\"create-table\",\"partition-key-type\":\"task-id\",\"schema-name\":\"s\",\"table-name\":\"t\"}}";
        let maxwell = b"{\"type\":\"table-create\",\"database\":\"d\",\"table\":\"t\",\"ts\":1,\"sql\":\"create table t (id int)\"}";
        for (cdc, value) in [("dms", &dms[..]), ("maxwell", &maxwell[..])] {
            let explainer = explainer("changes", cdc, "[json]", none());
            assert_eq!(
                explainer.explain(&record("changes", Some("k"), Some(value.to_vec()))),
                CONTROL,
                "{cdc}"
            );
            let skipped = Explained::Skipped(Skip::TombstoneKeyless);
            assert_eq!(explainer.explain(&record("changes", None, None)), skipped);
            assert_eq!(
                explainer.explain(&record("changes", Some("k"), None)),
                Explained::Nothing,
                "a tombstone passes"
            );
        }
    }
}
