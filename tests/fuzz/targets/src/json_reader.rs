//! JSON text: both ways of reading agree, and `serde_json` is the referee of what is valid and what it says.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use tidegate_codec::{DEPTH_MAX, Detail, JsonReader};

use crate::walk::{self, Tree};

/// What stands around a document when it is read as a part of other bytes.
const BEFORE: &[u8] = b"\"[{";
const AFTER: &[u8] = b"}1,\"";

pub(crate) fn run(data: &[u8]) {
    let ours = walk::outcome(|| JsonReader::new(data), 0, data.len());
    let surrounded = [BEFORE, data, AFTER].concat();
    let range = BEFORE.len()..BEFORE.len() + data.len();
    let fragment = walk::outcome(
        || JsonReader::fragment(&surrounded, range.start, range.end),
        range.start,
        data.len(),
    );
    match (&ours, &fragment) {
        (Ok(whole), Ok(part)) => assert_eq!(whole, part, "a fragment reads as the whole"),
        (Err(whole), Err(part)) => assert_eq!((whole.detail, whole.offset + BEFORE.len()), (part.detail, part.offset)),
        _ => panic!("whole {:?}, fragment {:?}", ours.as_ref().err(), fragment.as_ref().err()),
    }
    // The referee marks numbers by a field of this name.
    if data.windows(NUMBER.len()).any(|window| window == NUMBER.as_bytes()) {
        return;
    }
    let referee = Referee::default();
    let mut reading = serde_json::Deserializer::from_slice(data);
    let theirs = referee
        .at(0)
        .deserialize(&mut reading)
        .and_then(|tree| reading.end().map(|()| tree));
    match (ours, theirs) {
        (Ok(tokens), Ok(tree)) => {
            assert!(!referee.duplicate.get(), "a name twice was not seen");
            assert!(referee.deepest.get() <= DEPTH_MAX, "too deep was not seen");
            assert_eq!(walk::tree(&tokens), tree);
        }
        (Err(_), Err(_)) => {}
        (Err(failure), Ok(_)) => match failure.detail {
            Detail::DuplicateKey => assert!(referee.duplicate.get(), "no name is there twice"),
            Detail::TooDeep => assert!(referee.deepest.get() > DEPTH_MAX, "not that deep"),
            _ => panic!("only we refuse: {failure:?}"),
        },
        (Ok(_), Err(error)) => panic!("only we accept: {error}"),
    }
}

const NUMBER: &str = "$serde_json::private::Number";

/// Builds a tree as `serde_json` reads, and notes what only we refuse.
#[derive(Default)]
struct Referee {
    duplicate: Cell<bool>,
    deepest: Cell<usize>,
}

#[derive(Clone, Copy)]
struct At<'r> {
    referee: &'r Referee,
    /// Objects and lists around.
    depth: usize,
}

// === impl Referee ===

impl Referee {
    fn at(&self, depth: usize) -> At<'_> {
        self.deepest.set(self.deepest.get().max(depth));
        At { referee: self, depth }
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value.to_string()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Str(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let inner = self.referee.at(self.depth + 1);
        let mut tree = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            tree.push(item);
        }
        Ok(Tree::Array(tree))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Tree, A::Error> {
        let mut tree = Vec::new();
        let mut names = HashSet::new();
        let mut inner = None;
        while let Some(name) = fields.next_key::<String>()? {
            // With exact numbers one that is no 64-bit integer arrives as an object of one field.
            if name == NUMBER {
                return fields.next_value().map(Tree::Number);
            }
            let inner = *inner.get_or_insert_with(|| self.referee.at(self.depth + 1));
            if !names.insert(name.clone()) {
                self.referee.duplicate.set(true);
            }
            tree.push((name, fields.next_value_seed(inner)?));
        }
        self.referee.at(self.depth + 1);
        Ok(Tree::object(tree))
    }
}
