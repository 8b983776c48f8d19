//! Rows of the lake under new contracts: what rows decide is what a preview of the events themselves says, and what they do not is named.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, SchemaLookup, SchemaNeed, Verdict, compile};
use tidegate_columnar::lines::{Form, facts, lines};
use tidegate_columnar::parquet::{Footer, WriterSettings, encode};
use tidegate_columnar::{RowBuilder, RowMeta};
use tidegate_contract::{Contract, SchemaFolder};
use tidegate_flow::{Offset, Origin, TopicPartition, WorldError};
use tidegate_preview::lake::{Column, Row};
use tidegate_preview::line::LineFeed;
use tidegate_preview::run::Bounds;
use tidegate_preview::{Asked, Change, Chunk, Feed, Fetched, LakeView, Pair, Schemas, Side, Tally, run};
use tidegate_sim::traffic::{Route, Traffic};

const NOW: i64 = 1_700_000_100_000_000;

struct NoSchemas;

impl SchemaLookup for NoSchemas {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::Unknown
    }
}

impl Schemas for NoSchemas {
    fn fetch(&self, _: &SchemaNeed) -> Result<Fetched, WorldError> {
        Ok(Fetched::NoSource)
    }
}

struct Once(Option<Chunk>);

impl Feed for Once {
    fn next(&mut self, _: u64) -> Result<Option<Chunk>, WorldError> {
        Ok(self.0.take())
    }
}

fn contract(edit: impl Fn(String) -> String) -> Arc<Contract> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../contracts/shop/orders/v1.odcs.yaml");
    let text = edit(std::fs::read_to_string(path).unwrap());
    Arc::new(tidegate_contract::parse("orders.odcs.yaml", &text).0.unwrap())
}

fn pair(edit: impl Fn(String) -> String) -> Pair {
    Pair {
        old: Side::new("old", &[contract(|text| text)]).unwrap(),
        new: Side::new("new", &[contract(edit)]).unwrap(),
    }
}

/// Valid orders, as values and as a file of the lake.
fn landed() -> (Vec<u8>, bytes::Bytes, usize) {
    let contract = contract(|text| text);
    let plan = compile(&contract, 0).unwrap();
    let route = Route {
        prefix: String::new(),
        partitions: 1,
        payment_schema: 1,
        fault_every: 9,
    };
    let (mut traffic, mut judge, mut rows) = (Traffic::new(route, 3), Judge::new(), RowBuilder::new(false));
    let admitted = rows.admit(&plan.nodes).unwrap();
    let (mut text, mut count) = (Vec::new(), 0);
    for at in 0..6_000_i64 {
        let record = traffic.next(1_700_000_000_000_000 + at * 1000).record;
        let Some(value) = record.value.filter(|_| *record.to.topic == *"orders") else {
            continue;
        };
        let input = Input {
            key: None,
            value: Some(&value),
            headers: &[],
            now: NOW,
        };
        rows.begin_row(admitted);
        match judge.judge(&plan, &input, "orders", &NoSchemas, &mut rows) {
            Verdict::Valid { facts, .. } => {
                let meta = RowMeta {
                    source_topic: "orders",
                    source_partition: 0,
                    source_offset: count,
                    topic: "orders.validated",
                    partition: 0,
                    offset: count,
                    timestamp_millis: None,
                    contract_version: "1.2.0",
                    snapshot: "c0ffee",
                };
                rows.commit_row(&meta, &facts).unwrap();
                text.extend_from_slice(&value);
                text.push(b'\n');
                count += 1;
            }
            _ => rows.discard_row(),
        }
    }
    let footer = Footer {
        entries: vec![("contract".into(), "orders".into()), ("object".into(), "orders".into())],
    };
    let settings = WriterSettings {
        zstd_level: 1,
        row_group_rows: 500,
    };
    (text, encode(&rows.finish(), &footer, &settings).unwrap().into(), count as usize)
}

fn view(pair: &Pair, bytes: &bytes::Bytes) -> Result<Arc<LakeView>, String> {
    let facts = facts(bytes)?;
    let columns: Vec<Column> = facts
        .columns
        .iter()
        .map(|(name, form)| Column {
            name: name.clone(),
            is_plain: *form == Form::Plain,
            has_json: *form != Form::Bytes,
        })
        .collect();
    LakeView::new(pair, &facts.contract, &facts.object, &columns).map(Arc::new)
}

