//! The faults, each as one sentence and one way to bring it about.

use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use tidegate_flow::ports::Exchange as _;
use tidegate_kafka::{Delivering, GroupExchange};
use tidegate_tests::process::Role;
use tidegate_tests::wait::wait;

use crate::frame::Request;
use crate::proxy::{Late, Moment, Step, Weather};
use crate::refuted::prove;
use crate::scene::Scene;

/// What goes wrong. Numbers are those of the fault matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// F1: a validator dies (SIGKILL) at a step; what was under way is lost. Another takes over.
    Kill(Step),
    /// F8, F9: a validator stands still (SIGSTOP) at a step until its session and its transaction have timed out and another has taken
    /// over, and comes back. What was under way arrives meanwhile: a commit goes through, anything else leaves the transaction open.
    Freeze(Step),
    /// F9: the same while it asks for a commit, which arrives only when it is back.
    Zombie,
    /// F31: a validator is asked to stop (SIGTERM) at a step. Another takes over.
    Stop(Step),
    /// F31: a validator is asked to stop twice at a step, which ends it at once. Another takes over.
    StopTwice(Step),
    /// F2, F3: a request or an answer is lost, and its connection breaks.
    Lose(Step),
    /// F2, F4: an answer comes after the client has stopped waiting for it.
    Delay(Step),
    /// F4: a request of a transaction arrives a second time, while the next one is open.
    Late(Request),
    /// F11: somebody else uses a validator's transactional id.
    SameId,
    /// F6, F7: validators join and leave, one after the other.
    Storm,
    /// F31: every validator is replaced.
    Rolling,
    /// F12: the broker dies (SIGKILL) at a step and comes back.
    BrokerDies(Step),
    /// F13: all brokers are away until everybody has noticed.
    BrokersAway,
    /// F20: producers upstream abort transactions.
    UpstreamAborts,
    /// F26: the sink dies (SIGKILL). Another takes over.
    KillSink,
    /// F23: the object store cannot be used until the sink has noticed.
    Store(Weather),
}

/// INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, PRODUCER_FENCED: how brokers refuse what belongs to a transaction that is over.
const FENCED: [i16; 3] = [47, 48, 90];
/// Events that make validators work while a fault waits for its step.
const STIR: u64 = 200;

// === impl Fault ===

