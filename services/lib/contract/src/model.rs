//! The contract as the rest of Tidegate sees it: proven values, each with the place it came from.

use std::sync::Arc;

use crate::diagnostic::Location;
use crate::on_failure::OnFailure;
use crate::surroundings::{Discriminator, KeySettings, KillSwitch, RequiredHeader, SchemaId};

/// A data contract (ODCS `kind: DataContract`), one file.
#[derive(Debug, Clone)]
pub struct Contract {
    /// ODCS `id`.
    pub id: Arc<str>,
    /// ODCS `version`.
    pub version: Version,
    /// ODCS `apiVersion`, such as `v3.2.0`.
    pub api_version: Arc<str>,
    /// ODCS `name`, if any.
    pub name: Option<Arc<str>>,
    /// What enforcement does with it.
    pub status: Status,
    /// Owner named by `team`, if any.
    pub team: Option<Arc<str>>,
    /// ODCS `domain`, if any.
    pub domain: Option<Arc<str>>,
    /// Objects in file order.
    pub objects: Vec<SchemaObject>,
    /// What happens behind an event that it refuses. Default: continue. (`onFailure` of the contract)
    pub on_failure: OnFailure,
    /// SLA properties in file order.
    pub sla: Vec<SlaProperty>,
    /// The whole document with foreign properties kept, for exports and round trips.
    pub document: Arc<crate::yaml::Node>,
    /// Start of the document.
    pub location: Location,
    /// SHA-256 of the file's text, lower-case hex.
    pub sha256: Arc<str>,
}

/// Names one version of one contract; stamped on every outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContractRef {
    /// ODCS `id`.
    pub id: Arc<str>,
    /// Version text as written, such as `1.4.0`.
    pub version: Arc<str>,
}

/// A contract version, `MAJOR[.MINOR[.PATCH]]`, kept as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version {
    /// As written in the file.
    pub text: Arc<str>,
    /// First number.
    pub major: u64,
    /// Second number, 0 when left out.
    pub minor: u64,
    /// Third number, 0 when left out.
    pub patch: u64,
}

/// ODCS `status`, case-insensitive, mapped to what enforcement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not loaded.
    Draft,
    /// Judged and counted, everything passes.
    Proposed,
    /// Enforced.
    Active,
    /// Enforced, with a warning header.
    Deprecated,
    /// Everything is a dead letter with reason `contract_retired`.
    Retired,
}

/// ODCS `severity` of a quality rule; unknown values count as `Error` (with a lint warning).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Dead letter.
    Error,
    /// Passes with a header and a metric.
    Warning,
    /// Metric only.
    Info,
}

/// One entry of `schema[]`.
#[derive(Debug, Clone)]
pub struct SchemaObject {
    /// Name.
    pub name: Arc<str>,
    /// The topic when `physicalType: topic`: `physicalName`, else `name`.
    pub topic: Option<Arc<str>>,
    /// Top-level properties in file order.
    pub properties: Vec<Property>,
    /// Rules of the object (row rules, library metrics, SQL).
    pub quality: Vec<QualityRule>,
    /// Our own settings (`customProperties` with `vendor: tidegate`, or names that start with `tidegate.` before v3.2.0).
    pub settings: ObjectSettings,
    /// Where.
    pub location: Location,
}

