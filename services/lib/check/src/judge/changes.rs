//! Change events: which image is held to what.
//!
//! Creates and snapshot reads check `after`. Updates check `after` with values that the source did not send exempt. Deletes check the
//! key columns of `before` alone (under default replica identity the rest is made up) and hand on nothing else; where the contract names
//! no key, all of `before` is handed on and checked for types. Truncates and logical messages have no row. Row rules are asked where
//! there is an `after`.
//!
//! A tombstone behind an envelope repeats the delete before it and has no row. Among flattened rows it usually is the delete
//! (`delete.tombstone.handling.mode` at its default), so its key columns are handed on. Tombstones are never dead letters: where the key
//! cannot be read, or is none by the contract, nothing is handed on.

use tidegate_codec::avro::Schema;
use tidegate_codec::cdc::{self, Envelope, ImageReader, Unwrapped};
use tidegate_codec::framing::{self, Framed, Part};
use tidegate_codec::{DecodeFailure, Detail};
use tidegate_contract::model::CdcFormat;

use super::walk::{Mode, Stop};
use super::{Image, Judge, Surroundings};
use crate::change;
use crate::datum::Datum;
use crate::input::{Input, Known, SchemaLookup};
use crate::plan::Plan;
use crate::row::RowSink;
use crate::rules::cel::SourceField;
use crate::verdict::{Facts, Op, Skip, Verdict};

/// Where a change event comes from.
pub(super) struct Arrival<'a> {
    pub(super) plan: &'a Plan,
    pub(super) input: &'a Input<'a>,
    pub(super) topic: &'a str,
    pub(super) format: CdcFormat,
    pub(super) schemas: &'a dyn SchemaLookup,
}

// === impl Judge ===

impl Judge {
    pub(super) fn json_change<R: RowSink>(&mut self, arrival: &Arrival<'_>, bytes: &[u8], row: &mut R) -> Verdict {
        let unwrapped = match arrival.format {
            CdcFormat::Debezium => cdc::unwrap_json(bytes, &mut self.schema_blocks),
            CdcFormat::DebeziumFlat => cdc::unwrap_flat_json(bytes, arrival.input.headers, &mut self.schema_blocks),
        };
        self.change(arrival, unwrapped, row)
    }

    pub(super) fn avro_change<R: RowSink>(&mut self, arrival: &Arrival<'_>, schema: &Schema, datum: &[u8], base: usize, row: &mut R) -> Verdict {
        let unwrapped = match arrival.format {
            CdcFormat::Debezium => cdc::unwrap_avro(schema, datum, base),
            CdcFormat::DebeziumFlat => cdc::unwrap_flat_avro(schema, datum, base, arrival.input.headers),
        };
        self.change(arrival, unwrapped, row)
    }

    fn change<R: RowSink>(&mut self, arrival: &Arrival<'_>, unwrapped: Result<Unwrapped<'_>, DecodeFailure>, row: &mut R) -> Verdict {
        let unwrapped = match unwrapped {
            Ok(unwrapped) => unwrapped,
            Err(failure) => return self.undecodable(arrival.plan, failure),
        };
        if cdc::control_kind(arrival.topic, &unwrapped).is_some() {
            return Verdict::Skipped(Skip::CdcControl);
        }
        match unwrapped {
            // A control document on a topic of rows is no change.
            Unwrapped::Control(_) => self.undecodable(
                arrival.plan,
                DecodeFailure {
                    detail: Detail::BadEnvelope,
                    offset: 0,
                },
            ),
            Unwrapped::Tombstone => self.tombstone(arrival, row),
            Unwrapped::LogicalMessage(envelope) => Verdict::Valid {
                notes: Vec::new(),
                facts: facts(&envelope),
            },
            Unwrapped::Change(envelope) => self.envelope(arrival, &envelope, row),
        }
    }

    /// A change event without a value.
    pub(super) fn tombstone<R: RowSink>(&mut self, arrival: &Arrival<'_>, row: &mut R) -> Verdict {
        let plan = arrival.plan;
        let Some(key) = arrival.input.key else {
            return Verdict::Skipped(Skip::TombstoneKeyless);
        };
        if arrival.format == CdcFormat::Debezium {
            return super::tombstone(Facts::default());
        }
        let facts = facts(&cdc::flat_headers(arrival.input.headers));
        if plan.primary_key.is_empty() {
            return super::tombstone(facts);
        }
        let avro;
        let reader = match framing::open(&plan.framings, Part::Key, arrival.input.headers, key) {
            Ok(Framed::Json(bytes)) => cdc::key_json(bytes, &mut self.schema_blocks).ok(),
            Ok(Framed::Avro { schema, datum }) => match arrival.schemas.lookup(&super::need(plan, schema)) {
                Known::NotCached => return Verdict::Need(super::need(plan, schema)),
                Known::Avro(schema) => {
                    avro = schema;
                    Some(cdc::key_avro(&avro, datum, key.len() - datum.len()))
                }
                Known::Protobuf(_) | Known::Unknown | Known::Unusable => None,
            },
            Ok(Framed::Protobuf { .. } | Framed::CloudEvent(_)) | Err(_) => None,
        };
        if let Some(reader) = reader
            && self.key(arrival, reader.clone(), &mut ())
        {
            // It was walked to its end without a finding, and is again.
            self.key(arrival, reader, row);
        }
        super::tombstone(facts)
    }

