//! Dead letters of one source topic, counted by the minute of their source's timestamp.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_flow::ports::Scan;
use tidegate_flow::record::header_text;
use tidegate_flow::{NextOffset, Record, TopicPartition, WorldError, stamp};
use tidegate_kafka::{Settings, offsets_at};
use tidegate_objectives::traffic::{MINUTE, minute};

/// How far back dead letters are counted: the longest usual window and a day.
const HORIZON: i64 = 31 * 24 * 60 * MINUTE;
/// Timestamps need not rise with offsets: reading begins so much earlier.
const SLACK: i64 = 60 * MINUTE;
/// Records of one read.
const AT_ONCE: usize = 10_000;

/// Contract id and major; none where nobody could tell which contract.
type Of = Option<(String, u64, Option<String>)>;

/// The counts, and how far each partition was read.
#[derive(Debug, Default)]
pub(super) struct TopicLetters {
    next: BTreeMap<i32, NextOffset>,
    /// From when on each partition is known.
    since: BTreeMap<i32, i64>,
    minutes: BTreeMap<Of, BTreeMap<i64, u64>>,
}

// === impl TopicLetters ===

impl TopicLetters {
    /// Reads what has come since the last time. At the first time that is up to [`HORIZON`] of dead letters, and the log says so.
    pub(super) fn follow(
        &mut self,
        source: &Arc<str>,
        dead: &Arc<str>,
        bounds: &[(NextOffset, NextOffset)],
        kafka: &Settings,
        scan: &mut dyn Scan,
        now: i64,
    ) -> Result<(), WorldError> {
        let all: Vec<TopicPartition> = (0..)
            .zip(bounds)
            .map(|(partition, _)| TopicPartition::new(dead.clone(), partition))
            .collect();
        let fresh: Vec<TopicPartition> = all.iter().filter(|at| !self.next.contains_key(&at.partition)).cloned().collect();
        let starts: BTreeMap<i32, Option<NextOffset>> = match fresh.is_empty() {
            true => BTreeMap::new(),
            false => {
                tracing::info!(topic = %dead, "counting the dead letters of the last 31 days; later only what is new");
                let found = offsets_at(kafka, &fresh, (now - HORIZON - SLACK).max(0) / 1000)?;
                found.into_iter().map(|(at, next)| (at.partition, next)).collect()
            }
        };
        for (at, (low, end)) in all.iter().zip(bounds) {
            let (from, since) = match self.next.get(&at.partition) {
                // Retention may have passed what was to be read next: then what lies between is not known.
                Some(next) if next < low => (*low, Some(now)),
                Some(next) => (*next, None),
                None => {
                    let from = starts.get(&at.partition).copied().flatten().unwrap_or(*end).max(*low);
                    // Offset 0 still there: nothing was ever removed.
                    let since = match (low.0 == 0, from > *low) {
                        (_, true) => now - HORIZON,
                        (true, false) => i64::MIN,
                        (false, false) => self.first_of(at, from, *end, scan)?.unwrap_or(now),
                    };
                    (from, Some(since))
                }
            };
            // Before anything is read: a read that fails in between must not leave counts that claim to be all.
            if let Some(since) = since {
                self.since.insert(at.partition, since);
            }
            let mut from = from;
            while from < *end {
                let records = scan.scan(at, from, *end, AT_ONCE)?;
                let Some(last) = records.last() else { break };
                from = NextOffset(last.origin.offset.0 + 1);
                for record in &records {
                    self.count(source, record, now);
                }
                self.next.insert(at.partition, from);
            }
            self.next.insert(at.partition, (*end).max(from));
        }
        let oldest = minute(now - HORIZON);
        for minutes in self.minutes.values_mut() {
            *minutes = minutes.split_off(&oldest);
        }
        Ok(())
    }

    /// From when on all partitions are known.
    pub(super) fn since(&self) -> i64 {
        self.since.values().copied().max().unwrap_or(i64::MIN)
    }

    /// Of an object, those of which nobody could tell whose they are among them.
    pub(super) fn of(&self, contract: &str, object: &str, major: u64) -> BTreeMap<i64, u64> {
        let mut sum = BTreeMap::new();
        for (of, minutes) in &self.minutes {
            let ours = match of {
                None => true,
                Some((id, version, name)) => id == contract && *version == major && name.as_deref().is_none_or(|name| name == object),
            };
            for (minute, count) in minutes.iter().filter(|_| ours) {
                *sum.entry(*minute).or_default() += count;
            }
        }
        sum
    }

    fn first_of(&self, at: &TopicPartition, from: NextOffset, end: NextOffset, scan: &mut dyn Scan) -> Result<Option<i64>, WorldError> {
        let first = scan.scan(at, from, end, 1)?;
        Ok(first.first().and_then(happened))
    }

    fn count(&mut self, source: &Arc<str>, record: &Record, now: i64) {
        let Some(stamp) = stamp::read(&record.headers).filter(|stamp| stamp.origin.at.topic == *source) else {
            return;
        };
        // Without a time it counts as having come now: never as not having come.
        let at = happened(record).unwrap_or(now).min(now);
        let of = stamp.contract.and_then(|contract| {
            let major = contract.version.split('.').next()?.parse().ok()?;
            Some((contract.id.to_string(), major, stamp.object.as_ref().map(ToString::to_string)))
        });
        *self.minutes.entry(of).or_default().entry(minute(at)).or_default() += 1;
    }
}

/// The source's timestamp in microseconds since the epoch: the header where Kafka's client would have replaced it.
fn happened(record: &Record) -> Option<i64> {
    let kept = header_text(&record.headers, stamp::TIMESTAMP).and_then(|text| text.parse::<i64>().ok());
    kept.or(record.timestamp).map(|millis| millis.saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use tidegate_flow::record::Header;
    use tidegate_flow::{Offset, Origin};

    use super::*;

    fn letter(source: &str, contract: Option<&str>, minutes: Option<i64>) -> Record {
        let header = |name: &str, value: String| Header {
            name: name.into(),
            value: Some(value.into()),
        };
        let mut headers = vec![header(stamp::ORIGIN, format!("{source}:0:1")), header(stamp::JUDGE, "c/1".into())];
        headers.extend(contract.map(|contract| header(stamp::CONTRACT, contract.into())));
        Record {
            origin: Origin {
                at: TopicPartition::new("dead", 0),
                offset: Offset(0),
            },
            timestamp: minutes.map(|minutes| minutes * 60_000),
            key: None,
            value: None,
            headers,
        }
    }

    #[test]
    fn letters_count_for_their_object_and_those_of_nobody_for_all() {
        let mut letters = TopicLetters::default();
        let (source, now) = (Arc::from("orders"), 100 * MINUTE);
        for record in [
            letter("orders", Some("shop@1.2.0"), Some(10)),
            letter("orders", Some("shop@2.0.0"), Some(10)),
            letter("orders", None, Some(11)),
            letter("other", Some("shop@1.0.0"), Some(10)),
            letter("orders", Some("shop@1.9.9"), None),
            letter("orders", Some("shop@1.9.9"), Some(500)),
        ] {
            letters.count(&source, &record, now);
        }
        assert_eq!(
            letters.of("shop", "orders", 1),
            [(10, 1), (11, 1), (100, 2)].into(),
            "a time that lies ahead counts as now"
        );
        assert_eq!(letters.of("shop", "orders", 2), [(10, 1), (11, 1)].into());
        assert_eq!(letters.of("crm", "customers", 1), [(11, 1)].into());
    }
}