/// Our settings of an object; `schemas/formats/object-settings.schema.json` describes them.
#[derive(Debug, Clone, Default)]
pub struct ObjectSettings {
    /// Accepted encodings, in order; never guessed beyond these. Default: `[json]`. (`encodings`)
    pub encodings: Vec<Encoding>,
    /// How rows travel. Default: plain events. (`cdc`)
    pub cdc: Option<CdcFormat>,
    /// Path of the property that is the event time; without it the record's timestamp is used. (`eventTime`, dotted)
    pub event_time: Option<Arc<str>>,
    /// Bucket of the lake. Default: day. (`lakeBucket`)
    pub lake_bucket: LakeBucket,
    /// What an undeclared field does. Default: ignore. (`unknownFields`)
    pub unknown_fields: UnknownFields,
    /// Debezium `decimal.handling.mode` of the connector, needed where no schema travels with the row. (`decimals`)
    pub decimals: DecimalMode,
    /// Debezium `time.precision.mode` of the connector, likewise. (`times`)
    pub times: TimeMode,
    /// Debezium `binary.handling.mode` of the connector, likewise. (`binary`)
    pub binary: BinaryMode,
    /// Full name of the message that bare `protobuf` values are. (`protobufMessage`)
    pub protobuf_message: Option<Arc<str>>,
    /// Name of the file with its schema: `.proto` text or a descriptor set. (`protobufSchema`)
    pub protobuf_schema: Option<Arc<str>>,
    /// Debezium `unavailable.value.placeholder`. (`unavailablePlaceholder`, default `__debezium_unavailable_value`)
    pub unavailable_placeholder: Option<Arc<str>>,
    /// Debezium `add.fields.prefix` of flattened rows. (`addFieldsPrefix`, default `__`)
    pub add_fields_prefix: Option<Arc<str>>,
    /// Debezium `add.headers.prefix` of flattened rows. (`addHeadersPrefix`, default `__`)
    pub add_headers_prefix: Option<Arc<str>>,
    /// `BeforeImageSettings.FieldName` of an AWS DMS task that writes old rows. (`beforeImage`)
    pub before_image: Option<Arc<str>>,
    /// A schema file that events are held to beside the contract. (`eventSchema`)
    pub event_schema: Option<crate::event_schema::EventSchema>,
    /// What the key must be; none means any. (`key`)
    pub key: Option<KeySettings>,
    /// Headers that every record must carry. (`requiredHeaders`)
    pub required_headers: Vec<RequiredHeader>,
    /// Which events of the topic the object describes; none means all that no other object describes. (`discriminator`)
    pub discriminator: Option<Discriminator>,
    /// CloudEvents `dataschema` URIs that mean this version. (`dataSchemas`)
    pub data_schemas: Vec<Arc<str>>,
    /// Ids of schema registries that mean this version. (`schemaIds`)
    pub schema_ids: Vec<SchemaId>,
    /// Quality rules that are not asked for a while. (`killSwitches` of the contract)
    pub kill_switches: Vec<KillSwitch>,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// JSON text (RFC 8259), strict.
    Json,
    /// Avro binary in Confluent framing (prefix or GUID header).
    Avro,
    /// Protobuf in Confluent framing, with message indexes.
    ConfluentProtobuf,
    /// JSON text in Confluent framing.
    ConfluentJson,
    /// Avro binary in AWS Glue framing.
    GlueAvro,
    /// Protobuf in AWS Glue framing.
    GlueProtobuf,
    /// JSON text in AWS Glue framing.
    GlueJson,
    /// Avro binary in Apicurio's own framing (headers or 8-byte prefix).
    ApicurioAvro,
    /// JSON text in Apicurio's own framing.
    ApicurioJson,
    /// Protobuf without a frame, by a named message of a named file.
    Protobuf,
    /// A CloudEvent, binary or structured, with JSON data.
    CloudEvents,
    /// A CloudEvent with Avro data in Confluent framing.
    CloudEventsAvro,
    /// A CloudEvent with Protobuf data in Confluent framing.
    CloudEventsProtobuf,
}

/// How a row travels in a change event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CdcFormat {
    /// Debezium envelope (`before`, `after`, `op`, `source`), with or without the JSON schema block.
    Debezium,
    /// Debezium's ExtractNewRecordState: the row itself, with `__op`, `__deleted`, … beside the columns.
    DebeziumFlat,
    /// Debezium envelope of the MongoDB connector: documents as text of Extended JSON.
    DebeziumMongodb,
    /// AWS Database Migration Service: `{data, metadata}`.
    Dms,
    /// Maxwell: `{database, table, type, data, old}`.
    Maxwell,
}

/// An operation that leaves a row behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowOperation {
    /// `c`
    Create,
    /// `u`
    Update,
    /// `r`: read by a snapshot.
    Read,
}

// === impl RowOperation ===

impl RowOperation {
    /// Debezium's letter.
    pub const fn letter(self) -> char {
        match self {
            RowOperation::Create => 'c',
            RowOperation::Update => 'u',
            RowOperation::Read => 'r',
        }
    }
}

/// Event-time bucket of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LakeBucket {
    /// `date=2026-11-21`.
    #[default]
    Day,
    /// `date=2026-11-21/hour=08`.
    Hour,
}

