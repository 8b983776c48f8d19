//! The keys of the standard, v3.0.0 to v3.2.0, as tables. The text of the standard decides; its JSON Schema is an aid.

use super::edition::Edition::{V3_0, V3_1, V3_2};
use super::shape::{Key, Keys, Shape, key, required, since};

const TEXT: &Shape = &Shape::Text;
const FLAG: &Shape = &Shape::Flag;
const WHOLE: &Shape = &Shape::Whole;
const NUMBER: &Shape = &Shape::Number;
const SCALAR: &Shape = &Shape::Scalar;
const ANY: &Shape = &Shape::Any;
const TEXTS: &Shape = &Shape::List(&Shape::Text);
static CUSTOM: Shape = Shape::List(&Shape::Mapping(&CUSTOM_PROPERTY));
static DEFINITIONS: Shape = Shape::List(&Shape::Mapping(&DEFINITION));
static SYNONYMS: Shape = Shape::List(&Shape::Mapping(&SYNONYM));
static RELATIONSHIPS: Shape = Shape::List(&Shape::Mapping(&RELATIONSHIP));
static QUALITY: Shape = Shape::List(&Shape::Mapping(&QUALITY_RULE));
static PROPERTIES: Shape = Shape::List(&Shape::Mapping(&PROPERTY));
static ITEM_PROPERTY: Shape = Shape::Mapping(&ITEM);

/// The whole file. `apiVersion`, `kind`, `version`, `status` and `id` are looked at by the reader itself.
pub(crate) static CONTRACT: Keys = Keys {
    what: "a contract",
    open_before: V3_0,
    keys: &[
        key("apiVersion", ANY),
        key("kind", ANY),
        key("id", ANY),
        key("version", ANY),
        key("status", ANY),
        key("name", TEXT),
        key("tenant", TEXT),
        key("tags", TEXTS),
        key("servers", &Shape::List(&Shape::AnyMapping)),
        key("dataProduct", TEXT),
        key("description", &Shape::Mapping(&DESCRIPTION)),
        key("domain", TEXT),
        since(V3_2, "context", ANY),
        key("schema", &Shape::List(&Shape::Mapping(&OBJECT))),
        key("support", &Shape::List(&Shape::Mapping(&SUPPORT))),
        key("price", &Shape::Mapping(&PRICE)),
        key("team", &Shape::MappingOrList(&TEAM, &Shape::Mapping(&MEMBER))),
        key("roles", &Shape::List(&Shape::Mapping(&ROLE))),
        key("slaDefaultElement", TEXT),
        key("slaProperties", &Shape::List(&Shape::Mapping(&SLA))),
        key("authoritativeDefinitions", &DEFINITIONS),
        key("customProperties", &CUSTOM),
        key("contractCreatedTs", TEXT),
    ],
    slips: &[
        (
            "info",
            "this is not ODCS v3: write `id`, `name`, `version` and `status` at the top level",
        ),
        ("models", "objects are items of `schema`"),
        ("dataset", "objects are items of `schema` since v3"),
        ("quality", "quality rules belong to an object or a property under `schema`"),
        ("type", "the contract type is `kind: DataContract`"),
    ],
};

static DESCRIPTION: Keys = Keys {
    what: "a description",
    open_before: V3_1,
    keys: &[
        key("usage", TEXT),
        key("purpose", TEXT),
        key("limitations", TEXT),
        key("authoritativeDefinitions", &DEFINITIONS),
        key("customProperties", &CUSTOM),
    ],
    slips: &[],
};

/// `servers[]`, the keys that all types share; those of a type are looked at by the reader.
pub(crate) static SERVER: Keys = Keys {
    what: "a Kafka server",
    open_before: V3_0,
    keys: &[
        required("server", TEXT),
        required("type", TEXT),
        key("id", TEXT),
        key("description", TEXT),
        key("environment", TEXT),
        key("roles", &Shape::List(&Shape::Mapping(&ROLE))),
        key("customProperties", &CUSTOM),
        required("host", TEXT),
        key("format", TEXT),
        since(V3_2, "encoding", TEXT),
    ],
    slips: &[
        (
            "topic",
            "the topic is `physicalName` of the object under `schema`, with `physicalType: topic`",
        ),
        ("port", "write the port into `host`, as in `broker-1:9092`"),
    ],
};

