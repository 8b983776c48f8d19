//! Captured values of one event, in buffers that are used again for the next: a tape of small cells and an arena of texts and bytes.
//!
//! An object with declared fields is a block of cells, one for each captured field at a place that the compiler knows ([`Slot`]). Items of a
//! list and entries of a map (key, value, key, value, …; sorted by key, the last of equal keys) are gathered while they are read and become
//! one range when they end. So a field is found by number, and neither names nor order cost anything while an event is walked.

use std::cmp::Ordering;

use crate::datum::Datum;
use crate::exact::Exact;
use crate::temporal::DAY_MICROS;

mod order;

/// The most cells of one event (64 MiB). Past it nothing more is kept, and whoever asks is told that it was too much.
const CELLS_MAX: usize = 1 << 22;

/// Buffers that grew past this many cells or bytes for one event are given back.
const KEPT_MAX: usize = 1 << 18;

/// The first and the first that is none any more of the instants that CEL has: years 1 to 9999.
pub(crate) const INSTANTS: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

/// The same as days since the epoch.
pub(crate) const DAYS: std::ops::Range<i64> = INSTANTS.start / DAY_MICROS..INSTANTS.end / DAY_MICROS;

/// Where the captured value of a node goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

/// One captured value. Containers carry what is wrong anywhere in them and how long the longest of them is, so that nobody needs to look
/// inside for it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell {
    /// Not in the event.
    Absent,
    /// See [`Datum::Null`].
    Null,
    /// See [`Datum::Broken`].
    Broken,
    /// See [`Datum::Unavailable`].
    Unavailable,
    /// See [`Datum::Unknowable`].
    Unknowable,
    /// Truth value.
    Bool(bool),
    /// Whole number.
    Int(i64),
    /// Whole number past 64 bits signed: 16 bytes of the arena; `huge` when it is past 64 bits unsigned, too.
    Wide { huge: bool, at: u32 },
    /// `unscaled * 10^-scale`.
    Decimal { scale: u8, unscaled: i64 },
    /// The same, its 16 bytes in the arena.
    WideDecimal { scale: u8, at: u32 },
    /// A double.
    Float(f64),
    /// Text in the arena.
    Text { start: u32, len: u32 },
    /// Bytes in the arena.
    Bytes { start: u32, len: u32 },
    /// Days since the epoch.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since the epoch.
    Timestamp(i64),
    /// `len` cells from `start`.
    List { state: State, start: u32, len: u32, longest: u32 },
    /// `len` entries of two cells from `start`.
    Map { state: State, start: u32, len: u32, longest: u32 },
    /// The block of a node's captured fields.
    Object {
        state: State,
        fields: u16,
        start: u32,
        node: u32,
        longest: u32,
    },
}

const _: () = assert!(size_of::<Cell>() == 16);

/// What keeps a rule from being asked, anywhere in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct State(u8);

/// The cells of one event.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    cells: Vec<Cell>,
    /// UTF-8, proven when it was put.
    text: Vec<u8>,
    bytes: Vec<u8>,
    /// Items and entries of lists and maps that are still open.
    pending: Vec<Cell>,
    open: Vec<Open>,
    /// Room to sort the items of a list.
    sorted: Vec<u32>,
    full: bool,
}

/// What a tape held when an object began that may not be kept.
#[derive(Debug)]
pub(crate) struct Trial {
    cells: usize,
    text: usize,
    open: usize,
}

#[derive(Debug)]
struct Open {
    /// Of an object its first cell, of a list or map its first pending one.
    from: u32,
    /// Of an object, how many cells.
    fields: u16,
    count: u32,
    longest: u32,
    state: State,
}

/// An object on a tape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Captured<'t> {
    pub(crate) tape: &'t Tape,
    /// First cell of its block.
    pub(crate) start: u32,
    /// Node of the plan.
    pub(crate) node: u32,
    /// What is wrong in it.
    pub(crate) state: State,
}

// === impl Slot ===

impl Slot {
    /// Nobody asks for the node.
    pub(crate) const NONE: Slot = Slot(u32::MAX);
    /// An item of a list, or an entry of a map.
    pub(crate) const ITEM: Slot = Slot(u32::MAX - 1);

    /// A field of the object that is open.
    pub(crate) fn field(ordinal: u32) -> Slot {
        Slot(ordinal)
    }

    /// Place among the captured fields of the object.
    pub(crate) fn ordinal(self) -> u32 {
        self.0
    }
}

// === impl State ===

