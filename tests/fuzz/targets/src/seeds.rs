//! Where fuzzing begins: inputs made of what the project already holds, far more than is kept in the tree.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::input::Build;
use crate::{avro_reader, judge, world};

/// Of recordings every so many records are taken.
const STRIDE: usize = 15;

/// Seeds of a target; none for a name that is no target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "json_reader" => values(),
        "numbers" => numbers(),
        "avro_reader" => avro(),
        "avro_generated" => noise(),
        "framing" => framing(),
        "debezium_envelope" => values().iter().map(|value| Build::default().byte(0).rest(value)).collect(),
        "debezium_flat" => flat(),
        "change_events" => changes(),
        "protobuf" => protobuf(),
        "dates" => DATES.iter().map(|text| text.as_bytes().to_vec()).collect(),
        "jdk_date" => pairs(JDK),
        "pattern" => pairs(PATTERNS),
        "contract_loader" => contracts(),
        "header_codec" => headers(),
        "judge" => judge::seeds(),
        _ => Vec::new(),
    }
}

/// Values of the corpus and of the recordings that are JSON text.
fn values() -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = world::cases()
        .into_iter()
        .flat_map(|case| case.events)
        .filter_map(|event| event.value)
        .collect();
    values.extend(recorded("pg-plain.jsonl").into_iter().map(|record| record.1));
    values.extend(recorded("maria-plain.jsonl").into_iter().map(|record| record.1));
    values
}

type Header<'h> = (&'h str, Option<&'h [u8]>);
type Recorded = (Vec<(String, Option<Vec<u8>>)>, Vec<u8>);

/// Headers and values of a recording.
fn recorded(file: &str) -> Vec<Recorded> {
    let text = world::read(&world::corpus().join("debezium").join(file));
    let lines = text
        .lines()
        .step_by(STRIDE)
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let bytes = |value: &Value| value.as_str().and_then(|text| STANDARD.decode(text).ok());
    let headers = |record: &Value| {
        let list = record["headers"].as_array().cloned().unwrap_or_default();
        list.iter()
            .filter_map(|header| Some((header[0].as_str()?.to_owned(), bytes(&header[1]))))
            .collect()
    };
    lines
        .filter_map(|record| Some((headers(&record), bytes(&record["value_b64"])?)))
        .collect()
}

