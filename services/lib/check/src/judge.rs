//! The judge: bytes and plan in, verdict out.

use tidegate_codec::cdc::SchemaBlockCache;
use tidegate_codec::framing::{self, Framed, Part, SchemaRef};
use tidegate_codec::{AvroReader, DecodeFailure, Detail, JsonReader};
use tidegate_contract::model::Encoding;
use tidegate_contract::{Severity, Status};

use crate::datum::Datum;
use crate::input::{Input, Known, SchemaLookup, SchemaNeed};
use crate::plan::Plan;
use crate::row::RowSink;
use crate::rules::cel::{Scope, SourceField};
use crate::verdict::{Facts, Op, Reason, Verdict};

mod any;
mod changes;
mod findings;
mod headers;
mod key;
mod walk;

use changes::Arrival;
use findings::{Broken, Findings, Rule};
use walk::{Mode, Scratch, Source, Stop, Walk};

/// Values longer than this are not read. Kafka's own limit is usually a few MiB; this one bounds the time of one verdict.
pub const VALUE_BYTES_MAX: usize = 64 << 20;

/// The name of the one field of a key that is no object; the plan of such a key reads this field.
pub(crate) const KEY_FIELD: &str = "key";

/// Judges records one after another and keeps its buffers between them. One judge serves any number of plans, from one thread.
#[derive(Debug, Default)]
pub struct Judge {
    findings: Findings,
    scratch: Scratch,
    schema_blocks: SchemaBlockCache,
}

/// What stands beside the row.
struct Surroundings<'a> {
    plan: &'a Plan,
    input: &'a Input<'a>,
    topic: &'a str,
    op: Option<Op>,
    source: &'a [(&'static str, SourceField)],
}

/// The verdict that the contract's status alone gives: everything under a retired contract is `contract_retired`.
pub fn verdict_for_status(plan: &Plan) -> Option<Verdict> {
    (plan.status == Status::Retired).then(|| whole(plan, Reason::ContractRetired, None, "status"))
}

// === impl Judge ===

impl Judge {
    /// A judge with empty buffers.
    pub fn new() -> Judge {
        Judge::default()
    }

    /// Judges one record. The row reaches `row` while it is judged, so a sink must drop what it got unless the verdict is
    /// [`Verdict::Valid`]; a truncate and a logical message hand it nothing, and a null value nothing but the key columns of a deleted
    /// flattened row.
    ///
    /// [`Verdict::Need`] asks for a schema that `schemas` does not know yet: judge again when it does. Never fails otherwise: whatever
    /// the bytes are, there is a verdict. The same input gives the same verdict, whatever was judged before.
    pub fn judge<R: RowSink>(&mut self, plan: &Plan, input: &Input<'_>, topic: &str, schemas: &dyn SchemaLookup, row: &mut R) -> Verdict {
        if let Some(verdict) = verdict_for_status(plan) {
            return verdict;
        }
        self.findings.switch_off(plan.switched_off(input.now));
        let Some(outside) = &plan.outside else {
            return self.judge_value(plan, input, topic, schemas, row);
        };
        self.findings.clear();
        self.scratch.clear();
        headers::check(&mut self.findings, &outside.headers, input);
        let mut found = self.findings.take();
        let headers_found = found.len();
        if let Some(key) = &outside.key {
            match self.key_violations(key, input, topic, schemas) {
                Ok(violations) => found.extend(violations),
                Err(need) => return Verdict::Need(need),
            }
        }
        match self.judge_value(plan, input, topic, schemas, row) {
            // Debezium writes truncates and logical messages without a key.
            Verdict::Valid { notes, facts } if input.key.is_none() && matches!(facts.op, Some(Op::Truncate | Op::Message)) => {
                found.truncate(headers_found);
                findings::joined(found, Verdict::Valid { notes, facts })
            }
            verdict => findings::joined(found, verdict),
        }
    }

    /// Judges the value alone.
    fn judge_value<R: RowSink>(&mut self, plan: &Plan, input: &Input<'_>, topic: &str, schemas: &dyn SchemaLookup, row: &mut R) -> Verdict {
        self.findings.clear();
        self.scratch.clear();
        let arrival = plan.cdc.map(|format| Arrival {
            plan,
            input,
            topic,
            format,
            schemas,
        });
        let Some(value) = input.value else {
            return match (&arrival, input.key) {
                (Some(arrival), _) => self.tombstone(arrival, row),
                (None, Some(_)) => tombstone(Facts::default()),
                (None, None) => whole(plan, Reason::TombstoneWithoutKey, None, "tombstone"),
            };
        };
        if value.len() > VALUE_BYTES_MAX {
            return whole(plan, Reason::SizeViolation, Some(Detail::TooLarge), "size");
        }
        let framed = match framing::open(encodings(plan), Part::Value, input.headers, value) {
            Ok(framed) => framed,
            Err(Detail::UnknownFraming) => return whole(plan, Reason::UnknownFraming, Some(Detail::UnknownFraming), "framing"),
            Err(detail) => return whole(plan, Reason::Undecodable, Some(detail), "decode"),
        };
        match framed {
            Framed::Json(bytes) => match &arrival {
                None => self.plain(plan, input, topic, &mut JsonReader::new(bytes), row),
                Some(arrival) => self.json_change(arrival, bytes, row),
            },
            Framed::Avro { schema, datum } => {
                let need = need(schema);
                match schemas.lookup(&need) {
                    Known::NotCached => Verdict::Need(need),
                    Known::Unknown => whole(plan, Reason::RegistrySchemaUnknown, Some(Detail::UnknownSchema), "schema"),
                    Known::Unusable => whole(plan, Reason::Undecodable, Some(Detail::BadSchema), "schema"),
                    Known::Avro(schema) => match &arrival {
                        None => self.plain(plan, input, topic, &mut AvroReader::new(&schema, datum), row),
                        Some(arrival) => self.avro_change(arrival, &schema, datum, row),
                    },
                }
            }
        }
    }

