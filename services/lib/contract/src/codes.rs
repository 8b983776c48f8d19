//! Every diagnostic code of contracts: one table, so that nothing that explains them can forget one.

/// A stable diagnostic code with the page that explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// `TG01` and two digits. Never given to another problem, even after this one is gone.
    pub id: &'static str,
    /// What it is about, a few words.
    pub title: &'static str,
    /// Why it is reported and how to mend it, a few sentences.
    pub explanation: &'static str,
}

macro_rules! codes {
    ($($name:ident $id:literal $title:literal $explanation:literal)*) => {
        $(#[doc = $title] pub(crate) const $name: Code = Code { id: $id, title: $title, explanation: $explanation };)*
        /// The table, in the order of the ids.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    YAML_SYNTAX "TG0101" "the file is not YAML"
        "The text cannot be read as one YAML 1.2 document, so nothing after this place was looked at. Typical causes are a tab used for \
         indentation, a colon followed by a space inside unquoted text, or a quote that is never closed."
    DUPLICATE_KEY "TG0102" "a key is written twice in one mapping"
        "YAML readers disagree about which of two equal keys counts, so Tidegate takes neither silently. Keep one of them."
    YAML_LIMIT "TG0103" "the file exceeds a reading limit"
        "A contract is at most 4 MiB of text, 64 levels deep and 200,000 nodes after its aliases are expanded. The limits keep a hostile \
         file (such as a bomb of nested aliases) from taking a worker down."
    YAML_CONSTRUCT "TG0104" "a YAML construct that contracts do not use"
        "Tags other than the core ones, keys that are not scalars, merge keys (`<<`), aliases to the node that holds them and several \
         documents in one file are refused: other ODCS tools read them differently or not at all."
    EMPTY_FILE "TG0105" "the file holds no contract"
        "The file is empty, holds only comments, or its top level is not a mapping. A contract starts with `apiVersion` and `kind`."
    API_VERSION "TG0106" "unknown apiVersion"
        "Tidegate reads ODCS v3.0.0, v3.0.1, v3.0.2, v3.1.0 and v3.2.0. Version 2 files have another layout and must be converted first."
    UNKNOWN_KEY "TG0107" "a key that the standard does not know here"
        "A misspelt key would silently switch a check off, so unknown keys are errors. Put additions of your own under `customProperties`; \
         those of other vendors are kept untouched. A key that came with a later apiVersion needs that apiVersion."
    MISSING_KEY "TG0108" "a required key is missing"
        "The standard, or the kind of rule that was chosen, needs this key."
    WRONG_TYPE "TG0109" "a value of the wrong type"
        "The key expects another kind of value: text, number, whole number, true/false, list or mapping. Text that looks like a number or \
         a truth value must be quoted."
    STATUS "TG0110" "unknown status"
        "`status` decides enforcement: draft is not loaded, proposed is judged and counted while everything passes, active is enforced, \
         deprecated is enforced with a warning header, retired sends every event to the dead letters. A word outside of that list could \
         mean any of them, so the contract does not load. Case does not matter."
    VERSION "TG0111" "the version is not MAJOR.MINOR.PATCH"
        "The major number selects the lake folder and the order of versions decides which one judges a topic, so `version` must be one to \
         three numbers with dots. Quote it: unquoted, other YAML readers turn 1.10 into 1.1."
    KIND "TG0112" "this is not a data contract"
        "`kind` must be `DataContract`: other kinds of the standard, such as data products, hold no rules for events."
    DUPLICATE_NAME "TG0113" "two things share one name"
        "Objects of a contract, properties of an object, fields on the wire and rule ids must be told apart by name."
    RESERVED_NAME "TG0114" "a reserved name"
        "Columns that start with `_tidegate_` are written by the sink beside yours (origin, contract version, snapshot)."
    LOGICAL_TYPE "TG0115" "unknown logicalType"
        "Logical types are string, date, timestamp, time, number, integer, object, array and boolean; map and vector since v3.2.0."
    OPTION "TG0116" "an option that does not fit the logical type"
        "Each logicalType has its own `logicalTypeOptions`; an option of another type would never be checked."
    PATTERN "TG0117" "a pattern that cannot be run in linear time"
        "Patterns are ECMA-262, searched anywhere in the text unless anchored with ^ and $. Look-around and back-references need an engine \
         that can take exponential time on hostile text, so they are refused; most can be written as a CEL rule instead."
    DATE_PATTERN "TG0118" "a date pattern outside of the accepted subset"
        "Formats are JDK DateTimeFormatter patterns. Accepted letters: yyyy uuuu yy uu, M MM MMM MMMM, d dd, E EEE EEEE, H HH, h hh with a, \
         m mm, s ss, S to SSSSSSSSS, X XX XXX x xx xxx Z, quoted text, and [optional] sections. YYYY is the week year and DD the day of the \
         year in the JDK: they are almost never what is meant."
    BOUND "TG0119" "a limit that cannot be used"
        "A limit must be a value of the property's own type and must leave something allowed."
    ENUM "TG0120" "an enum value of another type"
        "Allowed values must be of the property's logicalType; quote text that looks like a number or a truth value."
    ZONE "TG0121" "a time zone that is not a fixed offset"
        "A verdict must not depend on the time zone database of a machine, so `defaultTimezone` is UTC (`Etc/UTC`, `UTC`, `GMT`, `Z`) or a \
         fixed offset such as `+02:00` or `Etc/GMT-2`. Events that carry their own offset are not affected."
    INTEGER_WIDTH "TG0122" "an integer without a format"
        "The standard's default of i32 would refuse most real ids, so an integer without `format` accepts any 64-bit integer. Write \
         `logicalTypeOptions: {format: i64}` (or another width) to say what you mean."
    NUMBER_PRECISION "TG0123" "a number without precision and scale"
        "A `number` is an exact decimal unless its format says f32 or f64, and a decimal column needs precision and scale. Write \
         `physicalType: decimal(12,2)`, or a format where rounding is fine."
    QUALITY_KIND "TG0124" "a quality rule of unknown kind"
        "`type` of a rule is library (the default), sql, custom or text."
    OPERATOR "TG0125" "a rule needs exactly one operator"
        "Library rules and SQL rules compare one measured number with one of mustBe, mustNotBe, mustBeGreaterThan, \
         mustBeGreaterOrEqualTo, mustBeLessThan, mustBeLessOrEqualTo, mustBeBetween (both ends included), mustNotBeBetween. Custom rules \
         take none."
    METRIC_ARGUMENT "TG0126" "a metric without its argument"
        "missingValues needs arguments.missingValues; invalidValues needs arguments.validValues or arguments.pattern; duplicateValues on an \
         object needs arguments.properties; nullValues, missingValues and invalidValues belong to a property, rowCount to an object."
    NOT_EXECUTED "TG0127" "a clause that is not executed"
        "The clause is kept and shown, but nothing checks it: rules of type text, engines of other tools, metrics, formats and SLA \
         properties that Tidegate does not know."
    SEVERITY "TG0128" "unknown severity"
        "Severities are error (dead letter), warning (passes with a header) and info (counted). Anything else counts as error, so that a \
         typing mistake never weakens a rule."
    SETTING "TG0129" "a Tidegate setting that is unknown or has a wrong value"
        "Settings of Tidegate are customProperties of a schema object with `vendor: tidegate` (v3.2.0) or a name that starts with \
         `tidegate.`; schemas/formats/object-settings.schema.json lists them."
    EVENT_TIME "TG0130" "eventTime names no date or timestamp"
        "`eventTime` is the dotted path of a date or timestamp property of the object, such as `placed_at` or `meta.created_at`. Paths do \
         not lead through arrays or maps."
    CDC_KEY "TG0131" "change events without a primary key"
        "Without primaryKey the rows of a change topic cannot be folded to the state of the table."
    CDC_DECIMAL "TG0132" "change events with decimals of unknown scale"
        "Debezium writes exact decimals as bytes; where no schema travels with the row their scale must come from the contract. Write \
         `physicalType: decimal(12,2)`, or say `decimals: string` or `double` as the connector is configured."
    SLA_UNIT "TG0133" "an ambiguous or unknown unit"
        "Units of time are ms, s, min, h, d and their long names; `m` could be minutes or months and is refused, and weeks, months and years \
         are accepted only where nothing is measured against them. A value may be an ISO 8601 duration such as `PT15M` instead, without a \
         unit."
    SLA_VALUE "TG0134" "an SLA value that is not a number or duration"
        "Times need a number with a unit or an ISO 8601 duration; throughput, availability and errorRate need a number."
    SLA_ELEMENT "TG0135" "an SLA element that does not exist"
        "`element` names an object or object.property of this contract, several separated by commas. An element that does not exist cannot \
         be measured, and the SLA check will answer unknown."
    SCHEDULE "TG0136" "a cron expression that no scheduler accepts"
        "Cron fields are minute (0-59), hour (0-23), day of month (1-31), month (1-12) and day of week (0-7)."
    SUSPICIOUS_TEXT "TG0137" "text that other tools read differently"
        "The value is fine for Tidegate, but other YAML readers or query engines see something else: an unquoted version number, column \
         names that differ only in case."
    DEPRECATED "TG0138" "a deprecated spelling"
        "The standard keeps this spelling for old files; the help shows the present one."
    RELATED "TG0139" "a reference that leads nowhere"
        "A list of names (required, arguments.properties) holds a name that is not a property of the object."
    DUPLICATE_VERSION "TG0140" "one version with two contents"
        "A published (id, version) never changes content. Give the changed file a new version, or delete the copy. Where producers name \
         versions in the header `data-contract`, put the new version into a file of its own and keep the old one with `status: deprecated`: \
         records that name a version which is not there any more are refused (unplanned_event)."
    DUPLICATE_BINDING "TG0141" "two contracts for one topic"
        "A topic has one object per major version. Two contracts, two objects of a contract, or two versions with the same claim (both \
         active, or both proposed) would leave open which of them judges an event."
    DRAFT "TG0142" "a draft is not loaded"
        "Contracts with `status: draft` are read for their problems only; their topics stay without a contract."
    FILE_READ "TG0143" "a contract file that cannot be read"
        "Contract files are UTF-8 text of at most 4 MiB, at most 10,000 of them, in folders at most 32 deep. Symbolic links, submodules and \
         Git LFS pointers are not followed: what judges events is exactly the text of the commit."
    NO_TOPIC "TG0144" "an object that is bound to no topic"
        "Only objects with `physicalType: topic` judge events; `physicalName`, else `name`, is the topic."
    TOPIC_NAME "TG0145" "not a legal topic name"
        "Kafka topic names have 1 to 249 of the characters a-z A-Z 0-9 . _ - and are neither `.` nor `..`."
    NO_TYPE "TG0146" "a property without a logicalType"
        "Nothing is checked about its value, and the lake keeps it as JSON text."
    TOO_MANY "TG0147" "too many problems"
        "Only the first problems of the file are listed; mend them and look again."
    KILL_SWITCH "TG0148" "a kill switch that cannot be used, or is on"
        "`killSwitches` of a contract name a quality rule that is not asked until a day or moment; `until` and `reason` are required, and \
         from `until` on the rule is asked again. Only rules that are asked of single records can be switched off: types, options and \
         decoding never. `lint` says which switches are on, about to end, or over and only clutter."
    DISCRIMINATOR "TG0149" "objects of one topic that tell their events apart in different places"
        "Several objects may share a topic when each has a `discriminator`; all of them must look at the same place (header, pointer, \
         CloudEvents type, record name or source table), so that an event has exactly one type. One object without a discriminator takes \
         the events that no other describes; without such an object they are `unplanned_event`."
    ELSEWHERE "TG0150" "a clause that is executed, but not on the way of an event"
        "Statements about many rows (rowCount, duplicateValues, unique, primaryKey, metrics with a limit other than zero rows, SQL) and \
         service levels are measured on the lake by `tidegate sla run`. No event is refused for them."
    IGNORED_OPTION "TG0151" "an option that has no effect here"
        "The clause is accepted by the standard, and the type or format beside it leaves nothing that it could change: text limits of a \
         base64 format, a zone of a time of day, a length in physicalType."
    CDC_ON_FAILURE "TG0152" "change events go on past a dead letter"
        "A change event that breaks its contract becomes a dead letter while later changes of the same row pass (`onFailure: continue`, the \
         default), so the table in the lake misses that state until the dead letter is repaired and replayed. Write `onFailure: stop` at the \
         top level of the contract, so that the partition halts in front of it, or keep the rules of change topics to what the source can \
         promise."
    VARIABLE "TG0153" "a variable that is not expanded"
        "`${VAR}` is an environment variable in ODCS v3.2.0. Tidegate expands none: the verdict about an event depends on the commit of the \
         contracts alone, not on the environment of a worker. Under `servers` they are for other tools; elsewhere write the value."
    SECRET "TG0154" "a secret in a contract"
        "Contracts are read by everybody who reads the repository, and kept in its history. Remove the secret, make it invalid, and give it to \
         the tool that needs it by its own configuration."
    EVENT_SCHEMA "TG0155" "an event schema that is not there"
        "The setting `eventSchema` names a file by its path below the folder `schemas/` of the same commit or directory. It is part of what \
         judges events, so a contract whose file, or a file that it imports, is missing, too large or not UTF-8 does not load."
    ENCODINGS "TG0156" "encodings that cannot be used together"
        "`encodings` lists what a topic may carry, and each record must fit one of them only: framings that begin with the same byte, or \
         bare Protobuf beside JSON, would have to be guessed. Bare `protobuf` needs a Protobuf `eventSchema`, or `protobufMessage` and `protobufSchema`; change events \
         are read from JSON and Avro."
    SCHEMA_IDS "TG0157" "an event schema without a recorded id, or a damaged record"
        "Where a repository records ids of event schemas (`schemas/registered/ids.json`), every event schema that a contract in force names, \
         of values and of keys, has one, and every schema that these name in other files: serializers put it in front of each record. \
         `tidegate registry ids` writes what is missing. Ids and texts that were recorded never change, since records that were written \
         with them stay. As a note: schemas that lead back to themselves through other files, or in which one name means two files, can \
         have no id; contracts are enforced with them all the same."
    CONTESTED "TG0158" "one version that had two contents on both sides of a merge"
        "Two commits that a merge joined enforce the same (id, version) with different contents, and a merge does not tell which side was the \
         branch that workers followed: after `git pull` and a push it is the second parent. Give what is meant a new version; the contested \
         number stays unused. Pulling with `--rebase`, or merging by pull requests, keeps it from happening."
}

/// The code of that id, in any case.
pub fn explain(id: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_consecutive_and_explained() {
        for (index, code) in ALL.iter().enumerate() {
            assert_eq!(code.id, format!("TG{:04}", 101 + index));
            assert!(code.title.len() > 5 && code.explanation.len() > 30, "{}", code.id);
        }
        assert_eq!(explain("tg0102"), Some(&DUPLICATE_KEY));
        assert_eq!(explain("TG9999"), None);
    }

    /// Codes reach diagnostics only as constants of this table: no file of this crate or of the reader of Git spells an id itself.
    #[test]
    fn no_code_outside_of_the_table() {
        let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut seen = 0;
        let mut pending = vec![own.clone(), own.join("../../git/src")];
        while let Some(path) = pending.pop() {
            if path.is_dir() {
                pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            if path.ends_with("codes.rs") || path.ends_with("tests.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let production = text.split("#[cfg(test)]").next().unwrap();
            assert!(!production.contains("\"TG0"), "{}", path.display());
            seen += 1;
        }
        assert!(seen > 10);
    }
}