fn flat() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for (headers, value) in recorded("pg-flat.jsonl").into_iter().chain(recorded("pg-flat-default.jsonl")) {
        let headers: Vec<(&str, Option<&[u8]>)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
            .take(4)
            .collect();
        seeds.push(Build::default().byte(0).headers(&headers).rest(&value));
    }
    let marked: [(&str, Option<&[u8]>); 3] = [("__op", Some(b"d")), ("__lsn", Some(b"7")), ("__source_ts_ms", None)];
    seeds.push(Build::default().byte(0).headers(&marked).rest(br#"{"id":1,"__deleted":"true"}"#));
    seeds
}

/// Every value for every writer: what is none of a writer's own is refused by it.
fn changes() -> Vec<Vec<u8>> {
    let cases = world::cases().into_iter().filter(|case| case.plan.cdc.is_some());
    let events = cases.flat_map(|case| case.events).filter_map(|event| event.value);
    events
        .flat_map(|value| (0..6).map(move |writer| Build::default().byte(writer).headers(&[]).rest(&value)))
        .collect()
}

fn protobuf() -> Vec<Vec<u8>> {
    let data: [&[u8]; 12] = [
        b"",
        b"\x08\x01\x10\x96\x01\x1d\0\0\0\0",
        b"\x72\x03abc\x7a\x01\xff\x80\x01\x02",
        b"\x92\x01\x03\x01\x02\x03\x90\x01\x04",
        b"\x9a\x01\x01a\x9a\x01\x01b",
        b"\xa2\x01\x07\x0a\x01k\x12\x02\x08\x01",
        b"\xb2\x01\x01v\xba\x01\x02\x08\x05",
        b"\xca\x01\x04\x08\x01\x10\x05",
        b"\xd2\x01\x02\x08\x01\xda\x01\x02\x08\x07",
        b"\xe2\x01\x0b\x0a\x09\x0a\x01a\x12\x04\x1a\x02xy",
        b"\xea\x01\x02\x08\x01\xea\x01\0",
        b"\x61\0\0\0\0\0\0\xf0\x3f\x5d\0\0\x80\x3f\x68\x01\xf3\x01\xf4\x01",
    ];
    let mut seeds: Vec<Vec<u8>> = data.iter().map(|datum| Build::default().byte(0).rest(datum)).collect();
    seeds.push(Build::default().byte(254).rest(b"\x08\x01"));
    // A descriptor set of one file with one message of one field.
    seeds.push(
        Build::default()
            .byte(255)
            .rest(b"\x0a\x1c\x0a\x07a.proto\x22\x0a\x0a\x01M\x12\x05\x0a\x01a\x18\x01b\x06proto3"),
    );
    seeds
}

fn numbers() -> Vec<Vec<u8>> {
    let texts = [
        "0",
        "-0",
        "1",
        "-1.50",
        "9007199254740993",
        "1e3",
        "1500e-2",
        "0.0e99999999999999999999",
        "170141183460469231731687303715884105727",
        "1e400",
        "12.340",
        "-170141183460469231731687303715884105728",
        "1E+2",
        "1e4294967296",
        "0.1e-400",
        "01",
        "1.",
        "NaN",
        "1e-1500",
    ];
    let bytes: [&[u8]; 5] = [&[], &[0xfb, 0x2e], &[0, 0, 0x80], &[0x7f; 17], &[0xff; 3]];
    let pairs = texts.iter().zip(texts.iter().cycle().skip(1)).enumerate();
    pairs
        .map(|(at, (left, right))| {
            let scale = u8::try_from(at).unwrap_or_default();
            let head = Build::default().byte(scale).short(u16::from(scale));
            head.chunk(left.as_bytes()).chunk(right.as_bytes()).rest(bytes[at % bytes.len()])
        })
        .collect()
}

fn avro() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for (at, schema) in avro_reader::SCHEMAS.iter().enumerate() {
        let choice = u8::try_from(at).unwrap_or_default();
        seeds.push(Build::default().byte(choice).rest(&[0; 60]));
        seeds.push(Build::default().byte(choice).rest(&[2; 60]));
        let mut own = Build::default().byte(avro_reader::OWN).rest(schema.as_bytes());
        own.extend([0, 2, 4, 0, 0, 0]);
        seeds.push(own);
    }
    let first: [&[u8]; 2] = [
        b"\x00\x01\x02\x05\0\0\x80\x3f\0\0\0\0\0\0\xf0\x3f\x02a\x04\x01\x02abc\x02\x04\x02\x04\0\x02\x02k\x02v\0\x04\x02x",
        b"\x00\x00\x7f\xff\xff\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0xyz\x04\x01\x04\x02\0\x01\x08\x02k\x02v\0\0",
    ];
    seeds.extend(first.map(|datum| Build::default().byte(0).rest(datum)));
    seeds
}

/// Bytes without a pattern: enough for a schema and a value each.
fn noise() -> Vec<Vec<u8>> {
    let mut state = 1_u64;
    let mut byte = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..300).map(|length| (0..length).map(|_| byte()).collect()).collect()
}

fn framing() -> Vec<Vec<u8>> {
    let guid: [u8; 17] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17];
    let headers: [&[Header<'_>]; 4] = [
        &[],
        &[("__value_schema_id", Some(&guid))],
        &[("__key_schema_id", Some(&guid)), ("__value_schema_id", None)],
        &[("ce_specversion", Some(b"1.0")), ("content-type", Some(b"application/json"))],
    ];
    let values: [&[u8]; 7] = [b"", b"{}", b" {}", b"\0\0\0\0\x07ab", &guid, b"\0\0", b"\x03\0ABCDEFGHIJKLMNOP{}"];
    let mut seeds = Vec::new();
    for headers in headers {
        for value in values {
            seeds.push(Build::default().byte(0).headers(headers).rest(value));
        }
    }
    seeds
}

