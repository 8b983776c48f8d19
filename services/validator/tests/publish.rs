//! The publish protocol against a scripted exchange: each fault of `reliability.md` section 1.1, and what must follow.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::time::Duration;

use tidegate_flow::ports::{Committed, Consumer, Delivery, Exchange, FaultClass, Polled, Refusal, TransactionFault};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Position, Remedy, TopicPartition, WorldError};
use tidegate_validator::Mode;
use tidegate_validator::publish::{Cause, Published, publish};

/// Answers as told and writes down what was called.
struct Scripted {
    calls: Vec<&'static str>,
    owned: Vec<TopicPartition>,
    delivery: Option<Delivery>,
    send: Option<FaultClass>,
    offsets: VecDeque<Option<FaultClass>>,
    commit: VecDeque<Result<bool, FaultClass>>,
    abort: VecDeque<Result<bool, FaultClass>>,
    /// So many times there is no new producer.
    renew_fails: u32,
    /// Who can mend that.
    renew_fails_for: Remedy,
    /// The partition goes while its position is added.
    loses_while_adding: bool,
}

impl Scripted {
    fn new() -> Scripted {
        Scripted {
            calls: Vec::new(),
            owned: vec![at()],
            delivery: None,
            send: None,
            offsets: VecDeque::new(),
            commit: VecDeque::new(),
            abort: VecDeque::new(),
            renew_fails: 0,
            renew_fails_for: Remedy::Retry,
            loses_while_adding: false,
        }
    }

    fn publish(&mut self) -> Published {
        publish(
            self,
            Mode::ExactlyOnce,
            vec![outgoing(), outgoing()],
            &[Position {
                at: at(),
                next: NextOffset(2),
                metadata: String::new(),
            }],
            &|_| true,
        )
    }
}

fn at() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn outgoing() -> Outgoing {
    Outgoing {
        to: TopicPartition::new("t.validated", 0),
        timestamp: None,
        key: None,
        value: None,
        headers: Vec::new(),
    }
}

fn fault(class: FaultClass) -> TransactionFault {
    TransactionFault {
        class,
        what: format!("{class:?}"),
        operator: false,
    }
}

impl Exchange for Scripted {
    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.calls.push("begin");
        Ok(())
    }

    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        self.calls.push("send");
        match self.send {
            Some(class) => Err(fault(class)),
            None => Ok(self.delivery.take().unwrap_or(Delivery {
                delivered: batch.len(),
                refused: Vec::new(),
            })),
        }
    }

    fn send_offsets(&mut self, _: &[Position]) -> Result<(), TransactionFault> {
        self.calls.push("offsets");
        if self.loses_while_adding {
            self.owned.clear();
        }
        self.offsets.pop_front().flatten().map_or(Ok(()), |class| Err(fault(class)))
    }

    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.calls.push("commit");
        self.commit.pop_front().unwrap_or(Ok(true)).map_err(fault)
    }

    fn abort_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.calls.push("abort");
        self.abort.pop_front().unwrap_or(Ok(true)).map_err(fault)
    }

    fn renew(&mut self) -> Result<(), WorldError> {
        self.calls.push("renew");
        if self.renew_fails > 0 {
            self.renew_fails -= 1;
            return Err(WorldError::new(self.renew_fails_for, "the coordinator is away"));
        }
        Ok(())
    }
}

impl Consumer for Scripted {
    fn poll(&mut self, _: usize, _: Duration) -> Result<Polled, WorldError> {
        unreachable!("publishing never polls: a rebalance could complete in the middle")
    }

    fn start(&mut self, _: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        unreachable!()
    }

    fn seek(&mut self, _: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        unreachable!()
    }

    fn pause(&mut self, _: &[TopicPartition]) -> Result<(), WorldError> {
        unreachable!()
    }

    fn resume(&mut self, _: &[TopicPartition]) -> Result<(), WorldError> {
        unreachable!()
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        self.owned.clone()
    }

    fn committed(&mut self, _: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        unreachable!()
    }

    fn commit(&mut self, _: &[Position]) -> Result<(), WorldError> {
        self.calls.push("plain commit");
        Ok(())
    }

    fn watermarks(&mut self, _: &TopicPartition) -> Result<(NextOffset, NextOffset), WorldError> {
        unreachable!()
    }

    fn close(&mut self) {}
}

#[test]
fn all_goes_well() {
    let mut exchange = Scripted::new();
    assert!(matches!(exchange.publish(), Published::Committed));
    assert_eq!(exchange.calls, ["begin", "send", "offsets", "commit"]);
}

