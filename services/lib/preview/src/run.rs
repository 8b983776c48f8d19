//! Feeds through judges on all threads, in bounded memory; the result does not depend on how many threads there are.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use tidegate_flow::{Record, Remedy, WorldError};

use crate::compare::{Asked, Comparing, Pair, Schemas};
use crate::dead_letter::original;
use crate::event::{Event, Position};
use crate::lake::{LakeView, Row};
use crate::line::{Lines, Wrapped};
use crate::tally::Tally;

/// Bytes that are in hand at once, one chunk excepted.
const BYTES_MAX: usize = 96 << 20;

/// Why a dead letter is undecided.
pub(crate) const LEFT_OUT: &str = "the dead letter holds only the digest of its value; the value stands at its origin";
pub(crate) const NO_STAMP: &str = "the record carries no stamp of Tidegate: it is no dead letter of ours";

/// Events that are handed to a thread together.
#[derive(Debug)]
pub enum Chunk {
    /// Lines of a text.
    Lines(Lines),
    /// Records of a source topic; `now` is what rules see.
    Records {
        /// In order.
        records: Vec<Record>,
        /// Microseconds since the epoch.
        now: i64,
    },
    /// Dead letters; `now` stands in where the stamp does not tell when it was judged.
    DeadLetters {
        /// In order.
        records: Vec<Record>,
        /// Microseconds since the epoch.
        now: i64,
    },
    /// Rows of the lake.
    Rows {
        /// What they are judged by.
        view: Arc<LakeView>,
        /// In order.
        rows: Vec<Row>,
        /// Microseconds since the epoch.
        now: i64,
    },
}

/// Where events come from.
pub trait Feed {
    /// The next events, at least one and at most so many; none at the end. `Err` ends the preview.
    fn next(&mut self, events_max: u64) -> Result<Option<Chunk>, WorldError>;
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub struct Far {
    /// Events compared.
    pub events: u64,
    /// Of them.
    pub newly_failing: u64,
}

/// Bounds of a run.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Events at most.
    pub events_max: u64,
    /// Judging threads, at least 1.
    pub threads: usize,
}

/// What a run ended with.
#[derive(Debug)]
pub struct Ran {
    /// Counts.
    pub tally: Tally,
    /// There was more than `events_max`.
    pub cut: bool,
    /// `watch` said to stop.
    pub stopped: bool,
}

type Answer = (u64, Result<Tally, WorldError>);

/// Compares every event of a feed. `watch` is asked between chunks; false ends the run with what is there.
pub fn run(
    pair: &Pair,
    feed: &mut dyn Feed,
    asked: &Asked,
    schemas: &dyn Schemas,
    bounds: Bounds,
    watch: &mut dyn FnMut(Far) -> bool,
) -> Result<Ran, WorldError> {
    std::thread::scope(|scope| {
        let (send, chunks) = channel::<(u64, Chunk)>();
        let chunks = Arc::new(Mutex::new(chunks));
        let (answer, answers) = channel::<Answer>();
        for _ in 0..bounds.threads.max(1) {
            let (chunks, answer) = (chunks.clone(), answer.clone());
            scope.spawn(move || work(&mut Comparing::new(pair, asked, schemas), &chunks, &answer));
        }
        drop(answer);
        let mut course = Course {
            send,
            answers,
            sent: 0,
            waiting: BTreeMap::new(),
            held: BTreeMap::new(),
            tally: Tally::default(),
        };
        course.through(feed, bounds, watch)
    })
}

/// One run, from the thread that feeds it.
struct Course {
    send: Sender<(u64, Chunk)>,
    answers: Receiver<Answer>,
    sent: u64,
    /// Answers that came before that of an earlier chunk.
    waiting: BTreeMap<u64, Tally>,
    /// Bytes of the chunks in hand.
    held: BTreeMap<u64, usize>,
    tally: Tally,
}

impl Course {
    fn through(&mut self, feed: &mut dyn Feed, bounds: Bounds, watch: &mut dyn FnMut(Far) -> bool) -> Result<Ran, WorldError> {
        let in_hand_max = bounds.threads.max(1) * 2;
        let (mut left, mut ended, mut cut, mut stopped) = (bounds.events_max, false, false, false);
        loop {
            while !ended && self.held.len() + self.waiting.len() < in_hand_max {
                let held: usize = self.held.values().sum();
                if held > BYTES_MAX {
                    break;
                }
                if left == 0 {
                    cut = feed.next(1)?.is_some();
                    ended = true;
                    break;
                }
                match feed.next(left)? {
                    None => ended = true,
                    Some(chunk) => {
                        left = left.saturating_sub(chunk.events());
                        self.held.insert(self.sent, chunk.bytes());
                        self.send.send((self.sent, chunk)).map_err(|_| lost())?;
                        self.sent += 1;
                    }
                }
            }
            if self.held.is_empty() {
                return Ok(Ran {
                    tally: std::mem::take(&mut self.tally),
                    cut,
                    stopped,
                });
            }
            let (number, answer) = self.answers.recv().map_err(|_| lost())?;
            self.held.remove(&number);
            self.waiting.insert(number, answer?);
            // In order, so that the first examples stay, whoever was quicker.
            while let Some((number, tally)) = self.waiting.pop_first() {
                if self.held.keys().next().is_some_and(|earlier| *earlier < number) {
                    self.waiting.insert(number, tally);
                    break;
                }
                self.tally.merge(tally);
            }
            let far = Far {
                events: self.tally.events(),
                newly_failing: self.tally.of(crate::tally::Change::NewlyFailing),
            };
            if !watch(far) && !ended {
                (ended, stopped) = (true, true);
            }
        }
    }
}

