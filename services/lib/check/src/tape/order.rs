//! A total order of captured values. It means nothing beyond "equal values are neighbours".

use std::cmp::Ordering;

use super::{Cell, Tape};
use crate::exact::Exact;

// === impl Tape ===

impl Tape {
    /// Orders two values of this tape.
    pub(super) fn order(&self, left: Cell, right: Cell) -> Ordering {
        match (left, right) {
            (Cell::Bool(left), Cell::Bool(right)) => left.cmp(&right),
            (Cell::Int(left), Cell::Int(right)) => left.cmp(&right),
            (Cell::Int(_) | Cell::Wide { .. }, Cell::Int(_) | Cell::Wide { .. }) => self.whole(left).cmp(&self.whole(right)),
            (Cell::Decimal { .. } | Cell::WideDecimal { .. }, Cell::Decimal { .. } | Cell::WideDecimal { .. }) => {
                let exact = |cell| self.exact(cell).unwrap_or(Exact::int(0));
                exact(left).compare(exact(right))
            }
            (Cell::Float(left), Cell::Float(right)) => left.to_bits().cmp(&right.to_bits()),
            (Cell::Text { start, len }, Cell::Text { start: from, len: size }) => self.text(start, len).cmp(self.text(from, size)),
            (Cell::Bytes { start, len }, Cell::Bytes { start: from, len: size }) => self.bytes(start, len).cmp(self.bytes(from, size)),
            (Cell::Date(left), Cell::Date(right)) => left.cmp(&right),
            (Cell::Time(left), Cell::Time(right)) | (Cell::Timestamp(left), Cell::Timestamp(right)) => left.cmp(&right),
            (
                Cell::List { start, len, .. },
                Cell::List {
                    start: from, len: size, ..
                },
            ) => self.ranges(start, len, from, size),
            (
                Cell::Map { start, len, .. },
                Cell::Map {
                    start: from, len: size, ..
                },
            ) => self.ranges(start, 2 * len, from, 2 * size),
            // Items of one list are objects of one node, so their blocks are equally long; the next object begins behind.
            (
                Cell::Object { start, fields, .. },
                Cell::Object {
                    start: from, fields: size, ..
                },
            ) => self.ranges(start, u32::from(fields), from, u32::from(size)),
            _ => rank(left).cmp(&rank(right)),
        }
    }

    fn ranges(&self, start: u32, len: u32, from: u32, size: u32) -> Ordering {
        (0..len.min(size))
            .map(|at| self.order(self.at(start + at), self.at(from + at)))
            .find(|order| order.is_ne())
            .unwrap_or(len.cmp(&size))
    }

    fn whole(&self, cell: Cell) -> i128 {
        match cell {
            Cell::Int(value) => i128::from(value),
            Cell::Wide { at, .. } => self.wide(at),
            _ => 0,
        }
    }
}

fn rank(cell: Cell) -> u8 {
    match cell {
        Cell::Absent => 0,
        Cell::Null => 1,
        Cell::Broken => 2,
        Cell::Unavailable => 3,
        Cell::Unknowable => 4,
        Cell::Bool(_) => 5,
        Cell::Int(_) | Cell::Wide { .. } => 6,
        Cell::Decimal { .. } | Cell::WideDecimal { .. } => 7,
        Cell::Float(_) => 8,
        Cell::Text { .. } => 9,
        Cell::Bytes { .. } => 10,
        Cell::Date(_) => 11,
        Cell::Time(_) => 12,
        Cell::Timestamp(_) => 13,
        Cell::List { .. } => 14,
        Cell::Map { .. } => 15,
        Cell::Object { .. } => 16,
    }
}