pub(crate) static OBJECT: Keys = Keys {
    what: "a schema object",
    open_before: V3_0,
    keys: &[
        key("id", TEXT),
        required("name", TEXT),
        key("physicalName", TEXT),
        key("physicalType", TEXT),
        key("logicalType", &Shape::Word(&["object", "blob"])),
        key("description", TEXT),
        key("businessName", TEXT),
        key("dataGranularityDescription", TEXT),
        key("properties", &PROPERTIES),
        since(V3_1, "relationships", &RELATIONSHIPS),
        key("quality", &QUALITY),
        key("tags", TEXTS),
        key("authoritativeDefinitions", &DEFINITIONS),
        key("customProperties", &CUSTOM),
        since(V3_2, "synonyms", &SYNONYMS),
        since(V3_2, "context", ANY),
        since(V3_2, "deprecated", FLAG),
    ],
    slips: &[
        ("columns", "columns are items of `properties`"),
        ("fields", "fields are items of `properties`"),
        ("topic", "write `physicalName` (the topic) and `physicalType: topic`"),
        ("type", "write `physicalType`"),
    ],
};

const PROPERTY_SLIPS: &[(&str, &str)] = &[
    ("type", "write `logicalType`"),
    ("fields", "nested fields are items of `properties`"),
    ("nullable", "write `required: true` for a property that must not be null"),
    ("isNullable", "write `required: true` for a property that must not be null"),
    ("isPrimaryKey", "write `primaryKey`"),
    ("isUnique", "write `unique`"),
    ("pattern", "`pattern` belongs under `logicalTypeOptions`"),
    ("format", "`format` belongs under `logicalTypeOptions`"),
    ("minimum", "`minimum` belongs under `logicalTypeOptions`"),
    ("maximum", "`maximum` belongs under `logicalTypeOptions`"),
    ("minLength", "`minLength` belongs under `logicalTypeOptions`"),
    ("maxLength", "`maxLength` belongs under `logicalTypeOptions`"),
    ("values", "map values are under `map.value`, allowed values under `enum`"),
];

macro_rules! property_keys {
    ($name:expr) => {
        &[
            $name,
            key("id", TEXT),
            key("physicalName", TEXT),
            key("physicalType", TEXT),
            key("logicalType", TEXT),
            key("logicalTypeOptions", &Shape::AnyMapping),
            key("description", TEXT),
            key("businessName", TEXT),
            key("required", FLAG),
            key("unique", FLAG),
            key("primaryKey", FLAG),
            key("primaryKeyPosition", WHOLE),
            key("partitioned", FLAG),
            key("partitionKeyPosition", WHOLE),
            key("classification", TEXT),
            key("encryptedName", TEXT),
            key("criticalDataElement", FLAG),
            key("transformSourceObjects", TEXTS),
            key("transformLogic", TEXT),
            key("transformDescription", TEXT),
            key("examples", &Shape::List(&Shape::Any)),
            key("quality", &QUALITY),
            key("tags", TEXTS),
            key("authoritativeDefinitions", &DEFINITIONS),
            key("customProperties", &CUSTOM),
            key("properties", &PROPERTIES),
            key("items", &ITEM_PROPERTY),
            since(V3_1, "relationships", &RELATIONSHIPS),
            since(V3_2, "enum", &Shape::List(&Shape::Any)),
            since(V3_2, "map", &Shape::Mapping(&MAP)),
            since(V3_2, "semanticType", &Shape::Usually(&["column", "measure", "dimension"])),
            since(V3_2, "synonyms", &SYNONYMS),
            since(V3_2, "deprecated", FLAG),
        ]
    };
}

pub(crate) static PROPERTY: Keys = Keys {
    what: "a property",
    open_before: V3_0,
    keys: property_keys!(required("name", TEXT)),
    slips: PROPERTY_SLIPS,
};

/// `items`, `map.key` and `map.value`: a property that needs no name.
pub(crate) static ITEM: Keys = Keys {
    what: "an item",
    open_before: V3_0,
    keys: property_keys!(key("name", TEXT)),
    slips: PROPERTY_SLIPS,
};

static MAP: Keys = Keys {
    what: "a map",
    open_before: V3_0,
    keys: &[required("key", &ITEM_PROPERTY), required("value", &ITEM_PROPERTY)],
    slips: &[],
};

/// `enum[]` in its long form.
pub(crate) static ENUM_VALUE: Keys = Keys {
    what: "an enum value",
    open_before: V3_0,
    keys: &[
        required("value", SCALAR),
        key("label", TEXT),
        key("id", TEXT),
        key("description", TEXT),
        key("customProperties", &CUSTOM),
        key("authoritativeDefinitions", &DEFINITIONS),
        key("tags", TEXTS),
    ],
    slips: &[],
};

