//! For a program: one document, as `schemas/formats/preview-report.schema.json` says; counts are exact, lists are bounded.

use serde_json::{Value, json};

use super::COUNTS;
use crate::limit::Conclusion;
use crate::report::{Report, Stopped};
use crate::tally::{Change, RuleCount, RuleKey, Tally};

/// Name and version of the document.
const FORMAT: &str = "tidegate.preview/1";

/// One JSON document.
pub fn json(report: &Report) -> Value {
    let total = report.total();
    let mut document = counts(&total);
    document["format"] = json!(FORMAT);
    document["old"] = json!(report.sides.0);
    document["new"] = json!(report.sides.1);
    document["inputs"] = report
        .inputs
        .iter()
        .map(|input| {
            let mut counted = counts(&input.tally);
            counted["input"] = json!(input.name);
            counted["kind"] = json!(input.kind);
            counted["now"] = json!(input.now);
            counted["not_known"] = json!(input.unknown);
            counted["stopped"] = json!(input.stopped.map(|stopped| match stopped {
                Stopped::Events => "max_events",
                Stopped::Time => "max_time",
                Stopped::Asked => "asked",
            }));
            counted
        })
        .collect();
    document["rules"] = json!({
        "newly_failing": rules(&total, Change::NewlyFailing),
        "newly_passing": rules(&total, Change::NewlyPassing),
        "still_failing": rules(&total, Change::StillFailing),
    });
    document["reasons"] = json!({
        "newly_failing": reasons(&total, Change::NewlyFailing),
        "newly_passing": reasons(&total, Change::NewlyPassing),
        "still_failing": reasons(&total, Change::StillFailing),
    });
    document["undecided_for"] = total
        .undecided_for()
        .map(|(why, count)| {
            let positions: Vec<&str> = count.examples.iter().map(|example| example.position.as_str()).collect();
            json!({"why": why, "events": count.events, "examples": positions})
        })
        .collect();
    document["producers"] = total
        .producers()
        .iter()
        .map(|(name, count)| {
            json!({"producer": name, "events": count.events, "newly_failing": count.newly_failing, "newly_passing": count.newly_passing})
        })
        .collect();
    document["unenforced"] = total
        .unenforced_versions()
        .map(|(version, count)| json!({"version": version, "status": count.status, "would_refuse": count.events}))
        .collect();
    document["halting"] = total
        .halting_versions()
        .map(|(version, count)| json!({"version": version, "on_failure": count.on_failure, "events": count.events}))
        .collect();
    document["cut"] = json!(report.was_cut());
    if let Some((open, freed, already)) = report.dead_letters() {
        document["dead_letters"] = json!({"open": open, "freed": freed, "pass_already": already});
    }
    document["notes"] = json!(report.notes);
    document["limit"] = json!(report.limit.map(|limit| limit.to_string()));
    document["conclusion"] = json!(report.conclusion().map(|conclusion| match conclusion {
        Conclusion::Within => "within",
        Conclusion::Exceeded => "exceeded",
        Conclusion::CouldNotTell => "could_not_tell",
    }));
    document
}

fn counts(tally: &Tally) -> Value {
    let mut counted = json!({"events": tally.events(), "unchanged": tally.unchanged()});
    for (change, _) in COUNTS {
        counted[change.as_str()] = json!(tally.of(change));
    }
    counted
}

fn rules(tally: &Tally, change: Change) -> Value {
    let rule = |(key, count): &(&RuleKey, &RuleCount)| {
        json!({
            "object": &*key.subject,
            "reason": key.reason.as_str(),
            "rule": &*key.rule,
            "path": key.path,
            "events": count.events,
            "examples": count.examples.iter().map(|example| json!({
                "position": example.position,
                "pointer": example.value.as_ref().map(|(pointer, _)| pointer),
                "value": example.value.as_ref().map(|(_, value)| value),
            })).collect::<Vec<_>>(),
        })
    };
    json!({"list": tally.rules(change).iter().map(rule).collect::<Vec<_>>(), "beyond": tally.rules_beyond(change)})
}

fn reasons(tally: &Tally, change: Change) -> Value {
    tally
        .reasons(change)
        .map(|(reason, count)| (reason.as_str().to_owned(), json!(count)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
