//! SLA properties: which question each of them is.

use tidegate_contract::model::{SchemaObject, SlaProperty, Threshold};
use tidegate_contract::{Contract, Severity};

use super::{Planner, Refusal};
use crate::column::{self, Column, ColumnKind};
use crate::objective::{EventTime, Limit, Objective, Planned, Probe};
use crate::traffic::MINUTE;
use crate::{duration, reading, sql};

const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The window of shares where `valueExt` names none: the usual one of error budgets.
const SHARES_OVER: i64 = 30 * DAY;
/// The window of a rate where `valueExt` names none.
const RATES_OVER: i64 = HOUR;
/// The window of a frequency where `valueExt` names none; at least ten times the promised gap.
const GAPS_OVER: i64 = DAY;
/// Most gaps that a window may have.
const GAPS_MAX: i64 = 1_000_000;

/// What is measured, what it is held against, what a reader should know.
type Promise = (Probe, Limit, Vec<String>);

// === impl Planner ===

impl Planner<'_> {
    pub(super) fn sla(&mut self, sla: &SlaProperty) {
        let contract = self.contract;
        match &*sla.property {
            // About the contract as a whole, whatever its rows.
            "endOfSupport" | "endOfLife" => return self.push_sla(sla, None, None, until(sla)),
            "freshness" | "latency" | "frequency" | "errorRate" | "throughput" | "availability" | "retention" | "timeOfAvailability" => {}
            _ => {
                let why = match sla.property.to_ascii_lowercase().as_str() {
                    "generalavailability" | "timetodetect" | "timetonotify" | "timetorepair" => {
                        "it is a promise for people, not measured in rows"
                    }
                    _ => "it is not a property that Tidegate measures",
                };
                let why = format!("`{}`: {why}", sla.property);
                return self.push_sla(sla, None, None, Err(Refusal::NotExecuted(why)));
            }
        }
        if sla.elements.is_empty() {
            let bound: Vec<&SchemaObject> = contract.objects.iter().filter(|object| object.topic.is_some()).collect();
            for object in &bound {
                self.push_sla(sla, Some(object), None, promise(sla, object, None));
            }
            if bound.is_empty() {
                let why = "no object of the contract is bound to a topic, so there are no rows in the lake";
                self.push_sla(sla, None, None, Err(Refusal::NotExecuted(why.into())));
            }
            return;
        }
        for element in &sla.elements {
            match element_of(contract, element) {
                Some((object, None)) => self.push_sla(sla, Some(object), None, promise(sla, object, None)),
                Some((object, Some(dotted))) => match column::find(&object.properties, dotted) {
                    Some(column) => self.push_sla(sla, Some(object), Some(dotted), promise(sla, object, Some(column))),
                    None => {
                        let why = format!(
                            "`element` names `{element}`, and `{}` has no such property outside of lists and maps",
                            object.name
                        );
                        self.push_sla(sla, Some(object), Some(dotted), Err(Refusal::Undecidable(why)));
                    }
                },
                None => {
                    let why =
                        format!("`element` names `{element}`, which is no object of the contract: write `object` or `object.property`");
                    self.push_sla(sla, None, None, Err(Refusal::Undecidable(why)));
                }
            }
        }
    }

    fn push_sla(&mut self, sla: &SlaProperty, object: Option<&SchemaObject>, dotted: Option<&str>, judged: Result<Promise, Refusal>) {
        let mut clause = self.clause(
            object,
            dotted,
            &sla.id,
            &sla.property,
            Severity::Error,
            sla.driver.clone(),
            &sla.location,
        );
        clause.schedule = sla.schedule.clone();
        self.clauses.push(match judged {
            Ok((probe, limit, notes)) => Planned::Judge(Objective {
                clause,
                table: object.map_or_else(|| "".into(), |object| sql::log_table(&object.name).into()),
                cdc: object.is_some_and(|object| object.settings.cdc.is_some()),
                probe,
                limit,
                notes,
            }),
            Err(refusal) => refusal.of(clause),
        });
    }
}

/// The object that an element names, and what follows it. The longest name wins, so that `a.b` may be an object beside `a`.
fn element_of<'a, 'e>(contract: &'a Contract, element: &'e str) -> Option<(&'a SchemaObject, Option<&'e str>)> {
    let rest = |name: &str| match element.strip_prefix(name)? {
        "" => Some(None),
        rest => rest.strip_prefix('.').map(Some),
    };
    let candidates = contract.objects.iter().flat_map(|object| {
        let names = std::iter::once(&object.name).chain(object.topic.iter());
        names.filter_map(move |name| rest(name).map(|rest| (name.len(), object, rest)))
    });
    candidates
        .max_by_key(|(length, _, _)| *length)
        .map(|(_, object, rest)| (object, rest))
}

fn until(sla: &SlaProperty) -> Result<Promise, Refusal> {
    let date = reading::end_of(&sla.value).map_err(Refusal::Undecidable)?;
    Ok((Probe::Until(date), Limit::AtLeast(0), Vec::new()))
}