impl State {
    pub(crate) const CLEAN: State = State(0);
    pub(crate) const BROKEN: State = State(1);
    pub(crate) const UNAVAILABLE: State = State(2);
    /// No value of CEL holds it.
    pub(crate) const UNKNOWABLE: State = State(4);
    /// Something is missing, since the event is too large.
    pub(crate) const FULL: State = State(8);

    pub(crate) fn is_clean(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn has(self, other: State) -> bool {
        self.0 & other.0 != 0
    }

    fn add(&mut self, other: State) {
        self.0 |= other.0;
    }
}

// === impl Captured ===

impl<'t> Captured<'t> {
    /// The object of an object cell.
    pub(crate) fn of(tape: &'t Tape, cell: Cell) -> Option<Captured<'t>> {
        match cell {
            Cell::Object { state, start, node, .. } => Some(Captured { tape, start, node, state }),
            _ => None,
        }
    }

    /// One of its fields.
    #[inline]
    pub(crate) fn field(&self, ordinal: u32) -> Cell {
        self.tape.at(self.start + ordinal)
    }
}

// === impl Cell ===

impl Cell {
    /// What is wrong with the value or anything in it.
    #[inline]
    pub(crate) fn state(self) -> State {
        match self {
            Cell::Broken => State::BROKEN,
            Cell::Unavailable => State::UNAVAILABLE,
            Cell::Unknowable => State::UNKNOWABLE,
            Cell::Timestamp(micros) if !INSTANTS.contains(&micros) => State::UNKNOWABLE,
            // Past 64 bits, signed or not, CEL has no integer.
            Cell::Wide { huge: true, .. } => State::UNKNOWABLE,
            Cell::Date(days) if !DAYS.contains(&i64::from(days)) => State::UNKNOWABLE,
            Cell::List { state, .. } | Cell::Map { state, .. } | Cell::Object { state, .. } => state,
            _ => State::CLEAN,
        }
    }

    /// Length of the longest list, map or object in the value.
    pub(crate) fn longest(self) -> u32 {
        match self {
            Cell::List { longest, .. } | Cell::Map { longest, .. } | Cell::Object { longest, .. } => longest,
            _ => 0,
        }
    }
}

// === impl Tape ===

impl Tape {
    /// Forgets everything; what a failed walk left behind goes here.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.cells.clear();
        self.text.clear();
        self.bytes.clear();
        self.pending.clear();
        self.open.clear();
        self.full = false;
        if self.cells.capacity().max(self.pending.capacity()).max(self.text.capacity()) > KEPT_MAX {
            *self = Tape::default();
        }
    }

    /// Whether something is missing because it was too much.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Begins an object of so many captured fields; they are absent until they are put.
    #[inline]
    pub(crate) fn begin_object(&mut self, fields: u32) {
        let from = self.here();
        if self.cells.len() + fields as usize > CELLS_MAX {
            self.full = true;
        }
        if !self.full {
            self.cells.resize(self.cells.len() + fields as usize, Cell::Absent);
        }
        self.open_at(from, u16::try_from(fields).unwrap_or(u16::MAX));
    }

    /// Begins an object that may turn out to be none of those that are kept.
    #[inline]
    pub(crate) fn begin_trial(&mut self, fields: u32) -> Trial {
        let before = Trial {
            cells: self.cells.len(),
            text: self.text.len(),
            open: self.open.len(),
        };
        self.begin_object(fields);
        before
    }

    /// Forgets all that was put since that object began, which has no lists or maps and nothing wide in it.
    pub(crate) fn end_trial(&mut self, before: Trial) {
        self.cells.truncate(before.cells);
        self.text.truncate(before.text);
        self.open.truncate(before.open);
    }

    /// Begins a list or a map.
    pub(crate) fn begin_items(&mut self) {
        let from = offset(self.pending.len());
        self.open_at(from, 0);
    }

    /// Names the next value of the map that is open.
    pub(crate) fn name(&mut self, name: &str) {
        let name = self.store_text(name.as_bytes());
        self.push(name);
    }

    /// Puts a leaf.
    #[inline]
    pub(crate) fn put(&mut self, slot: Slot, datum: Datum<'_>) {
        let cell = self.store(datum);
        self.put_cell(slot, cell);
    }

    /// Puts a text whose bytes are proven UTF-8.
    #[inline]
    pub(crate) fn put_text(&mut self, slot: Slot, text: &[u8]) {
        let cell = self.store_text(text);
        self.put_clean(slot, cell);
    }

