//! What becomes of every clause of the standard: who executes it, or that nobody does.
//!
//! One table, from which `lint` takes its notes. A test walks the keys that the reader accepts and fails for one that is not in here.

/// Where a clause is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Top level of the file.
    Contract,
    /// `servers[]`.
    Server,
    /// `schema[]`.
    Object,
    /// A property, an item, a key or value of a map.
    Property,
    /// `logicalTypeOptions` of this logicalType.
    Options(&'static str),
    /// `quality[]`.
    Quality,
    /// `slaProperties[]`.
    Sla,
}

/// Who executes a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// The judge, of every record; a corpus folder shows a valid and an invalid event.
    Record(&'static str),
    /// `tidegate sla run`, over the rows of the lake.
    Lake,
    /// Reading the contract: it decides how other clauses are understood, or names something.
    Reading,
    /// Nobody; it is there for people and catalogues.
    People,
    /// Nobody, although it reads like a check; `lint` says so at its place, with this sentence.
    Nobody(&'static str),
}

/// A clause.
#[derive(Debug, Clone, Copy)]
pub struct Clause {
    /// Where it is written.
    pub scope: Scope,
    /// Its key.
    pub key: &'static str,
    /// What becomes of it.
    pub runs: Runs,
}

const fn clause(scope: Scope, key: &'static str, runs: Runs) -> Clause {
    Clause { scope, key, runs }
}

use Runs::{Lake, Nobody, People, Reading, Record};
use Scope::{Contract, Object, Options, Property, Quality, Server, Sla};

/// Every key of the standard where a check could be expected.
pub const CLAUSES: &[Clause] = &[
    clause(Contract, "apiVersion", Reading),
    clause(Contract, "kind", Reading),
    clause(Contract, "id", Reading),
    clause(Contract, "version", Reading),
    clause(Contract, "status", Reading),
    clause(Contract, "name", People),
    clause(Contract, "tenant", People),
    clause(Contract, "tags", People),
    clause(Contract, "servers", People),
    clause(Contract, "dataProduct", People),
    clause(Contract, "description", People),
    clause(Contract, "domain", People),
    clause(Contract, "context", People),
    clause(Contract, "schema", Reading),
    clause(Contract, "support", People),
    clause(Contract, "price", People),
    clause(Contract, "team", People),
    clause(
        Contract,
        "roles",
        Nobody("roles are not enforced: who may read a topic is decided by the broker's ACLs"),
    ),
    clause(Contract, "slaDefaultElement", Reading),
    clause(Contract, "slaProperties", Lake),
    clause(Contract, "authoritativeDefinitions", People),
    clause(Contract, "customProperties", Reading),
    clause(Contract, "contractCreatedTs", People),
    clause(Server, "server", People),
    clause(Server, "type", People),
    clause(Server, "id", People),
    clause(Server, "description", People),
    clause(Server, "environment", People),
    clause(
        Server,
        "roles",
        Nobody("roles are not enforced: who may read a topic is decided by the broker's ACLs"),
    ),
    clause(Server, "customProperties", People),
    clause(Server, "host", People),
    clause(
        Server,
        "format",
        Nobody("the format of a server is not executed; the setting `encodings` of the object says how events are written"),
    ),
    clause(
        Server,
        "encoding",
        Nobody("the encoding of a server is not executed; text is always UTF-8"),
    ),
    clause(Object, "id", People),
    clause(Object, "name", Reading),
    clause(Object, "physicalName", Reading),
    clause(Object, "physicalType", Reading),
    clause(Object, "logicalType", Reading),
    clause(Object, "description", People),
    clause(Object, "businessName", People),
    clause(Object, "dataGranularityDescription", People),
    clause(Object, "properties", Record("nested")),
    clause(
        Object,
        "relationships",
        Nobody("relationships are not checked: no event is looked up in another table"),
    ),
    clause(Object, "quality", Record("cel")),
    clause(Object, "tags", People),
    clause(Object, "authoritativeDefinitions", People),
    clause(Object, "customProperties", Reading),
    clause(Object, "synonyms", People),
    clause(Object, "context", People),
    clause(
        Object,
        "deprecated",
        Nobody("`deprecated` of an object has no effect; `status` of the contract does"),
    ),
    clause(Property, "id", People),
    clause(Property, "name", Reading),
    clause(Property, "physicalName", Record("wire-names")),
    clause(Property, "physicalType", Record("decimal")),
    clause(Property, "logicalType", Record("typed")),
    clause(Property, "logicalTypeOptions", Reading),
    clause(Property, "description", People),
    clause(Property, "businessName", People),
    clause(Property, "required", Record("required")),
    clause(Property, "unique", Lake),
    clause(Property, "primaryKey", Lake),
    clause(Property, "primaryKeyPosition", Reading),
    clause(
        Property,
        "partitioned",
        Nobody("`partitioned` is not executed: the lake is partitioned by event time, see the setting `eventTime`"),
    ),
    clause(
        Property,
        "partitionKeyPosition",
        Nobody("`partitionKeyPosition` is not executed: the lake is partitioned by event time, see the setting `eventTime`"),
    ),
    clause(Property, "classification", Reading),
    clause(
        Property,
        "encryptedName",
        Nobody("`encryptedName` is not executed: nothing is encrypted or renamed"),
    ),
    clause(Property, "criticalDataElement", People),
    clause(
        Property,
        "transformSourceObjects",
        Nobody("transformations are not executed: an event leaves as it came"),
    ),
    clause(
        Property,
        "transformLogic",
        Nobody("transformations are not executed: an event leaves as it came"),
    ),
    clause(Property, "transformDescription", People),
    clause(Property, "examples", Nobody("examples are not checked against the type")),
    clause(Property, "quality", Record("library")),
    clause(Property, "tags", People),
    clause(Property, "authoritativeDefinitions", People),
    clause(Property, "customProperties", People),
    clause(Property, "properties", Record("nested")),
    clause(Property, "items", Record("arrays")),
    clause(
        Property,
        "relationships",
        Nobody("relationships are not checked: no event is looked up in another table"),
    ),
    clause(Property, "enum", Record("enum-forms")),
    clause(Property, "map", Record("maps")),
    clause(Property, "semanticType", People),
    clause(Property, "synonyms", People),
    clause(
        Property,
        "deprecated",
        Nobody("`deprecated` of a property has no effect: its values are judged as before"),
    ),
    clause(Options("string"), "minLength", Record("string")),
    clause(Options("string"), "maxLength", Record("string")),
    clause(Options("string"), "pattern", Record("string")),
    clause(Options("string"), "format", Record("string")),
    clause(Options("date"), "format", Record("jdk-format")),
    clause(Options("date"), "minimum", Record("bounds-temporal")),
    clause(Options("date"), "maximum", Record("bounds-temporal")),
    clause(Options("date"), "exclusiveMinimum", Record("bounds-temporal")),
    clause(Options("date"), "exclusiveMaximum", Record("bounds-temporal")),
    clause(Options("timestamp"), "format", Record("jdk-format")),
    clause(Options("timestamp"), "minimum", Record("bounds-temporal")),
    clause(Options("timestamp"), "maximum", Record("bounds-temporal")),
    clause(Options("timestamp"), "exclusiveMinimum", Record("bounds-temporal")),
    clause(Options("timestamp"), "exclusiveMaximum", Record("bounds-temporal")),
    clause(Options("timestamp"), "timezone", Record("timestamp")),
    clause(Options("timestamp"), "defaultTimezone", Record("timestamp")),
    clause(Options("time"), "format", Record("jdk-time")),
    clause(Options("time"), "minimum", Record("bounds-temporal")),
    clause(Options("time"), "maximum", Record("bounds-temporal")),
    clause(Options("time"), "exclusiveMinimum", Record("bounds-temporal")),
    clause(Options("time"), "exclusiveMaximum", Record("bounds-temporal")),
    clause(
        Options("time"),
        "timezone",
        Nobody("`timezone` of a time is not executed: a time of day has no zone without its day"),
    ),
    clause(
        Options("time"),
        "defaultTimezone",
        Nobody("`defaultTimezone` of a time is not executed: a time of day has no zone without its day"),
    ),
    clause(Options("integer"), "multipleOf", Record("bounds-numbers")),
    clause(Options("integer"), "minimum", Record("bounds-numbers")),
    clause(Options("integer"), "maximum", Record("bounds-numbers")),
    clause(Options("integer"), "exclusiveMinimum", Record("bounds-numbers")),
    clause(Options("integer"), "exclusiveMaximum", Record("bounds-numbers")),
    clause(Options("integer"), "format", Record("integer")),
    clause(Options("number"), "multipleOf", Record("bounds-numbers")),
    clause(Options("number"), "minimum", Record("bounds-numbers")),
    clause(Options("number"), "maximum", Record("bounds-numbers")),
    clause(Options("number"), "exclusiveMinimum", Record("bounds-numbers")),
    clause(Options("number"), "exclusiveMaximum", Record("bounds-numbers")),
    clause(Options("number"), "format", Record("float")),
    clause(Options("object"), "minProperties", Record("object-options")),
    clause(Options("object"), "maxProperties", Record("object-options")),
    clause(Options("object"), "required", Record("object-options")),
    clause(Options("array"), "minItems", Record("arrays")),
    clause(Options("array"), "maxItems", Record("arrays")),
    clause(Options("array"), "uniqueItems", Record("arrays")),
    clause(Options("vector"), "dimensions", Record("vector")),
    clause(Options("vector"), "elementType", Record("vector-types")),
    clause(Options("vector"), "distanceMetric", People),
    clause(Options("vector"), "embeddingModel", People),
    clause(Options("vector"), "embeddingModelVersion", People),
    clause(
        Options("vector"),
        "normalized",
        Nobody("`normalized` is not checked: no vector is measured for its length"),
    ),
    clause(Quality, "id", Reading),
    clause(Quality, "name", Reading),
    clause(Quality, "description", People),
    clause(Quality, "type", Reading),
    clause(Quality, "metric", Record("library")),
    clause(Quality, "rule", Reading),
    clause(Quality, "arguments", Record("library")),
    clause(Quality, "query", Lake),
    clause(Quality, "engine", Reading),
    clause(Quality, "implementation", Record("cel")),
    clause(Quality, "mustBe", Record("library")),
    clause(Quality, "mustNotBe", Lake),
    clause(Quality, "mustBeGreaterThan", Lake),
    clause(Quality, "mustBeGreaterOrEqualTo", Lake),
    clause(Quality, "mustBeLessThan", Lake),
    clause(Quality, "mustBeLessOrEqualTo", Record("library-limits")),
    clause(Quality, "mustBeBetween", Lake),
    clause(Quality, "mustNotBeBetween", Lake),
    clause(Quality, "dimension", People),
    clause(Quality, "severity", Record("cel-severity")),
    clause(Quality, "unit", Reading),
    clause(Quality, "method", People),
    clause(Quality, "schedule", Lake),
    clause(Quality, "scheduler", Reading),
    clause(Quality, "businessImpact", People),
    clause(Quality, "tags", People),
    clause(Quality, "customProperties", People),
    clause(Quality, "authoritativeDefinitions", People),
    clause(Sla, "id", Reading),
    clause(Sla, "property", Lake),
    clause(Sla, "value", Lake),
    clause(Sla, "valueExt", Lake),
    clause(Sla, "unit", Lake),
    clause(Sla, "element", Lake),
    clause(Sla, "driver", People),
    clause(Sla, "description", People),
    clause(Sla, "scheduler", Reading),
    clause(Sla, "schedule", Lake),
    clause(Sla, "customProperties", People),
    clause(Sla, "authoritativeDefinitions", People),
];

/// What becomes of a key; none when the standard has no such key there.
pub fn find(scope: Scope, key: &str) -> Option<&'static Clause> {
    CLAUSES.iter().find(|clause| clause.scope == scope && clause.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odcs::keys;
    use crate::odcs::shape::Keys;

    fn tables() -> Vec<(Scope, &'static Keys)> {
        vec![
            (Contract, &keys::CONTRACT),
            (Server, &keys::SERVER),
            (Object, &keys::OBJECT),
            (Property, &keys::PROPERTY),
            (Property, &keys::ITEM),
            (Options("string"), &keys::STRING_OPTIONS),
            (Options("date"), &keys::DATE_OPTIONS),
            (Options("timestamp"), &keys::TIME_OPTIONS),
            (Options("time"), &keys::TIME_OPTIONS),
            (Options("integer"), &keys::INTEGER_OPTIONS),
            (Options("number"), &keys::NUMBER_OPTIONS),
            (Options("object"), &keys::OBJECT_OPTIONS),
            (Options("array"), &keys::ARRAY_OPTIONS),
            (Options("vector"), &keys::VECTOR_OPTIONS),
            (Options("boolean"), &keys::NO_OPTIONS),
            (Options("map"), &keys::NO_OPTIONS),
            (Quality, &keys::QUALITY_RULE),
            (Sla, &keys::SLA),
        ]
    }

    #[test]
    fn every_key_that_is_read_says_what_becomes_of_it() {
        for (scope, table) in tables() {
            for key in table.keys {
                assert!(
                    find(scope, key.name).is_some(),
                    "{scope:?} {}: neither executed nor said by lint",
                    key.name
                );
            }
        }
        for (index, clause) in CLAUSES.iter().enumerate() {
            let known = tables()
                .iter()
                .any(|(scope, table)| *scope == clause.scope && table.keys.iter().any(|key| key.name == clause.key));
            assert!(known, "{:?} {} is no key of the standard", clause.scope, clause.key);
            let twice = CLAUSES[..index]
                .iter()
                .any(|other| other.scope == clause.scope && other.key == clause.key);
            assert!(!twice, "{:?} {} is listed twice", clause.scope, clause.key);
        }
    }

    /// The table of the documentation is this one.
    #[test]
    fn the_documentation_holds_the_table() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tidegate/docs/contracts.md");
        let page = std::fs::read_to_string(path).unwrap();
        for clause in CLAUSES {
            let (place, runs) = match (clause.scope, clause.runs) {
                (_, Reading | People) => continue,
                (Options(kind), _) => (format!("{kind} options"), clause.runs),
                (scope, _) => (format!("{scope:?}").to_lowercase(), clause.runs),
            };
            let runs = match runs {
                Record(case) => format!("every record | `{case}`"),
                Lake => "`sla run` | |".to_owned(),
                _ => "nobody; `lint` says so | |".to_owned(),
            };
            let row = format!("| {place} | `{}` | {runs}", clause.key);
            assert!(page.contains(&row), "docs/contracts.md lacks: {row}");
        }
    }
}
