//! A count instead of a proof: manifests and dead letters against offsets.
//!
//! Every manifest says how many validated records are in the lake so far and up to which source offset: together with the dead letters
//! up to there they must be all source offsets up to there. Neither the sources, nor the validated topics, nor the files are read, so
//! this costs a few requests a slot. It believes the manifests, and a loss beside a repeat would cancel out: the audit in full believes
//! nothing, and holds each manifest against its records.

use std::collections::BTreeMap;

use tidegate_flow::ports::Store;
use tidegate_flow::{NextOffset, TopicPartition, stamp};

use crate::bits::Bits;
use crate::lake::{Lake, Landed};
use crate::landing::check_chain;
use crate::losses::{self, Document, book_landing, given_up, policies};
use crate::manifest::{DUPLICATE, Manifest};
use crate::plan::{Mode, Plan, TopicPlan};
use crate::report::{CountLedger, LakeLedger, Report};
use crate::run::Ports;
use crate::stream::{Halt, Reading};
use crate::watch::Watch;

/// Counts every topic of the plan; its ranges are not looked at. An offset that is not accounted for is a control record, an aborted
/// record, one that a policy skips, or a loss: which of these, only [`audit`](fn@crate::audit) can tell, and the report is incomplete.
pub fn count(plan: &Plan, mut ports: Ports<'_>, watch: &mut dyn Watch) -> Report {
    let mut report = Report::new(plan.mode);
    report.is_quick = true;
    let Some(store) = ports.store else {
        report
            .incomplete
            .push("without a lake there is nothing to count by: audit in full".to_owned());
        return report;
    };
    let losses = match losses::read_judging(store) {
        Ok((losses, unreadable)) => {
            report.files.manifests_unreadable.extend(unreadable);
            losses
        }
        Err(error) => {
            report.incomplete.push(format!("accepted losses: {error}"));
            Vec::new()
        }
    };
    for topic in plan.topics.iter() {
        match count_topic(plan.mode, topic, &losses, &mut ports, store, watch, &mut report) {
            Ok(()) => {}
            Err(Halt::World(error)) => report.incomplete.push(format!("{}: {error}", topic.source)),
            Err(Halt::Stopped) => {
                report.was_stopped = true;
                report.incomplete.push("the audit was stopped before its end".to_owned());
                break;
            }
        }
    }
    report.note_losses();
    report
}

fn count_topic(
    mode: Mode,
    topic: &TopicPlan,
    losses: &[Document],
    ports: &mut Ports<'_>,
    store: &dyn Store,
    watch: &mut dyn Watch,
    report: &mut Report,
) -> Result<(), Halt> {
    let id = ports
        .cluster
        .topics(std::slice::from_ref(&topic.validated))?
        .into_iter()
        .next()
        .and_then(|facts| facts.id);
    let landed = Landed {
        topic: topic.validated.clone(),
        incarnation: topic.incarnation.clone().or(id),
    };
    let source_id = ports
        .cluster
        .topics(std::slice::from_ref(&topic.source))?
        .into_iter()
        .next()
        .and_then(|facts| facts.id);
    // Ends before documents: what lands meanwhile must not be taken for more than there is.
    let sources = ports.cluster.offsets(&topic.source)?;
    let lake = Lake::open_with_sizes(store, &[landed])?;
    let dead = ports.cluster.offsets(&topic.dead_letters)?;
    for (partition, (low, end)) in (0..).zip(sources) {
        let at = TopicPartition::new(topic.source.clone(), partition);
        let landed_at = TopicPartition::new(topic.validated.clone(), partition);
        let slots = lake.slots(&landed_at);
        report.lake.push(chain_ledger(&landed_at, slots, lake.losses(&landed_at)));
        let counted = match stretch(&at, low, slots) {
            Ok(Some(stretch)) => stretch,
            Ok(None) => Stretch {
                from: low.0,
                until: low.0,
                records: 0,
            },
            Err(why) => {
                report.incomplete.push(format!("{at}: {why}"));
                continue;
            }
        };
        let bounds = usize::try_from(partition).ok().and_then(|partition| dead.get(partition).copied());
        let (dead_low, dead_end) = bounds.unwrap_or((NextOffset(0), NextOffset(0)));
        let mut letters = Letters::default();
        let mut reading = Reading {
            scan: &mut *ports.scan,
            watch: &mut *watch,
        };
        let dead_at = TopicPartition::new(topic.dead_letters.clone(), partition);
        reading.stream(&dead_at, dead_low, dead_end, |record| {
            if let Some(stamp) = stamp::read(&record.headers).filter(|stamp| stamp.origin.at == at) {
                letters.take(stamp.origin.offset.0, &counted);
            }
        })?;
        let accepted = accepted_within(
            &at,
            source_id.as_deref(),
            losses,
            &counted,
            topic.positions.get(&partition).copied(),
        );
        let ledger = ledger(&at, &counted, end, &letters, mode, accepted);
        if ledger.until == low.0 && low < end {
            report.incomplete.push(format!(
                "{at}: nothing of {} to {} is counted, as the lake has no slot of {landed_at} that reaches there; audit in full, \
                 and see that `lake.location` is right",
                low.0, end.0
            ));
        } else if let Some(judged) = topic.positions.get(&partition).filter(|position| position.0 > ledger.until) {
            report.notes.push(format!(
                "{at}: {} offsets that are judged are not in the lake yet and not counted",
                judged.0 - ledger.until
            ));
        }
        if ledger.unaccounted > 0 {
            let gone = dead_low.0 > 0 && letters.first.is_none_or(|first| first > counted.from);
            let why = match gone {
                true => "retention has removed early dead letters",
                false if report.lake.last().is_some_and(|lake| lake.accepted_loss > 0) => {
                    "records that were given up before they landed, ends of transactions, aborted records, skips by policy, or losses"
                }
                false => "ends of transactions, aborted records, skips by policy, or losses",
            };
            report.incomplete.push(format!(
                "{at}: {} offsets are not accounted for ({why}); only an audit in full can tell",
                ledger.unaccounted
            ));
        }
        report.counts.push(ledger);
    }
    report.files.merge(&lake.files);
    Ok(())
}