/// P1: a commit that was slow, or had to be resumed, may leave a late duplicate of its request.
#[test]
fn a_slow_or_resumed_commit_renews_the_producer() {
    for answers in [vec![Ok(false)], vec![Err(FaultClass::Retriable), Ok(true)]] {
        let mut exchange = Scripted {
            commit: answers.into(),
            ..Scripted::new()
        };
        assert!(matches!(exchange.publish(), Published::Committed));
        assert_eq!(exchange.calls.last(), Some(&"renew"), "{:?}", exchange.calls);
    }
}

/// A committed batch stays committed whatever becomes of the producer afterwards: rewinding it would double it.
#[test]
fn a_producer_that_cannot_be_renewed_at_once_undoes_no_commit() {
    let mut exchange = Scripted {
        commit: vec![Ok(false)].into(),
        renew_fails: 3,
        ..Scripted::new()
    };
    assert!(matches!(exchange.publish(), Published::Committed));
    assert_eq!(exchange.calls.iter().filter(|call| **call == "renew").count(), 4);
    let mut exchange = Scripted {
        commit: vec![Err(FaultClass::Fatal)].into(),
        renew_fails: 3,
        ..Scripted::new()
    };
    assert!(
        matches!(exchange.publish(), Published::Unknown),
        "in doubt, the group is asked, never rewound blindly"
    );
}

/// A token that is refused for a while, say: it ran until now.
#[test]
fn what_an_operator_must_mend_is_waited_for_as_well() {
    let mut exchange = Scripted {
        commit: vec![Ok(false)].into(),
        renew_fails: 2,
        renew_fails_for: Remedy::Operator,
        ..Scripted::new()
    };
    assert!(matches!(exchange.publish(), Published::Committed));
    assert_eq!(exchange.calls.iter().filter(|call| **call == "renew").count(), 3);
}

#[test]
fn a_stop_in_the_middle_of_a_commit_leaves_everything_as_it_is() {
    let mut exchange = Scripted {
        commit: vec![Err(FaultClass::Retriable), Ok(true)].into(),
        ..Scripted::new()
    };
    let positions = [Position {
        at: at(),
        next: NextOffset(1),
        metadata: String::new(),
    }];
    let published = publish(&mut exchange, Mode::ExactlyOnce, vec![outgoing()], &positions, &|_| false);
    assert!(matches!(published, Published::Abandoned));
    assert_eq!(exchange.calls, ["begin", "send", "offsets", "commit"]);
}

#[test]
fn too_large_together_says_nothing_about_one_record_unless_it_is_alone() {
    let together = || Delivery {
        delivered: 0,
        refused: vec![(0, Refusal::TooLargeTogether, "large".into())],
    };
    let mut exchange = Scripted {
        delivery: Some(together()),
        ..Scripted::new()
    };
    assert!(matches!(exchange.publish(), Published::Aborted(Cause::TooLargeTogether)));
    let mut exchange = Scripted {
        delivery: Some(together()),
        ..Scripted::new()
    };
    let positions = [Position {
        at: at(),
        next: NextOffset(1),
        metadata: String::new(),
    }];
    let published = publish(&mut exchange, Mode::ExactlyOnce, vec![outgoing()], &positions, &|_| true);
    assert!(matches!(published, Published::Aborted(Cause::TooLarge(indexes)) if indexes == [0]));
}

/// P3: a record that the client refuses by itself does not fail the transaction; only counting notices.
#[test]
fn a_missing_acknowledgement_aborts() {
    let short = Delivery {
        delivered: 1,
        refused: Vec::new(),
    };
    let refused = Delivery {
        delivered: 1,
        refused: vec![(1, Refusal::Other, "no".into())],
    };
    for delivery in [short, refused] {
        let mut exchange = Scripted {
            delivery: Some(delivery),
            ..Scripted::new()
        };
        assert!(matches!(exchange.publish(), Published::Aborted(Cause::Refused { .. })));
        assert_eq!(exchange.calls, ["begin", "send", "abort"]);
    }
}

#[test]
fn a_record_that_is_too_large_is_named() {
    let delivery = Delivery {
        delivered: 1,
        refused: vec![(1, Refusal::TooLarge, "large".into())],
    };
    let mut exchange = Scripted {
        delivery: Some(delivery),
        ..Scripted::new()
    };
    assert!(matches!(exchange.publish(), Published::Aborted(Cause::TooLarge(indexes)) if indexes == [1]));
    assert_eq!(exchange.calls, ["begin", "send", "abort"]);
}

