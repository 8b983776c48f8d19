//! A random mix of faults over a running deployment, from a seed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tidegate_tests::planted::{Proof, prove_lake};
use tidegate_tests::stand::Stand;
use tidegate_tests::wait::wait;

use crate::broker::Broker;
use crate::fault::Fault;
use crate::frame::Request;
use crate::proxy::{Moment, Step, Weather};
use crate::refuted::prove;
use crate::scene::{Scene, Spans};

/// After a kill -9 every partition commits its next outcome within this time, with default settings.
pub const RECOVERY_MAX: Duration = Duration::from_secs(60);

/// What the soak is asked for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How long faults strike; finishing and proving come on top.
    pub length: Duration,
    /// Draws traffic and faults.
    pub seed: u64,
    /// Events each second.
    pub rate: u64,
    /// Only faults of these kinds ([`Fault::kind`]); empty: all.
    pub only: Vec<String>,
    /// Where the lake is: `s3` or `azure`.
    pub store: &'static str,
    /// How long absences and storms last.
    pub spans: Spans,
}

/// What the soak found. A breach panics.
#[derive(Debug)]
pub struct Soaked {
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// What became of the events.
    pub proof: Proof,
    /// After each kill -9, when every partition had committed its next outcome.
    pub recoveries: Vec<Duration>,
    /// The audit's table.
    pub ledger: String,
}

/// Events at a time; small, so that faults meet many transactions.
const PORTION: u64 = 100;

/// Runs the mix.
pub fn soak(stand: &Stand, plan: Plan) -> Soaked {
    let broker = Arc::new(Mutex::new(Broker::start(stand)));
    let mut scene = Scene::on(stand, &broker, plan.store, &["orders", "payments", "customers"], 4, plan.seed);
    scene.storms = 1;
    scene.spans = plan.spans;
    scene.start_worker();
    scene.start_worker();
    scene.start_sink();
    scene.produce(1000);
    scene.settle();

    let mut rng = Rng::with_seed(plan.seed);
    let mut faults: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut recoveries = Vec::new();
    let begun = Instant::now();
    let stop = AtomicBool::new(false);
    let producing = scene.producing.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let pause = Duration::from_secs(1).mul_f64(PORTION as f64 / plan.rate.max(1) as f64);
            while !stop.load(Ordering::Acquire) {
                producing.lock().unwrap().write(PORTION);
                std::thread::sleep(pause);
            }
        });
        // Ends the traffic also when a breach unwinds.
        let _stopping = Stopping(&stop);
        loop {
            let left = plan.length.saturating_sub(begun.elapsed());
            // One death is always there to be measured.
            let is_last = left.is_zero();
            if is_last && !recoveries.is_empty() {
                break;
            }
            let fault = match is_last {
                true => Fault::Kill(Step(Moment::Request, Request::EndTxn)),
                false => drawn(&mut rng, left, &plan.only),
            };
            eprintln!("{:>5.0} s  {fault:?}", begun.elapsed().as_secs_f32());
            *faults.entry(fault.kind()).or_default() += 1;
            fault.strike(&mut scene);
            if let Fault::Kill(_) = fault {
                let took = recovery(&scene);
                eprintln!(
                    "{:>5.0} s  every partition goes on, {took:.1?} after the kill",
                    begun.elapsed().as_secs_f32()
                );
                prove(|| assert!(took <= RECOVERY_MAX, "{fault:?}: {took:.1?} until every partition went on"));
                recoveries.push(took);
            }
        }
    });

    let mut scene = scene.finish();
    let proof = scene.prove();
    prove(|| prove_lake(&scene.world, &scene.producing.lock().unwrap().located(&scene.world)));
    let (code, ledger, _) = scene.world.run(&["audit"]);
    prove(|| assert_eq!(code, 0, "{ledger}"));
    Soaked {
        faults,
        proof,
        recoveries,
        ledger,
    }
}

/// From now until every partition has committed one more outcome. There is traffic for all of them.
fn recovery(scene: &Scene) -> Duration {
    let begun = Instant::now();
    let world = &scene.world;
    let positions = || world.positions("validator", &world.sources());
    let mut before = None;
    wait("every partition to go on", &mut [], || {
        let now = positions()?;
        let before = before.get_or_insert_with(|| now.clone());
        Ok(now.iter().zip(before.iter()).all(|(now, before)| now.1 > before.1))
    });
    begun.elapsed()
}

/// The next fault of a wanted kind.
fn drawn(rng: &mut Rng, left: Duration, only: &[String]) -> Fault {
    // With less time some kinds are never drawn; who asks for those alone gets them all the same.
    let left = if only.is_empty() { left } else { Duration::MAX };
    let wanted = |fault: &Fault| only.is_empty() || only.iter().any(|kind| kind == fault.kind());
    let mut draws = (0..10_000).map(|_| draw(rng, left));
    draws.find(wanted).unwrap_or_else(|| panic!("no fault is called any of {only:?}"))
}

/// The next fault; one that waits for a session or somebody's patience to end only while there is time for it.
fn draw(rng: &mut Rng, left: Duration) -> Fault {
    let requests = [
        Request::Produce,
        Request::AddPartitionsToTxn,
        Request::AddOffsetsToTxn,
        Request::TxnOffsetCommit,
        Request::EndTxn,
    ];
    let moment = if rng.bool() { Moment::Request } else { Moment::Answer };
    let step = Step(moment, requests[rng.usize(..requests.len())]);
    let weather = [Weather::Refusing, Weather::LosingAnswers, Weather::Still][rng.usize(..3)];
    let kinds = if left < Duration::from_secs(40) { 9 } else { 14 };
    match rng.u8(..kinds) {
        0 | 1 => Fault::Lose(step),
        2 => Fault::Stop(step),
        3 => Fault::StopTwice(step),
        4 => Fault::Late([Request::EndTxn, Request::TxnOffsetCommit][rng.usize(..2)]),
        5 => Fault::SameId,
        6 => Fault::UpstreamAborts,
        7 => Fault::KillSink,
        8 => Fault::BrokerDies(step),
        9 => Fault::Kill(step),
        10 => [Fault::Freeze(step), Fault::Zombie][rng.usize(..2)],
        11 => Fault::BrokersAway,
        12 => Fault::Store(weather),
        _ => [Fault::Storm, Fault::Rolling, Fault::Delay(Step(Moment::Answer, Request::EndTxn))][rng.usize(..3)],
    }
}

struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl std::fmt::Display for Soaked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "faults")?;
        for (kind, count) in &self.faults {
            writeln!(f, "{count:>6}  {kind}")?;
        }
        let Proof { events, outcomes, .. } = self.proof;
        writeln!(f, "records\n{events:>6}  in the sources\n{outcomes:>6}  with an outcome, each once")?;
        let slowest = self.recoveries.iter().max().copied().unwrap_or_default();
        writeln!(f, "recovery after kill -9: {:.1?}, slowest {slowest:.1?}", self.recoveries)?;
        write!(f, "{}", self.ledger)
    }
}
