//! Change events: which image is held to what.
//!
//! Creates and snapshot reads check `after`. Updates check `after` with values that the source did not send exempt. Deletes check the
//! key columns of `before` alone (under default replica identity the rest is made up) and hand on nothing else; where the contract names
//! no key, all of `before` is handed on and checked for types. Truncates and logical messages have no row. Row rules are asked where
//! there is an `after`, each on the operations that it names.
//!
//! Where all that an event of MongoDB says of a row is its key (deletes) or its key and what changed (updates), the key comes from the
//! record's key, and columns that were not sent are unavailable.
//!
//! Every byte is read strictly once: an image is walked, or proven where nobody walks it.
//!
//! A tombstone behind an envelope repeats the delete before it and has no row. Among flattened rows it usually is the delete
//! (`delete.tombstone.handling.mode` at its default), so its key columns are handed on. Tombstones are never dead letters: where the key
//! cannot be read, or is none by the contract, nothing is handed on.

use std::sync::Arc;

use tidegate_codec::avro::Schema;
use tidegate_codec::cdc::{self, ChangeEvent, ImageReader, MongoKey, Texts, Unwrapped};
use tidegate_codec::framing::{self, Framed, Part};
use tidegate_codec::{DecodeFailure, Detail, Keys};
use tidegate_contract::model::CdcFormat;

