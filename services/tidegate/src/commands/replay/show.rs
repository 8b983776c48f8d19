//! What a replay would do or has done, for people and for scripts.

use std::fmt::Write as _;

use serde_json::json;
use tidegate_repair::Repair;
use tidegate_replay::rehearse::Rehearsal;
use tidegate_replay::run::Ended;
use tidegate_replay::{Counts, Job, Ruling};

use crate::table::table;

const UNREADABLE: &str = "records of the dead-letter topic have no stamp of ours that this version reads; they stay";

/// A dry run.
pub(crate) fn rehearsal(job: &Job, repair: Option<&Repair>, found: &Rehearsal) -> String {
    let mut out = format!(
        "Dry run: nothing was sent. Dead letters of {} by the contracts of {}.\n\n",
        job.source, job.snapshot
    );
    let rows = found.rulings.iter().map(|(ruling, count)| {
        let (what, rule, pointer) = words(ruling);
        [count.to_string(), what, rule, pointer]
    });
    let further = [
        (found.unjudged, "would be sent, not judged: past --judge-max"),
        (found.counts.parked, "would be parked: sent back often enough"),
        (found.counts.before, "were sent back or parked before: nothing to do"),
    ];
    let further = further
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| [count.to_string(), what.to_owned(), String::new(), String::new()]);
    let stayed = found
        .stayed
        .iter()
        .map(|(why, count)| [count.to_string(), format!("would stay: {why}"), String::new(), String::new()]);
    let rows: Vec<[String; 4]> = rows.chain(further).chain(stayed).collect();
    if rows.is_empty() {
        let _ = writeln!(out, "No dead letter is meant ({} were looked at).", found.counts.seen);
        if !job.filter.is_empty() {
            out.push_str("Is the filter right? `tidegate dlq ls --all` shows what there is.\n");
        }
        return out;
    }
    let _ = writeln!(out, "{}", table(["COUNT", "OUTCOME", "RULE", "PLACE"], rows));
    if let Some(repair) = repair {
        let _ = writeln!(
            out,
            "\nRepair {}: {} of {} would go back changed.",
            repair.file, found.counts.repaired, found.counts.sent
        );
        for (step, (changed, idle)) in repair.steps.iter().zip(&found.steps) {
            let idle: Vec<String> = idle.iter().map(|(why, count)| format!("{why} {count}")).collect();
            let idle = if idle.is_empty() {
                String::new()
            } else {
                format!("; {}", idle.join(", "))
            };
            let _ = writeln!(out, "  {:<32} changed {changed}{idle}", step.action.words());
        }
    }
    if !found.pairs.is_empty() {
        let _ = writeln!(out, "\nExamples:");
    }
    for pair in &found.pairs {
        let (what, rule, pointer) = words(&pair.ruling);
        let _ = writeln!(out, "  {}  {} {rule} {pointer}", pair.place, what.trim_end());
        match &pair.changes {
            None => out.push_str("      changed; not JSON text\n"),
            Some(changes) if changes.is_empty() => out.push_str("      the original bytes\n"),
            Some(changes) => changes.iter().take(5).for_each(|change| {
                let _ = writeln!(out, "      {change}");
            }),
        }
    }
    for warning in warnings(found) {
        let _ = writeln!(out, "\nwarning: {warning}");
    }
    if found.stopped {
        out.push_str("\nStopped before everything was looked at.\n");
    } else if found.counts.sent + found.counts.parked > 0 {
        out.push_str("\nTo do it, say the same with --execute.\n");
    }
    out
}

/// About newer events of the same keys.
pub(crate) fn order_warnings(found: &Rehearsal) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(newer) = found.newer.as_ref().filter(|newer| newer.keys > 0) {
        out.push(format!(
            "{} of {} keys have newer events that were validated already (for example {}); what is sent back now comes after them",
            newer.keys,
            newer.of,
            newer.examples.join(", ")
        ));
    }
    if let Some(newer) = found.newer.as_ref().filter(|newer| newer.unseen > 0) {
        out.push(format!(
            "{} older validated offsets were not searched for newer events of the same keys; --order-search raises the bound",
            newer.unseen
        ));
    }
    out
}

fn warnings(found: &Rehearsal) -> Vec<String> {
    let mut out = order_warnings(found);
    for (sha256, count) in &found.repaired_before {
        out.push(format!(
            "{count} of these carry what an earlier repair has changed (SHA-256 {sha256}); --again sends the bytes that failed first"
        ));
    }
    if found.counts.expired > 0 {
        out.push(format!(
            "{} offsets of dead letters were removed by retention before they were looked at",
            found.counts.expired
        ));
    }
    if found.counts.unreadable > 0 {
        out.push(format!("{} {UNREADABLE}", found.counts.unreadable));
    }
    if !found.unexplained.is_empty() {
        out.push(format!(
            "the first records of {} are gone, and the state topic does not know who sent them: --execute will ask for --accept-unknown",
            found.unexplained.join(", ")
        ));
    } else if !found.gone.is_empty() {
        out.push(format!(
            "of {} not everything is there any more that earlier replays sent: dead letters that one of them may have sent stay",
            found.gone.join(", ")
        ));
    }
    out
}

