//! Change events: envelopes and flattened rows, in JSON and in Avro, and what MongoDB, DMS and Maxwell write.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::sync::LazyLock;

use tidegate_codec::avro::Schema;
use tidegate_codec::cdc::{self, ChangeEvent, FlatNames, Format, Image, SchemaBlockCache, Texts, Unwrapped};
use tidegate_codec::{DecodeFailure, Detail, JsonReader, Reader, Token};

use crate::input::Parts;
use crate::walk;

thread_local! {
    /// Has seen every block before.
    static USED: RefCell<SchemaBlockCache> = RefCell::new(SchemaBlockCache::new());
}

const ROW: &str = r#"{"type":"record","name":"Value","fields":[{"name":"id","type":"int"},{"name":"name","type":["null","string"]},
    {"name":"at","type":["null",{"type":"long","connect.name":"io.debezium.time.MicroTimestamp"}]},
    {"name":"total","type":["null",{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}]},
    {"name":"any","type":["null",{"type":"record","name":"VariableScaleDecimal","namespace":"io.debezium.data","fields":[
        {"name":"scale","type":"int"},{"name":"value","type":"bytes"}],"connect.name":"io.debezium.data.VariableScaleDecimal"}]},
    {"name":"__op","type":["null","string"]},{"name":"__deleted","type":["null","string"]},{"name":"__lsn","type":["null","long"]}]}"#;

static ENVELOPE: LazyLock<Schema> = LazyLock::new(|| {
    schema(&format!(
        r#"{{"type":"record","name":"Envelope","fields":[{{"name":"before","type":["null",{ROW}]}},{{"name":"after","type":["null","Value"]}},
        {{"name":"source","type":{{"type":"record","name":"Source","fields":[{{"name":"ts_ms","type":"long"}},{{"name":"db","type":"string"}},
            {{"name":"table","type":["null","string"]}},{{"name":"lsn","type":["null","long"]}},{{"name":"file","type":["null","string"]}},
            {{"name":"pos","type":["null","long"]}}]}}}},
        {{"name":"transaction","type":["null",{{"type":"record","name":"Block","fields":[{{"name":"id","type":"string"}}]}}]}},
        {{"name":"op","type":"string"}},{{"name":"ts_ms","type":["null","long"]}}]}}"#
    ))
});
static FLAT: LazyLock<Schema> = LazyLock::new(|| schema(ROW));

