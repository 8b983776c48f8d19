//! Makes the outcomes of a batch and its source positions visible together, or not at all.
//!
//! The order of `reliability.md` D2: begin, send all, wait for every delivery, compare the count, check that the partitions are still
//! ours, add the positions, check again, commit. Any mismatch aborts. Faults are taken in librdkafka's order: fatal, abortable, retriable.

use tidegate_flow::ports::{Delivery, Exchange, FaultClass, Refusal, TransactionFault};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{Position, Remedy};

use crate::settings::Mode;

/// So many waits of a tenth of a second before a question is asked again that an operator must answer.
const OPERATOR_TURNS: usize = 50;

/// What became of a batch.
#[derive(Debug)]
pub enum Published {
    /// Visible, and its positions are committed.
    Committed,
    /// Nothing of it is visible to read_committed (or, in at_least_once, its positions are not committed): rewind and judge again.
    Aborted(Cause),
    /// Only what the group has committed can tell; ask it.
    Unknown,
    /// Asked to stop before there was an answer: leave everything as it is.
    Abandoned,
}

/// Why a batch did not go through.
#[derive(Debug)]
pub enum Cause {
    /// Records that are too large, by index into the batch.
    TooLarge(Vec<usize>),
    /// Brokers measure the client's batches: some of these records are too large together, which says nothing about one of them.
    TooLargeTogether,
    /// Records whose topic cannot be written to, by index, and what was said: somebody must mend that.
    Forbidden(Vec<usize>, String),
    /// A transactional call failed, or brokers refused something without a lasting reason.
    Refused {
        /// What was said.
        what: String,
        /// Retrying alone will not heal it.
        operator: bool,
    },
    /// A partition of the batch is no longer ours.
    Lost,
}

/// Publishes a batch. `go_on` is asked while there is no answer (with what is being waited for); it waits a moment, and says false when
/// the worker is asked to stop.
pub fn publish(
    exchange: &mut dyn Exchange,
    mode: Mode,
    batch: Vec<Outgoing>,
    positions: &[Position],
    go_on: &dyn Fn(&str) -> bool,
) -> Published {
    match mode {
        Mode::ExactlyOnce => in_transaction(exchange, batch, positions, go_on),
        Mode::AtLeastOnce => acknowledged(exchange, batch, positions, go_on),
    }
}

fn in_transaction(exchange: &mut dyn Exchange, batch: Vec<Outgoing>, positions: &[Position], go_on: &dyn Fn(&str) -> bool) -> Published {
    if let Err(fault) = exchange.begin() {
        return give_up(exchange, &fault, go_on);
    }
    let expected = batch.len();
    let delivery = match exchange.send(batch) {
        Ok(delivery) => delivery,
        Err(fault) => return give_up(exchange, &fault, go_on),
    };
    if let Some(cause) = incomplete(&delivery, expected) {
        return abort(exchange, cause, go_on);
    }
    if !owns_all(exchange, positions) {
        return abort(exchange, Cause::Lost, go_on);
    }
    match resumed(|| exchange.send_offsets(positions).map(|()| true), go_on) {
        Ok(Some(_)) => {}
        Ok(None) => return Published::Abandoned,
        Err(fault) => return give_up(exchange, &fault, go_on),
    }
    // A client that was removed from its group joins again in the background, and the positions then go with a generation that is good
    // although the partitions are not ours any more: brokers check no more than that. So who owned them before must own them still.
    if !owns_all(exchange, positions) {
        return abort(exchange, Cause::Lost, go_on);
    }
    match resumed(|| exchange.commit_transaction(), go_on) {
        Ok(Some(true)) => Published::Committed,
        // It went through, yet a late duplicate of the request may still arrive and end a later transaction (KIP-890). Nothing that
        // happens from here on makes the batch less committed.
        Ok(Some(false)) => {
            renewed(exchange, go_on);
            Published::Committed
        }
        Ok(None) => Published::Abandoned,
        // Where it had happened all the same, and an earlier answer was lost, there is nothing to abort, and the brokers say so.
        Err(fault) if fault.class == FaultClass::Abortable => match resumed(|| exchange.abort_transaction(), go_on) {
            Ok(Some(true)) => Published::Aborted(refused(&fault)),
            Ok(Some(false)) => {
                renewed(exchange, go_on);
                Published::Aborted(refused(&fault))
            }
            Ok(None) => Published::Abandoned,
            Err(fault) => in_doubt(exchange, &fault, go_on),
        },
        Err(fault) => in_doubt(exchange, &fault, go_on),
    }
}

/// The commit may or may not have happened. A new producer makes the coordinator finish the old transaction one way; what the group has
/// committed then tells which.
fn in_doubt(exchange: &mut dyn Exchange, fault: &TransactionFault, go_on: &dyn Fn(&str) -> bool) -> Published {
    tracing::warn!(fault = %fault, "a commit has no definite answer; making a new producer and asking the group");
    match renewed(exchange, go_on) {
        true => Published::Unknown,
        false => Published::Abandoned,
    }
}