use super::schema::Document;
use super::walk::{Mode, Stop};
use super::{Image, Judge, Surroundings, Walked};
use crate::change;
use crate::input::{Input, Known, SchemaLookup, SchemaNeed};
use crate::plan::Plan;
use crate::position::SourcePosition;
use crate::row::RowSink;
use crate::rules::cel::{Scope, SourceField};
use crate::tape::{Captured, Tape};
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
        let format = arrival.plan.change.format(arrival.format);
        let mut texts = std::mem::take(&mut self.texts);
        let mut blocks = std::mem::take(&mut self.schema_blocks);
        let mut seen = None;
        let plan = arrival.plan;
        // A list can stand for one that was not sent, which an event schema must know.
        let schema_asks = plan.change.composite_columns && plan.event_schema.is_some();
        let can_see = !R::READS && !self.thorough && !plan.change.reads_before && !schema_asks;
        let unwrapped = cdc::read_json_seeing(format, bytes, arrival.input.headers, &mut blocks, &mut texts, &mut |rest| {
            if !can_see {
                return 0;
            }
            let (len, walked) = self.see(arrival, rest);
            seen = walked;
            len
        });
        self.schema_blocks = blocks;
        let verdict = match self.change(arrival, unwrapped, seen, row) {
            Ok(verdict) => verdict,
            Err(met) => self.undecodable(arrival.plan, cdc::strict_failure(bytes, met)),
        };
        self.texts = texts;
        verdict
    }

    /// Looks at a new row before the operation is known, as if it were held to everything; how many bytes it took, and what came of it.
    fn see(&mut self, arrival: &Arrival<'_>, rest: &[u8]) -> (usize, Option<Walked>) {
        let around = Surroundings {
            plan: arrival.plan,
            input: arrival.input,
            topic: arrival.topic,
            op: None,
            source: &[],
            document: None,
        };
        let image = Image {
            schemaless: true,
            ..Image::PLAIN
        };
        let mut len = 0;
        let walked = self.walk(&around, &around.scope(None), image, &mut (), |walk| {
            len = walk.row_at_once(rest);
            Ok(())
        });
        (len, walked.ok())
    }

    pub(super) fn avro_change<R: RowSink>(
        &mut self,
        arrival: &Arrival<'_>,
        schema: &Schema,
        datum: &[u8],
        base: usize,
        row: &mut R,
    ) -> Verdict {
        let format = arrival.plan.change.format(arrival.format);
        let mut texts = std::mem::take(&mut self.texts);
        let unwrapped = cdc::read_avro(format, schema, datum, base, arrival.input.headers, &mut texts);
        let verdict = match self.change(arrival, unwrapped, None, row) {
            Ok(verdict) => verdict,
            Err(met) => self.undecodable(arrival.plan, met),
        };
        self.texts = texts;
        verdict
    }

    fn change<R: RowSink>(
        &mut self,
        arrival: &Arrival<'_>,
        unwrapped: Result<Unwrapped<'_>, DecodeFailure>,
        seen: Option<Walked>,
        row: &mut R,
    ) -> Result<Verdict, DecodeFailure> {
        let unwrapped = unwrapped?;
        let may_be_control = match unwrapped {
            Unwrapped::Change(_) => matches!(arrival.format, CdcFormat::Debezium | CdcFormat::DebeziumFlat),
            _ => true,
        };
        if may_be_control && cdc::control_kind(arrival.topic, &unwrapped).is_some() {
            if let Unwrapped::Change(mut event) = unwrapped {
                prove(event.before.as_mut(), &mut self.names)?;
                prove(event.after.as_mut(), &mut self.names)?;
            }
            return Ok(Verdict::Skipped(Skip::CdcControl));
        }
        match unwrapped {
            // A control document on a topic of rows is no change.
            Unwrapped::Control(_) => Err(MALFORMED),
            Unwrapped::Tombstone => Ok(self.tombstone(arrival, row)),
            Unwrapped::LogicalMessage(event) => Ok(Verdict::Valid {
                notes: Vec::new(),
                facts: facts(&event, arrival),
            }),
            Unwrapped::Change(event) if arrival.format == CdcFormat::DebeziumMongodb && needs_key(&event) => {
                let mut texts = std::mem::take(&mut self.key_texts);
                let verdict = self.keyed_event(arrival, event, &mut texts, row);
                self.key_texts = texts;
                verdict
            }
            Unwrapped::Change(event) => self.event(arrival, event, seen, row),
        }
    }

    /// An event whose row has its key from the record.
    fn keyed_event<'b, R: RowSink>(
        &mut self,
        arrival: &Arrival<'_>,
        mut event: ChangeEvent<'b>,
        texts: &'b mut Texts,
        row: &mut R,
    ) -> Result<Verdict, DecodeFailure> {
        let avro;
        let reader = match self.open_key(arrival) {
            Ok(Some(Key::Json(bytes))) => cdc::key_json(bytes, &mut self.schema_blocks)?,
            Ok(Some(Key::Avro(schema, datum, base))) => {
                avro = schema;
                cdc::key_avro(&avro, datum, base)
            }
            Ok(None) => return Err(MALFORMED),
            Err(need) => return Ok(Verdict::Need(need)),
        };
        let key = MongoKey::read(reader, texts)?;
        match event.after.take() {
            Some(after) => event.after = Some(after.keyed(key)),
            None => event.before = Some(key.image()),
        }
        self.event(arrival, event, None, row)
    }

    /// The key of the record in its frame; none where it has none that can be read, and the schema that is needed first.
    fn open_key<'a>(&mut self, arrival: &Arrival<'a>) -> Result<Option<Key<'a>>, SchemaNeed> {
        let Some(key) = arrival.input.key else { return Ok(None) };
        match framing::open(&arrival.plan.framings, Part::Key, arrival.input.headers, key) {
            Ok(Framed::Json(bytes)) => Ok(Some(Key::Json(bytes))),
            Ok(Framed::Avro { schema, datum }) => match arrival.schemas.lookup(&super::need(arrival.plan, schema)) {
                Known::NotCached => Err(super::need(arrival.plan, schema)),
                Known::Avro(schema) => Ok(Some(Key::Avro(schema, datum, key.len() - datum.len()))),
                Known::Protobuf(_) | Known::Unknown | Known::Unusable => Ok(None),
            },
            Ok(Framed::Protobuf { .. } | Framed::CloudEvent(_)) | Err(_) => Ok(None),
        }
    }

    /// A change event without a value.
    pub(super) fn tombstone<R: RowSink>(&mut self, arrival: &Arrival<'_>, row: &mut R) -> Verdict {
        let plan = arrival.plan;
        if arrival.input.key.is_none() {
            return Verdict::Skipped(Skip::TombstoneKeyless);
        }
        let said = match arrival.format {
            CdcFormat::DebeziumFlat => facts(&cdc::flat_headers(arrival.input.headers, plan.change.names()), arrival),
            _ => Facts {
                key_change: cdc::key_change(arrival.input.headers),
                ..Facts::default()
            },
        };
        if arrival.format != CdcFormat::DebeziumFlat || plan.primary_key.is_empty() {
            return super::tombstone(said);
        }
        let avro;
        let reader = match self.open_key(arrival) {
            Ok(Some(Key::Json(bytes))) => cdc::key_json(bytes, &mut self.schema_blocks).ok(),
            Ok(Some(Key::Avro(schema, datum, base))) => {
                avro = schema;
                Some(cdc::key_avro(&avro, datum, base))
            }
            Ok(None) => None,
            Err(need) => return Verdict::Need(need),
        };
        if let Some(reader) = reader
            && self.key(arrival, reader.clone(), &mut ())
        {
            // It was walked to its end without a finding, and is again.
            self.key(arrival, reader, row);
        }
        super::tombstone(said)
    }

    /// Hands the columns of a key on; whether they are a key by the contract.
    fn key<R: RowSink>(&mut self, arrival: &Arrival<'_>, mut reader: ImageReader<'_>, row: &mut R) -> bool {
        let around = Surroundings {
            plan: arrival.plan,
            input: arrival.input,
            topic: arrival.topic,
            op: Some(Op::Tombstone),
            source: &[],
            document: None,
        };
        let image = Image {
            prefix: "",
            mode: Mode::KeyOnly,
            schemaless: !reader.is_typed(),
            placeholders: false,
            partial: false,
        };
        let scope = around.scope(None);
        let walked = self.walk(&around, &scope, image, row, |walk| walk.document(&mut reader));
        let found = self.findings.conclude(Facts::default());
        self.scratch.clear();
        walked.is_ok() && matches!(found, Verdict::Valid { .. })
    }

    /// `seen` is what came of the new row, if it was taken already.
    fn event<R: RowSink>(
        &mut self,
        arrival: &Arrival<'_>,
        mut event: ChangeEvent<'_>,
        seen: Option<Walked>,
        row: &mut R,
    ) -> Result<Verdict, DecodeFailure> {
        let plan = arrival.plan;
        let (prefix_before, prefix_after) = prefixes(arrival.format, &event);
        let mut before = event.before.take();
        let facts = facts(&event, arrival);
        let position = facts.source_position.clone();
        let (source, known) = match plan.change.reads_source {
            true => source(&event, position.as_deref()),
            false => ([("", SourceField::Time(0)); 7], 0),
        };
        let around = Surroundings {
            plan,
            input: arrival.input,
            topic: arrival.topic,
            op: facts.op,
            source: &source[..known],
            document: event.after.as_ref().map(Document::Row),
        };
        if let (Some(Op::Delete), Some(before)) = (facts.op, &before) {
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
                partial: false,
            };
            let scope = around.scope(None);
            let walked = self.image(&around, &scope, image, row, before);
            return self.finish(&around, &scope, image, walked, facts);
        }
        if !plan.change.reads_before {
            prove(before.as_mut(), &mut self.names)?;
        }
        let Some(after) = &event.after else {
            prove(before.as_mut(), &mut self.names)?;
            return Ok(self.findings.conclude(facts));
        };
        // Values that were not sent are exempt; what was taken is good as it is.
        if let Some(seen) = seen.filter(|_| after.is_taken()) {
            let image = Image {
                prefix: prefix_after,
                schemaless: true,
                ..Image::PLAIN
            };
            return Ok(self.conclude(&around, &around.scope(None), image, Ok(seen), facts));
        }
        self.scratch.clear();
        // Out of the judge while the new row is walked, and back in with its room.
        let mut tape = std::mem::take(&mut self.before);
        let verdict = self.new_row(&around, arrival, before.as_ref(), after, (prefix_after, facts), &mut tape, row);
        self.before = tape;
        verdict
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call, split so that the tape of the old row can be borrowed"
    )]
    fn new_row<R: RowSink>(
        &mut self,
        around: &Surroundings<'_>,
        arrival: &Arrival<'_>,
        before: Option<&cdc::Image<'_>>,
        after: &cdc::Image<'_>,
        (prefix, facts): (&'static str, Facts),
        tape: &mut Tape,
        row: &mut R,
    ) -> Result<Verdict, DecodeFailure> {
        let plan = around.plan;
        let before = match before {
            Some(before) if plan.change.reads_before => self.old_row(around, before, tape)?,
            _ => None,
        };
        // A key change is a create whose row can hold values that were not sent; a snapshot reads them all.
        let is_debezium = matches!(arrival.format, CdcFormat::Debezium | CdcFormat::DebeziumFlat);
        let placeholders = is_debezium && facts.op != Some(Op::Read) && plan.change.placeholder.may_be_in(after);
        if placeholders && plan.change.composite_columns {
            let mut unavailable = std::mem::take(&mut self.scratch.unavailable);
            let found = change::unavailable_composites(plan, after, &mut unavailable);
            self.scratch.unavailable = unavailable;
            found?;
        }
        let image = Image {
            prefix,
            mode: Mode::Whole,
            schemaless: !after.is_typed(),
            placeholders,
            partial: after.is_partial(),
        };
        let scope = around.scope(before);
        let walked = self.image(around, &scope, image, row, after);
        self.finish(around, &scope, image, walked, facts)
    }

    /// Walks an image; plain JSON by a reader that is nothing else, which is faster.
    fn image<R: RowSink>(
        &mut self,
        around: &Surroundings<'_>,
        scope: &Scope<'_>,
        image: Image,
        row: &mut R,
        part: &cdc::Image<'_>,
    ) -> Result<Walked, Stop> {
        match part.plain_reader() {
            Some(mut reader) => {
                reader.lend(self.names.take());
                let walked = self.walk(around, scope, image, row, |walk| walk.document(&mut reader));
                self.names = reader.leave();
                walked
            }
            None => self.walk(around, scope, image, row, |walk| walk.document(&mut part.reader())),
        }
    }

    /// Closes the verdict; an image that cannot be read is a failure of the whole value.
    fn finish(
        &mut self,
        around: &Surroundings<'_>,
        scope: &Scope<'_>,
        image: Image,
        walked: Result<Walked, Stop>,
        facts: Facts,
    ) -> Result<Verdict, DecodeFailure> {
        match walked {
            Err(Stop::Decode(failure)) => Err(failure),
            walked => Ok(self.conclude(around, scope, image, walked, facts)),
        }
    }

    /// What rules read of the old row. Nothing of it is reported, so a rule that reads a broken value of it has no answer.
    fn old_row<'t>(
        &mut self,
        around: &Surroundings<'_>,
        before: &cdc::Image<'_>,
        tape: &'t mut Tape,
    ) -> Result<Option<Captured<'t>>, DecodeFailure> {
        let image = Image {
            prefix: "/before",
            mode: Mode::CaptureOnly,
            schemaless: !before.is_typed(),
            placeholders: true,
            partial: false,
        };
        let scope = around.scope(None);
        let walked = self.image(around, &scope, image, &mut (), before);
        // What was captured is the old row; the new one gets the other tape.
        std::mem::swap(tape, &mut self.scratch.tape);
        self.scratch.tape.clear();
        match walked {
            Ok(walked) => Ok(walked.captured.and_then(|cell| Captured::of(tape, cell))),
            Err(Stop::Decode(failure)) => Err(failure),
            Err(Stop::Limit) => Ok(None),
        }
    }
}