fn contracts() -> Vec<Vec<u8>> {
    let folders: [&Path; 2] = [&world::corpus(), &world::examples()];
    let files = folders.into_iter().flat_map(world::contracts);
    files.map(|path| world::read(&path).into_bytes()).collect()
}

fn headers() -> Vec<Vec<u8>> {
    let lists: [&[Header<'_>]; 4] = [
        &[],
        &[("tidegate.origin", Some(b"orders:0:1")), ("tidegate.judge", Some(b"abc/1/0"))],
        &[
            ("a", None),
            ("a", Some(b"")),
            ("tidegate.", Some(b"x")),
            ("forged.tidegate.origin", Some(b"t:1:2")),
        ],
        &[("tidegate.contract", Some(b"orders@1.0.0")), ("tidegate.enforced", Some(b"false"))],
    ];
    let texts = ["orders:1:2", "a:b:0:9", "orders@1.2.0", "a@b@1.0.0", "t:+1:07", "", "t:1:-1"];
    let mut seeds = Vec::new();
    for (headers, text) in lists.iter().cycle().zip(texts) {
        let names = Build::default()
            .chunk(b"orders")
            .chunk(b"shop")
            .chunk(b"1.2.0")
            .chunk(b"fb006336")
            .short(7);
        seeds.push(names.short(3).short(9).chunk(text.as_bytes()).headers(headers).rest(&[]));
    }
    seeds
}

fn pairs(list: &[(&str, &str)]) -> Vec<Vec<u8>> {
    list.iter()
        .map(|(first, second)| Build::default().chunk(first.as_bytes()).rest(second.as_bytes()))
        .collect()
}

const DATES: &[&str] = &[
    "2026-11-21",
    "2024-02-29",
    "1900-02-29",
    "0001-01-01",
    "9999-12-31",
    "+5877611-06-21Z",
    "08:15:30",
    "23:59:59.999999",
    "24:00:00",
    "08:15:30.1234567",
    "08:15:30.123456000",
    "2026-11-21T08:15:30Z",
    "2026-11-21T08:15:30.5+01:00",
    "2026-11-21 08:15:30z",
    "2026-11-21t08:15:30-23:59",
    "2026-11-21T08:15:30",
    "1969-12-31T23:59:59.999999Z",
    "2016-12-31T23:59:60Z",
    "0000-01-01T00:00:00Z",
    "-0001-01-01T00:00:00Z",
];

const JDK: &[(&str, &str)] = &[
    ("yyyy-MM-dd", "2026-11-21"),
    ("dd.MM.yy", "21.11.26"),
    ("d/M/uuuu", "1/2/2026"),
    ("EEEE, d MMMM yyyy", "Saturday, 21 November 2026"),
    ("EEE dd MMM yyyy", "Sat 21 Nov 2026"),
    ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2026-11-21T08:15:30.123+02:00"),
    ("yyyy-MM-dd HH:mm:ss Z", "2026-11-21 08:15:30 -0330"),
    ("yyyy-MM-dd'T'HH:mm[:ss[.SSS]]", "2026-11-21T08:15"),
    ("hh:mm a", "12:05 AM"),
    ("HH 'o''clock' x", "07 o'clock +02"),
];

const PATTERNS: &[(&str, &str)] = &[
    (r"^\d+$", "123"),
    (r"^[\w.+-]+@[\w-]+\.[\w.]+$", "a.b+c@d-e.fr"),
    (r"^[^\s]+$", "a\u{FEFF}b"),
    (r"^[a&&b]+$", "a&b"),
    (r"^\/\-\u0041\x42\cJ\0$", "/-AB\n\0"),
    (r"^(?:a|(?<year>\d{4}))$", "2026"),
    (r"\bcat\b", "a cat."),
    (r"^\p{Lu}$", "É"),
    (r"^.[\D][\b]?\B", "ab\u{8}"),
    (r"a{2,3}?|b*c+", "aaab"),
    (r"^[A-Z]{2}\d{2}(?: ?\w{4}){3,7}$", "DE89 3704 0044"),
    (r"[\u{1F600}-\u{1F64F}]", "😀"),
    (r"[^]x|$^", "x"),
    ("[!--]", "#"),
    ("^[+--z]$", "a"),
    (r"[\w-]+[-a]", "-"),
];