    /// Hands the columns of a key on; whether they are a key by the contract.
    fn key<R: RowSink>(&mut self, arrival: &Arrival<'_>, mut reader: ImageReader<'_>, row: &mut R) -> bool {
        let around = Surroundings {
            plan: arrival.plan,
            input: arrival.input,
            topic: arrival.topic,
            op: Some(Op::Tombstone),
            source: &[],
        };
        let image = Image {
            prefix: "",
            mode: Mode::KeyOnly,
            schemaless: !reader.is_typed(),
            placeholders: false,
        };
        let scope = around.scope(None);
        let walked = self.walk(&around, &scope, image, row, |walk| walk.document(&mut reader));
        let found = self.findings.conclude(Facts::default());
        self.scratch.clear();
        walked.is_ok() && matches!(found, Verdict::Valid { .. })
    }

    fn envelope<R: RowSink>(&mut self, arrival: &Arrival<'_>, envelope: &Envelope<'_>, row: &mut R) -> Verdict {
        let plan = arrival.plan;
        let facts = facts(envelope);
        let source = if plan.programs.iter().any(|rule| rule.reads.source) {
            source(envelope)
        } else {
            Vec::new()
        };
        let around = Surroundings {
            plan,
            input: arrival.input,
            topic: arrival.topic,
            op: facts.op,
            source: &source,
        };
        let (prefix_before, prefix_after) = match arrival.format {
            CdcFormat::Debezium => ("/before", "/after"),
            CdcFormat::DebeziumFlat => ("", ""),
        };
        if let (Some(Op::Delete), Some(before)) = (facts.op, &envelope.before) {
            let mode = if plan.primary_key.is_empty() {
                Mode::TypesOnly
            } else {
                Mode::KeyOnly
            };
            let image = Image {
                prefix: prefix_before,
                mode,
                schemaless: !before.is_typed(),
                placeholders: false,
            };
            let scope = around.scope(None);
            let walked = self.walk(&around, &scope, image, row, |walk| walk.document(&mut before.reader()));
            return self.conclude(&around, &scope, image, walked, facts);
        }
        let Some(after) = &envelope.after else {
            return self.findings.conclude(facts);
        };
        let before = match &envelope.before {
            Some(before) if plan.change.reads_before => match self.old_row(&around, before) {
                Ok(before) => before,
                Err(failure) => return self.undecodable(plan, failure),
            },
            _ => None,
        };
        // A key change is a create whose row can hold values that were not sent; a snapshot reads them all.
        let placeholders = facts.op != Some(Op::Read);
        if placeholders && plan.change.composite_columns {
            let mut unavailable = std::mem::take(&mut self.scratch.unavailable);
            let found = change::unavailable_composites(plan, after, &mut unavailable);
            self.scratch.unavailable = unavailable;
            if let Err(failure) = found {
                return self.undecodable(plan, failure);
            }
        }
        let image = Image {
            prefix: prefix_after,
            mode: Mode::Whole,
            schemaless: !after.is_typed(),
            placeholders,
        };
        let scope = around.scope(before.as_ref());
        let walked = self.walk(&around, &scope, image, row, |walk| walk.document(&mut after.reader()));
        self.conclude(&around, &scope, image, walked, facts)
    }

    /// What rules read of the old row. Nothing of it is reported, so a rule that reads a broken value of it has no answer.
    fn old_row(&mut self, around: &Surroundings<'_>, before: &cdc::Image<'_>) -> Result<Option<Datum>, DecodeFailure> {
        let image = Image {
            prefix: "/before",
            mode: Mode::CaptureOnly,
            schemaless: !before.is_typed(),
            placeholders: true,
        };
        let scope = around.scope(None);
        match self.walk(around, &scope, image, &mut (), |walk| walk.document(&mut before.reader())) {
            Ok(walked) => Ok(walked.captured),
            Err(Stop::Decode(failure)) => Err(failure),
            Err(Stop::Limit) => Ok(None),
        }
    }
}

fn facts(envelope: &Envelope<'_>) -> Facts {
    let op = envelope.op.map(|op| match op {
        cdc::Op::Create => Op::Create,
        cdc::Op::Update => Op::Update,
        cdc::Op::Delete => Op::Delete,
        cdc::Op::Read => Op::Read,
        cdc::Op::Truncate => Op::Truncate,
        cdc::Op::Message => Op::Message,
    });
    Facts {
        event_time: None,
        op,
        source_time: envelope.source_time_micros,
        source_position: envelope.position.as_ref().map(ToString::to_string),
    }
}

fn source(envelope: &Envelope<'_>) -> Vec<(&'static str, SourceField)> {
    let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_ref().map(|text| SourceField::Text(text.to_string()));
    let fields = [
        ("table", text(&envelope.table)),
        ("schema", text(&envelope.schema)),
        ("database", text(&envelope.database)),
        ("transaction", text(&envelope.transaction)),
        (
            "position",
            envelope.position.as_ref().map(|position| SourceField::Text(position.to_string())),
        ),
        ("ts", envelope.source_time_micros.map(SourceField::Time)),
    ];
    fields
        .into_iter()
        .filter_map(|(name, field)| field.map(|field| (name, field)))
        .collect()
}