/// A change event that is none.
const MALFORMED: DecodeFailure = DecodeFailure {
    detail: Detail::BadEnvelope,
    offset: 0,
};

/// A record's key in its encoding.
enum Key<'a> {
    Json(&'a [u8]),
    Avro(Arc<Schema>, &'a [u8], usize),
}

/// Whether all that is known of the row but its changes is the record's key.
fn needs_key(event: &ChangeEvent<'_>) -> bool {
    match event.op {
        Some(cdc::Op::Delete) => event.before.is_none(),
        _ => event.after.as_ref().is_some_and(cdc::Image::is_partial),
    }
}

/// An image that nobody walks.
fn prove(image: Option<&mut cdc::Image<'_>>, room: &mut Option<Box<Keys>>) -> Result<(), DecodeFailure> {
    image.map_or(Ok(()), |image| image.prove_in(room))
}

/// What pointers to values of the row before and after begin with.
fn prefixes(format: CdcFormat, event: &ChangeEvent<'_>) -> (&'static str, &'static str) {
    match format {
        // What is known of such rows lies in the key and in the description of the update.
        CdcFormat::DebeziumMongodb if [&event.before, &event.after].into_iter().flatten().any(cdc::Image::is_partial) => {
            ("", "/updateDescription/updatedFields")
        }
        CdcFormat::Debezium | CdcFormat::DebeziumMongodb => ("/before", "/after"),
        CdcFormat::DebeziumFlat => ("", ""),
        CdcFormat::Dms | CdcFormat::Maxwell => ("/data", "/data"),
    }
}

fn facts(event: &ChangeEvent<'_>, arrival: &Arrival<'_>) -> Facts {
    let op = event.op.map(|op| match op {
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
        source_time: event.source_time_micros,
        source_position: event.position.as_ref().map(position),
        key_change: cdc::key_change(arrival.input.headers),
    }
}

fn position(position: &cdc::Position<'_>) -> SourcePosition {
    match position {
        cdc::Position::Lsn(lsn) => SourcePosition::of_number(*lsn),
        position => SourcePosition::of(position),
    }
}

/// The fields of `source` that the event has, first; and how many.
fn source<'e>(event: &'e ChangeEvent<'_>, position: Option<&'e str>) -> ([(&'static str, SourceField<'e>); 7], usize) {
    let text = |text: &'e Option<std::borrow::Cow<'_, str>>| text.as_deref().map(SourceField::Text);
    let fields = [
        ("table", text(&event.table)),
        ("schema", text(&event.schema)),
        ("database", text(&event.database)),
        ("transaction", text(&event.transaction)),
        ("position", position.map(SourceField::Text)),
        ("snapshot", text(&event.snapshot)),
        ("ts", event.source_time_micros.map(SourceField::Time)),
    ];
    let (mut found, mut known) = ([("", SourceField::Time(0)); 7], 0);
    for (name, field) in fields {
        if let Some(field) = field {
            found[known] = (name, field);
            known += 1;
        }
    }
    (found, known)
}