/// Source offsets that slots of the chain account for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    from: i64,
    until: i64,
    /// Validated records of them, each once.
    records: u64,
}

#[derive(Debug, Default)]
struct Letters {
    seen: Bits,
    again: u64,
    first: Option<i64>,
}

// === impl Letters ===

impl Letters {
    fn take(&mut self, offset: i64, counted: &Stretch) {
        self.first = Some(self.first.map_or(offset, |first| first.min(offset)));
        if (counted.from..counted.until).contains(&offset) && !self.seen.insert(offset) {
            self.again += 1;
        }
    }
}

/// The longest stretch of source offsets from `low` on whose validated records the slots count; none without slots.
fn stretch(at: &TopicPartition, low: NextOffset, slots: &[Manifest]) -> Result<Option<Stretch>, String> {
    let mut marks: Vec<i64> = Vec::with_capacity(slots.len());
    for slot in slots {
        match slot.sources.as_slice() {
            [mark] if *mark.topic == *at.topic && mark.partition == at.partition => marks.push(mark.last_offset),
            _ => return Err("its validated partition has records of other sources, too: count by an audit in full".to_owned()),
        }
    }
    let Some(last) = marks.last() else { return Ok(None) };
    // What the source has lost to retention cannot be counted any more, so counting begins behind a slot that ends past that.
    let (from, first) = match low.0 {
        0 => (0, 0),
        low => match marks.iter().position(|mark| mark + 1 >= low) {
            Some(before) => (marks[before] + 1, before + 1),
            None => return Ok(None),
        },
    };
    let records = slots[first..].iter().map(|slot| {
        let repeated = slot.claim.skips.get(DUPLICATE).copied().unwrap_or(0);
        slot.claim.records.saturating_sub(repeated + given_up(&slot.claim.skips))
    });
    Ok(Some(Stretch {
        from,
        until: last + 1,
        records: records.sum(),
    }))
}

/// Source offsets of the stretch that somebody has given up. Believed as far as the group has passed them; an audit in full holds them against
/// the outcomes.
fn accepted_within(at: &TopicPartition, id: Option<&str>, losses: &[Document], counted: &Stretch, position: Option<NextOffset>) -> u64 {
    let passed = losses
        .iter()
        .filter(|loss| loss.is_judging_of(at, id) && position.is_some_and(|position| position.0 >= loss.to));
    let mut behind = counted.from;
    let mut accepted = 0;
    for loss in passed {
        let to = loss.to.min(counted.until);
        accepted += u64::try_from(to - loss.from.max(behind)).unwrap_or(0);
        behind = behind.max(to);
    }
    accepted
}

fn ledger(at: &TopicPartition, counted: &Stretch, end: NextOffset, letters: &Letters, mode: Mode, accepted_loss: u64) -> CountLedger {
    let offsets = u64::try_from(counted.until - counted.from).unwrap_or(0);
    let accounted = counted.records + letters.seen.len();
    // Where outcomes leave with the position, what was given up has none.
    let given_up = if mode == Mode::ExactlyOnce { accepted_loss } else { 0 };
    CountLedger {
        topic: at.topic.to_string(),
        partition: at.partition,
        from: counted.from,
        until: counted.until,
        offsets,
        landed: counted.records,
        dead_lettered: letters.seen.len(),
        accepted_loss,
        uncounted: u64::try_from(end.0 - counted.until).unwrap_or(0),
        unaccounted: offsets.saturating_sub(accounted + accepted_loss),
        surplus: (accounted + given_up).saturating_sub(offsets),
        doubled: if mode == Mode::ExactlyOnce { letters.again } else { 0 },
    }
}

fn chain_ledger(at: &TopicPartition, slots: &[Manifest], losses: &[Document]) -> LakeLedger {
    let mut ledger = LakeLedger {
        topic: at.topic.to_string(),
        partition: at.partition,
        ..LakeLedger::default()
    };
    check_chain(slots, &mut ledger);
    ledger.book(book_landing(slots, losses, None, None));
    let mut skipped: BTreeMap<String, u64> = BTreeMap::new();
    for slot in slots {
        ledger.records += slot.claim.records.saturating_sub(given_up(&slot.claim.skips));
        ledger.rows += slot.claim.rows;
        for (policy, count) in policies(&slot.claim.skips) {
            *skipped.entry(policy.clone()).or_default() += count;
        }
    }
    ledger.skipped = skipped;
    ledger
}
