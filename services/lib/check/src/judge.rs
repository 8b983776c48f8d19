//! The judge: bytes and plan in, verdict out.

use std::sync::Arc;

use tidegate_codec::avro::Schema;
use tidegate_codec::cdc::{SchemaBlockCache, Texts};
use tidegate_codec::framing::{self, SchemaRef};
use tidegate_codec::{AvroReader, DecodeFailure, Detail, Keys};
use tidegate_contract::{Severity, Status};

use crate::event_schema::{EventSchema, Fits, Resolutions};
use crate::input::{Input, Known, SchemaLookup, SchemaNeed};
use crate::plan::Plan;
use crate::row::RowSink;
use crate::rules::cel::{Scope, SourceField};
use crate::tape::{Captured, Cell, Tape};
use crate::verdict::{Facts, Op, Reason, Verdict};

pub(crate) mod any;
mod changes;
mod documents;
pub(crate) mod findings;
mod headers;
mod key;
mod routes;
mod schema;
mod walk;

use changes::Arrival;
pub(crate) use documents::written_message;
pub(crate) use findings::presentable;
use findings::{Broken, Findings, Place, Rule};
use routes::Routes;
use schema::Document;
pub(crate) use walk::Source;
use walk::{Mode, Scratch, Stop, Walk, Written};

/// Values longer than this are not read. Kafka's own limit is usually a few MiB; this one bounds the time of one verdict.
pub const VALUE_BYTES_MAX: usize = 64 << 20;

/// The name of the one field of a key that is no object; the plan of such a key reads this field.
pub(crate) const KEY_FIELD: &str = "key";

/// Judges records one after another and keeps its buffers between them. One judge serves any number of plans, from one thread.
#[derive(Debug, Default)]
pub struct Judge {
    findings: Findings,
    scratch: Scratch,
    /// The captured old row of a change event.
    before: Tape,
    schema_blocks: SchemaBlockCache,
    /// Room for field names, handed from reader to reader.
    names: Option<Box<Keys>>,
    /// Every value goes the long way.
    thorough: bool,
    /// Unescaped parts of a change event.
    texts: Texts,
    /// The same of its key.
    key_texts: Texts,
    resolutions: Resolutions,
    routes: Routes,
    fits: Fits,
    protobuf: tidegate_codec::protobuf::Scratch,
    /// A document that came compressed.
    inflated: Vec<u8>,
    /// How the last record was written.
    framing: Option<framing::Encoding>,
}

