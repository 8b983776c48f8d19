//! Rows that apache-avro encodes with the exported schema are read and accepted by the judge, and the schema refuses what Avro can refuse.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use apache_avro::types::Value as Avro;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fastrand::Rng;
use proptest::prelude::*;
use serde_json::Value as Json;
use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, Plan, SchemaLookup, SchemaNeed, Verdict, Violation, compile};
use tidegate_codec::avro::Schema;
use tidegate_contract::Contract;
use tidegate_export::{Format, Subject, export};
use tidegate_sim::variety::{Shape, Taste};

struct One(Arc<Schema>);

impl SchemaLookup for One {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::Avro(self.0.clone())
    }
}

fn contract(text: &str) -> (Contract, Plan) {
    let contract = tidegate_contract::parse("c.odcs.yaml", text).0.unwrap();
    let plan = compile(&contract, 0).unwrap();
    (contract, plan)
}

fn exported(contract: &Contract, plan: &Plan) -> tidegate_export::Export {
    let subject = Subject {
        contract,
        object: &contract.objects[0],
        plan,
    };
    export(&subject, Format::Avro).unwrap()
}

fn judged(plan: &Plan, value: &[u8], schemas: &dyn SchemaLookup) -> Verdict {
    let input = Input {
        key: Some(b"k"),
        value: Some(value),
        headers: &[],
        now: 0,
    };
    Judge::new().judge(plan, &input, "events", schemas, &mut ())
}

