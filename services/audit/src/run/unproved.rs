//! What nothing was proved about, in words.

use super::Run;
use crate::plan::Mode;
use crate::state::State;

// === impl Run ===

impl Run<'_, '_, '_> {
    /// Says what nothing was proved about.
    pub(super) fn unproved(&mut self, state: &State) {
        let mut lines = Vec::new();
        for source in &self.report.sources {
            let at = format!("{}-{}", source.topic, source.partition);
            for (why, count) in &source.unseen {
                let how = match why.as_str() {
                    "compaction" => {
                        "no outcome any more: an outcome topic is compacted, and an outcome may have been replaced by a later one of its key"
                    }
                    "start_at_latest" => {
                        "no outcome, and nothing that was read tells whether they came before the group began (`start_at: latest`); \
                         audit offsets behind the first outcome"
                    }
                    "open_transaction" => "an outcome in a transaction whose end cannot be seen yet; audit again",
                    _ => "no outcome any more: retention has removed the early records of an outcome topic; audit a later range",
                };
                lines.push(format!("{at}: {count} offsets have {how}"));
            }
            if source.removed_before_judging > 0 {
                lines.push(format!(
                    "{at}: retention has removed {} offsets from the group's position on before they were judged; \
                     `tidegate resume` says how to go on",
                    source.removed_before_judging
                ));
            }
            for (why, count) in &source.untold {
                lines.push(format!(
                    "{at}: {count} records have no outcome, and whether a policy says so cannot be told: {why}"
                ));
            }
        }
        for ledger in state
            .sources
            .iter()
            .filter(|source| source.partial)
            .filter_map(|source| source.ledger.as_ref())
        {
            let removed = ledger.gap("retention");
            if removed > 0 {
                let at = format!("{}-{}", ledger.topic, ledger.partition);
                lines.push(format!(
                    "{at}: retention has removed {removed} offsets of the range while the audit ran"
                ));
            }
        }
        for lake in &self.report.lake {
            // The end of the last transaction takes one offset and never lands.
            let markers = u64::from(self.plan.mode == Mode::ExactlyOnce);
            if lake.removed_before_landing > markers {
                lines.push(format!(
                    "{}-{}: {} offsets after the last committed slot were removed from the topic before they landed; they may have held records; \
                     `tidegate resume` says how to go on",
                    lake.topic, lake.partition, lake.removed_before_landing
                ));
            }
        }
        self.report.incomplete.extend(lines);
    }

    /// Names the losses that somebody has accepted.
    pub(super) fn name_losses(&mut self) {
        self.report.note_losses();
    }
}