pub(crate) static QUALITY_RULE: Keys = Keys {
    what: "a quality rule",
    open_before: V3_1,
    keys: &[
        key("id", TEXT),
        key("name", TEXT),
        key("description", TEXT),
        key("type", TEXT),
        key("metric", TEXT),
        key("rule", TEXT),
        key("arguments", &Shape::AnyMapping),
        key("query", TEXT),
        key("engine", TEXT),
        key("implementation", &Shape::TextOrMapping),
        key("mustBe", ANY),
        key("mustNotBe", ANY),
        key("mustBeGreaterThan", NUMBER),
        key("mustBeGreaterOrEqualTo", NUMBER),
        key("mustBeLessThan", NUMBER),
        key("mustBeLessOrEqualTo", NUMBER),
        key("mustBeBetween", &Shape::List(NUMBER)),
        key("mustNotBeBetween", &Shape::List(NUMBER)),
        key(
            "dimension",
            &Shape::Usually(&[
                "accuracy",
                "completeness",
                "conformity",
                "consistency",
                "coverage",
                "timeliness",
                "uniqueness",
            ]),
        ),
        key("severity", TEXT),
        key("unit", TEXT),
        key("method", TEXT),
        key("schedule", TEXT),
        key("scheduler", TEXT),
        key("businessImpact", TEXT),
        key("tags", TEXTS),
        key("customProperties", &CUSTOM),
        key("authoritativeDefinitions", &DEFINITIONS),
    ],
    slips: &[
        ("mustBeGreaterThanOrEqualTo", "write `mustBeGreaterOrEqualTo`"),
        ("mustBeLessThanOrEqualTo", "write `mustBeLessOrEqualTo`"),
        ("expression", "write `engine: cel` and the expression under `implementation`"),
        ("validValues", "write `arguments: {validValues: […]}`"),
        ("pattern", "write `arguments: {pattern: …}`"),
    ],
};

pub(crate) static SLA: Keys = Keys {
    what: "an SLA property",
    open_before: V3_1,
    keys: &[
        key("id", TEXT),
        required("property", TEXT),
        required("value", SCALAR),
        key("valueExt", SCALAR),
        key("unit", TEXT),
        key("element", TEXT),
        key("driver", &Shape::Usually(&["regulatory", "analytics", "operational"])),
        key("description", TEXT),
        key("scheduler", TEXT),
        key("schedule", TEXT),
        since(V3_2, "customProperties", &CUSTOM),
        since(V3_2, "authoritativeDefinitions", &DEFINITIONS),
    ],
    slips: &[],
};

static CUSTOM_PROPERTY: Keys = Keys {
    what: "a custom property",
    open_before: V3_1,
    keys: &[
        key("id", TEXT),
        required("property", TEXT),
        key("value", ANY),
        key("description", TEXT),
        since(V3_2, "vendor", TEXT),
    ],
    slips: &[("name", "write `property`"), ("key", "write `property`")],
};

static DEFINITION: Keys = Keys {
    what: "an authoritative definition",
    open_before: V3_1,
    keys: &[
        key("id", TEXT),
        required("url", TEXT),
        required("type", TEXT),
        key("description", TEXT),
        key("customProperties", &CUSTOM),
    ],
    slips: &[],
};

static SYNONYM: Keys = Keys {
    what: "a synonym",
    open_before: V3_0,
    keys: &[
        required("synonym", TEXT),
        key("id", TEXT),
        key("description", TEXT),
        key("locale", TEXT),
        key("source", TEXT),
        key("status", TEXT),
        key("customProperties", &CUSTOM),
    ],
    slips: &[],
};

static RELATIONSHIP: Keys = Keys {
    what: "a relationship",
    open_before: V3_0,
    keys: &[
        key("id", TEXT),
        key("type", &Shape::Word(&["foreignKey"])),
        key("from", &Shape::TextOrList),
        required("to", &Shape::TextOrList),
        key("customProperties", &CUSTOM),
    ],
    slips: &[],
};

static SUPPORT: Keys = Keys {
    what: "a support channel",
    open_before: V3_1,
    keys: &[
        key("id", TEXT),
        required("channel", TEXT),
        key("url", TEXT),
        key("description", TEXT),
        key("tool", TEXT),
        key(
            "scope",
            &Shape::Usually(&["interactive", "announcements", "issues", "notifications"]),
        ),
        key("invitationUrl", TEXT),
        key("customProperties", &CUSTOM),
    ],
    slips: &[],
};

static PRICE: Keys = Keys {
    what: "a price",
    open_before: V3_1,
    keys: &[
        key("id", TEXT),
        key("priceAmount", NUMBER),
        key("priceCurrency", TEXT),
        key("priceUnit", TEXT),
    ],
    slips: &[],
};