fn compare(pair: &Pair, feed: &mut dyn Feed) -> Tally {
    let bounds = Bounds {
        events_max: u64::MAX,
        threads: 2,
    };
    run(pair, feed, &Asked::default(), &NoSchemas, bounds, &mut |_| true).unwrap().tally
}

fn rows(bytes: &bytes::Bytes, view: &LakeView) -> Vec<Row> {
    lines(bytes.clone(), &view.columns, &view.raw)
        .unwrap()
        .flat_map(Result::unwrap)
        .map(|line| Row {
            origin: Origin {
                at: TopicPartition::new(line.source.0, line.source.1),
                offset: Offset(line.source.2),
            },
            version: line.version,
            is_gone: line.op.is_some(),
            json: line.json,
        })
        .collect()
}

fn from_lake(pair: &Pair, bytes: &bytes::Bytes) -> (Tally, Arc<LakeView>) {
    let view = view(pair, bytes).unwrap();
    let chunk = Chunk::Rows {
        view: view.clone(),
        rows: rows(bytes, &view),
        now: NOW,
    };
    (compare(pair, &mut Once(Some(chunk))), view)
}

fn of_rules(tally: &Tally) -> Vec<(String, String, u64)> {
    let rules = tally.rules(Change::NewlyFailing);
    rules
        .iter()
        .map(|(key, count)| (key.rule.to_string(), key.path.clone(), count.events))
        .collect()
}

#[test]
fn what_rows_decide_is_what_the_events_say() {
    let (text, bytes, count) = landed();
    assert!(count > 1_000);
    for (old, new) in [
        ("          - value: android\n", ""),
        ("maximum: 10000", "maximum: 2"),
        (
            "implementation: value.lines.all(l, l.qty > 0)",
            "implementation: value.lines.all(l, l.qty > 1)",
        ),
        ("minimum: \"2020-01-01T00:00:00Z\"", "minimum: \"2023-11-14T22:13:21Z\""),
        ("format: i64, minimum: 1}", "format: i64, minimum: 500000}"),
        ("maxLength: 254", "maxLength: 12"),
        (
            "      - name: discount\n        logicalType: number\n",
            "      - name: discount\n        required: true\n        logicalType: number\n",
        ),
        (
            "        logicalTypeOptions: {format: uuid}",
            "        logicalTypeOptions: {minLength: 37}",
        ),
    ] {
        let pair = pair(|text| {
            assert!(text.contains(old), "{old}");
            text.replace(old, new)
        });
        let events = compare(&pair, &mut LineFeed::new("e", "orders", NOW, &text[..]));
        let (rows, view) = from_lake(&pair, &bytes);
        assert!(view.undecided.is_empty(), "{new}: {:?}", view.undecided);
        assert!(events.of(Change::NewlyFailing) > 0, "{new} refuses nothing, so nothing is shown");
        assert_eq!(of_rules(&rows), of_rules(&events), "{new}");
        for change in [Change::NewlyFailing, Change::StillPassing, Change::Undecided] {
            assert_eq!(rows.of(change), events.of(change), "{new} {change:?}");
        }
    }
}

/// The setting is as it was, and so is the file that it names: what that names is another.
#[test]
fn another_text_of_a_schema_is_named_too() {
    let (_, bytes, count) = landed();
    let side = |name: &str, part: &str| {
        let with_schema = |text: String| {
            let setting = "    customProperties:\n      - {property: eventSchema, vendor: tidegate, value: order.json}\n";
            assert!(text.contains("    customProperties:\n      - property: encodings"), "{text}");
            text.replacen(
                "    customProperties:\n      - property: encodings",
                &format!("{setting}      - property: encodings"),
                1,
            )
        };
        let draft = "\"$schema\":\"https://json-schema.org/draft/2020-12/schema\"";
        let files = [
            ("order.json", format!("{{{draft},\"$ref\":\"part.json\"}}")),
            ("part.json", format!("{{{draft}{part}}}")),
        ];
        let folder = SchemaFolder::from_texts(files.iter().map(|(path, text)| (*path, text.as_str())));
        let mut contract = (*contract(with_schema)).clone();
        assert!(contract.attach_schemas(&Arc::new(folder)).is_empty());
        Side::new(name, &[Arc::new(contract)]).unwrap()
    };
    let between = |old: &str, new: &str| Pair {
        old: side("old", old),
        new: side("new", new),
    };
    let (rows, view) = from_lake(&between("", ",\"maxProperties\":1"), &bytes);
    assert_eq!(view.undecided, ["setting `eventSchema`"]);
    assert_eq!(rows.of(Change::Undecided) as usize, count);
    let (rows, _) = from_lake(&between("", ""), &bytes);
    assert_eq!(rows.of(Change::StillPassing) as usize, count);
}

