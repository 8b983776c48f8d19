//! Processor time of this process between two moments, and the line that carries it to the parent.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};

/// The stretch that counts: from the first record in hand to the commit that reaches the end of the source. Joining the group,
/// compiling contracts and leaving are outside of it, for every side alike.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    begun: Option<Moment>,
    ended: Option<Moment>,
}

#[derive(Debug, Clone, Copy)]
struct Moment {
    cpu: Duration,
    at: Instant,
}

/// What one run of one side took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Source records.
    pub(crate) events: u64,
    /// User and system time of all threads within the stretch.
    pub(crate) cpu: Duration,
    /// Wall time of the stretch.
    pub(crate) wall: Duration,
    /// User and system time of the whole process until now, start included.
    pub(crate) process_cpu: Duration,
    /// Commits.
    pub(crate) batches: u64,
    /// Batches that were aborted and read again; a run with any is not clean.
    pub(crate) aborted: u64,
    /// Most memory that was resident, KiB.
    pub(crate) peak_kib: u64,
}

// === impl Stretch ===

impl Stretch {
    /// Marks the first record; later calls change nothing.
    pub(crate) fn begin(&mut self) {
        self.begun.get_or_insert_with(Moment::now);
    }

    /// Marks the end; later calls change nothing.
    pub(crate) fn end(&mut self) {
        self.ended.get_or_insert_with(Moment::now);
    }

    /// The figures; an error when the stretch never began or ended.
    pub(crate) fn measured(&self, events: u64, batches: u64, aborted: u64) -> anyhow::Result<Measured> {
        let begun = self.begun.context("no record came")?;
        let ended = self.ended.context("the end of the source was not reached")?;
        Ok(Measured {
            events,
            cpu: ended.cpu.saturating_sub(begun.cpu),
            wall: ended.at.saturating_duration_since(begun.at),
            process_cpu: cpu_now(),
            batches,
            aborted,
            peak_kib: peak_kib()?,
        })
    }
}

// === impl Moment ===

impl Moment {
    fn now() -> Moment {
        Moment {
            cpu: cpu_now(),
            at: Instant::now(),
        }
    }
}

// === impl Measured ===

impl Measured {
    /// Microseconds of processor time per source record.
    pub(crate) fn micros_per_event(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.events as f64
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "events={} cpu_us={} wall_us={} process_cpu_us={} batches={} aborted={} peak_kib={}",
            self.events,
            self.cpu.as_micros(),
            self.wall.as_micros(),
            self.process_cpu.as_micros(),
            self.batches,
            self.aborted,
            self.peak_kib
        )
    }
}

impl FromStr for Measured {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Measured> {
        let field = |name: &str| -> anyhow::Result<u64> {
            let pair = line.split_whitespace().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            pair.with_context(|| format!("`{name}` is missing in {line:?}"))?
                .parse()
                .with_context(|| format!("`{name}` in {line:?}"))
        };
        let micros = |name: &str| field(name).map(Duration::from_micros);
        Ok(Measured {
            events: field("events")?,
            cpu: micros("cpu_us")?,
            wall: micros("wall_us")?,
            process_cpu: micros("process_cpu_us")?,
            batches: field("batches")?,
            aborted: field("aborted")?,
            peak_kib: field("peak_kib")?,
        })
    }
}

/// All threads, those that ended included, at the clock's resolution and not in ticks of 10 ms as `/proc` has it.
pub(crate) fn cpu_now() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).expect("below one second by POSIX"),
    )
}

fn peak_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("reading the process's own status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("no VmHWM in the process's own status")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_carries_every_figure() {
        let measured = Measured {
            events: 7,
            cpu: Duration::from_micros(21),
            wall: Duration::from_micros(3),
            process_cpu: Duration::from_micros(4),
            batches: 5,
            aborted: 6,
            peak_kib: 8,
        };
        assert_eq!(measured.to_string().parse::<Measured>().unwrap(), measured);
        assert!((measured.micros_per_event() - 3.0).abs() < 1e-9);
        assert!("events=7 cpu_us=x".parse::<Measured>().is_err());
    }

    #[test]
    fn work_of_any_thread_within_the_stretch_counts() {
        let mut stretch = Stretch::default();
        assert!(stretch.measured(1, 1, 0).is_err());
        stretch.begin();
        let before = cpu_now();
        std::thread::spawn(move || while cpu_now() - before < Duration::from_millis(5) {})
            .join()
            .unwrap();
        stretch.end();
        let measured = stretch.measured(1, 1, 0).unwrap();
        assert!(measured.cpu >= Duration::from_millis(5), "{measured}");
    }
}
