//! Debezium's own records, by what they hold and where they are.

use super::{ChangeEvent, ControlKind, Unwrapped};
use crate::token::{Reader, Token};

/// Actions and marks that Debezium writes to, or reads from, a signalling table.
const SIGNALS: [&str; 8] = [
    "execute-snapshot",
    "stop-snapshot",
    "pause-snapshot",
    "resume-snapshot",
    "snapshot-window-open",
    "snapshot-window-close",
    "schema-changes",
    "log",
];

/// Whether an unwrapped value of that topic is a control record. Both have to agree, since a row could look like one: heartbeats lie on
/// `__debezium-heartbeat.*`, transactions on `*.transaction`; a schema change is told by what it holds alone (its topic is the bare
/// prefix), and so are the control records of DMS and Maxwell. A signal is a row of a table with `signal` in its name that has exactly `id`, `type` and `data` and a type of Debezium's.
pub fn control_kind(topic: &str, unwrapped: &Unwrapped<'_>) -> Option<ControlKind> {
    match unwrapped {
        Unwrapped::Control(kind) => match kind {
            ControlKind::Heartbeat => topic.starts_with("__debezium-heartbeat"),
            ControlKind::Transaction => topic.ends_with(".transaction"),
            ControlKind::SchemaChange | ControlKind::Signal | ControlKind::Definition | ControlKind::Bootstrap => true,
        }
        .then_some(*kind),
        Unwrapped::Change(envelope) => is_signal(envelope).then_some(ControlKind::Signal),
        Unwrapped::LogicalMessage(_) | Unwrapped::Tombstone => None,
    }
}

fn is_signal(envelope: &ChangeEvent<'_>) -> bool {
    let Some(row) = envelope.after.as_ref().or(envelope.before.as_ref()) else {
        return false;
    };
    if !envelope.table.as_deref().is_some_and(|table| table.contains("signal")) {
        return false;
    }
    let mut reader = row.reader();
    let (mut columns, mut known) = (0, false);
    loop {
        match reader.next() {
            Ok(Token::Key(key)) if matches!(&*key, "id" | "data") => columns += 1,
            Ok(Token::Key(key)) if key == "type" => {
                columns += 1;
                known = matches!(reader.next(), Ok(Token::Str(kind)) if SIGNALS.contains(&&*kind));
            }
            Ok(Token::BeginObject | Token::Str(_) | Token::Null) => {}
            Ok(Token::EndObject) => return columns == 3 && known,
            _ => return false,
        }
    }
}
