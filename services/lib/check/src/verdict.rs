//! What a judge answers.

use std::sync::Arc;

use tidegate_codec::Detail;
pub use tidegate_codec::cdc::KeyChange;
use tidegate_contract::{Location, Severity};

use crate::input::SchemaNeed;
use crate::position::SourcePosition;

/// The most violations that a verdict lists; past that it says that it was cut.
pub const VIOLATIONS_MAX: usize = 20;

/// The outcome of judging one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Passes. Warnings and notes of rules with a lower severity ride along.
    Valid {
        /// Violations of severity warning or info only.
        notes: Vec<Violation>,
        /// Facts of a change event or of the event time that the lake needs.
        facts: Facts,
    },
    /// Breaks the contract.
    Invalid {
        /// At least one violation of severity error, in document order; lower severities ride along.
        violations: Vec<Violation>,
        /// More were found than are listed.
        cut: bool,
    },
    /// Set aside by a named policy; the offset counts as skipped.
    Skipped(Skip),
    /// A schema that is not cached is needed first; judge again when it is there (or known to be unknown).
    Need(SchemaNeed),
}

/// One broken clause. Never holds a value of the event.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Closed list.
    pub reason: Reason,
    /// Finer closed code, where there is one.
    pub detail: Option<Detail>,
    /// Rule id: that of a quality rule, else a clause such as `required`, `type`, `maxLength`, `enum`.
    pub rule: Arc<str>,
    /// What it does.
    pub severity: Severity,
    /// JSON Pointer into the event (RFC 6901), map keys starred, array indexes kept; empty for the whole event.
    pub pointer: String,
    /// Where the contract says so.
    pub location: Location,
}

/// Why an event is a dead letter. Closed; `as_str` is the stable name in headers, metrics and documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Bytes that are not an event.
    Undecodable,
    /// None of the framings that the contract accepts.
    UnknownFraming,
    /// The registry does not know the schema id.
    RegistrySchemaUnknown,
    /// No object or version of the contract fits.
    UnplannedEvent,
    /// The topic has no contract (any more).
    NoContract,
    /// The contract is retired.
    ContractRetired,
    /// The key breaks its schema.
    KeyInvalid,
    /// A required header is missing.
    HeaderMissing,
    /// A required property is missing or null.
    RequiredMissing,
    /// A value of another type.
    TypeMismatch,
    /// A value outside of its limits.
    ConstraintViolation,
    /// An undeclared field where none is allowed.
    AdditionalProperties,
    /// A row rule is false.
    SemanticViolation,
    /// A change event without its parts.
    CdcMalformed,
    /// Null key and null value where that means nothing.
    TombstoneWithoutKey,
    /// Too large.
    SizeViolation,
    /// A limit of ours, such as a rule budget.
    LimitExceeded,
    /// The record was being judged whenever a worker died.
    CrashSuspect,
}

/// Why an offset has no outcome record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skip {
    /// Null key and null value on a CDC topic.
    TombstoneKeyless,
    /// A record of the capturing system itself: Debezium's heartbeats, transactions, schema changes and signals, control records of AWS DMS,
    /// DDL and bootstraps of Maxwell.
    CdcControl,
}

/// What the lake needs to know beside the columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// Event time in microseconds since the epoch, when the contract names a property and it was readable.
    pub event_time: Option<i64>,
    /// Change operation: `c`, `u`, `d`, `r`, `t`, `m`, or `tombstone`; none for plain events.
    pub op: Option<Op>,
    /// Source commit time in microseconds since the epoch (Debezium `source.ts_us`, else `ts_ms`; DMS `commit-timestamp`; Maxwell `ts`).
    pub source_time: Option<i64>,
    /// Position in the source's log as text (PostgreSQL `lsn`, MySQL/MariaDB `file:pos`, MongoDB `seconds:ordinal`, the
    /// stream position of DMS), for ordering within a key.
    pub source_position: Option<SourcePosition>,
    /// The record is half of a changed primary key (Debezium's headers `__debezium.newkey`, `__debezium.oldkey`).
    pub key_change: Option<KeyChange>,
}

/// Operation of a change event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Create.
    Create,
    /// Update.
    Update,
    /// Delete.
    Delete,
    /// Read by a snapshot.
    Read,
    /// Truncate; passes with a metric.
    Truncate,
    /// Logical message; passes with a metric.
    Message,
    /// Null value with a key.
    Tombstone,
}

// === impl Reason ===

impl Reason {
    /// Every reason, in the order of the list.
    pub const ALL: [Reason; 18] = [
        Reason::Undecodable,
        Reason::UnknownFraming,
        Reason::RegistrySchemaUnknown,
        Reason::UnplannedEvent,
        Reason::NoContract,
        Reason::ContractRetired,
        Reason::KeyInvalid,
        Reason::HeaderMissing,
        Reason::RequiredMissing,
        Reason::TypeMismatch,
        Reason::ConstraintViolation,
        Reason::AdditionalProperties,
        Reason::SemanticViolation,
        Reason::CdcMalformed,
        Reason::TombstoneWithoutKey,
        Reason::SizeViolation,
        Reason::LimitExceeded,
        Reason::CrashSuspect,
    ];

    /// Snake-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Undecodable => "undecodable",
            Reason::UnknownFraming => "unknown_framing",
            Reason::RegistrySchemaUnknown => "registry_schema_unknown",
            Reason::UnplannedEvent => "unplanned_event",
            Reason::NoContract => "no_contract",
            Reason::ContractRetired => "contract_retired",
            Reason::KeyInvalid => "key_invalid",
            Reason::HeaderMissing => "header_missing",
            Reason::RequiredMissing => "required_missing",
            Reason::TypeMismatch => "type_mismatch",
            Reason::ConstraintViolation => "constraint_violation",
            Reason::AdditionalProperties => "additional_properties",
            Reason::SemanticViolation => "semantic_violation",
            Reason::CdcMalformed => "cdc_malformed",
            Reason::TombstoneWithoutKey => "tombstone_without_key",
            Reason::SizeViolation => "size_violation",
            Reason::LimitExceeded => "limit_exceeded",
            Reason::CrashSuspect => "crash_suspect",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

// === impl Skip ===

impl Skip {
    /// Snake-case policy name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Skip::TombstoneKeyless => "tombstone_keyless",
            Skip::CdcControl => "cdc_control",
        }
    }
}

// === impl Op ===

impl Op {
    /// What the lake's `_op` column holds.
    pub const fn as_str(self) -> &'static str {
        match self {
            Op::Create => "c",
            Op::Update => "u",
            Op::Delete => "d",
            Op::Read => "r",
            Op::Truncate => "t",
            Op::Message => "m",
            Op::Tombstone => "tombstone",
        }
    }
}
