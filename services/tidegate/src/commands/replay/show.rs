//! What a replay would do or has done, for people and for scripts.

use std::fmt::Write as _;

use serde_json::json;
use tidegate_repair::Repair;
use tidegate_replay::rehearse::Rehearsal;
use tidegate_replay::run::Ended;
use tidegate_replay::{Counts, Job, Ruling};

use crate::table::table;

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
            let _ = writeln!(out, "  {:<32} changed {changed}; {}", step.action.words(), idle.join(", "));
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

fn warnings(found: &Rehearsal) -> Vec<String> {
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
    if !found.gone.is_empty() {
        out.push(format!(
            "the first records of {} are gone: which dead letters were sent back so long ago is not known, and --execute will ask for --accept-unknown",
            found.gone.join(", ")
        ));
    }
    out
}

fn words(ruling: &Ruling) -> (String, String, String) {
    match ruling {
        Ruling::Valid => ("would be valid".to_owned(), String::new(), String::new()),
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
    } = job.counts;
    let how = match ended {
        Ended::Finished => "finished".to_owned(),
        Ended::Stopped => format!("stopped; go on with: tidegate replay --resume {}", job.id),
    };
    format!(
        "replay {}: {how}\n  {meant} of {seen} dead letters were meant: {sent} sent to {} ({repaired} of them repaired), {parked} parked, {before} had been \
         sent back before, {stayed} stay",
        job.id, job.target
    )
}