#[test]
fn what_rows_do_not_decide_is_named_and_never_passes() {
    let (_, bytes, count) = landed();
    for (old, new, named) in [
        ("value: warn", "value: fail", "setting `unknownFields`"),
        ("value: [json]", "value: [confluent-json]", "setting `encodings`"),
        (
            "  - name: total\n",
            "  - name: weight\n        logicalType: number\n        required: true\n      - name: total\n",
            "property `weight`",
        ),
        (
            "  - name: discount\n",
            "  - name: discount\n        physicalName: rebate\n",
            "property `discount`",
        ),
        (
            "        logicalType: timestamp\n        logicalTypeOptions:\n",
            "        logicalType: timestamp\n        logicalTypeOptions:\n          format: \"yyyy-MM-dd HH:mm:ss\"\n",
            "property `placed_at`",
        ),
        (
            "implementation: value.lines.all(l, l.qty > 0)",
            "implementation: \"size(headers) == 0\"",
            "rule `orders-quantities-positive`",
        ),
    ] {
        let pair = pair(|text| {
            assert!(text.contains(old), "{old}");
            text.replace(old, new)
        });
        let (rows, view) = from_lake(&pair, &bytes);
        assert!(view.undecided.iter().any(|one| one == named), "{new}: {:?}", view.undecided);
        assert_eq!(rows.of(Change::Undecided) as usize, count, "{new}");
        assert!(rows.undecided_for().all(|(why, _)| why.contains(named)), "{new}");
    }
    // Nothing changed: nothing is undecided, although unknown fields, the encoding and so on are not in rows.
    let (rows, _) = from_lake(&pair(|text| text), &bytes);
    assert_eq!(rows.of(Change::StillPassing) as usize, count);
    // Judged by another version than the old contracts hold.
    let other = Pair {
        old: Side::new("old", &[contract(|text| text.replace("1.2.0", "1.9.0"))]).unwrap(),
        ..pair(|text| text)
    };
    assert_eq!(from_lake(&other, &bytes).0.of(Change::Undecided) as usize, count);
}

#[test]
fn files_that_are_not_ours_are_refused() {
    let (_, bytes, _) = landed();
    assert!(facts(&bytes::Bytes::from_static(b"PAR1 nonsense")).is_err());
    assert!(facts(&bytes::Bytes::new()).is_err());
    for cut in [1, 8, bytes.len() / 2, bytes.len() - 1] {
        assert!(facts(&bytes.slice(..cut)).is_err(), "{cut}");
    }
    let pair = pair(|text| text.replace("id: orders\n", "id: others\n"));
    assert!(view(&pair, &bytes).unwrap_err().contains("new contracts have no object orders"));
}

/// Orders, with a row rule more.
fn with_rule(text: String, expression: &str) -> String {
    let rule = "      - id: orders-quantities-positive\n";
    assert!(text.contains(rule));
    let more = format!("      - {{id: added, type: custom, engine: cel, implementation: {expression:?}}}\n");
    text.replacen(rule, &format!("{more}{rule}"), 1)
}