impl Fault {
    /// Its name without the place where it strikes.
    pub fn kind(self) -> &'static str {
        match self {
            Fault::Kill(_) => "validator killed",
            Fault::Freeze(_) => "validator frozen past its session",
            Fault::Zombie => "commit of a frozen validator",
            Fault::Stop(_) => "validator stopped in the middle",
            Fault::StopTwice(_) => "validator stopped twice",
            Fault::Lose(Step(Moment::Request, _)) => "request lost",
            Fault::Lose(Step(Moment::Answer, _)) => "answer lost",
            Fault::Delay(_) => "answer delayed",
            Fault::Late(_) => "request delivered late",
            Fault::SameId => "transactional id used by another",
            Fault::Storm => "validator joined and left",
            Fault::Rolling => "rolling restart",
            Fault::BrokerDies(_) => "broker killed",
            Fault::BrokersAway => "all brokers away",
            Fault::UpstreamAborts => "aborted upstream",
            Fault::KillSink => "sink killed",
            Fault::Store(Weather::Refusing) => "store refused connections",
            Fault::Store(Weather::Still) => "store hung",
            Fault::Store(_) => "store's answers lost",
        }
    }

    /// Brings it about and takes it away again. Whoever must be there afterwards is.
    pub fn strike(self, scene: &mut Scene) {
        match self {
            Fault::Kill(step) => {
                let caught = scene.catch(step);
                scene.workers.remove(0).kill();
                caught.lose();
                scene.start_worker();
            }
            Fault::Freeze(step) => {
                let caught = scene.catch(step);
                let frozen = scene.workers.remove(0);
                frozen.signal("STOP");
                caught.go_on();
                let before = refusals(&frozen);
                taken_over(scene);
                frozen.signal("CONT");
                if step.1 != Request::EndTxn {
                    wait("the frozen validator to be refused", &mut [], || Ok(refusals(&frozen) > before));
                }
                scene.workers.push(frozen);
                scene.produce(STIR);
            }
            Fault::Zombie => {
                let commit = scene.catch(Step(Moment::Request, Request::EndTxn));
                let frozen = scene.workers.remove(0);
                frozen.signal("STOP");
                let commit = commit.keep();
                taken_over(scene);
                frozen.signal("CONT");
                refused(commit, Request::EndTxn);
                scene.workers.push(frozen);
                scene.produce(STIR);
            }
            Fault::Stop(step) => {
                let caught = scene.catch(step);
                let victim = scene.workers.remove(0);
                victim.signal("TERM");
                caught.go_on();
                ended_in_good_order(victim, Role::ended);
                scene.start_worker();
            }
            Fault::StopTwice(step) => {
                let caught = scene.catch(step);
                let victim = scene.workers.remove(0);
                let status = victim.stop_at_once();
                caught.lose();
                assert_eq!(status.code(), Some(143), "a second SIGTERM ends it at once");
                scene.start_worker();
            }
            Fault::Lose(step) => scene.catch(step).lose(),
            Fault::Delay(step) => {
                let caught = scene.catch(step);
                // The end of a transaction is asked for again, anything else is given up; whoever has just started was still trying out
                // whether the brokers hold what they promise.
                let ends = [
                    "has no answer yet; resuming it",
                    "a batch was aborted",
                    "error=probing transactions",
                ];
                let patience = |worker: &Role| ends.iter().map(|words| count(worker, words)).sum::<usize>();
                let before = patience(&scene.workers[0]);
                let victim = &scene.workers[0];
                wait("the client's patience to end", &mut [], || Ok(patience(victim) > before));
                caught.go_on();
            }
            Fault::Late(request) => late(scene, request),
            Fault::SameId => same_id(scene),
            Fault::Storm => {
                let begun = Instant::now();
                let mut guests = 0;
                while guests < scene.storms || begun.elapsed() < scene.spans.storm {
                    guests += 1;
                    scene.start_worker();
                    scene.produce(STIR);
                    let guest = scene.workers.pop().expect("it was started");
                    wait("the guest to get partitions", &mut [], || {
                        Ok(count(&guest, "partitions assigned") > 0)
                    });
                    scene.produce(STIR);
                    ended_in_good_order(guest, Role::stop);
                }
            }
            Fault::Rolling => {
                for _ in 0..scene.workers.len() {
                    scene.start_worker();
                    scene.produce(STIR);
                    ended_in_good_order(scene.workers.remove(0), Role::stop);
                    scene.produce(STIR);
                }
            }
            Fault::BrokerDies(step) => {
                let caught = scene.catch(step);
                let mut broker = scene.broker();
                broker.kill();
                caught.lose();
                broker.up();
            }
            Fault::BrokersAway => {
                // Who waits for the end of a transaction does not poll, and says that instead; who has just been started says that it waits.
                let words = [
                    "no broker is reachable",
                    "has no answer yet; resuming it",
                    "no new producer yet",
                    "waiting; it goes on by itself",
                ];
                let said = |log: &PathBuf| -> usize {
                    let text = std::fs::read_to_string(log).unwrap();
                    words.iter().map(|words| text.matches(words).count()).sum()
                };
                let logs: Vec<PathBuf> = scene.workers.iter().map(|worker| worker.log_path()).collect();
                let shared = scene.shared_broker();
                let mut broker = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let before: Vec<usize> = logs.iter().map(said).collect();
                broker.kill();
                let mut workers: Vec<&mut Role> = scene.workers.iter_mut().collect();
                wait("everybody to notice", &mut workers, || {
                    Ok(logs.iter().zip(&before).all(|(log, before)| said(log) > *before))
                });
                last_flat(scene.spans.absence, &mut workers);
                broker.up();
            }
            Fault::UpstreamAborts => upstream_aborts(scene),
            Fault::KillSink => {
                scene.produce(STIR);
                scene.sink.take().expect("a scene with a sink").kill();
                scene.start_sink();
            }
            Fault::Store(weather) => {
                let sink = scene.sink.as_ref().expect("a scene with a sink");
                let trouble = "WARN";
                let before = count(sink, trouble);
                scene.store.set(weather);
                scene.produce(STIR);
                let sink = scene.sink.as_ref().expect("a scene with a sink");
                wait("the sink to notice", &mut [], || Ok(count(sink, trouble) > before));
                let sink = scene.sink.as_mut().expect("a scene with a sink");
                last(scene.spans.absence, &mut [sink]);
                scene.store.set(Weather::Clear);
            }
        }
    }
}

