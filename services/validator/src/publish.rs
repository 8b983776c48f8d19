//! Makes the outcomes of a batch and its source positions visible together, or not at all.
//!
//! The order of `reliability.md` D2: begin, send all, wait for every delivery, compare the count, check that the partitions are still
//! ours, add the positions, commit. Any mismatch aborts. Faults are taken in librdkafka's order: fatal, abortable, retriable.

use tidegate_flow::ports::{Delivery, Exchange, FaultClass, Refusal, TransactionFault};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{Position, WorldError};

use crate::settings::Mode;

/// What became of a batch.
#[derive(Debug)]
pub enum Published {
    /// Visible, and its positions are committed.
    Committed,
    /// Nothing of it is visible to read_committed (or, in at_least_once, its positions are not committed): rewind and judge again.
    Aborted(Cause),
    /// Only what the group has committed can tell; ask it.
    Unknown,
}

/// Why a batch did not go through.
#[derive(Debug)]
pub enum Cause {
    /// Records that are too large, by index into the batch.
    TooLarge(Vec<usize>),
    /// Brokers refused something else, or a transactional call failed.
    Refused {
        /// What was said.
        what: String,
        /// Retrying alone will not heal it.
        operator: bool,
    },
    /// A partition of the batch is no longer ours.
    Lost,
}

/// Publishes a batch. `Err` means that there is no usable producer right now; the batch is not visible.
pub fn publish(exchange: &mut dyn Exchange, mode: Mode, batch: Vec<Outgoing>, positions: &[Position]) -> Result<Published, WorldError> {
    match mode {
        Mode::ExactlyOnce => in_transaction(exchange, batch, positions),
        Mode::AtLeastOnce => acknowledged(exchange, batch, positions),
    }
}

fn in_transaction(exchange: &mut dyn Exchange, batch: Vec<Outgoing>, positions: &[Position]) -> Result<Published, WorldError> {
    if let Err(fault) = exchange.begin() {
        return give_up(exchange, &fault);
    }
    let expected = batch.len();
    let delivery = match exchange.send(batch) {
        Ok(delivery) => delivery,
        Err(fault) => return give_up(exchange, &fault),
    };
    if let Some(cause) = incomplete(&delivery, expected) {
        return abort(exchange, cause);
    }
    if !owns_all(exchange, positions) {
        return abort(exchange, Cause::Lost);
    }
    if let Err(fault) = resumed(|| exchange.send_offsets(positions).map(|()| true)) {
        return give_up(exchange, &fault);
    }
    match resumed(|| exchange.commit_transaction()) {
        Ok(true) => Ok(Published::Committed),
        // It went through, yet a late duplicate of the request may still arrive and end a later transaction (KIP-890).
        Ok(false) => {
            exchange.renew()?;
            Ok(Published::Committed)
        }
        Err(fault) if fault.class == FaultClass::Abortable => give_up(exchange, &fault),
        // The commit may or may not have happened. A new producer makes the coordinator finish the old transaction one way; what
        // the group has committed then tells which.
        Err(fault) => {
            tracing::warn!(fault = %fault, "a commit has no definite answer; making a new producer and asking the group");
            exchange.renew()?;
            Ok(Published::Unknown)
        }
    }
}

fn acknowledged(exchange: &mut dyn Exchange, batch: Vec<Outgoing>, positions: &[Position]) -> Result<Published, WorldError> {
    let expected = batch.len();
    let delivery = match exchange.send(batch) {
        Ok(delivery) => delivery,
        Err(fault) => {
            exchange.renew()?;
            return Ok(Published::Aborted(refused(&fault)));
        }
    };
    if let Some(cause) = incomplete(&delivery, expected) {
        return Ok(Published::Aborted(cause));
    }
    if !owns_all(exchange, positions) {
        return Ok(Published::Aborted(Cause::Lost));
    }
    match exchange.commit(positions) {
        Ok(()) => Ok(Published::Committed),
        Err(error) => {
            let operator = error.remedy == tidegate_flow::Remedy::Operator;
            Ok(Published::Aborted(Cause::Refused {
                what: error.to_string(),
                operator,
            }))
        }
    }
}

/// Calls again while the answer is "retriable", so that the end is definite. The brokers end an abandoned transaction themselves, after
/// which the call fails for good, so this ends. Anything but a first quick answer counts as slow.
fn resumed(mut call: impl FnMut() -> Result<bool, TransactionFault>) -> Result<bool, TransactionFault> {
    let mut first = true;
    loop {
        match call() {
            Ok(quick) => return Ok(first && quick),
            Err(fault) if fault.class == FaultClass::Retriable => {
                tracing::warn!(fault = %fault, "a transactional call has no answer yet; resuming it");
                first = false;
            }
            Err(fault) => return Err(fault),
        }
    }
}

/// Ends a transaction after a fault. Only an abort that is definite leaves a usable producer.
fn give_up(exchange: &mut dyn Exchange, fault: &TransactionFault) -> Result<Published, WorldError> {
    let cause = refused(fault);
    if fault.class == FaultClass::Fatal {
        tracing::warn!(fault = %fault, "the producer is lost; making a new one");
        exchange.renew()?;
        return Ok(Published::Aborted(cause));
    }
    abort(exchange, cause)
}

fn abort(exchange: &mut dyn Exchange, cause: Cause) -> Result<Published, WorldError> {
    match resumed(|| exchange.abort_transaction()) {
        Ok(true) => {}
        Ok(false) | Err(_) => exchange.renew()?,
    }
    Ok(Published::Aborted(cause))
}

fn refused(fault: &TransactionFault) -> Cause {
    Cause::Refused {
        what: fault.what.clone(),
        operator: fault.operator,
    }
}

/// Whether each record was acknowledged. A local refusal does not fail a transaction by itself: the count is what tells.
fn incomplete(delivery: &Delivery, expected: usize) -> Option<Cause> {
    if delivery.refused.is_empty() && delivery.delivered == expected {
        return None;
    }
    let large: Vec<usize> = delivery
        .refused
        .iter()
        .filter(|(_, refusal, _)| *refusal == Refusal::TooLarge)
        .map(|(index, _, _)| *index)
        .collect();
    if !large.is_empty() {
        return Some(Cause::TooLarge(large));
    }
    let what = match delivery.refused.first() {
        Some((_, _, what)) => format!("{} of {expected} records refused, the first with: {what}", delivery.refused.len()),
        None => format!("{} of {expected} records acknowledged", delivery.delivered),
    };
    Some(Cause::Refused { what, operator: false })
}

fn owns_all(exchange: &dyn Exchange, positions: &[Position]) -> bool {
    let owned = exchange.assignment();
    positions.iter().all(|position| owned.contains(&position.at))
}