    fn plain<'b, R: RowSink>(&mut self, plan: &Plan, input: &Input<'_>, topic: &str, reader: &mut impl Source<'b>, row: &mut R) -> Verdict {
        let around = Surroundings {
            plan,
            input,
            topic,
            op: None,
            source: &[],
        };
        let scope = around.scope(None);
        let walked = self.walk(&around, &scope, Image::PLAIN, row, |walk| walk.document(reader));
        self.conclude(&around, &scope, Image::PLAIN, walked, Facts::default())
    }

    /// Walks one image of the row.
    fn walk<R: RowSink>(
        &mut self,
        around: &Surroundings<'_>,
        scope: &Scope<'_>,
        image: Image,
        row: &mut R,
        read: impl FnOnce(&mut Walk<'_, R>) -> Result<(), Stop>,
    ) -> Result<Walked, Stop> {
        let mut walk = Walk {
            plan: around.plan,
            image: image.prefix,
            mode: image.mode,
            schemaless: image.schemaless,
            placeholders: image.placeholders,
            row,
            findings: &mut self.findings,
            scratch: &mut self.scratch,
            scope,
            event_time: None,
            captured: None,
        };
        read(&mut walk)?;
        Ok(Walked {
            event_time: walk.event_time,
            captured: walk.captured,
        })
    }

    /// Asks the rules of the row and closes the verdict.
    fn conclude(
        &mut self,
        around: &Surroundings<'_>,
        scope: &Scope<'_>,
        image: Image,
        walked: Result<Walked, Stop>,
        facts: Facts,
    ) -> Verdict {
        match walked {
            Ok(walked) => {
                if let Some(captured) = walked.captured.as_ref().filter(|_| image.mode == Mode::Whole) {
                    for rule in &around.plan.checks[0].rules {
                        let rule = &around.plan.programs[*rule];
                        walk::ask(&mut self.findings, around.plan, image.prefix, &[], rule, captured, scope);
                    }
                }
                self.findings.conclude(Facts {
                    event_time: walked.event_time,
                    ..facts
                })
            }
            Err(Stop::Limit) => self.findings.conclude(facts),
            Err(Stop::Decode(failure)) => self.undecodable(around.plan, failure),
        }
    }

    /// A document that cannot be read replaces whatever was found in the part that could.
    fn undecodable(&mut self, plan: &Plan, failure: DecodeFailure) -> Verdict {
        self.findings.clear();
        let reason = match failure.detail {
            Detail::BadEnvelope | Detail::UnknownOperation => Reason::CdcMalformed,
            _ => Reason::Undecodable,
        };
        whole(plan, reason, Some(failure.detail), "decode")
    }
}

/// What a walk brings back.
struct Walked {
    event_time: Option<i64>,
    captured: Option<Datum>,
}

/// Which row of an event is walked, and how.
#[derive(Debug, Clone, Copy)]
struct Image {
    prefix: &'static str,
    mode: Mode,
    schemaless: bool,
    placeholders: bool,
}

// === impl Image ===

impl Image {
    const PLAIN: Image = Image {
        prefix: "",
        mode: Mode::Whole,
        schemaless: false,
        placeholders: false,
    };
}

// === impl Surroundings ===

impl<'a> Surroundings<'a> {
    fn scope(&self, before: Option<&'a Datum>) -> Scope<'a> {
        Scope {
            plan: self.plan,
            input: self.input,
            topic: self.topic,
            op: self.op.map_or("", Op::as_str),
            source: self.source,
            before,
        }
    }
}

// === impl Scratch ===

impl Scratch {
    fn clear(&mut self) {
        self.steps.clear();
        self.seen.clear();
        self.builder.clear();
        self.unavailable.clear();
    }
}

/// A null value deletes by key.
fn tombstone(facts: Facts) -> Verdict {
    Verdict::Valid {
        notes: Vec::new(),
        facts: Facts {
            op: Some(Op::Tombstone),
            ..facts
        },
    }
}

fn need(schema: SchemaRef) -> SchemaNeed {
    match schema {
        SchemaRef::Id(id) => SchemaNeed::Id(id),
        SchemaRef::Guid(guid) => SchemaNeed::Guid(guid),
    }
}

/// A verdict about the event as a whole.
fn whole(plan: &Plan, reason: Reason, detail: Option<Detail>, clause: &'static str) -> Verdict {
    let mut findings = Findings::default();
    let broken = Broken {
        reason,
        detail,
        rule: Rule::Clause(clause),
        severity: Severity::Error,
        location: &plan.location,
    };
    findings.add(broken, String::new);
    findings.conclude(Facts::default())
}

fn encodings(plan: &Plan) -> &'static [framing::Encoding] {
    match (plan.encodings.contains(&Encoding::Json), plan.encodings.contains(&Encoding::Avro)) {
        (true, true) => &[framing::Encoding::Json, framing::Encoding::Avro],
        (false, true) => &[framing::Encoding::Avro],
        (true | false, false) => &[framing::Encoding::Json],
    }
}