/// Lets an absence last, through which everybody lives.
fn last(span: Duration, roles: &mut [&mut Role]) {
    std::thread::sleep(span);
    for role in roles {
        role.assert_running();
    }
}

/// The same for who has nothing to do meanwhile, and so has nothing to keep.
fn last_flat(span: Duration, roles: &mut [&mut Role]) {
    /// Connections that are tried, lines that are logged.
    const GROWTH_MAX: u64 = 32 << 20;
    let before: Vec<u64> = roles.iter().map(|role| role.resident()).collect();
    last(span, roles);
    for (role, before) in roles.iter().zip(before) {
        let (name, now) = (role.name(), role.resident());
        prove(|| {
            assert!(
                now <= before + GROWTH_MAX,
                "{name} grew from {before} to {now} bytes while it waited"
            )
        });
    }
}

/// A request is sent, its connection breaks, the client sends it again and gets its answer; the first one is still on its way.
fn late(scene: &mut Scene, request: Request) {
    let late = scene.catch(Step(Moment::Request, request)).keep();
    // Of the next transaction: its positions may be added by now.
    let next = scene.catch(Step(Moment::Answer, Request::AddOffsetsToTxn));
    refused(late, request);
    next.go_on();
}

/// Delivers a request that came too late, which the brokers must not take for one of the transaction that is open now.
fn refused(late: Late, request: Request) {
    prove(|| {
        let codes = late.deliver(request).expect("the broker answers in words that are understood");
        assert!(
            !codes.is_empty() && codes.iter().all(|code| FENCED.contains(code)),
            "a late {request:?} is answered with {codes:?}, and only {FENCED:?} refuse it for its age"
        );
    });
}

/// Somebody else judges what the first worker had in hand; that its transaction was open is over by then.
fn taken_over(scene: &mut Scene) {
    scene.start_worker();
    scene.produce(STIR);
    scene.settle();
}

/// How often a worker has said that a batch of its was not taken.
fn refusals(worker: &Role) -> usize {
    count(worker, "a batch was aborted; nothing of it is committed")
        + count(
            worker,
            "a partition was lost while its batch was open; nothing of the batch was committed",
        )
}

fn same_id(scene: &mut Scene) {
    // Somebody who has something in hand: who owns nothing would never learn of it.
    scene.catch(Step(Moment::Request, Request::AddOffsetsToTxn)).go_on();
    let client = scene.world.client_id(scene.workers[0].name());
    let id = scene.proxy.transactional_id(&client).expect("it has opened its producer");
    let topics = scene.world.sources();
    // Brokers say it in more than one way, by what was asked first; and it may be noticed at once.
    let fenced = "code=Some(Fenced)";
    let before = count(&scene.workers[0], fenced);
    let mut other = GroupExchange::join(
        &scene.world.kafka,
        "other",
        &format!("{client}-other"),
        &topics,
        Delivering::Transactional(id),
    )
    .unwrap();
    other.begin().unwrap();
    scene.produce(STIR);
    let victim = &scene.workers[0];
    wait("the validator to notice", &mut [], || Ok(count(victim, fenced) > before));
}

fn upstream_aborts(scene: &mut Scene) {
    let client = scene.world.client_id("upstream");
    let topics = scene.world.sources();
    let delivering = Delivering::Transactional(client.clone());
    let mut upstream = GroupExchange::join(&scene.world.kafka, "upstream", &client, &topics, delivering).unwrap();
    for commits in [false, true, false, false, true] {
        let events = scene.producing.lock().unwrap().draw(STIR);
        upstream.begin().unwrap();
        let records: Vec<_> = events.iter().map(|event| event.record.clone()).collect();
        assert_eq!(upstream.send(records).unwrap().delivered, events.len());
        // Around and behind an open transaction: nobody may read past it.
        scene.produce(STIR);
        if commits {
            upstream.commit_transaction().unwrap();
            scene.producing.lock().unwrap().expect(events);
        } else {
            upstream.abort_transaction().unwrap();
        }
    }
}

/// Ends a role, which must say that all is well.
pub(crate) fn ended_in_good_order(role: Role, end: impl FnOnce(Role) -> std::process::ExitStatus) {
    let (name, log) = (role.name().to_owned(), role.log_path());
    let status = end(role);
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    assert!(status.success(), "{name} ends with {status} when it is asked to stop\n{}", said());
}

fn count(role: &Role, words: &str) -> usize {
    role.log().matches(words).count()
}