    /// Puts a leaf with which nothing is wrong.
    #[inline]
    pub(crate) fn put_clean(&mut self, slot: Slot, cell: Cell) {
        let Some(open) = self.open.last_mut() else { return };
        open.count += 1;
        match slot {
            Slot::ITEM => self.push(cell),
            slot => {
                if let Some(place) = self.cells.get_mut((open.from + slot.0) as usize) {
                    *place = cell;
                }
            }
        }
    }

    /// Puts a value that was ended.
    #[inline]
    pub(crate) fn put_cell(&mut self, slot: Slot, cell: Cell) {
        let Some(open) = self.open.last_mut() else { return };
        open.count += 1;
        open.state.add(cell.state());
        open.longest = open.longest.max(cell.longest());
        if slot == Slot::ITEM {
            self.push(cell);
        } else if let Some(place) = self.cells.get_mut((open.from + slot.0) as usize) {
            *place = cell;
        }
    }

    /// Ends the object of a node.
    #[inline]
    pub(crate) fn end_object(&mut self, node: usize) -> Cell {
        let Some(mut open) = self.open.pop() else { return Cell::Absent };
        if self.full {
            open.state.add(State::FULL);
        }
        Cell::Object {
            state: open.state,
            fields: open.fields,
            start: open.from,
            node: offset(node),
            longest: open.longest.max(open.count),
        }
    }

    /// Ends a list.
    pub(crate) fn end_list(&mut self) -> Cell {
        let Some(open) = self.open.pop() else { return Cell::Absent };
        let start = self.settle(open.from);
        let len = self.here() - start;
        Cell::List {
            state: open.state,
            start,
            len,
            longest: open.longest.max(len),
        }
    }

    /// Ends a map.
    pub(crate) fn end_map(&mut self) -> Cell {
        let Some(open) = self.open.pop() else { return Cell::Absent };
        self.sort_entries(open.from as usize);
        let start = self.settle(open.from);
        let len = (self.here() - start) / 2;
        Cell::Map {
            state: open.state,
            start,
            len,
            longest: open.longest.max(len),
        }
    }

    /// Whether two items of a list are equal.
    pub(crate) fn repeats(&mut self, list: Cell) -> bool {
        let Cell::List { start, len, .. } = list else { return false };
        let mut sorted = std::mem::take(&mut self.sorted);
        sorted.clear();
        sorted.extend(start..start + len);
        sorted.sort_unstable_by(|left, right| self.order(self.at(*left), self.at(*right)));
        let found = sorted.windows(2).any(|pair| self.order(self.at(pair[0]), self.at(pair[1])).is_eq());
        self.sorted = sorted;
        found
    }

    /// A cell by number.
    #[inline]
    pub(crate) fn at(&self, at: u32) -> Cell {
        self.cells.get(at as usize).copied().unwrap_or(Cell::Absent)
    }

    /// Text of a text cell.
    #[inline]
    pub(crate) fn text(&self, start: u32, len: u32) -> &str {
        std::str::from_utf8(self.text_bytes(start, len)).expect("only what is UTF-8 is put")
    }

    /// The same, as bytes.
    #[inline]
    pub(crate) fn text_bytes(&self, start: u32, len: u32) -> &[u8] {
        &self.text[start as usize..(start + len) as usize]
    }

    /// Its first eight bytes, little-endian, with zeros behind a shorter text.
    #[inline]
    pub(crate) fn text_word(&self, start: u32, len: u32) -> u64 {
        let from = start as usize;
        if let Some(bytes) = self.text.get(from..from + 8).and_then(<[u8]>::first_chunk) {
            let word = u64::from_le_bytes(*bytes);
            // What follows in the arena is another text.
            return if len < 8 { word & ((1 << (8 * len)) - 1) } else { word };
        }
        let mut word = [0; 8];
        for (place, byte) in word.iter_mut().zip(self.text_bytes(start, len)) {
            *place = *byte;
        }
        u64::from_le_bytes(word)
    }

    /// Bytes of a bytes cell.
    pub(crate) fn bytes(&self, start: u32, len: u32) -> &[u8] {
        &self.bytes[start as usize..(start + len) as usize]
    }

    /// The number of a wide cell.
    pub(crate) fn wide(&self, at: u32) -> i128 {
        let bytes = self.bytes[at as usize..].first_chunk().expect("a wide number has its bytes");
        i128::from_le_bytes(*bytes)
    }

