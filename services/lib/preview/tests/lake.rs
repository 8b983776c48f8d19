//! Rows of the lake under new contracts: what rows decide is what a preview of the events themselves says, and what they do not is named.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, SchemaLookup, SchemaNeed, Verdict, compile};
use tidegate_columnar::lines::{Form, facts, lines};
use tidegate_columnar::parquet::{Footer, WriterSettings, encode};
use tidegate_columnar::{RowBuilder, RowMeta};
use tidegate_contract::Contract;
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

fn from_lake(pair: &Pair, bytes: &bytes::Bytes) -> (Tally, Arc<LakeView>) {
    let view = view(pair, bytes).unwrap();
    let rows = lines(bytes.clone(), &view.columns, &view.raw)
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
        .collect();
    let chunk = Chunk::Rows {
        view: view.clone(),
        rows,
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