#[test]
fn a_rule_that_was_asked_already_is_not_asked_at_another_time() {
    let (_, bytes, count) = landed();
    // Long after the orders: all of them are old now.
    let old_rule = "now - value.placed_at < duration('8760h')";
    let side = |name: &str, edit: &dyn Fn(String) -> String| Side::new(name, &[contract(edit)]).unwrap();
    let both = Pair {
        old: side("old", &|text| with_rule(text, old_rule)),
        new: side("new", &|text| with_rule(text, old_rule).replace("          - value: android\n", "")),
    };
    let late = NOW + 9_000 * 3_600 * 1_000_000;
    let judged = |pair: &Pair| {
        let view = view(pair, &bytes).unwrap();
        let rows = rows(&bytes, &view);
        let chunk = Chunk::Rows { view, rows, now: late };
        compare(pair, &mut Once(Some(chunk)))
    };
    let found = judged(&both);
    assert!(
        found.rules(Change::NewlyFailing).iter().all(|(key, _)| &*key.rule == "enum"),
        "{found:?}"
    );
    assert!(found.of(Change::NewlyFailing) > 0 && found.of(Change::Undecided) == 0, "{found:?}");
    // A new one saw another time when the events came.
    let new = Pair {
        old: side("old", &|text| text),
        new: side("new", &|text| with_rule(text, old_rule)),
    };
    let found = judged(&new);
    assert_eq!(found.of(Change::Undecided) as usize, count, "{found:?}");
    assert!(found.undecided_for().all(|(why, _)| why.contains("rule `added`")));
    // And so it did under a column that is another.
    let tighter = Pair {
        old: side("old", &|text| with_rule(text, old_rule)),
        new: side("new", &|text| {
            with_rule(text, old_rule).replace("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z")
        }),
    };
    assert_eq!(judged(&tighter).of(Change::Undecided) as usize, count);
}

#[test]
fn null_and_missing_are_one_in_a_row_and_two_for_a_rule() {
    let (text, bytes, count) = landed();
    let with = String::from_utf8(text).unwrap();
    let present = with.lines().filter(|line| line.contains("\"discount\"")).count();
    assert!(present > 0 && present < count, "{present} of {count}");
    for (expression, failing) in [("has(value.discount)", 0), ("!has(value.discount)", present)] {
        let pair = pair(|text| with_rule(text, expression));
        let (found, _) = from_lake(&pair, &bytes);
        assert_eq!(found.of(Change::NewlyFailing) as usize, failing, "{expression}: {found:?}");
        assert_eq!(found.of(Change::Undecided) as usize, count - present, "{expression}: {found:?}");
        assert!(
            found
                .undecided_for()
                .all(|(why, _)| why.contains("null from missing") && why.contains("added"))
        );
    }
    // Either way it fails, and either way it holds.
    let (found, _) = from_lake(&pair(|text| with_rule(text, "value.discount >= 0.0")), &bytes);
    assert_eq!(
        (found.of(Change::NewlyFailing) as usize, found.of(Change::Undecided)),
        (count - present, 0),
        "{found:?}"
    );
    let (found, _) = from_lake(
        &pair(|text| with_rule(text, "!has(value.discount) || value.discount == null || value.discount >= 0.0")),
        &bytes,
    );
    assert_eq!(found.of(Change::StillPassing) as usize, count, "{found:?}");
    // What was asked already was answered for the event itself.
    let rule = "!has(value.discount) || value.discount != null";
    let old = Side::new("old", &[contract(|text| with_rule(text, rule))]).unwrap();
    let asked = Pair {
        old,
        ..pair(|text| with_rule(text, rule).replace("maxLength: 254", "maxLength: 255"))
    };
    assert_eq!(from_lake(&asked, &bytes).0.of(Change::StillPassing) as usize, count);
}

#[test]
fn a_version_that_stays_may_have_been_named() {
    let (_, bytes, count) = landed();
    let stricter = |text: String| {
        text.replace("version: \"1.2.0\"", "version: \"2.0.0\"")
            .replace("          - value: android\n", "")
    };
    let old = || Side::new("old", &[contract(|text| text)]).unwrap();
    let beside = Pair {
        old: old(),
        new: Side::new("new", &[contract(|text| text), contract(stricter)]).unwrap(),
    };
    let (found, _) = from_lake(&beside, &bytes);
    assert!(found.of(Change::Undecided) > 0 && found.of(Change::NewlyFailing) == 0, "{found:?}");
    assert_eq!((found.of(Change::Undecided) + found.of(Change::StillPassing)) as usize, count);
    assert!(found.undecided_for().all(|(why, _)| why.contains("stays")));
    // In its place, it decides.
    let instead = Pair {
        old: old(),
        new: Side::new("new", &[contract(stricter)]).unwrap(),
    };
    assert!(from_lake(&instead, &bytes).0.of(Change::NewlyFailing) > 0);
}