/// What an undeclared field does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UnknownFields {
    /// Nothing.
    #[default]
    Ignore,
    /// Warning.
    Warn,
    /// `additional_properties` violation.
    Fail,
}

/// Debezium `decimal.handling.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DecimalMode {
    /// Two's-complement bytes (base64 in JSON) with the scale of the contract's physicalType.
    #[default]
    Precise,
    /// Text.
    String,
    /// Floating point.
    Double,
}

/// Debezium `time.precision.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TimeMode {
    /// By the column's precision: 0-3 milliseconds, 4-6 microseconds, 7-9 nanoseconds.
    #[default]
    Adaptive,
    /// As adaptive, but TIME always in microseconds.
    AdaptiveTimeMicroseconds,
    /// Kafka Connect's own types: milliseconds and days.
    Connect,
    /// ISO 8601 text.
    Isostring,
    /// Microseconds always.
    Microseconds,
    /// Nanoseconds always.
    Nanoseconds,
}

/// Debezium `binary.handling.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BinaryMode {
    /// Bytes (base64 in JSON).
    #[default]
    Bytes,
    /// Base64 text.
    Base64,
    /// Hexadecimal text.
    Hex,
}

/// A property of an object, of a nested object, or the item of an array.
#[derive(Debug, Clone)]
pub struct Property {
    /// ODCS `name`; the column of the lake.
    pub name: Arc<str>,
    /// The field on the wire: `physicalName`, else `name`.
    pub wire_name: Arc<str>,
    /// Type with its options.
    pub logical_type: LogicalType,
    /// ODCS `physicalType` as written, such as `numeric(10,2)`.
    pub physical_type: Option<Arc<str>>,
    /// Must be present and not null.
    pub required: bool,
    /// ODCS `unique`; checked at the lake.
    pub unique: bool,
    /// Position in the primary key from 1, if part of it.
    pub primary_key: Option<u32>,
    /// Allowed values as JSON texts (ODCS 3.2 `enum[].value`); empty means any.
    pub enumeration: Vec<Literal>,
    /// ODCS `classification`, lower case.
    pub classification: Option<Arc<str>>,
    /// Rules of this property (library metrics, SQL, CEL with `value` bound to the property's object).
    pub quality: Vec<QualityRule>,
    /// Where.
    pub location: Location,
}

/// A constant in a contract.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Text.
    String(Arc<str>),
    /// Number exactly as written, such as `10.50`.
    Number(Arc<str>),
    /// Boolean.
    Bool(bool),
    /// Null.
    Null,
}

/// ODCS `logicalType` with the `logicalTypeOptions` that belong to it. Bounds keep their text; the checker compiles them.
#[derive(Debug, Clone)]
pub enum LogicalType {
    /// Text.
    String {
        /// In characters.
        min_length: Option<u64>,
        /// In characters.
        max_length: Option<u64>,
        /// ECMA-262 pattern, unanchored; proven to compile with a linear-time engine.
        pattern: Option<Arc<str>>,
        /// `email`, `uuid`, `uri`, `hostname`, `ipv4`, `ipv6`, `byte`, `binary`, `password`.
        format: Option<Arc<str>>,
    },
    /// Calendar day.
    Date {
        /// JDK pattern on the wire; none means ISO 8601.
        format: Option<Arc<str>>,
        /// Limits.
        bounds: Bounds,
    },
    /// Instant or local date-time.
    Timestamp {
        /// JDK pattern on the wire; none means RFC 3339.
        format: Option<Arc<str>>,
        /// Whether a zone or offset belongs to the value (ODCS default true).
        timezone: bool,
        /// Zone of values without one, default `Etc/UTC`.
        default_timezone: Option<Arc<str>>,
        /// Limits.
        bounds: Bounds,
    },
    /// Time of day.
    Time {
        /// JDK pattern on the wire; none means ISO 8601.
        format: Option<Arc<str>>,
        /// Limits.
        bounds: Bounds,
    },
    /// Decimal or floating number.
    Number {
        /// `f32` or `f64`; none means exact decimal.
        format: Option<Arc<str>>,
        /// Factor.
        multiple_of: Option<Arc<str>>,
        /// Limits.
        bounds: Bounds,
    },
    /// Whole number.
    Integer {
        /// `i8` … `u128`; none means any 64-bit integer.
        format: Option<Arc<str>>,
        /// Factor.
        multiple_of: Option<Arc<str>>,
        /// Limits.
        bounds: Bounds,
    },
    /// Truth value.
    Boolean,
    /// Nested object.
    Object {
        /// Its properties in file order; empty means any object.
        properties: Vec<Property>,
        /// Fewest fields.
        min_properties: Option<u64>,
        /// Most fields.
        max_properties: Option<u64>,
    },
    /// List.
    Array {
        /// The item; none means anything.
        items: Option<Box<Property>>,
        /// Fewest items.
        min_items: Option<u64>,
        /// Most items.
        max_items: Option<u64>,
        /// No two equal items.
        unique_items: bool,
    },
    /// Keys to values (ODCS 3.2).
    Map {
        /// Key.
        key: Box<Property>,
        /// Value.
        value: Box<Property>,
    },
    /// Fixed-length list of numbers (ODCS 3.2).
    Vector {
        /// How many.
        dimensions: u64,
        /// `f32` unless said otherwise.
        element_type: Option<Arc<str>>,
    },
    /// No `logicalType` given: any value passes, kept as JSON text in the lake.
    Any,
}