fn schema(text: &str) -> Schema {
    Schema::parse(text, &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// First byte: the form. Then the value.
pub(crate) fn envelope(data: &[u8]) {
    let mut parts = Parts::of(data);
    let form = parts.byte();
    let value = parts.rest();
    if form % 4 == 3 {
        let read = describe(cdc::unwrap_avro(&ENVELOPE, value, 5), true);
        assert_eq!(read, describe(cdc::unwrap_avro(&ENVELOPE, value, 5), true));
        return;
    }
    json(value, |cache| cdc::unwrap_json(value, cache));
    key(value);
}

/// First byte: the form. Then headers, then the value.
pub(crate) fn flat(data: &[u8]) {
    let mut parts = Parts::of(data);
    let form = parts.byte();
    let headers = parts.headers(4);
    let value = parts.rest();
    if form % 4 == 3 {
        let read = describe(cdc::unwrap_flat_avro(&FLAT, value, 5, &headers), true);
        assert_eq!(read, describe(cdc::unwrap_flat_avro(&FLAT, value, 5, &headers), true));
        return;
    }
    json(value, |cache| cdc::unwrap_flat_json(value, &headers, cache));
    let alone = cdc::flat_headers(&headers, FlatNames::default());
    assert!(alone.before.is_none() && alone.after.is_none(), "headers hold no row");
}

/// First byte: who wrote it. Then headers, then the value. Images are not proven here, so what breaks in them counts as well: whatever was
/// met first, the value is strict JSON or fails as its bytes do.
pub(crate) fn any_writer(data: &[u8]) {
    let mut parts = Parts::of(data);
    let format = match parts.byte() % 6 {
        0 => Format::Debezium,
        1 => Format::Flat(FlatNames::default()),
        2 => Format::Mongo,
        3 => Format::Dms { before: None },
        4 => Format::Dms { before: Some("before") },
        _ => Format::Maxwell,
    };
    let headers = parts.headers(4);
    let value = parts.rest();
    let read = |cache: &mut SchemaBlockCache| {
        let mut texts = Texts::new();
        match cdc::read_json(format, value, &headers, cache, &mut texts) {
            Ok(unwrapped) => unproven(value, unwrapped),
            Err(met) => Err(cdc::strict_failure(value, met)),
        }
    };
    let mut cache = SchemaBlockCache::new();
    let first = read(&mut cache);
    assert_eq!(first, read(&mut cache), "a block that was just read changes the answer");
    assert_eq!(
        first,
        USED.with_borrow_mut(read),
        "a block that was read long ago changes the answer"
    );
    if let (Ok(_), Err(failure)) = (&first, walk::outcome(|| JsonReader::new(value), 0, value.len())) {
        panic!("broken JSON is a change event of {format:?}: {failure:?}");
    }
}

/// What an event says once its rows are proven.
fn unproven(value: &[u8], mut unwrapped: Unwrapped<'_>) -> Result<String, DecodeFailure> {
    if let Unwrapped::Change(event) = &mut unwrapped {
        for image in event.before.iter_mut().chain(&mut event.after) {
            let unread = drain(&mut image.reader());
            image.prove().map_err(|met| cdc::strict_failure(value, met))?;
            assert_eq!(unread, drain(&mut image.reader()), "a proven row reads otherwise");
        }
    }
    let facts = match unwrapped {
        Unwrapped::Change(event) | Unwrapped::LogicalMessage(event) => {
            let rows: Vec<String> = event
                .before
                .iter()
                .chain(&event.after)
                .map(|image| drain(&mut image.reader()))
                .collect();
            format!("{:?} {:?} {:?} {rows:?}", event.op, event.source_time_micros, event.position)
        }
        other => format!("{other:?}"),
    };
    Ok(facts)
}

/// Holds that a known block changes nothing and that nothing broken passes.
fn json<'b>(value: &'b [u8], unwrap: impl Fn(&mut SchemaBlockCache) -> Result<Unwrapped<'b>, DecodeFailure>) {
    let mut cache = SchemaBlockCache::new();
    let first = unwrap(&mut cache);
    let accepted = first.is_ok();
    let first = describe(first, false);
    assert_eq!(
        first,
        describe(unwrap(&mut cache), false),
        "a block that was just read changes the answer"
    );
    let used = USED.with_borrow_mut(|cache| describe(unwrap(cache), false));
    assert_eq!(first, used, "a block that was read long ago changes the answer");
    let strict = walk::outcome(|| JsonReader::new(value), 0, value.len());
    match strict {
        Err(failure) if accepted => panic!("broken JSON is a change event: {failure:?}"),
        _ => {}
    }
}

/// Reads the value as a key.
fn key(value: &[u8]) {
    let read = |cache: &mut SchemaBlockCache| match cdc::key_json(value, cache) {
        Ok(mut reader) => drain(&mut reader),
        Err(failure) => format!("{failure:?}"),
    };
    let mut cache = SchemaBlockCache::new();
    let first = read(&mut cache);
    assert_eq!(first, read(&mut cache));
    assert_eq!(first, USED.with_borrow_mut(read));
}

/// Everything that an unwrapped value says, rows included.
fn describe(unwrapped: Result<Unwrapped<'_>, DecodeFailure>, avro: bool) -> String {
    match unwrapped {
        Err(failure) => format!("{failure:?}"),
        Ok(Unwrapped::Change(envelope)) => format!("change {}", facts(&envelope, avro)),
        Ok(Unwrapped::LogicalMessage(envelope)) => format!("logical {}", facts(&envelope, avro)),
        Ok(Unwrapped::Control(kind)) => format!("{kind:?}"),
        Ok(Unwrapped::Tombstone) => "tombstone".to_owned(),
    }
}

fn facts(envelope: &ChangeEvent<'_>, avro: bool) -> String {
    let mut out = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        envelope.op,
        envelope.source_time_micros,
        envelope.position.as_ref().map(ToString::to_string),
        envelope.database,
        envelope.schema,
        envelope.table,
        envelope.transaction
    );
    for (name, image) in [("before", &envelope.before), ("after", &envelope.after)] {
        if let Some(image) = image {
            let _ = write!(out, " {name} {}", row(image, avro));
        }
    }
    out
}

/// A row can be read any number of times; unwrapping has proven its grammar, so only what contradicts a schema block is left to fail.
fn row(image: &Image<'_>, avro: bool) -> String {
    let first = drain(&mut image.reader());
    assert_eq!(first, drain(&mut image.reader()), "a row reads the same again");
    let mut skipping = image.reader();
    let skipped = skipping.skip().and_then(|()| skipping.next());
    let whole = match &skipped {
        Ok(token) => {
            assert_eq!(*token, Token::End);
            None
        }
        Err(failure) => Some(failure.detail),
    };
    assert!(matches!(whole, None | Some(Detail::BadEnvelope)), "a proven row breaks: {whole:?}");
    assert!(!avro || whole.is_none(), "a proven row breaks: {whole:?}");
    first
}

fn drain<'b>(reader: &mut cdc::ImageReader<'b>) -> String {
    let mut out = String::new();
    loop {
        match reader.next() {
            Ok(Token::End) => return out,
            Ok(token) => {
                let _ = write!(out, "{token:?} {:?},", reader.raw());
            }
            Err(failure) => {
                let _ = write!(out, "{failure:?}");
                return out;
            }
        }
    }
}