/// P6: what is no longer owned is never committed.
#[test]
fn a_lost_partition_aborts_before_its_position_is_added() {
    let mut exchange = Scripted {
        owned: Vec::new(),
        ..Scripted::new()
    };
    assert!(matches!(exchange.publish(), Published::Aborted(Cause::Lost)));
    assert_eq!(exchange.calls, ["begin", "send", "abort"]);
    let mut exchange = Scripted {
        owned: Vec::new(),
        ..Scripted::new()
    };
    let positions = [Position {
        at: at(),
        next: NextOffset(1),
        metadata: String::new(),
    }];
    assert!(matches!(
        publish(&mut exchange, Mode::AtLeastOnce, vec![outgoing()], &positions, &|_| true),
        Published::Aborted(Cause::Lost)
    ));
    assert_eq!(exchange.calls, ["send"], "no plain commit either");
}

/// P6: a client that was removed and is back in its group has a generation that brokers accept, whatever it owned before.
#[test]
fn a_partition_that_is_lost_while_its_position_is_added_is_not_committed() {
    let mut exchange = Scripted {
        loses_while_adding: true,
        ..Scripted::new()
    };
    assert!(matches!(exchange.publish(), Published::Aborted(Cause::Lost)));
    assert_eq!(exchange.calls, ["begin", "send", "offsets", "abort"]);
}

/// P4: flags in the order fatal, abortable, retriable; nothing else ends in a commit.
#[test]
fn faults_end_as_their_class_says() {
    let mut exchange = Scripted {
        offsets: vec![Some(FaultClass::Abortable)].into(),
        ..Scripted::new()
    };
    assert!(matches!(exchange.publish(), Published::Aborted(_)));
    assert_eq!(exchange.calls, ["begin", "send", "offsets", "abort"]);

    let mut exchange = Scripted {
        offsets: vec![Some(FaultClass::Fatal)].into(),
        ..Scripted::new()
    };
    assert!(matches!(exchange.publish(), Published::Aborted(_)));
    assert_eq!(exchange.calls, ["begin", "send", "offsets", "renew"]);

    let mut exchange = Scripted {
        send: Some(FaultClass::Unclassified),
        ..Scripted::new()
    };
    assert!(matches!(exchange.publish(), Published::Aborted(_)));
    assert_eq!(exchange.calls, ["begin", "send", "abort"]);

    let mut exchange = Scripted {
        send: Some(FaultClass::Unclassified),
        abort: vec![Err(FaultClass::Fatal)].into(),
        ..Scripted::new()
    };
    assert!(matches!(exchange.publish(), Published::Aborted(_)));
    assert_eq!(
        exchange.calls,
        ["begin", "send", "abort", "renew"],
        "an abort that fails leaves no usable producer"
    );
}

/// A commit whose answer is lost for good is neither: only the group can tell.
#[test]
fn a_commit_without_a_definite_answer_is_unknown() {
    for class in [FaultClass::Fatal, FaultClass::Unclassified] {
        let mut exchange = Scripted {
            commit: vec![Err(class)].into(),
            ..Scripted::new()
        };
        assert!(matches!(exchange.publish(), Published::Unknown));
        assert_eq!(exchange.calls, ["begin", "send", "offsets", "commit", "renew"]);
    }
    let mut exchange = Scripted {
        commit: vec![Err(FaultClass::Abortable)].into(),
        ..Scripted::new()
    };
    assert!(
        matches!(exchange.publish(), Published::Aborted(_)),
        "an abortable commit did not happen"
    );
    let mut exchange = Scripted {
        commit: vec![Err(FaultClass::Retriable), Err(FaultClass::Abortable)].into(),
        abort: vec![Err(FaultClass::Fatal)].into(),
        ..Scripted::new()
    };
    assert!(
        matches!(exchange.publish(), Published::Unknown),
        "there was nothing to abort any more: perhaps it happened"
    );
}

#[test]
fn at_least_once_commits_positions_only_after_every_acknowledgement() {
    let positions = [Position {
        at: at(),
        next: NextOffset(1),
        metadata: String::new(),
    }];
    let mut exchange = Scripted::new();
    assert!(matches!(
        publish(&mut exchange, Mode::AtLeastOnce, vec![outgoing()], &positions, &|_| true),
        Published::Committed
    ));
    assert_eq!(exchange.calls, ["send", "plain commit"]);
    let mut exchange = Scripted {
        delivery: Some(Delivery::default()),
        ..Scripted::new()
    };
    assert!(matches!(
        publish(&mut exchange, Mode::AtLeastOnce, vec![outgoing()], &positions, &|_| true),
        Published::Aborted(_)
    ));
    assert_eq!(exchange.calls, ["send", "renew"], "the rest of a failed batch must not leave later");
}