/// Limits of a value, each as written in the contract.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    /// `minimum`.
    pub minimum: Option<Arc<str>>,
    /// `maximum`.
    pub maximum: Option<Arc<str>>,
    /// `exclusiveMinimum`.
    pub exclusive_minimum: Option<Arc<str>>,
    /// `exclusiveMaximum`.
    pub exclusive_maximum: Option<Arc<str>>,
}

/// One entry of `quality[]`.
#[derive(Debug, Clone)]
pub struct QualityRule {
    /// Stable rule id: `id`, else `name`, else its JSON pointer.
    pub id: Arc<str>,
    /// What it asks.
    pub kind: RuleKind,
    /// What its failure does.
    pub severity: Severity,
    /// The limit of library and SQL rules.
    pub threshold: Option<Threshold>,
    /// `rows` unless `percent` was said.
    pub percent: bool,
    /// Operations of change events on which a row rule is asked; empty means all that leave a row. (setting `operations` of the rule)
    pub operations: Vec<RowOperation>,
    /// `schedule`, a cron expression, when `scheduler: cron`.
    pub schedule: Option<Arc<str>>,
    /// Where.
    pub location: Location,
}

/// What a quality rule asks.
#[derive(Debug, Clone)]
pub enum RuleKind {
    /// `type: custom, engine: cel`: a row expression that must be true.
    Cel {
        /// The expression.
        expression: Arc<str>,
    },
    /// `type: sql`, run on the lake.
    Sql {
        /// The query, with `{object}` and `{property}` or `${object}`/`${property}`/`${table}`/`${column}` still in it.
        query: Arc<str>,
    },
    /// A library metric.
    Library(Metric),
    /// `type: text`, or a custom engine that is not ours: never executed, said by lint.
    NotExecuted,
}

/// ODCS library metrics.
#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    /// Rows where the property is null.
    NullValues,
    /// Rows where the property is null or one of these.
    MissingValues(Vec<Literal>),
    /// Rows whose value is outside of a list or a pattern.
    InvalidValues {
        /// Allowed values.
        valid: Vec<Literal>,
        /// Allowed pattern.
        pattern: Option<Arc<str>>,
    },
    /// Rows that repeat an earlier one in these properties (empty: the property of the rule).
    DuplicateValues(Vec<Arc<str>>),
    /// Rows of the object.
    RowCount,
}

/// The one operator of a rule. `Between` is inclusive on both ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Threshold {
    /// `mustBe`.
    Be(Literal),
    /// `mustNotBe`.
    NotBe(Literal),
    /// `mustBeGreaterThan`.
    GreaterThan(f64),
    /// `mustBeGreaterOrEqualTo`.
    GreaterOrEqual(f64),
    /// `mustBeLessThan`.
    LessThan(f64),
    /// `mustBeLessOrEqualTo`.
    LessOrEqual(f64),
    /// `mustBeBetween`.
    Between(f64, f64),
    /// `mustNotBeBetween`.
    NotBetween(f64, f64),
}