fn acknowledged(exchange: &mut dyn Exchange, batch: Vec<Outgoing>, positions: &[Position], go_on: &dyn Fn(&str) -> bool) -> Published {
    let expected = batch.len();
    let delivery = match exchange.send(batch) {
        Ok(delivery) => delivery,
        Err(fault) => {
            renewed(exchange, go_on);
            return Published::Aborted(refused(&fault));
        }
    };
    if let Some(cause) = incomplete(&delivery, expected) {
        // The old producer stopped at the first failure, so that what was delivered is a prefix; it takes nothing any more.
        renewed(exchange, go_on);
        return Published::Aborted(cause);
    }
    if !owns_all(exchange, positions) {
        return Published::Aborted(Cause::Lost);
    }
    match exchange.commit(positions) {
        Ok(()) => Published::Committed,
        Err(error) => {
            let operator = error.remedy == Remedy::Operator;
            Published::Aborted(Cause::Refused {
                what: error.to_string(),
                operator,
            })
        }
    }
}

/// Calls again while the answer is "retriable", so that the end is definite. The brokers end an abandoned transaction themselves, after
/// which the call fails for good, so this ends. Anything but a first quick answer counts as slow; none when asked to stop.
fn resumed(
    mut call: impl FnMut() -> Result<bool, TransactionFault>,
    go_on: &dyn Fn(&str) -> bool,
) -> Result<Option<bool>, TransactionFault> {
    let mut first = true;
    loop {
        match call() {
            Ok(quick) => return Ok(Some(first && quick)),
            Err(fault) if fault.class == FaultClass::Retriable => {
                tracing::warn!(fault = %fault, "a transactional call has no answer yet; resuming it");
                first = false;
                if !go_on(&fault.what) {
                    return Ok(None);
                }
            }
            Err(fault) => return Err(fault),
        }
    }
}

/// Makes a new producer, however long that takes; false when asked to stop first.
fn renewed(exchange: &mut dyn Exchange, go_on: &dyn Fn(&str) -> bool) -> bool {
    loop {
        match exchange.renew() {
            Ok(()) => return true,
            Err(error) => {
                // What an operator must mend heals as well, only later: it ran until now, so it will run again.
                let turns = if error.remedy == Remedy::Retry { 1 } else { OPERATOR_TURNS };
                tracing::warn!(%error, "no new producer yet; trying again");
                if !(0..turns).all(|_| go_on(&error.what)) {
                    return false;
                }
            }
        }
    }
}

/// Ends a transaction after a fault. Only an abort that is definite leaves a usable producer.
fn give_up(exchange: &mut dyn Exchange, fault: &TransactionFault, go_on: &dyn Fn(&str) -> bool) -> Published {
    let cause = refused(fault);
    if fault.class == FaultClass::Fatal {
        tracing::warn!(fault = %fault, "the producer is lost; making a new one");
        renewed(exchange, go_on);
        return Published::Aborted(cause);
    }
    abort(exchange, cause, go_on)
}

fn abort(exchange: &mut dyn Exchange, cause: Cause, go_on: &dyn Fn(&str) -> bool) -> Published {
    match resumed(|| exchange.abort_transaction(), go_on) {
        Ok(Some(true)) => {}
        Ok(None) => return Published::Abandoned,
        Ok(Some(false)) | Err(_) => drop(renewed(exchange, go_on)),
    }
    Published::Aborted(cause)
}

fn refused(fault: &TransactionFault) -> Cause {
    Cause::Refused {
        what: fault.what.clone(),
        operator: fault.operator,
    }
}

/// Whether each record was acknowledged. A local refusal does not fail a transaction by itself: the count is what tells.
fn incomplete(delivery: &Delivery, expected: usize) -> Option<Cause> {
    let Some((_, _, first)) = delivery.refused.first() else {
        let what = format!("{} of {expected} records acknowledged", delivery.delivered);
        return (delivery.delivered != expected).then_some(Cause::Refused { what, operator: false });
    };
    let of = |wanted: Refusal| -> Vec<usize> {
        delivery
            .refused
            .iter()
            .filter(|(_, refusal, _)| *refusal == wanted)
            .map(|(index, _, _)| *index)
            .collect()
    };
    let (forbidden, large, together) = (of(Refusal::Forbidden), of(Refusal::TooLarge), of(Refusal::TooLargeTogether));
    Some(match (forbidden.is_empty(), large.is_empty(), together.is_empty()) {
        (false, ..) => Cause::Forbidden(forbidden, first.clone()),
        (true, false, _) => Cause::TooLarge(large),
        // Alone in its batch, the record itself is what is too large.
        (true, true, false) if expected == 1 => Cause::TooLarge(together),
        (true, true, false) => Cause::TooLargeTogether,
        (true, true, true) => {
            let what = format!("{} of {expected} records refused, the first with: {first}", delivery.refused.len());
            Cause::Refused { what, operator: false }
        }
    })
}

/// Whether the client still owns the partitions of these positions, as far as it knows.
pub(crate) fn owns_all(exchange: &dyn Exchange, positions: &[Position]) -> bool {
    let owned = exchange.assignment();
    positions.iter().all(|position| owned.contains(&position.at))
}
