//! Protobuf: reading and skipping agree, used scratch changes nothing, the document is well nested.

use std::cell::RefCell;
use std::sync::LazyLock;

use tidegate_codec::protobuf::{MessageId, ProtobufReader, Schema, Scratch};
use tidegate_codec::{DEPTH_MAX, DecodeFailure, Reader as _, Token};

use crate::input::Parts;

/// Everything that a field can be.
const FILE: &str = r#"
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
enum Kind { UNKNOWN = 0; CARD = 1; CASH = 2; }
message Order {
  int32 a = 1; int64 b = 2; uint32 c = 3; uint64 d = 4; sint32 e = 5; sint64 f = 6; fixed32 g = 7; fixed64 h = 8; sfixed32 i = 9; sfixed64 j = 10;
  float k = 11; double l = 12; bool m = 13; string n = 14; bytes o = 15; Kind p = 16;
  optional int32 q = 17; repeated int32 r = 18; repeated string s = 19; map<string, Order> t = 20; map<int32, Kind> u = 21;
  oneof one { string v = 22; Order w = 23; Kind x = 24; }
  google.protobuf.Timestamp y = 25; google.protobuf.Duration z = 26; google.protobuf.Int64Value aa = 27; google.protobuf.Struct ab = 28;
  repeated Order ac = 29; repeated double ad = 30 [packed = false]; repeated Kind ae = 31;
}
message Empty {}
"#;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::parse(FILE, &[]).unwrap_or_else(|error| panic!("{error}")));

thread_local! {
    /// Has indexed everything before.
    static USED: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// First byte: the message, or that a descriptor set follows. Then the datum.
pub(crate) fn run(data: &[u8]) {
    let mut parts = Parts::of(data);
    let choice = parts.byte();
    let datum = parts.rest();
    if choice == 255 {
        let _ = Schema::from_descriptor_set(datum);
        return;
    }
    let name = if choice == 254 { "shop.Empty" } else { "shop.Order" };
    let message = SCHEMA.message_named(name).unwrap_or_else(|| panic!("no message {name}"));
    let first = read(message, datum, &mut Scratch::default());
    assert_eq!(
        first,
        USED.with_borrow_mut(|scratch| read(message, datum, scratch)),
        "used scratch changes the answer"
    );
    let mut scratch = Scratch::default();
    let mut reader = ProtobufReader::new(&SCHEMA, message, datum, &mut scratch);
    let skipped = reader.skip().and_then(|()| reader.next());
    match (&first, &skipped) {
        (Ok(_), Ok(Token::End)) => {}
        (Err(read), Err(skipped)) => assert_eq!(read, skipped, "skipping finds another fault than reading"),
        _ => panic!("reading says {:?}, skipping {skipped:?}", first.as_ref().map(String::len)),
    }
}

fn read(message: MessageId, datum: &[u8], scratch: &mut Scratch) -> Result<String, DecodeFailure> {
    let mut reader = ProtobufReader::new(&SCHEMA, message, datum, scratch);
    let mut open = Vec::new();
    let mut out = String::new();
    loop {
        let token = match reader.next() {
            Ok(token) => token,
            Err(failure) => {
                assert!(failure.offset <= datum.len(), "{failure:?} lies outside of the bytes");
                assert_eq!(reader.next(), Err(failure), "a failure must stay");
                return Err(failure);
            }
        };
        match &token {
            Token::BeginObject => open.push(Token::EndObject),
            Token::BeginArray => open.push(Token::EndArray),
            Token::EndObject | Token::EndArray => assert_eq!(open.pop().as_ref(), Some(&token), "ends what was begun"),
            Token::Key(_) => assert_eq!(open.last(), Some(&Token::EndObject), "a key stands in an object"),
            Token::End => {
                assert!(open.is_empty(), "the end comes after everything is closed");
                return Ok(out);
            }
            _ => {}
        }
        assert!(open.len() <= DEPTH_MAX, "deeper than the limit");
        out.push_str(&format!("{token:?} "));
    }
}
