//! Frames: any bytes, headers and lists of accepted encodings.

use tidegate_codec::cloud_events;
use tidegate_codec::framing::{self, Encoding, Framed, Part};
use tidegate_codec::{Detail, JsonReader, Reader as _};

use crate::input::Parts;

const ALL: [Encoding; 13] = [
    Encoding::Json,
    Encoding::Avro,
    Encoding::ConfluentProtobuf,
    Encoding::ConfluentJson,
    Encoding::GlueAvro,
    Encoding::GlueProtobuf,
    Encoding::GlueJson,
    Encoding::ApicurioAvro,
    Encoding::ApicurioJson,
    Encoding::Protobuf,
    Encoding::CloudEventsJson,
    Encoding::CloudEventsAvro,
    Encoding::CloudEventsProtobuf,
];

/// What is unpacked is small here, so that a bomb is seen at once.
const INFLATED_MAX: usize = 1 << 16;

pub(crate) fn run(data: &[u8]) {
    let mut parts = Parts::of(data);
    let part = if parts.byte().is_multiple_of(2) { Part::Value } else { Part::Key };
    let headers = parts.headers(4);
    let bytes = parts.rest();
    assert!(
        framing::open(&[], part, &headers, bytes).is_err(),
        "nothing is accepted, so nothing is read"
    );
    for (at, encoding) in ALL.into_iter().enumerate() {
        // Each alone, and each before and behind every other.
        opened(&[encoding], part, &headers, bytes);
        for other in &ALL[at + 1..] {
            opened(&[encoding, *other], part, &headers, bytes);
            opened(&[*other, encoding], part, &headers, bytes);
        }
    }
    let mut out = Vec::new();
    let first = framing::inflate(bytes, INFLATED_MAX, &mut out);
    assert!(first.is_err() || out.len() <= INFLATED_MAX, "{} bytes were unpacked", out.len());
    let mut again = vec![7; 100];
    assert_eq!(
        framing::inflate(bytes, INFLATED_MAX, &mut again),
        first,
        "what the buffer held before decides"
    );
    assert!(first.is_err() || out == again);
    if let Ok((_, rest)) = framing::split_ordinal(bytes) {
        assert!(bytes.ends_with(rest));
    }
    structured(bytes);
}

fn opened(accepted: &[Encoding], part: Part, headers: &[(&str, Option<&[u8]>)], bytes: &[u8]) {
    let first = framing::open(accepted, part, headers, bytes);
    assert_eq!(first, framing::open(accepted, part, headers, bytes), "the same each time");
    if let Ok(framed) = first {
        let (document, least) = match framed {
            Framed::Json(document) | Framed::CloudEvent(document) => (document, 0),
            Framed::Avro { datum, .. } | Framed::Protobuf { datum, .. } => (datum, 0),
        };
        assert!(
            bytes.ends_with(document) && document.len() >= least,
            "the document is the end of the value"
        );
    }
    if let Ok(opened) = framing::open_value(accepted, headers, bytes) {
        assert!(accepted.contains(&opened.encoding), "{:?} is not accepted", opened.encoding);
    }
}

fn structured(bytes: &[u8]) {
    let strict = {
        let mut reader = JsonReader::new(bytes);
        reader.skip().and_then(|()| reader.next().map(|_| ()))
    };
    match (cloud_events::structured(bytes), strict) {
        (Ok(_), Err(failure)) => panic!("broken JSON is a CloudEvent: {failure:?}"),
        (Err(failure), Ok(())) => assert!(
            matches!(failure.detail, Detail::MissingAttribute | Detail::Syntax | Detail::BadEncoding),
            "{failure:?} of a good document"
        ),
        _ => {}
    }
}