/// What stands beside the row.
struct Surroundings<'a> {
    plan: &'a Plan,
    input: &'a Input<'a>,
    topic: &'a str,
    op: Option<Op>,
    source: &'a [(&'static str, SourceField<'a>)],
    /// What an event schema is asked about; none where there is nothing to ask.
    #[cfg_attr(not(feature = "json-schema"), expect(dead_code, reason = "nobody asks"))]
    document: Option<Document<'a>>,
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

    /// A judge that never takes the short way through a value that is as expected. Its verdicts are the same, and later: it is the referee
    /// of the short way.
    pub fn thorough() -> Judge {
        Judge {
            thorough: true,
            ..Judge::default()
        }
    }

    /// Which of the accepted encodings the last record had, for a metric: a closed list. None when it had no value, or fitted none.
    pub fn framing(&self) -> Option<framing::Encoding> {
        self.framing
    }

    /// Judges one record. The row reaches `row` while it is judged, so a sink must drop what it got unless the verdict is
    /// [`Verdict::Valid`]; a truncate and a logical message hand it nothing, and a null value nothing but the key columns of a deleted
    /// flattened row.
    ///
    /// [`Verdict::Need`] asks for a schema that `schemas` does not know yet: judge again when it does. Never fails otherwise: whatever
    /// the bytes are, there is a verdict. The same input gives the same verdict, whatever was judged before.
    pub fn judge<R: RowSink>(&mut self, plan: &Plan, input: &Input<'_>, topic: &str, schemas: &dyn SchemaLookup, row: &mut R) -> Verdict {
        self.framing = None;
        if self.thorough {
            // Nor anything that was remembered of other events.
            self.schema_blocks = SchemaBlockCache::new();
        }
        if let Some(verdict) = verdict_for_status(plan) {
            return verdict;
        }
        if !plan.off.is_empty() || self.findings.is_partly_off() {
            self.findings.switch_off(plan.switched_off(input.now));
        }
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
        let verdict = self.judge_value(plan, input, topic, schemas, row);
        self.findings.precede(found.len());
        match verdict {
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
            if documents::is_structured(plan, input) {
                return whole(plan, Reason::Undecodable, Some(Detail::Empty), "decode");
            }
            return match (&arrival, input.key) {
                (Some(arrival), _) => self.tombstone(arrival, row),
                (None, Some(_)) => tombstone(Facts::default()),
                (None, None) => whole(plan, Reason::TombstoneWithoutKey, None, "tombstone"),
            };
        };
        if value.len() > VALUE_BYTES_MAX {
            return whole(plan, Reason::SizeViolation, Some(Detail::TooLarge), "size");
        }
        let arrived = documents::Arrived {
            plan,
            input,
            topic,
            schemas,
            change: arrival.as_ref(),
        };
        self.value(&arrived, value, row)
    }

    /// For each violation of the last verdict, the positions in their maps of the entries that its pointer stars, from 0. For tools that
    /// look the place up in the event; keys of maps are content and stay out of verdicts. May be shorter than the list.
    pub fn starred(&self) -> &[Vec<u64>] {
        self.findings.entries()
    }

    fn plain<'b, R: RowSink>(
        &mut self,
        plan: &Plan,
        input: &Input<'_>,
        topic: &str,
        reader: &mut impl Source<'b>,
        document: Option<Document<'_>>,
        row: &mut R,
    ) -> Verdict {
        let around = Surroundings {
            plan,
            input,
            topic,
            op: None,
            source: &[],
            document,
        };
        let scope = around.scope(None);
        let walked = self.walk(&around, &scope, Image::PLAIN, row, |walk| walk.document(reader));
        self.conclude(&around, &scope, Image::PLAIN, walked, Facts::default())
    }

    /// Judges an Avro datum that is no change event.
    fn datum<R: RowSink>(
        &mut self,
        plan: &Plan,
        input: &Input<'_>,
        topic: &str,
        schema: &Arc<Schema>,
        written: Written<'_>,
        row: &mut R,
    ) -> Verdict {
        // Out of the judge while it walks.
        let mut routes = std::mem::take(&mut self.routes);
        let route = if self.thorough { None } else { routes.through(schema, plan) };
        let around = Surroundings {
            plan,
            input,
            topic,
            op: None,
            source: &[],
            document: None,
        };
        let scope = around.scope(None);
        let walked = self.walk(&around, &scope, Image::PLAIN, row, |walk| match route {
            Some(route) => walk.routed(route, written),
            None => walk.document(&mut AvroReader::new(written.schema, written.datum).with_base(written.base)),
        });
        self.routes = routes;
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
            short: image.mode == Mode::Whole && !self.thorough,
            thorough: self.thorough,
            schemaless: image.schemaless,
            placeholders: image.placeholders,
            partial: image.partial,
            row,
            findings: &mut self.findings,
            scratch: &mut self.scratch,
            scope,
            event_time: None,
            captured: None,
            at_once: false,
            seen_at_once: false,
        };
        read(&mut walk)?;
        Ok(Walked {
            event_time: walk.event_time,
            captured: walk.captured,
            seen_at_once: walk.seen_at_once,
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
                let captured = walked.captured.filter(|_| image.mode == Mode::Whole);
                if let Some(captured) = captured.and_then(|cell| Captured::of(&self.scratch.tape, cell)) {
                    let plan = around.plan;
                    let rules = &plan.checks[0].rules;
                    let left = match walked.seen_at_once {
                        true => plan.glance.rest(),
                        false if self.thorough => rules,
                        false => plan.glance.left(captured, rules),
                    };
                    for rule in left {
                        if plan.change.asks(*rule, scope.op) {
                            walk::ask(&mut self.findings, plan, image.prefix, &[], &plan.programs[*rule], captured, scope);
                        }
                    }
                }
                #[cfg(feature = "json-schema")]
                if image.mode == Mode::Whole {
                    self.ask_schema(around, image);
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
#[derive(Debug, Clone, Copy)]
struct Walked {
    event_time: Option<i64>,
    captured: Option<Cell>,
    seen_at_once: bool,
}

/// Which row of an event is walked, and how.
#[derive(Debug, Clone, Copy)]
struct Image {
    prefix: &'static str,
    mode: Mode,
    schemaless: bool,
    placeholders: bool,
    partial: bool,
}

// === impl Image ===

impl Image {
    const PLAIN: Image = Image {
        prefix: "",
        mode: Mode::Whole,
        schemaless: false,
        placeholders: false,
        partial: false,
    };
}

// === impl Surroundings ===

impl<'a> Surroundings<'a> {
    fn scope(&self, before: Option<Captured<'a>>) -> Scope<'a> {
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
        self.tape.clear();
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

/// The schema that a frame names; where the frame leaves it to the contract, the contract's. The error asks for one that is not cached.
pub(crate) fn look_up(plan: &Plan, schemas: &dyn SchemaLookup, schema: SchemaRef) -> Result<Known, SchemaNeed> {
    if let (SchemaRef::Configured, Some((EventSchema::Protobuf(named), _))) = (schema, &plan.event_schema) {
        return Ok(Known::Protobuf(named.schema().clone()));
    }
    let need = need(plan, schema);
    match schemas.lookup(&need) {
        Known::NotCached => Err(need),
        known => Ok(known),
    }
}

pub(crate) fn need(plan: &Plan, schema: SchemaRef) -> SchemaNeed {
    SchemaNeed::named_by(schema).unwrap_or_else(|| {
        let (file, message) = plan.protobuf.clone().expect("the contract reader asks for both beside `protobuf`");
        SchemaNeed::File { file, message }
    })
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
    findings.add(broken, Place::default);
    findings.conclude(Facts::default())
}
