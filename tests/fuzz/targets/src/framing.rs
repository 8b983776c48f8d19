//! Frames: any bytes, headers and accepted encodings.

use tidegate_codec::framing::{self, Encoding, Framed, Part};

use crate::input::Parts;

const ACCEPTED: &[&[Encoding]] = &[
    &[],
    &[Encoding::Json],
    &[Encoding::Avro],
    &[Encoding::Json, Encoding::Avro],
    &[Encoding::Avro, Encoding::Json],
];

pub(crate) fn run(data: &[u8]) {
    let mut parts = Parts::of(data);
    let part = if parts.byte().is_multiple_of(2) { Part::Value } else { Part::Key };
    let headers = parts.headers(4);
    let bytes = parts.rest();
    let open = |accepted: &[Encoding]| framing::open(accepted, part, &headers, bytes);
    for accepted in ACCEPTED {
        let first = open(accepted);
        assert_eq!(first, open(accepted), "the same each time");
        match first {
            Ok(Framed::Json(document)) => {
                assert!(accepted.contains(&Encoding::Json));
                assert_eq!(document, bytes, "JSON has no frame");
            }
            Ok(Framed::Avro { datum, .. }) => {
                assert!(accepted.contains(&Encoding::Avro));
                assert!(bytes.ends_with(datum), "the datum is the end of the value");
            }
            Err(_) => {}
        }
    }
    assert!(open(&[]).is_err(), "nothing is accepted, so nothing is read");
    let both = open(&[Encoding::Json, Encoding::Avro]);
    assert_eq!(both, open(&[Encoding::Avro, Encoding::Json]), "the order decides nothing");
    // What one alone reads, both read the same way, unless a header or prefix of the other says more.
    if let Ok(framed) = open(&[Encoding::Avro]) {
        assert_eq!(both, Ok(framed));
    }
}
