//! Values that a rule asks for, kept while the walk goes on. Only captured nodes cost anything.

use std::sync::Arc;

use tidegate_codec::Scalar;

/// One captured value. The order is total and means nothing beyond "equal values are neighbours".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Datum {
    /// Null.
    Null,
    /// A value that breaks its type; a violation says so already, and no rule looks at it.
    Broken,
    /// The source did not send it.
    Unavailable,
    /// An untyped value that no type of ours holds; nothing else reports it.
    Unknowable,
    /// Truth value.
    Bool(bool),
    /// Whole number.
    Int(i128),
    /// `unscaled * 10^-scale`, trailing zeros cut, so that equal values are equal.
    Decimal(i128, u8),
    /// Bits of a double.
    Float(u64),
    /// Text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Days since the epoch.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since the epoch.
    Timestamp(i64),
    /// Items.
    List(Vec<Datum>),
    /// Fields or entries, sorted by name when the object ends.
    Object(Vec<(Arc<str>, Datum)>),
}

/// Builds data from the events of a walk.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    stack: Vec<Datum>,
    names: Vec<Arc<str>>,
}

// === impl Datum ===

impl Datum {
    /// Of a leaf.
    pub(crate) fn of(scalar: &Scalar<'_>) -> Datum {
        match scalar {
            Scalar::Bool(value) => Datum::Bool(*value),
            Scalar::Int(value) => Datum::Int(*value),
            Scalar::Decimal { unscaled, scale } => Datum::decimal(*unscaled, *scale),
            // Both zeros are one value.
            Scalar::Float(value) => Datum::Float((value + 0.0).to_bits()),
            Scalar::Str(text) => Datum::Str(text.clone().into_owned()),
            Scalar::Bytes(bytes) => Datum::Bytes(bytes.clone().into_owned()),
            Scalar::Date(days) => Datum::Date(*days),
            Scalar::Time(micros) => Datum::Time(*micros),
            Scalar::Timestamp(micros) => Datum::Timestamp(*micros),
        }
    }

    /// A decimal in its shortest form.
    pub(crate) fn decimal(mut unscaled: i128, mut scale: u8) -> Datum {
        while scale > 0 && unscaled % 10 == 0 {
            unscaled /= 10;
            scale -= 1;
        }
        Datum::Decimal(unscaled, scale)
    }
}

// === impl Builder ===

impl Builder {
    /// Forgets everything; what a failed walk left behind goes here.
    pub(crate) fn clear(&mut self) {
        self.stack.clear();
        self.names.clear();
    }

    /// Begins an object or a map.
    pub(crate) fn begin_object(&mut self) {
        self.stack.push(Datum::Object(Vec::new()));
    }

    /// Begins a list.
    pub(crate) fn begin_list(&mut self) {
        self.stack.push(Datum::List(Vec::new()));
    }

    /// Names the next value of the object that is open.
    pub(crate) fn name(&mut self, name: Arc<str>) {
        self.names.push(name);
    }

    /// Puts a value into whatever is open; without anything open it is dropped.
    pub(crate) fn put(&mut self, value: Datum) {
        match self.stack.last_mut() {
            Some(Datum::List(items)) => items.push(value),
            Some(Datum::Object(fields)) => {
                if let Some(name) = self.names.pop() {
                    fields.push((name, value));
                }
            }
            _ => {}
        }
    }

    /// Ends what was begun last and takes it out.
    pub(crate) fn end(&mut self) -> Option<Datum> {
        let mut ended = self.stack.pop()?;
        if let Datum::Object(fields) = &mut ended {
            fields.sort_by(|left, right| left.0.cmp(&right.0));
        }
        Some(ended)
    }
}
