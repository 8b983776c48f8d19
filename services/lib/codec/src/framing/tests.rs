//! Frames of every kind, and bytes that are none.

use std::io::Write as _;

use proptest::prelude::*;

use super::*;

const BOTH: &[Encoding] = &[Encoding::Json, Encoding::Avro];
const JSON: &[Encoding] = &[Encoding::Json];
const AVRO: &[Encoding] = &[Encoding::Avro];

#[test]
fn prefix_is_taken_off_where_avro_is_accepted() {
    let bytes = [0, 0, 0, 1, 2, 9, 9];
    let framed = Framed::Avro {
        schema: SchemaRef::Id(258),
        datum: &[9, 9],
    };
    assert_eq!(open(AVRO, Part::Value, &[], &bytes), Ok(framed));
    assert_eq!(open(BOTH, Part::Key, &[], &bytes), Ok(framed));
    assert_eq!(open(JSON, Part::Value, &[], &bytes), Err(Detail::UnknownFraming));
    assert_eq!(open(AVRO, Part::Value, &[], &bytes[..4]), Err(Detail::UnknownFraming));
}

#[test]
fn header_goes_before_prefix() {
    let mut header = vec![1];
    header.extend([7; 16]);
    let headers = [("__value_schema_id", Some(&header[..])), ("__key_schema_id", Some(&[1, 2][..]))];
    let bytes = [0, 0, 0, 0, 5];
    let framed = Framed::Avro {
        schema: SchemaRef::Guid([7; 16]),
        datum: &bytes,
    };
    assert_eq!(open(BOTH, Part::Value, &headers, &bytes), Ok(framed));
    assert_eq!(open(BOTH, Part::Key, &headers, &bytes), Err(Detail::UnknownFraming));
    assert_eq!(open(JSON, Part::Value, &headers, b"{}"), Ok(Framed::Json(b"{}")));
    assert_eq!(
        open(AVRO, Part::Value, &[("__value_schema_id", None)], &bytes),
        Err(Detail::UnknownFraming)
    );
    header.push(3);
    assert_eq!(
        open(AVRO, Part::Value, &[], &header),
        Ok(Framed::Avro {
            schema: SchemaRef::Guid([7; 16]),
            datum: &[3]
        })
    );
}

