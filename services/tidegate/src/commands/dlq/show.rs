//! Groups for people and for scripts. Nothing here shows a value of an event.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tidegate_flow::{Record, stamp};
use tidegate_replay::{Letter, Standing};

use super::look::{Entry, Look};
use crate::screen::escaped;
use crate::table::table;

/// `dlq ls`.
pub(super) fn list(look: &Look, entries: &[Entry<'_>], all: bool) -> String {
    let rows = entries.iter().map(|entry| {
        let class = &entry.group.class;
        let contract = match (&class.contract, class.major) {
            (Some(id), Some(major)) => format!("{id} v{major}"),
            (Some(id), None) => id.clone(),
            (None, _) => format!("none ({})", class.topic.as_deref().unwrap_or("?")),
        };
        let producer = entry.group.producer().map_or_else(String::new, |(name, count)| {
            let share = count * 100 / entry.group.count.max(1);
            if name == "-" { "-".to_owned() } else { format!("{name} {share}%") }
        });
        [
            entry.fingerprint.to_owned(),
            standing(entry.standing),
            entry.group.count.to_string(),
            rate(entry.rate),
            time(entry.group.first_at),
            time(entry.group.last_at),
            contract,
            class.rule.clone(),
            class.path.clone(),
            class.kind(),
            producer,
            entry.owner.unwrap_or("-").to_owned(),
        ]
    });
    let mut out = String::new();
    if entries.is_empty() {
        let closed = look.groups.len();
        out.push_str(match (closed, all) {
            (0, _) => "No dead letters.\n",
            _ => "No open group of dead letters; --all shows those that are ignored or fixed.\n",
        });
    } else {
        let headings = [
            "GROUP", "STATE", "COUNT", "PER HOUR", "FIRST", "LAST", "CONTRACT", "RULE", "PLACE", "CLASS", "PRODUCER", "OWNER",
        ];
        let _ = writeln!(out, "{}", table(headings, rows));
    }
    for line in remarks(look) {
        let _ = writeln!(out, "{line}");
    }
    out.trim_end().to_owned()
}

/// `dlq count`.
pub(super) fn counted(look: &Look) -> String {
    let (groups, open) = (look.groups.len(), look.entries(false).len());
    let mut out = format!(
        "{} dead letters counted now; {groups} groups, {open} of them open",
        look.survey.read
    );
    for line in remarks(look) {
        let _ = write!(out, "\n{line}");
    }
    out
}

/// `dlq count --output json`, version 1: one line, for a log.
pub(super) fn counted_document(look: &Look) -> Value {
    json!({
        "v": 1,
        "counted": look.survey.read,
        "groups": look.groups.len(),
        "open": look.entries(false).len(),
        "complete": look.survey.unread == 0,
        "kept": look.is_kept,
        "remarks": remarks(look),
    })
}

fn remarks(look: &Look) -> Vec<String> {
    let survey = &look.survey;
    let mut out = Vec::new();
    let others: u64 = survey.folds.iter().map(|fold| fold.others).sum();
    let unreadable: u64 = survey.folds.iter().map(|fold| fold.unreadable).sum();
    if survey.unread > 0 {
        out.push(format!(
            "incomplete: {} offsets were not looked at; look again, or raise --max",
            survey.unread
        ));
    }
    if others > 0 {
        out.push(format!("and {others} dead letters of further groups, which are counted together"));
    }
    let gone: u64 = survey.folds.iter().map(|fold| fold.gone).sum();
    if gone > 0 {
        out.push(format!("not listed: {gone} dead letters of groups of which none is left"));
    }
    let skipped: i64 = survey.folds.iter().map(|fold| fold.skipped).sum();
    if skipped > 0 {
        out.push(format!(
            "{skipped} offsets were removed by retention before anybody looked; they are not counted"
        ));
    }
    if unreadable > 0 {
        out.push(format!(
            "and {unreadable} records without a stamp of Tidegate: only the validator may write to these topics"
        ));
    }
    if survey.removed > 0 {
        out.push(format!(
            "the counts include dead letters of {} offsets that retention has removed since",
            survey.removed
        ));
    }
    if !look.has_state {
        out.push(format!("note: {}", super::no_state_topic(&look.config)));
    }
    out
}

/// `dlq ls --output json`, version 1.
pub(super) fn list_document(look: &Look, entries: &[Entry<'_>]) -> Value {
    json!({
        "v": 1,
        "groups": entries.iter().map(document).collect::<Vec<_>>(),
        "complete": look.survey.unread == 0,
        "remarks": remarks(look),
    })
}

fn document(entry: &Entry<'_>) -> Value {
    let group = entry.group;
    json!({
        "group": entry.fingerprint,
        "state": entry.standing.as_str(),
        "until": match entry.standing { Standing::Ignored(until) => Some(time(until)), _ => None },
        "note": entry.mark.and_then(|mark| mark.note.as_deref()),
        "by": entry.mark.map(|mark| mark.by.as_str()),
        "said_at": entry.mark.map(|mark| time(mark.at)),
        "contract": group.class.contract,
        "major": group.class.major,
        "version": group.version,
        "topic": group.class.topic,
        "rule": group.class.rule,
        "path": group.class.path,
        "reason": group.class.reason,
        "detail": group.class.detail,
        "count": group.count,
        "again": group.again,
        "per_hour": (entry.rate * 10.0).round() / 10.0,
        "first": time(group.first_at),
        "last": time(group.last_at),
        "producers": group.producers,
        "owner": entry.owner,
        "example": group.example,
        "samples": group.samples,
    })
}

/// `dlq show --output json`, version 1.
pub(super) fn group_document(entry: &Entry<'_>, samples: &[Record]) -> Value {
    let mut document = document(entry);
    document["v"] = 1.into();
    let said = entry.mark.map(|mark| mark.earlier.as_slice()).unwrap_or_default().iter();
    document["earlier"] = said
        .map(|said| json!({"state": said.state.as_str(), "until": said.until.map(time), "note": said.note, "by": said.by, "at": time(said.at)}))
        .collect();
    document["reasons"] = samples
        .iter()
        .filter_map(Letter::read)
        .map(|letter| json!({"place": letter.place(), "origin": stamp::origin_text(&letter.stamp.origin), "errors": errors(&letter)}))
        .collect();
    document
}

/// `dlq show`.
pub(super) fn group(look: &Look, entry: &Entry<'_>, samples: &[Record]) -> String {
    let group = entry.group;
    let class = &group.class;
    let contract = class.contract.as_deref().unwrap_or("none");
    let version = group.version.as_deref().map_or_else(String::new, |version| format!("@{version}"));
    let mut out = format!(
        "Group {}: {} at {}\n",
        entry.fingerprint,
        escaped(&class.kind()),
        if class.path.is_empty() {
            "the event".to_owned()
        } else {
            escaped(&class.path)
        }
    );
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "  {name:<10} {}", escaped(&value));
    };
    line("state", standing(entry.standing));
    if let Some(mark) = entry.mark {
        let note = mark.note.as_deref().unwrap_or("no note");
        line("said", format!("by {} at {}: {note}", mark.by, time(mark.at)));
        for said in mark.earlier.iter().rev() {
            let note = said.note.as_deref().unwrap_or("no note");
            line(
                "before",
                format!("{} by {} at {}: {note}", said.state.as_str(), said.by, time(said.at)),
            );
        }
    }
    line(
        "contract",
        format!("{contract}{version}, owner {}", entry.owner.unwrap_or("not named")),
    );
    line(
        "rule",
        if class.rule.is_empty() {
            "not known: its headers do not carry it, for example because the record was too large with it".to_owned()
        } else {
            class.rule.clone()
        },
    );
    line(
        "count",
        format!(
            "{} ({} of them had been sent back before), {} an hour",
            group.count,
            group.again,
            rate(entry.rate)
        ),
    );
    line("seen", format!("{} to {}", time(group.first_at), time(group.last_at)));
    let producers: Vec<String> = group.producers.iter().map(|(name, count)| format!("{name} {count}")).collect();
    line("producers", producers.join(", "));
    line("looks like", group.example.clone());
    out.push_str("\nNewest dead letters:\n");
    for record in samples {
        let Some(letter) = Letter::read(record) else { continue };
        let _ = writeln!(out, "  {}  from {}", letter.place(), stamp::origin_text(&letter.stamp.origin));
        for error in errors(&letter).as_array().into_iter().flatten().take(5) {
            let text = |name: &str| escaped(error[name].as_str().unwrap_or_default());
            let _ = writeln!(
                out,
                "      {} {} at {}  ({})",
                text("reason"),
                text("rule"),
                text("pointer"),
                text("contract")
            );
        }
    }
    if samples.is_empty() {
        out.push_str("  none is there any more: retention has removed them\n");
    }
    let topic = source(samples).unwrap_or_else(|| "TOPIC".to_owned());
    let _ = write!(
        out,
        "\nHow to put it right:\n{}",
        advice(&class.reason, &escaped(&class.path), entry.fingerprint, &escaped(&topic))
    );
    if look.config.validator.retry_topic.is_none() {
        out.push_str("\n  (validator.retry_topic is not set, which a replay needs)");
    }
    out
}