/// One entry of `slaProperties[]`.
#[derive(Debug, Clone)]
pub struct SlaProperty {
    /// Stable id: `id`, else its JSON pointer.
    pub id: Arc<str>,
    /// Canonical name: `latency`, `freshness`, `retention`, `frequency`, …; synonyms of the standard are mapped; others as written, lower case.
    pub property: Arc<str>,
    /// `value`.
    pub value: Literal,
    /// `valueExt`.
    pub value_ext: Option<Literal>,
    /// `unit` as written.
    pub unit: Option<Arc<str>>,
    /// `element` split at commas: `object` or `object.property`.
    pub elements: Vec<Arc<str>>,
    /// `driver`, lower case.
    pub driver: Option<Arc<str>>,
    /// `schedule`, a cron expression when `scheduler: cron`.
    pub schedule: Option<Arc<str>>,
    /// Where.
    pub location: Location,
}

// === impl Contract ===

impl Contract {
    /// The stamp of this version.
    pub fn reference(&self) -> ContractRef {
        ContractRef {
            id: self.id.clone(),
            version: self.version.text.clone(),
        }
    }
}

// === impl QualityRule ===

impl QualityRule {
    /// How a sentence calls this kind of rule: `cel`, `sql`, `library` or `not executed`.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            RuleKind::Cel { .. } => "cel",
            RuleKind::Sql { .. } => "sql",
            RuleKind::Library(_) => "library",
            RuleKind::NotExecuted => "not executed",
        }
    }

    /// Whether a library metric is asked of each record: those about values whose limit is zero rows. Zero percent of the rows is zero rows.
    pub fn is_per_record(&self) -> bool {
        let about_values = matches!(
            self.kind,
            RuleKind::Library(Metric::NullValues | Metric::MissingValues(_) | Metric::InvalidValues { .. })
        );
        about_values
            && match &self.threshold {
                Some(Threshold::Be(Literal::Number(text))) => text.parse::<f64>().is_ok_and(|number| number == 0.0),
                Some(Threshold::LessOrEqual(limit)) => *limit == 0.0,
                _ => false,
            }
    }
}

// === impl Version ===

impl Ord for Version {
    /// By numbers first; equal numbers written differently (`1.0`, `1.0.0`) are ordered by their text, so that the order is total.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let numbers = |version: &Version| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

// === impl Status ===

impl Status {
    /// Whether a broken clause has consequences for the event (active, deprecated, retired).
    pub fn is_enforced(self) -> bool {
        matches!(self, Status::Active | Status::Deprecated | Status::Retired)
    }
}

// === impl SchemaObject ===

impl SchemaObject {
    /// The property at a dotted path of ODCS names, through nested objects only.
    pub fn property(&self, path: &str) -> Option<&Property> {
        property_at(&self.properties, path)
    }

    /// The properties of the primary key in key order.
    pub fn primary_key(&self) -> Vec<&Property> {
        let mut key: Vec<&Property> = self.properties.iter().filter(|property| property.primary_key.is_some()).collect();
        key.sort_by_key(|property| property.primary_key);
        key
    }
}

// === impl Property ===

impl Property {
    /// Precision and scale of a physical type such as `decimal(12,2)`, `NUMERIC(10)` or `number(38, 9)`.
    pub fn decimal(&self) -> Option<(u32, u32)> {
        let written = self.physical_type.as_ref()?.to_ascii_lowercase();
        let (name, rest) = written.split_once('(')?;
        if !matches!(name.trim(), "decimal" | "numeric" | "number" | "dec") {
            return None;
        }
        let inside = rest.trim_end().strip_suffix(')')?;
        let (precision, scale) = inside.split_once(',').unwrap_or((inside, "0"));
        Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
    }
}

pub(crate) fn property_at<'a>(properties: &'a [Property], path: &str) -> Option<&'a Property> {
    // A property name may itself hold a dot, so the whole rest is tried first.
    if let Some(property) = properties.iter().find(|property| &*property.name == path) {
        return Some(property);
    }
    let (first, rest) = path.split_once('.')?;
    let parent = properties.iter().find(|property| &*property.name == first)?;
    match &parent.logical_type {
        LogicalType::Object { properties, .. } => property_at(properties, rest),
        _ => None,
    }
}

impl std::fmt::Display for ContractRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.id, self.version)
    }
}