#[test]
fn nothing_is_guessed() {
    assert_eq!(open(BOTH, Part::Value, &[], b""), Err(Detail::Empty));
    assert_eq!(open(AVRO, Part::Value, &[], b"{}"), Err(Detail::UnknownFraming));
    assert_eq!(open(BOTH, Part::Value, &[], b"\x03\x00rest"), Err(Detail::UnknownFraming));
    assert_eq!(open(&[], Part::Value, &[], b"{}"), Err(Detail::UnknownFraming));
    assert_eq!(open(BOTH, Part::Value, &[], b"nonsense"), Ok(Framed::Json(b"nonsense")));
    assert_eq!(open(JSON, Part::Value, &[], b"\n {}"), Ok(Framed::Json(b"\n {}")));
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn path(opened: Framed<'_>) -> Option<Vec<u32>> {
    match opened {
        Framed::Protobuf {
            message: MessageRef::Path(path),
            ..
        } => Some(path.as_slice().to_vec()),
        _ => None,
    }
}

#[test]
fn message_indexes_are_read() {
    let accepted = &[Encoding::ConfluentProtobuf];
    for (bytes, indexes, rest) in [
        (&[0, 0, 0, 0, 7, 0, 8, 1][..], vec![0], &[8, 1][..]),
        (&[0, 0, 0, 0, 7, 0], vec![0], &[]),
        (&[0, 0, 0, 0, 7, 2, 4, 9], vec![2], &[9]),
        (&[0, 0, 0, 0, 7, 4, 2, 0x80, 1, 9], vec![1, 64], &[9]),
    ] {
        let framed = open(accepted, Part::Value, &[], bytes).unwrap();
        assert_eq!(path(framed), Some(indexes), "{bytes:?}");
        assert!(matches!(framed, Framed::Protobuf { schema: SchemaRef::Id(7), datum, .. } if datum == rest), "{bytes:?}");
    }
    for bytes in [
        &[0, 0, 0, 0, 7][..],
        &[0, 0, 0, 0, 7, 1],
        &[0, 0, 0, 0, 7, 4, 2],
        &[0, 0, 0, 0, 7, 2, 1],
        &[0, 0, 0, 0, 7, 100, 0],
        &[0, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
    ] {
        assert_eq!(open(accepted, Part::Value, &[], bytes), Err(Detail::UnknownFraming), "{bytes:?}");
    }
    let header = [&[1][..], &[7; 16], &[2, 6]].concat();
    let headers = [("__value_schema_id", Some(&header[..]))];
    let framed = open(accepted, Part::Value, &headers, b"").unwrap();
    assert_eq!(path(framed), Some(vec![3]), "a message without bytes");
    let headers = [("__value_schema_id", Some(&header[..17]))];
    assert_eq!(path(open(accepted, Part::Value, &headers, b"x").unwrap()), Some(vec![0]));
    assert_eq!(open(AVRO, Part::Value, &headers, b""), Err(Detail::Empty));
    let long = [&header[..], &[0]].concat();
    let headers = [("__value_schema_id", Some(&long[..]))];
    assert_eq!(open(accepted, Part::Value, &headers, b"x"), Err(Detail::UnknownFraming));
}

#[test]
fn glue_frames_are_read_and_inflated() {
    let frame = |compression: u8, datum: &[u8]| [&[3, compression][..], &[9; 16], datum].concat();
    let bytes = frame(0, b"{}");
    let opened = open_value(&[Encoding::GlueJson], &[], &bytes).unwrap();
    assert_eq!((opened.framed, opened.zlib), (Framed::Json(b"{}"), false));
    let bytes = frame(5, &zlib(b"datum"));
    let opened = open_value(&[Encoding::Json, Encoding::GlueAvro], &[], &bytes).unwrap();
    let Framed::Avro {
        schema: SchemaRef::Glue([9, ..]),
        datum,
    } = opened.framed
    else {
        panic!("{opened:?}")
    };
    assert!(opened.zlib && opened.encoding == Encoding::GlueAvro);
    let mut out = Vec::new();
    assert_eq!(inflate(datum, 5, &mut out), Ok(()));
    assert_eq!(out, b"datum");
    assert_eq!(inflate(datum, 4, &mut out), Err(Detail::TooLarge));
    assert_eq!(inflate(&datum[..datum.len() - 1], 5, &mut out), Err(Detail::Truncated));
    assert_eq!(inflate(&[datum, &[0]].concat(), 5, &mut out), Err(Detail::TrailingBytes));
    assert_eq!(inflate(b"", 5, &mut out), Err(Detail::Truncated));
    assert_eq!(inflate(b"nonsense", 5, &mut out), Err(Detail::Syntax));
    for bytes in [&frame(1, b"x")[..], &frame(0, b"")[..17], &[3]] {
        assert_eq!(open_value(&[Encoding::GlueAvro], &[], bytes), Err(Detail::UnknownFraming));
    }
    assert_eq!(split_ordinal(&[0x80, 1, 9]), Ok((128, &[9][..])));
    assert_eq!(split_ordinal(&[]), Err(Detail::Truncated));
    assert_eq!(split_ordinal(&[0xff; 9]), Err(Detail::Truncated));
}

#[test]
fn a_bomb_is_never_held() {
    let limit = 1 << 20;
    let bomb = zlib(&vec![0; 64 << 20]);
    let mut out = Vec::new();
    assert_eq!(inflate(&bomb, limit, &mut out), Err(Detail::TooLarge));
    assert!(out.capacity() <= 2 * limit, "{} bytes were held", out.capacity());
    let whole = zlib(&vec![7; limit]);
    assert_eq!((inflate(&whole, limit, &mut out), out.len()), (Ok(()), limit));
}

#[test]
fn apicurio_goes_by_header_or_by_eight_bytes() {
    let accepted = &[Encoding::ApicurioAvro];
    let bytes = [0, 0, 0, 0, 0, 0, 0, 1, 2, 9];
    let avro = |schema, datum| Ok(Framed::Avro { schema, datum });
    assert_eq!(open(accepted, Part::Value, &[], &bytes), avro(SchemaRef::GlobalId(258), &[9]));
    assert_eq!(open(accepted, Part::Value, &[], &bytes[..8]), Err(Detail::UnknownFraming));
    let (four, five) = (4_u64.to_be_bytes(), 5_u64.to_be_bytes());
    let content = ("apicurio.value.contentId", Some(&five[..]));
    let global = ("apicurio.value.globalId", Some(&four[..]));
    assert_eq!(open(accepted, Part::Value, &[content], &bytes), avro(SchemaRef::ContentId(5), &bytes));
    assert_eq!(open(accepted, Part::Value, &[content, global], &bytes), avro(SchemaRef::GlobalId(4), &bytes));
    assert_eq!(open(accepted, Part::Key, &[content, global], &bytes), avro(SchemaRef::GlobalId(258), &[9]));
    let short = ("apicurio.value.globalId", Some(&four[1..]));
    assert_eq!(open(accepted, Part::Value, &[short], &bytes), Err(Detail::UnknownFraming));
    assert_eq!(open(&[Encoding::ApicurioJson], Part::Value, &[global], b"{}"), Ok(Framed::Json(b"{}")));
    assert_eq!(open(AVRO, Part::Value, &[global], &bytes), avro(SchemaRef::Id(0), &bytes[5..]), "not accepted, not looked at");
}

#[test]
fn bare_protobuf_begins_with_a_tag() {
    let accepted = &[Encoding::Avro, Encoding::GlueAvro, Encoding::Protobuf];
    assert!(matches!(open(accepted, Part::Value, &[], &[8, 1]), Ok(Framed::Protobuf { schema: SchemaRef::Configured, .. })));
    assert!(matches!(open(accepted, Part::Value, &[], &[]), Ok(Framed::Protobuf { .. })), "every field is its default");
    assert!(matches!(open(accepted, Part::Value, &[], &[0, 0, 0, 0, 1]), Ok(Framed::Avro { .. })));
    assert_eq!(open(&[Encoding::Protobuf], Part::Value, &[], &[3, 0]), Err(Detail::UnknownFraming));
}

#[test]
fn cloud_events_go_by_headers() {
    let full = [
        ("ce_specversion", Some(&b"1.0"[..])),
        ("ce_id", Some(b"1")),
        ("ce_source", Some(b"/shop")),
        ("ce_type", Some(b"order.placed")),
    ];
    let with = |content_type: &'static str| [&full[..], &[("content-type", Some(content_type.as_bytes()))]].concat();
    let accepted = &[Encoding::CloudEventsJson, Encoding::CloudEventsAvro, Encoding::Json];
    let avro = [0, 0, 0, 0, 7, 1];
    let of = |headers: &[(&str, Option<&[u8]>)], bytes: &[u8]| open_value(accepted, headers, bytes).map(|opened| opened.encoding);
    assert_eq!(of(&full, b"{}"), Ok(Encoding::CloudEventsJson));
    assert_eq!(of(&full, &avro), Ok(Encoding::CloudEventsAvro));
    assert_eq!(of(&with("application/json; charset=utf-8"), b"{}"), Ok(Encoding::CloudEventsJson));
    assert_eq!(of(&with("application/vnd.shop+json"), &avro), Err(Detail::UnknownFraming));
    assert_eq!(of(&with("application/avro"), &avro), Ok(Encoding::CloudEventsAvro));
    assert_eq!(of(&with("application/xml"), b"<a/>"), Err(Detail::UnknownFraming));
    assert_eq!(of(&with("application/protobuf"), &avro), Err(Detail::UnknownFraming), "not accepted");
    assert_eq!(of(&[], b"{}"), Ok(Encoding::Json), "a plain event beside");
    for missing in 0..4 {
        let mut headers = full.to_vec();
        headers.remove(missing);
        assert_eq!(of(&headers, b"{}"), Err(Detail::MissingAttribute));
        headers.insert(missing, (full[missing].0, Some(b"")));
        assert_eq!(of(&headers, b"{}"), Err(Detail::MissingAttribute));
        headers[missing].1 = None;
        assert_eq!(of(&headers, b"{}"), Err(Detail::MissingAttribute));
    }
    assert_eq!(open_value(&[Encoding::CloudEventsJson], &[], b"{}"), Err(Detail::MissingAttribute));
    let structured = [("Content-Type", Some(&b"Application/CloudEvents+JSON; charset=utf-8"[..]))];
    assert!(matches!(open_value(accepted, &structured, b"{}").unwrap().framed, Framed::CloudEvent(b"{}")));
    assert_eq!(open_value(accepted, &structured, b""), Err(Detail::Empty));
    let avro_format = [("content-type", Some(&b"application/cloudevents+avro"[..]))];
    assert_eq!(open_value(accepted, &avro_format, b"{}"), Err(Detail::UnknownFraming));
}

proptest! {
    #[test]
    fn any_record_is_opened_or_refused(
        accepted in prop::collection::vec(prop::sample::select(Encoding::ALL.to_vec()), 0..4),
        start in prop::sample::select(vec![vec![], vec![0], vec![1], vec![3, 0], vec![3, 5], vec![b'{']]),
        rest in prop::collection::vec(any::<u8>(), 0..40),
        header in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
        name in prop::sample::select(vec!["__value_schema_id", "apicurio.value.globalId", "content-type", "ce_id"]),
    ) {
        let bytes = [start, rest].concat();
        let headers = [(name, header.as_deref())];
        if let Ok(opened) = open_value(&accepted, &headers, &bytes) {
            prop_assert!(accepted.contains(&opened.encoding), "nothing undeclared is guessed");
            let document = match opened.framed {
                Framed::Json(bytes) | Framed::CloudEvent(bytes) => bytes,
                Framed::Avro { datum, .. } | Framed::Protobuf { datum, .. } => datum,
            };
            prop_assert!(bytes.ends_with(document));
            let mut out = Vec::new();
            let _ = inflate(document, 1000, &mut out);
            prop_assert!(out.len() <= 1001);
            let _ = split_ordinal(document);
        }
    }
}