fn lost() -> WorldError {
    WorldError::new(Remedy::Bug, "a judging thread ended before its work did")
}

fn work(comparing: &mut Comparing<'_>, chunks: &Mutex<Receiver<(u64, Chunk)>>, answer: &Sender<Answer>) {
    loop {
        // Held while waiting: whoever waits behind it would wait as well.
        let Ok((number, chunk)) = chunks.lock().expect("nobody panics while receiving").recv() else {
            return;
        };
        let mut tally = Tally::default();
        let result = chunk.compare(comparing, &mut tally).map(|()| tally);
        if answer.send((number, result)).is_err() {
            return;
        }
    }
}

// === impl Chunk ===

impl Chunk {
    /// How many events.
    pub fn events(&self) -> u64 {
        match self {
            Chunk::Lines(lines) => lines.events,
            Chunk::Records { records, .. } | Chunk::DeadLetters { records, .. } => records.len() as u64,
            Chunk::Rows { rows, .. } => rows.len() as u64,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Chunk::Lines(lines) => lines.bytes.capacity(),
            Chunk::Rows { rows, .. } => rows.iter().map(|row| row.json.len() + 100).sum(),
            Chunk::Records { records, .. } | Chunk::DeadLetters { records, .. } => records
                .iter()
                .map(|record| {
                    let headers: usize = record
                        .headers
                        .iter()
                        .map(|header| header.value.as_ref().map_or(0, |value| value.len()))
                        .sum();
                    200 + headers + record.key.as_ref().map_or(0, |key| key.len()) + record.value.as_ref().map_or(0, |value| value.len())
                })
                .sum(),
        }
    }

    fn compare(&self, comparing: &mut Comparing<'_>, tally: &mut Tally) -> Result<(), WorldError> {
        match self {
            Chunk::Lines(lines) => compare_lines(lines, comparing, tally),
            Chunk::Rows { view, rows, now } => {
                rows.iter().for_each(|row| comparing.row(view, row, *now, tally));
                Ok(())
            }
            Chunk::Records { records, now } => records.iter().try_for_each(|record| {
                let headers: Vec<(&str, Option<&[u8]>)> = record
                    .headers
                    .iter()
                    .map(|header| (&*header.name, header.value.as_deref()))
                    .collect();
                let event = Event {
                    topic: &record.origin.at.topic,
                    key: record.key.as_deref(),
                    value: record.value.as_deref(),
                    headers: &headers,
                    now: *now,
                    position: Position::Record(&record.origin),
                };
                comparing.compare(&event, tally)
            }),
            Chunk::DeadLetters { records, now } => records.iter().try_for_each(|letter| compare_letter(letter, *now, comparing, tally)),
        }
    }
}

fn compare_lines(lines: &Lines, comparing: &mut Comparing<'_>, tally: &mut Tally) -> Result<(), WorldError> {
    for (number, line) in lines.each() {
        let position = Position::Line(&lines.file, number);
        let Some(wrapped) = line.strip_prefix(b"@") else {
            let event = Event {
                topic: &lines.topic,
                key: None,
                value: Some(line),
                headers: &[],
                now: lines.now,
                position,
            };
            comparing.compare(&event, tally)?;
            continue;
        };
        let wrapped = Wrapped::read(wrapped).map_err(|why| WorldError::new(Remedy::Operator, format!("{position}: {why}")))?;
        let headers: Vec<(&str, Option<&[u8]>)> = wrapped
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
            .collect();
        let event = Event {
            topic: wrapped.topic.as_deref().unwrap_or(&lines.topic),
            key: wrapped.key.as_deref(),
            value: wrapped.value.as_deref(),
            headers: &headers,
            now: wrapped.now.unwrap_or(lines.now),
            position,
        };
        comparing.compare(&event, tally)?;
    }
    Ok(())
}

fn compare_letter(letter: &Record, now: i64, comparing: &mut Comparing<'_>, tally: &mut Tally) -> Result<(), WorldError> {
    let Some(original) = original(letter) else {
        tally.undecided(NO_STAMP, Position::Record(&letter.origin));
        return Ok(());
    };
    let position = Position::DeadLetter(&letter.origin, &original.origin);
    if original.left_out {
        tally.undecided(LEFT_OUT, position);
        return Ok(());
    }
    let event = Event {
        topic: &original.origin.at.topic,
        key: letter.key.as_deref(),
        value: letter.value.as_deref(),
        headers: &original.headers,
        now: original.judged_at.unwrap_or(now),
        position,
    };
    comparing.compare(&event, tally)
}