fn words(ruling: &Ruling) -> (String, String, String) {
    match ruling {
        Ruling::Valid => ("would be valid".to_owned(), String::new(), String::new()),
        Ruling::Halts { reason, pointer } => (
            format!("would halt the retry topic (onFailure of its contract): {reason}"),
            String::new(),
            pointer.clone(),
        ),
        Ruling::Skipped(policy) => (format!("would be skipped: {policy}"), String::new(), String::new()),
        Ruling::Invalid { reason, rule, pointer } => (format!("would be invalid again: {reason}"), rule.clone(), pointer.clone()),
    }
}

/// A dry run as a document, version 1.
pub(crate) fn rehearsal_document(job: &Job, found: &Rehearsal) -> serde_json::Value {
    let rulings: Vec<serde_json::Value> = found
        .rulings
        .iter()
        .map(|(ruling, count)| match ruling {
            Ruling::Valid => json!({"outcome": "valid", "count": count}),
            Ruling::Halts { reason, pointer } => json!({"outcome": "halts", "reason": reason, "path": pointer, "count": count}),
            Ruling::Skipped(policy) => json!({"outcome": "skipped", "policy": policy, "count": count}),
            Ruling::Invalid { reason, rule, pointer } => {
                json!({"outcome": "invalid", "reason": reason, "rule": rule, "path": pointer, "count": count})
            }
        })
        .collect();
    let pairs: Vec<serde_json::Value> = found
        .pairs
        .iter()
        .map(|pair| json!({"place": pair.place, "changes": pair.changes, "valid": pair.ruling == Ruling::Valid}))
        .collect();
    json!({
        "v": 1,
        "dry_run": true,
        "topic": job.source,
        "target": job.target,
        "snapshot": job.snapshot,
        "repair": job.repair.as_ref().map(|repair| &repair.sha256),
        "counts": found.counts,
        "outcomes": rulings,
        "unjudged": found.unjudged,
        "stayed": found.stayed,
        "examples": pairs,
        "newer_keys": found.newer.as_ref().map(|newer| newer.keys),
        "complete": !found.stopped,
        "warnings": warnings(found),
    })
}

/// A real run as a document, version 1: what it shares with a dry run has the same names.
pub(crate) fn ended_document(job: &Job, ended: Ended) -> serde_json::Value {
    let how = match ended {
        Ended::Finished => "finished",
        Ended::Stopped => "stopped",
        Ended::TakenOver => "taken_over",
    };
    json!({
        "v": 1,
        "dry_run": false,
        "id": job.id,
        "topic": job.source,
        "target": job.target,
        "parked": job.parked,
        "snapshot": job.snapshot,
        "repair": job.repair.as_ref().map(|repair| &repair.sha256),
        "filter": job.filter,
        "by": job.by,
        "reason": job.reason,
        "begun": crate::commands::dlq::time(job.begun),
        "counts": job.counts,
        "ended": how,
        "complete": ended == Ended::Finished,
    })
}

/// A real run.
pub(crate) fn ended(job: &Job, ended: Ended) -> String {
    let Counts {
        seen,
        meant,
        sent,
        repaired,
        parked,
        before,
        stayed,
        expired,
        unreadable,
    } = job.counts;
    let how = match ended {
        Ended::Finished => "finished".to_owned(),
        Ended::TakenOver => "ended, because its producer was shut out".to_owned(),
        Ended::Stopped => format!("stopped; go on with: tidegate replay --resume {}", job.id),
    };
    let mut out = format!(
        "replay {}: {how}\n  {meant} of {seen} dead letters were meant: {sent} sent to {} ({repaired} of them repaired), {parked} parked, {before} had been \
         sent back before, {stayed} stay",
        job.id, job.target
    );
    if expired > 0 {
        let _ = write!(out, "\n  {expired} offsets were removed by retention before they were looked at");
    }
    if unreadable > 0 {
        let _ = write!(out, "\n  {unreadable} {UNREADABLE}");
    }
    if let ([fingerprint], Ended::Finished, 1..) = (job.filter.fingerprints.as_slice(), ended, sent) {
        let _ = write!(
            out,
            "\n  What fails again comes back as a new dead letter. When this is over: tidegate dlq mark {fingerprint} --state fixed"
        );
    }
    out
}