/// The topic that the events first came from.
fn source(samples: &[Record]) -> Option<String> {
    let letter = samples.iter().find_map(Letter::read)?;
    Some(stamp::parse_origin(&letter.first_origin())?.at.topic.to_string())
}

fn errors(letter: &Letter<'_>) -> Value {
    letter
        .text(stamp::ERRORS)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or(Value::Null)
}

fn advice(reason: &str, path: &str, fingerprint: &str, topic: &str) -> String {
    let place = if path.is_empty() { "/field" } else { path };
    let (what, steps) = match reason {
        "type_mismatch" => (
            "If the values only have another type, cast them:",
            format!("  - cast: {place}\n    to: number        # integer, number, string, boolean"),
        ),
        "required_missing" => (
            "If a value can be given, set it:",
            format!("  - set: {place}\n    value: …          # under a condition: when: value.channel == 'web'"),
        ),
        "additional_properties" => (
            "If the field is not meant to be there, remove or rename it (its name: tidegate dlq export GROUP --values --limit 1):",
            format!("  - remove: {}", place.trim_end_matches("/*").to_owned() + "/NAME"),
        ),
        "constraint_violation" | "semantic_violation" => (
            "If the data is wrong, set what is right; if the rule is, change the contract and send the original bytes back:",
            format!("  - set: {place}\n    value: …"),
        ),
        "no_contract" | "contract_retired" | "unplanned_event" => {
            return format!(
                "  Bring a contract that describes these events; then the original bytes go back:\n  tidegate replay --topic {topic} --fingerprint {fingerprint}"
            );
        }
        _ => {
            return format!(
                "  Such bytes cannot be repaired by a file. Put the producer right; where a changed contract reads them, send the originals back:\n  tidegate replay --topic {topic} --fingerprint {fingerprint}"
            );
        }
    };
    format!(
        "  {what}\n\n    tidegate: repair/v1\n    steps:\n    {}\n\n  See what it would do, then do it with --execute:\n  tidegate replay --topic {topic} --fingerprint {fingerprint} --repair FILE",
        steps.replace('\n', "\n    ")
    )
}

fn standing(standing: Standing) -> String {
    match standing {
        Standing::Ignored(until) => format!("ignored until {}", time(until)),
        other => other.as_str().to_owned(),
    }
}

fn rate(rate: f64) -> String {
    if rate > 0.0 && rate < 10.0 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.0}")
    }
}

/// To the second.
pub(crate) fn time(micros: i64) -> String {
    jiff::Timestamp::from_second(micros.div_euclid(1_000_000)).map_or_else(|_| micros.to_string(), |time| time.to_string())
}