/// The JSON event as the value of an Avro schema, whose logical types say what texts stand for.
fn value(schema: &Json, json: &Json) -> Option<Avro> {
    if let Json::Array(branches) = schema {
        let (at, inner) = match json {
            Json::Null => (0, Avro::Null),
            json => (1, value(&branches[1], json)?),
        };
        return Some(Avro::Union(at, Box::new(inner)));
    }
    let (name, logical) = match schema {
        Json::String(name) => (name.as_str(), None),
        other => (other["type"].as_str()?, other["logicalType"].as_str()),
    };
    Some(match (name, logical) {
        ("boolean", _) => Avro::Boolean(json.as_bool()?),
        ("int", None) => Avro::Int(whole(json)?.parse().ok()?),
        ("long", None) => Avro::Long(whole(json)?.parse().ok()?),
        ("float", _) => Avro::Float(json.to_string().parse().ok()?),
        ("double", _) => Avro::Double(json.to_string().parse().ok()?),
        ("string", Some("uuid")) => Avro::Uuid(apache_avro::Uuid::parse_str(json.as_str()?).ok()?),
        ("string", _) => Avro::String(json.as_str()?.to_owned()),
        ("bytes", None) => Avro::Bytes(BASE64.decode(json.as_str()?).ok()?),
        ("bytes", Some("decimal")) => {
            let scale = schema["scale"].as_u64()? as usize;
            Avro::Decimal(apache_avro::Decimal::from(unscaled(json, scale)?.to_be_bytes()))
        }
        ("int", Some("date")) => {
            let date: jiff::civil::Date = json.as_str()?.parse().ok()?;
            let since = date.since((jiff::Unit::Day, jiff::civil::date(1970, 1, 1))).ok()?;
            Avro::Date(since.get_days())
        }
        ("long", Some("time-micros")) => {
            let time: jiff::civil::Time = json.as_str()?.parse().ok()?;
            let since = time.duration_since(jiff::civil::Time::midnight());
            Avro::TimeMicros(i64::try_from(since.as_micros()).ok()?)
        }
        ("long", Some("timestamp-micros")) => Avro::TimestampMicros(micros(json.as_str()?)?),
        ("long", Some("local-timestamp-micros")) => Avro::LocalTimestampMicros(micros(json.as_str()?)?),
        ("enum", _) => {
            let at = schema["symbols"].as_array()?.iter().position(|symbol| symbol == json)?;
            Avro::Enum(u32::try_from(at).ok()?, json.as_str()?.to_owned())
        }
        ("array", _) => Avro::Array(
            json.as_array()?
                .iter()
                .map(|item| value(&schema["items"], item))
                .collect::<Option<_>>()?,
        ),
        ("map", _) => {
            let entries = json.as_object()?.iter();
            Avro::Map(
                entries
                    .map(|(key, item)| Some((key.clone(), value(&schema["values"], item)?)))
                    .collect::<Option<_>>()?,
            )
        }
        ("record", _) => {
            let fields = schema["fields"].as_array()?.iter().map(|field| {
                let name = field["name"].as_str()?.to_owned();
                let inner = json.as_object()?.get(&name).unwrap_or(&Json::Null);
                Some((name, value(&field["type"], inner)?))
            });
            Avro::Record(fields.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn micros(text: &str) -> Option<i64> {
    let zoned = text.parse::<jiff::Timestamp>();
    zoned
        .or_else(|_| format!("{text}Z").parse::<jiff::Timestamp>())
        .ok()
        .map(jiff::Timestamp::as_microsecond)
}

fn whole(json: &Json) -> Option<String> {
    unscaled(json, 0).map(|value| value.to_string())
}

fn unscaled(json: &Json, scale: usize) -> Option<i128> {
    let text = json.as_number()?.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if fraction.len() > scale {
        return None;
    }
    format!("{whole}{fraction:0<scale$}").parse().ok()
}

#[test]
fn valid_rows_pass_as_avro_too() {
    let (encoded, skipped) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let config = ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(seed: u64)| {
        let mut rng = Rng::with_seed(seed);
        let shape = Shape::random(&mut rng, Taste { odd_names: false, subtle: false });
        let text = shape.yaml();
        let (contract, plan) = contract(&text);
        let export = exported(&contract, &plan);
        let referee = apache_avro::Schema::parse_str(&export.text).unwrap_or_else(|error| panic!("{error}\n{}", export.text));
        let ours = One(Arc::new(Schema::parse(&export.text, &[]).unwrap()));
        let document: Json = serde_json::from_str(&export.text).unwrap();
        for _ in 0..20 {
            let event = shape.event(&mut rng).text(&mut rng);
            if !matches!(judged(&plan, event.as_bytes(), &ours), Verdict::Valid { .. }) {
                continue;
            }
            let json: Json = serde_json::from_str(&event).unwrap();
            // Values of no declared type and maps that are not of text have no single form in Avro; they are gaps.
            let Some(row) = value(&document, &json) else {
                skipped.set(skipped.get() + 1);
                continue;
            };
            let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&referee).build().unwrap();
            let datum = writer.write_value_to_vec(row).unwrap_or_else(|error| panic!("{error}\n{event}\n{}", export.text));
            let mut record = vec![0, 0, 0, 0, 1];
            record.extend(datum);
            let verdict = judged(&plan, &record, &ours);
            // The referee writes every UUID in lower case, so two texts of one become equal items.
            let one_uuid = event.contains("3F0E8D0A");
            // A record has all of its fields; the export says so.
            let counted = |violation: &Violation| {
                ["maxProperties", "uniqueItems"].contains(&&*violation.rule) && ((one_uuid && &*violation.rule == "uniqueItems") || export.gaps.iter().any(|gap| gap.location == violation.location))
            };
            if matches!(&verdict, Verdict::Invalid { violations, .. } if violations.iter().all(counted)) {
                skipped.set(skipped.get() + 1);
                continue;
            }
            prop_assert!(matches!(verdict, Verdict::Valid { .. }), "{:#?}\n{}\n{}\n{}", verdict, event, export.text, text);
            encoded.set(encoded.get() + 1);
        }
    });
    assert!(
        encoded.get() > 500 && skipped.get() < encoded.get(),
        "{} encoded, {} skipped",
        encoded.get(),
        skipped.get()
    );
}

#[test]
fn names_that_avro_does_not_have_are_said() {
    let text = "apiVersion: v3.2.0\nkind: DataContract\nid: a.b-c\nversion: 1.0.0\nstatus: active\nschema:\n  - name: row-s\n    properties:\n\
                \x20     - {name: a, physicalName: x-y, logicalType: string, required: true}\n\
                \x20     - {name: b, physicalName: x_y, logicalType: string, enum: [{value: ok}, {value: no-symbol}]}\n";
    let (contract, plan) = contract(text);
    let export = exported(&contract, &plan);
    let document: Json = serde_json::from_str(&export.text).unwrap();
    assert_eq!((&document["name"], &document["namespace"]), (&"row_s".into(), &"a.b_c".into()));
    assert_eq!(
        (&document["fields"][0]["name"], &document["fields"][1]["name"]),
        (&"x_y".into(), &"x_y_".into())
    );
    assert_eq!(document["fields"][0]["wireName"], "x-y");
    assert_eq!(document["fields"][1]["type"][1], "string");
    assert!(
        export
            .gaps
            .iter()
            .any(|gap| gap.path == "x-y" && gap.problem.contains("no such name"))
    );
    apache_avro::Schema::parse_str(&export.text).unwrap();
}
