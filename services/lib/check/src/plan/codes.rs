//! Diagnostic codes of compiling. TG01 codes are those of the contract reader for the same problem; TG02 codes are this crate's own.

use tidegate_contract::codes::Code;

/// A pattern that cannot be run in linear time.
pub(crate) const PATTERN: &str = "TG0117";
/// A limit that cannot be used.
pub(crate) const BOUND: &str = "TG0119";
/// An allowed value of another type.
pub(crate) const ENUM: &str = "TG0120";
/// A time zone that is not a fixed offset.
pub(crate) const ZONE: &str = "TG0121";
/// A date pattern outside of the accepted subset.
pub(crate) const DATE_PATTERN: &str = "TG0118";
/// `eventTime` names no date or timestamp.
pub(crate) const EVENT_TIME: &str = "TG0130";
/// Two fields share one name on the wire.
pub(crate) const DUPLICATE_NAME: &str = "TG0113";
/// A row rule that does not compile.
pub(crate) const RULE: &str = "TG0201";
/// A decimal wider than 38 digits.
pub(crate) const DECIMAL_WIDTH: &str = "TG0202";
/// A shape that cannot be judged.
pub(crate) const SHAPE: &str = "TG0203";
/// A rule that reads `before`.
pub(crate) const BEFORE: &str = "TG0204";

/// An event schema that cannot be compiled, or refers to what is not under `schemas/`.
pub(crate) const EVENT_SCHEMA: &str = "TG0205";
/// An event schema of a kind that does not fit the encodings of the object.
pub(crate) const EVENT_SCHEMA_KIND: &str = "TG0206";
/// An event schema that is not at hand.
pub(crate) const EVENT_SCHEMA_FILE: &str = "TG0155";

/// This crate's own codes, in the order of the ids.
pub const ALL: &[Code] = &[
    Code {
        id: RULE,
        title: "a row rule that does not compile",
        explanation: "The expression of a CEL rule does not parse, names something that the object does not have, mixes types, or does not \
            answer true or false. Rules see `value` by property names, `key`, `headers`, `meta`, `now`, and on change topics `before`, `op` and \
            `source`.",
    },
    Code {
        id: DECIMAL_WIDTH,
        title: "a decimal that no column holds",
        explanation: "Exact decimals have at most 38 digits, as in Parquet and every engine that reads it. Write `physicalType: decimal(p,s)` \
            with p up to 38, `logicalType: string` where more digits must be kept, or a format f32 or f64 where rounding is fine.",
    },
    Code {
        id: SHAPE,
        title: "a shape that cannot be judged",
        explanation: "The clause asks something of a property that its shape cannot answer: unique items of unknown type, a map whose key is \
            an object, a metric over values on a property that is no single value, or nesting past 32 levels.",
    },
    Code {
        id: BEFORE,
        title: "a rule that reads the old row",
        explanation: "PostgreSQL sends only the key of the old row unless the table has REPLICA IDENTITY FULL, and MySQL likewise without \
            binlog_row_image=FULL. A rule that reads a column of `before` which was not sent has no answer and counts as broken, so test with \
            `has(before.x)`, or let the source log the whole row.",
    },
    Code {
        id: EVENT_SCHEMA,
        title: "an event schema that cannot be used",
        explanation: "The file that `eventSchema` names does not compile, has no dialect that is known, uses a pattern that cannot be run in \
            linear time, or refers to something that is not under `schemas/` of the same commit, or does not declare the Protobuf message. Nothing is ever fetched: bring the referenced \
            file along, and refer to it by its relative path.",
    },
    Code {
        id: EVENT_SCHEMA_KIND,
        title: "an event schema of a kind that does not fit",
        explanation: "A JSON Schema judges JSON text, an Avro schema Avro data, a Protobuf message Protobuf data. Accept only encodings of the schema's kind, or name a \
            schema of the other kind.",
    },
];

/// The code of that id, in any case; TG01 codes are explained by [`tidegate_contract::codes::explain`].
pub fn explain(id: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_consecutive_and_explained() {
        for (index, code) in ALL.iter().enumerate() {
            assert_eq!(code.id, format!("TG{:04}", 201 + index));
            assert!(code.title.len() > 5 && code.explanation.len() > 30, "{}", code.id);
        }
        for shared in [
            PATTERN,
            BOUND,
            ENUM,
            ZONE,
            DATE_PATTERN,
            EVENT_TIME,
            DUPLICATE_NAME,
            EVENT_SCHEMA_FILE,
        ] {
            assert!(tidegate_contract::codes::explain(shared).is_some(), "{shared}");
        }
        // Every constant above is either explained here or by the reader of contracts.
        let constants = include_str!("codes.rs").matches("pub(crate) const ").count() - 1;
        assert_eq!(constants, ALL.len() + 8);
    }
}
