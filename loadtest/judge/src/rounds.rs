//! Times: processor time of this thread, the two sides of a ratio right behind one another, rounds in rotating order.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::ratios::{Per, Ratio, Side};
use crate::spread::Spread;

/// A side runs about this long in a round, unless the events end before.
const ROUND_NANOS: f64 = 1e9;
/// Events from which the length of a round is guessed.
const TRIAL: usize = 2_000;

/// What the rounds say of one ratio.
#[derive(Debug)]
pub struct Measured {
    /// Of the times, round by round.
    pub ratio: Spread,
    /// Nanoseconds an event: ours, and what it is compared with.
    pub nanos: [Spread; 2],
    /// Megabytes a second, at the median.
    pub megabytes: [f64; 2],
    /// Events that each side saw in a round.
    pub events: usize,
}

struct Times {
    events: usize,
    answers: [u64; 2],
    nanos: [Vec<f64>; 2],
}

/// Takes the times of all ratios: one round that does not count, then `rounds`.
///
/// # Panics
/// When a side answers another thing than in the round before: the figures would be worth nothing.
pub fn measure(ratios: &mut [Ratio<'_>], rounds: usize) -> Vec<Measured> {
    let mut times: Vec<Times> = ratios.iter_mut().map(warm_up).collect();
    let count = ratios.len();
    for round in 0..rounds {
        for place in 0..count {
            let index = (place + round) % count;
            let (ratio, times) = (&mut ratios[index], &mut times[index]);
            let order = if (round + place) % 2 == 0 { [0, 1] } else { [1, 0] };
            for side in order {
                let (nanos, answer) = timed(&mut ratio.sides[side], times.events);
                assert_eq!(answer, times.answers[side], "{} of {} changed its answer", side, ratio.name);
                times.nanos[side].push(nanos);
            }
        }
    }
    ratios.iter().zip(times).map(|(ratio, times)| summary(ratio, &times)).collect()
}

/// How many events a round has, and what the sides answer over them.
fn warm_up(ratio: &mut Ratio<'_>) -> Times {
    let most = ratio.sides.iter().map(|side| side.events).min().unwrap_or(0);
    let trial = TRIAL.min(most);
    let slowest = ratio.sides.iter_mut().map(|side| timed(side, trial).0).fold(1.0, f64::max) / trial as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and saturates far past any number of events"
    )]
    let events = most.min((ROUND_NANOS / slowest) as usize).max(trial);
    let answers = [0, 1].map(|side| timed(&mut ratio.sides[side], events).1);
    Times {
        events,
        answers,
        nanos: [Vec::new(), Vec::new()],
    }
}

fn timed(side: &mut Side<'_>, events: usize) -> (f64, u64) {
    let begin = thread_time();
    let answer = (side.run)(events);
    ((thread_time() - begin).as_nanos() as f64, answer)
}

fn summary(ratio: &Ratio<'_>, times: &Times) -> Measured {
    let bytes = [0, 1].map(|side| (ratio.sides[side].bytes)(times.events) as f64);
    let scale = match ratio.per {
        Per::Event => 1.0,
        Per::Byte => bytes[1] / bytes[0],
    };
    let [ours, theirs] = &times.nanos;
    let nanos = [0, 1].map(|side| spread(times.nanos[side].iter().map(|nanos| nanos / times.events as f64)));
    Measured {
        ratio: spread(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs * scale)),
        nanos,
        megabytes: [0, 1].map(|side| bytes[side] / times.events as f64 / nanos[side].median * 1000.0),
        events: times.events,
    }
}

fn spread(values: impl Iterator<Item = f64>) -> Spread {
    Spread::of(values).expect("there is at least one round")
}

/// User and system time of this thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).expect("below one second by POSIX"),
    )
}