fn promise(sla: &SlaProperty, object: &SchemaObject, column: Option<Column>) -> Result<Promise, Refusal> {
    if object.topic.is_none() {
        return Err(Refusal::NotExecuted(format!(
            "object `{}` is bound to no topic, so it has no rows in the lake",
            object.name
        )));
    }
    let undecidable = |result: Result<i64, String>| result.map_err(Refusal::Undecidable);
    let length = || undecidable(duration::limit_micros(&sla.value, sla.unit.as_deref()));
    let window = |default| undecidable(reading::window(sla.value_ext.as_ref(), default));
    let unused = || match &sla.value_ext {
        Some(_) => vec!["`valueExt` is not used".to_owned()],
        None => Vec::new(),
    };
    let operator = |threshold, percent| Limit::Operator { threshold, percent };
    Ok(match &*sla.property {
        "freshness" => {
            let mut notes = unused();
            let event = event_time(object, column, false, &mut notes)?;
            (Probe::Freshness(event), Limit::Within(length()?), notes)
        }
        "latency" => {
            let mut notes = unused();
            let event = event_time(object, column, true, &mut notes)?;
            (Probe::Latency(event), Limit::Within(length()?), notes)
        }
        "timeOfAvailability" => {
            let mut notes = unused();
            let event = event_time(object, column, false, &mut notes)?;
            let (time, offset) = reading::time_of_day(&sla.value).map_err(Refusal::Undecidable)?;
            let probe = Probe::DayBy { event, time, offset };
            (probe, operator(Threshold::GreaterOrEqual(99.0), true), notes)
        }
        "frequency" => {
            let every = length()?;
            let window = window(GAPS_OVER.max(every.saturating_mul(10)))?;
            if every == 0 || window / every > GAPS_MAX {
                return Err(Refusal::Undecidable(
                    "the promised gap is too short for its window: name a shorter one in `valueExt`".into(),
                ));
            }
            (Probe::Frequency { every, window }, Limit::Within(every), arrivals(column.as_ref()))
        }
        "throughput" => {
            let (records, per) = reading::rate(&sla.value, sla.unit.as_deref()).map_err(Refusal::Undecidable)?;
            let window = window(RATES_OVER.max(per))?;
            let probe = Probe::Throughput { per, window };
            (
                probe,
                operator(Threshold::GreaterOrEqual(records), false),
                arrivals(column.as_ref()),
            )
        }
        "errorRate" => {
            let most = reading::percent(&sla.value, sla.unit.as_deref()).map_err(Refusal::Undecidable)?;
            let probe = Probe::ErrorRate {
                window: window(SHARES_OVER)?,
            };
            (probe, operator(Threshold::LessOrEqual(most), true), arrivals(column.as_ref()))
        }
        "availability" => {
            let least = reading::percent(&sla.value, sla.unit.as_deref()).map_err(Refusal::Undecidable)?;
            let probe = Probe::Availability {
                window: window(SHARES_OVER)?,
            };
            (probe, operator(Threshold::GreaterOrEqual(least), true), arrivals(column.as_ref()))
        }
        "retention" => return retention(sla, column.as_ref()),
        other => unreachable!("`sla` lets `{other}` not through"),
    })
}

/// Kept at least so long, or at most so long: the standard says the one, tools measure the other, so the author chooses.
fn retention(sla: &SlaProperty, column: Option<&Column>) -> Result<Promise, Refusal> {
    use tidegate_contract::model::Literal;
    let choice = match &sla.value_ext {
        Some(Literal::String(text)) => text.to_ascii_lowercase(),
        _ => String::new(),
    };
    if !matches!(choice.as_str(), "min" | "max") {
        return Err(Refusal::NotExecuted(
            "`retention` could mean that rows are kept at least so long, or at most: say `valueExt: min` or `valueExt: max`".into(),
        ));
    }
    let calendar = sla.unit.as_deref().is_some_and(|unit| {
        matches!(
            unit.to_ascii_lowercase().as_str(),
            "m" | "month" | "months" | "y" | "yr" | "yrs" | "year" | "years"
        )
    });
    if calendar {
        return Err(Refusal::NotExecuted(
            "`retention` in calendar months or years has no fixed length: say it in days".into(),
        ));
    }
    let length = duration::limit_micros(&sla.value, sla.unit.as_deref()).map_err(Refusal::Undecidable)?;
    let limit = match choice.as_str() {
        "min" => Limit::AtLeast(length),
        _ => Limit::Within(length),
    };
    Ok((Probe::Retention, limit, arrivals(column)))
}

/// These look at when records came, not at when something happened.
fn arrivals(column: Option<&Column>) -> Vec<String> {
    column
        .map(|column| format!("the Kafka record's timestamp counts, not `{}`", column.dotted()))
        .into_iter()
        .collect()
}

fn event_time(object: &SchemaObject, column: Option<Column>, latency: bool, notes: &mut Vec<String>) -> Result<EventTime, Refusal> {
    let event =
        match (column, &object.settings.event_time) {
            (Some(column), _) => EventTime::Property(column),
            (None, Some(path)) => EventTime::Property(column::find(&object.properties, path).ok_or_else(|| {
                Refusal::Undecidable(format!("the object's event time `{path}` is no property outside of lists and maps"))
            })?),
            (None, None) if object.settings.cdc.is_some() => EventTime::SourceTime,
            (None, None) => EventTime::RecordTimestamp,
        };
    match &event {
        EventTime::RecordTimestamp if latency => {
            return Err(Refusal::Undecidable(
                "nothing says when an event happened: name a property in `element`, or set the object's event time".into(),
            ));
        }
        EventTime::RecordTimestamp => notes.push("no event time is named: the Kafka record's timestamp stands in".to_owned()),
        EventTime::SourceTime => {}
        EventTime::Property(column) => match column.kind {
            ColumnKind::Timestamp { zoned: true } => {}
            ColumnKind::Timestamp { zoned: false } => notes.push(format!("`{}` has no zone and is read as UTC", column.dotted())),
            ColumnKind::Date if latency => {
                return Err(Refusal::Undecidable(format!(
                    "`{}` is a date: without a time of day there is no latency",
                    column.dotted()
                )));
            }
            ColumnKind::Date => notes.push(format!("`{}` is a date and counts from its midnight in UTC", column.dotted())),
            _ => {
                return Err(Refusal::Undecidable(format!(
                    "`{}` is neither a timestamp nor a date",
                    column.dotted()
                )));
            }
        },
    }
    Ok(event)
}
