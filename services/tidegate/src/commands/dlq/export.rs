//! The dead letters of a group as JSON lines.

use std::io::Write;

use serde_json::{Value, json};
use tidegate_flow::ports::{Cluster as _, Scan as _};
use tidegate_flow::{Header, NextOffset, TopicPartition, stamp};
use tidegate_kafka::ClusterClient;
use tidegate_replay::fold::Memo;
use tidegate_replay::{Contracts as _, Letter, Watch as _, mask};

use super::look::Look;
use super::show::time;
use crate::cli::DlqExportArgs;
use crate::commands::replay::Progress;
use crate::signals::stop_flag;

/// Records that are read at once: a record may be large.
const CHUNK: usize = 64;

/// Writes at most `limit` of them; how many, and whether that is all that is still there.
pub(super) fn write(look: &mut Look, fingerprint: &str, args: &DlqExportArgs, out: &mut dyn Write) -> anyhow::Result<(u64, bool)> {
    let last = look.groups[fingerprint].last.clone();
    let (mut memo, mut written) = (Memo::default(), 0);
    let mut progress = Progress::new(stop_flag());
    let mut cluster = ClusterClient::connect(&look.config.kafka)?;
    let mut read = 0;
    for fold in &look.survey.folds {
        let at = TopicPartition::new(fold.topic.as_str(), fold.partition);
        let Some(last) = last.get(&tidegate_replay::fold::partition_text(&at)) else {
            continue;
        };
        let bounds = cluster.offsets(&fold.topic)?;
        let low = usize::try_from(fold.partition).ok().and_then(|index| bounds.get(index));
        // Retention may have removed what was counted.
        let from = low.map_or(fold.from, |(low, _)| fold.from.max(low.0));
        let (mut next, until) = (NextOffset(from), NextOffset(last + 1));
        eprintln!("reading at most {} offsets of {at}, up to {last}", (until.0 - from).max(0));
        while next < until {
            let left = usize::try_from(args.look.max.saturating_sub(read)).unwrap_or(0);
            if left == 0 {
                eprintln!("stopped at --max {}: not everything was looked at", args.look.max);
                return Ok((written, false));
            }
            let records = look.scan.scan(&at, next, until, CHUNK.min(left))?;
            let Some(end) = records.last() else { break };
            next = end.origin.offset.next();
            read += i64::try_from(records.len()).unwrap_or(i64::MAX);
            for letter in records.iter().filter_map(Letter::read) {
                if memo.group(&letter).0 != fingerprint {
                    continue;
                }
                if written >= args.limit {
                    eprintln!("stopped at --limit {}", args.limit);
                    return Ok((written, false));
                }
                writeln!(out, "{}", line(look, &letter, args.values))?;
                written += 1;
            }
            if !progress.read(&at, next, until, records.len()) {
                eprintln!("stopped before the end");
                return Ok((written, false));
            }
        }
    }
    Ok((written, true))
}

fn line(look: &Look, letter: &Letter<'_>, values: bool) -> Value {
    let class = letter.class();
    let contract = letter.stamp.contract.as_ref();
    let topic = &letter.stamp.origin.at.topic;
    let has_field = |name: &str| look.contracts.has_field(topic, contract, name);
    let mut line = json!({
        "place": letter.place(),
        "origin": stamp::origin_text(&letter.stamp.origin),
        "first_origin": letter.first_origin(),
        "contract": contract.map(ToString::to_string),
        "reason": class.reason,
        "detail": class.detail,
        "rule": class.rule,
        "path": class.path,
        "failed_at": time(letter.failed_at),
        "attempts": letter.attempts,
        "errors": letter.text(stamp::ERRORS).and_then(|text| serde_json::from_str::<Value>(text).ok()),
        "looks_like": mask::shape(letter.record.value.as_deref(), &has_field),
    });
    if values {
        line["timestamp"] = json!(letter.record.timestamp);
        line["key"] = text(letter.record.key.as_deref());
        line["value"] = text(letter.record.value.as_deref());
        line["headers"] = letter.own_headers().iter().map(header).collect();
    }
    line
}

fn header(header: &Header) -> Value {
    json!([*header.name, text(header.value.as_deref())])
}

/// Text where the bytes are UTF-8; else their hex digits, in an object that says so.
fn text(bytes: Option<&[u8]>) -> Value {
    match bytes.map(std::str::from_utf8) {
        None => Value::Null,
        Some(Ok(text)) => text.into(),
        Some(Err(_)) => {
            let hex: String = bytes.unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"hex": hex})
        }
    }
}