static ROLE: Keys = Keys {
    what: "a role",
    open_before: V3_1,
    keys: &[
        key("id", TEXT),
        required("role", TEXT),
        key("description", TEXT),
        key("access", TEXT),
        key("firstLevelApprovers", TEXT),
        key("secondLevelApprovers", TEXT),
        key("customProperties", &CUSTOM),
    ],
    slips: &[],
};

static TEAM: Keys = Keys {
    what: "a team",
    open_before: V3_0,
    keys: &[
        key("id", TEXT),
        key("name", TEXT),
        key("description", TEXT),
        key("members", &Shape::List(&Shape::Mapping(&MEMBER))),
        key("tags", TEXTS),
        key("customProperties", &CUSTOM),
        key("authoritativeDefinitions", &DEFINITIONS),
    ],
    slips: &[],
};

static MEMBER: Keys = Keys {
    what: "a team member",
    open_before: V3_1,
    keys: &[
        key("id", TEXT),
        key("username", TEXT),
        key("name", TEXT),
        key("description", TEXT),
        key("role", TEXT),
        key("dateIn", TEXT),
        key("dateOut", TEXT),
        key("replacedByUsername", TEXT),
        key("tags", TEXTS),
        key("customProperties", &CUSTOM),
        key("authoritativeDefinitions", &DEFINITIONS),
    ],
    slips: &[],
};

const NUMBER_OPTION_KEYS: &[Key] = &[
    key("multipleOf", NUMBER),
    key("minimum", NUMBER),
    key("maximum", NUMBER),
    key("exclusiveMinimum", ANY),
    key("exclusiveMaximum", ANY),
    key("format", TEXT),
];

pub(crate) static STRING_OPTIONS: Keys = Keys {
    what: "the options of a string",
    open_before: V3_0,
    keys: &[
        key("minLength", WHOLE),
        key("maxLength", WHOLE),
        key("pattern", TEXT),
        key("format", TEXT),
    ],
    slips: &[
        ("enum", "allowed values are `enum` of the property itself"),
        ("regex", "write `pattern`"),
    ],
};

pub(crate) static DATE_OPTIONS: Keys = Keys {
    what: "the options of a date",
    open_before: V3_0,
    keys: &[
        key("format", TEXT),
        key("minimum", TEXT),
        key("maximum", TEXT),
        key("exclusiveMinimum", ANY),
        key("exclusiveMaximum", ANY),
    ],
    slips: &[],
};

pub(crate) static TIME_OPTIONS: Keys = Keys {
    what: "the options of a timestamp or time",
    open_before: V3_0,
    keys: &[
        key("format", TEXT),
        key("minimum", TEXT),
        key("maximum", TEXT),
        key("exclusiveMinimum", ANY),
        key("exclusiveMaximum", ANY),
        key("timezone", FLAG),
        key("defaultTimezone", TEXT),
    ],
    slips: &[],
};

pub(crate) static INTEGER_OPTIONS: Keys = Keys {
    what: "the options of an integer",
    open_before: V3_0,
    keys: NUMBER_OPTION_KEYS,
    slips: &[],
};

pub(crate) static NUMBER_OPTIONS: Keys = Keys {
    what: "the options of a number",
    open_before: V3_0,
    keys: NUMBER_OPTION_KEYS,
    slips: &[
        ("precision", "write `physicalType: decimal(precision,scale)`"),
        ("scale", "write `physicalType: decimal(precision,scale)`"),
    ],
};

pub(crate) static OBJECT_OPTIONS: Keys = Keys {
    what: "the options of an object",
    open_before: V3_0,
    keys: &[key("minProperties", WHOLE), key("maxProperties", WHOLE), key("required", TEXTS)],
    slips: &[],
};

pub(crate) static ARRAY_OPTIONS: Keys = Keys {
    what: "the options of an array",
    open_before: V3_0,
    keys: &[key("minItems", WHOLE), key("maxItems", WHOLE), key("uniqueItems", FLAG)],
    slips: &[],
};

pub(crate) static VECTOR_OPTIONS: Keys = Keys {
    what: "the options of a vector",
    open_before: V3_0,
    keys: &[
        required("dimensions", WHOLE),
        key(
            "elementType",
            &Shape::Word(&["bfloat16", "binary", "float16", "float32", "float64", "int8", "uint8"]),
        ),
        key(
            "distanceMetric",
            &Shape::Usually(&["cosine", "dotProduct", "euclidean", "hamming", "manhattan"]),
        ),
        key("embeddingModel", TEXT),
        key("embeddingModelVersion", TEXT),
        key("normalized", FLAG),
    ],
    slips: &[],
};

pub(crate) static NO_OPTIONS: Keys = Keys {
    what: "the options of this type (it has none)",
    open_before: V3_0,
    keys: &[],
    slips: &[],
};