    /// The value under a key of a map.
    pub(crate) fn entry(&self, start: u32, len: u32, key: &str) -> Option<Cell> {
        let (mut low, mut high) = (0, len);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.key(start, middle).cmp(key) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(self.at(start + 2 * middle + 1)),
            }
        }
        None
    }

    /// The key of an entry.
    pub(crate) fn key(&self, start: u32, entry: u32) -> &str {
        self.name_of(self.at(start + 2 * entry)).1
    }

    /// A decimal cell, exact.
    pub(crate) fn exact(&self, cell: Cell) -> Option<Exact> {
        let (unscaled, scale) = match cell {
            Cell::Decimal { scale, unscaled } => (i128::from(unscaled), scale),
            Cell::WideDecimal { scale, at } => (self.wide(at), scale),
            _ => return None,
        };
        Some(Exact { unscaled, scale })
    }

    #[inline]
    fn store(&mut self, datum: Datum<'_>) -> Cell {
        match datum {
            Datum::Null => Cell::Null,
            Datum::Broken => Cell::Broken,
            Datum::Unavailable => Cell::Unavailable,
            Datum::Unknowable => Cell::Unknowable,
            Datum::Bool(value) => Cell::Bool(value),
            Datum::Int(value) => match i64::try_from(value) {
                Ok(value) => Cell::Int(value),
                Err(_) => Cell::Wide {
                    huge: u64::try_from(value).is_err(),
                    at: self.store_wide(value),
                },
            },
            Datum::Decimal(unscaled, scale) => match i64::try_from(unscaled) {
                Ok(unscaled) => Cell::Decimal { scale, unscaled },
                Err(_) => Cell::WideDecimal {
                    scale,
                    at: self.store_wide(unscaled),
                },
            },
            Datum::Float(value) => Cell::Float(value),
            Datum::Str(text) => self.store_text(text.as_bytes()),
            Datum::Bytes(bytes) => {
                let start = offset(self.bytes.len());
                self.bytes.extend_from_slice(bytes);
                Cell::Bytes {
                    start,
                    len: offset(bytes.len()),
                }
            }
            Datum::Date(days) => Cell::Date(days),
            Datum::Time(micros) => Cell::Time(micros),
            Datum::Timestamp(micros) => Cell::Timestamp(micros),
        }
    }

    #[inline]
    fn store_text(&mut self, text: &[u8]) -> Cell {
        let start = offset(self.text.len());
        self.text.extend_from_slice(text);
        Cell::Text {
            start,
            len: offset(text.len()),
        }
    }

    fn store_wide(&mut self, value: i128) -> u32 {
        let at = offset(self.bytes.len());
        self.bytes.extend_from_slice(&value.to_le_bytes());
        at
    }

    fn push(&mut self, cell: Cell) {
        if self.pending.len() + self.cells.len() >= CELLS_MAX {
            self.full = true;
        }
        if !self.full {
            self.pending.push(cell);
        }
    }

    fn open_at(&mut self, from: u32, fields: u16) {
        self.open.push(Open {
            from,
            fields,
            count: 0,
            longest: 0,
            state: State::CLEAN,
        });
    }

    /// Moves what is pending to its place; where it begins.
    fn settle(&mut self, from: u32) -> u32 {
        let start = self.here();
        let from = (from as usize).min(self.pending.len());
        self.cells.extend_from_slice(&self.pending[from..]);
        self.pending.truncate(from);
        start
    }

    fn sort_entries(&mut self, from: usize) {
        let mut pending = std::mem::take(&mut self.pending);
        let from = from.min(pending.len());
        let (entries, _) = pending[from..].as_chunks_mut::<2>();
        let name = |entry: &[Cell; 2]| self.name_of(entry[0]);
        if !entries.is_sorted_by(|left, right| name(left).1 < name(right).1) {
            // The later of equal keys comes first, and is kept.
            entries.sort_unstable_by(|left, right| {
                let (left, right) = (name(left), name(right));
                left.1.cmp(right.1).then(right.0.cmp(&left.0))
            });
            let mut kept = 0;
            for at in 0..entries.len() {
                if kept == 0 || name(&entries[kept - 1]).1 != name(&entries[at]).1 {
                    entries[kept] = entries[at];
                    kept += 1;
                }
            }
            pending.truncate(from + 2 * kept);
        }
        self.pending = pending;
    }

    /// Where a name stands in the arena, and the name.
    fn name_of(&self, cell: Cell) -> (u32, &str) {
        match cell {
            Cell::Text { start, len } => (start, self.text(start, len)),
            _ => (0, ""),
        }
    }

    fn here(&self) -> u32 {
        offset(self.cells.len())
    }
}

#[inline]
fn offset(len: usize) -> u32 {
    u32::try_from(len).expect("values are bounded far below four GiB, and so are cells")
}

#[cfg(test)]
mod tests;
