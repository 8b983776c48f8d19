//! The deployment that faults strike.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tidegate_tests::planted::{Producing, Proof, await_outcomes, prove_audit, prove_topics};
use tidegate_tests::process::Role;
use tidegate_tests::stand::Stand;
use tidegate_tests::wait::wait;
use tidegate_tests::world::{Shape, World};

use crate::broker::Broker;
use crate::fault::{Fault, ended_in_good_order};
use crate::proxy::{Caught, Proxy, Speech, Step};
use crate::refuted::{self, prove};

/// Records of a batch in a scene in `at_least_once`: so many may be there again after a fault.
pub const SMALL_BATCH: usize = 50;

/// Validators, perhaps a sink, traffic, and everything between them and their servers.
#[derive(Debug)]
pub struct Scene {
    /// Topics, groups, contracts, lake.
    pub world: World,
    /// Traffic; the soak has it written by a thread of its own, too.
    pub producing: Arc<Mutex<Producing>>,
    /// Running validators; faults strike the first.
    pub workers: Vec<Role>,
    /// The running sink.
    pub sink: Option<Role>,
    broker: Arc<Mutex<Broker>>,
    /// Between roles and broker; shared by all scenes of a broker, which tell their clients apart.
    pub proxy: Arc<Proxy>,
    /// Between the sink and its store.
    pub store: Proxy,
    /// Guests of one [`crate::Fault::Storm`], at least.
    pub storms: usize,
    /// How long faults last that end when somebody ends them.
    pub spans: Spans,
    started: usize,
}

/// How long faults last that end when somebody ends them: at least until everybody has noticed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spans {
    /// Of [`crate::Fault::Storm`].
    pub storm: Duration,
    /// Of [`crate::Fault::BrokersAway`] and [`crate::Fault::Store`].
    pub absence: Duration,
}

// === impl Spans ===

impl Spans {
    /// As long as `reliability.md` section 4 has them (F7, F13).
    pub const FULL: Spans = Spans {
        storm: Duration::from_secs(600),
        absence: Duration::from_secs(300),
    };
}

// === impl Scene ===

impl Scene {
    /// Topics and contracts, the lake on S3; nothing runs yet.
    pub fn new(stand: &Stand, broker: &Arc<Mutex<Broker>>, topics: &'static [&'static str], partitions: i32, seed: u64) -> Scene {
        Scene::on(stand, broker, "s3", topics, partitions, seed)
    }

    /// The same with the lake on `s3` or `azure`.
    pub fn on(
        stand: &Stand,
        broker: &Arc<Mutex<Broker>>,
        store: &'static str,
        topics: &'static [&'static str],
        partitions: i32,
        seed: u64,
    ) -> Scene {
        let shape = Shape {
            topics,
            partitions,
            ..Shape::whole(store, "exactly_once")
        };
        Scene::of(stand, broker, shape, seed)
    }

    /// The same in `at_least_once`, in batches of at most [`SMALL_BATCH`] records.
    pub fn at_least_once(stand: &Stand, broker: &Arc<Mutex<Broker>>, seed: u64) -> Scene {
        let shape = Shape {
            topics: &["orders"],
            partitions: 2,
            validator: "  batch_records: 50\n",
            ..Shape::whole("s3", "at_least_once")
        };
        Scene::of(stand, broker, shape, seed)
    }

    fn of(stand: &Stand, broker: &Arc<Mutex<Broker>>, shape: Shape, seed: u64) -> Scene {
        refuted::assert_not();
        let endpoint = match shape.store {
            "s3" => stand.text("s3", "endpoint"),
            _ => stand.text("azure", "blob_endpoint"),
        };
        // Azure's account is the first step of the path.
        let host = endpoint.trim_start_matches("http://");
        let (host, path) = host.split_at(host.find('/').unwrap_or(host.len()));
        let store = Proxy::start(host.parse().expect("the stand's servers are on loopback"), Speech::Bytes);
        let (addresses, proxy) = {
            let broker = broker.lock().unwrap_or_else(PoisonError::into_inner);
            (broker.addresses(), broker.proxy.clone())
        };
        let shape = Shape {
            sink: "  slot_rows: 500\n  slot_age_ms: 1000\n",
            brokers: Some(addresses),
            store_endpoint: Some(format!("http://{}{path}", store.address())),
            ..shape
        };
        let world = World::new(stand.clone(), shape);
        Scene {
            producing: Arc::new(Mutex::new(Producing::new(&world, seed))),
            world,
            workers: Vec::new(),
            sink: None,
            broker: broker.clone(),
            proxy,
            store,
            storms: 3,
            spans: Spans::default(),
            started: 0,
        }
    }

    /// The broker, for as long as nobody else breaks it. What another story has failed with is not about this one.
    pub fn broker(&self) -> MutexGuard<'_, Broker> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker, for who needs the scene meanwhile.
    pub fn shared_broker(&self) -> Arc<Mutex<Broker>> {
        self.broker.clone()
    }

    /// One more validator.
    pub fn start_worker(&mut self) {
        self.started += 1;
        self.workers
            .push(self.world.start(&format!("validator-{}", self.started), "validate"));
    }

    /// The sink.
    pub fn start_sink(&mut self) {
        self.started += 1;
        self.sink = Some(self.world.start(&format!("sink-{}", self.started), "sink"));
    }

    /// Writes events.
    pub fn produce(&mut self, events: u64) {
        self.producing.lock().unwrap().write(events);
    }

    /// Catches a step of a validator, which gets something to do and is the first from then on. One that owns nothing just now, or waits for
    /// the end of something else, has the next one take its place.
    pub fn catch(&mut self, step: Step) -> Caught {
        for _ in 0..6 * self.workers.len() {
            let client = self.world.client_id(self.workers[0].name());
            let trap = self.proxy.trap(&client, step, 0);
            // Whoever just joined may get its partitions behind what was written; then it gets something later.
            for _ in 0..4 {
                self.produce(200);
                if let Some(caught) = trap.within(Duration::from_secs(5)) {
                    return caught;
                }
            }
            self.workers.rotate_left(1);
        }
        let names: Vec<&str> = self.workers.iter().map(Role::name).collect();
        panic!("nothing to catch: {step:?} of any of {names:?}")
    }

    /// Waits until every event that is there now has its outcome. One that gets none is a proof that failed.
    pub fn settle(&mut self) {
        let world = &self.world;
        let mut ends = None;
        let mut workers: Vec<&mut Role> = self.workers.iter_mut().chain(self.sink.as_mut()).collect();
        prove(|| {
            wait("every outcome", &mut workers, || {
                if ends.is_none() {
                    ends = Some(world.ends(&world.sources())?);
                }
                Ok(world.behind("validator", ends.as_ref().expect("asked above"))?.is_empty())
            });
        });
    }

    /// Settles, and proves that every event has its outcome, once and unchanged.
    pub fn prove(&mut self) -> Proof {
        self.settle();
        prove(|| {
            let producing = self.producing.lock().unwrap();
            let located = producing.located(&self.world);
            assert_eq!(located.len() as u64, producing.written(), "the sources hold what was written");
            drop(producing);
            await_outcomes(&self.world, &located);
            let proof = prove_topics(&self.world, &located);
            prove_audit(&self.world);
            proof
        })
    }

    /// Settles, stops everybody, who must end in good order, and proves what is left behind.
    pub fn end(self) -> Proof {
        self.finish().prove()
    }

    /// Settles and stops everybody, who must end in good order.
    pub fn finish(mut self) -> Scene {
        self.settle();
        for worker in self.workers.drain(..) {
            ended_in_good_order(worker, Role::stop);
        }
        if let Some(sink) = &mut self.sink {
            let world = &self.world;
            prove(|| wait("every row", &mut [sink], || world.is_settled("sink", &world.validated())));
        }
        if let Some(sink) = self.sink.take() {
            ended_in_good_order(sink, Role::stop);
        }
        self
    }

    /// Brings faults about, one after another, and proves after each that nothing was lost, doubled or misjudged.
    /// `TIDEGATE_FAULT=<words>` plays those whose names hold the words.
    pub fn play(&mut self, faults: &[Fault]) {
        let wanted = std::env::var("TIDEGATE_FAULT").unwrap_or_default();
        for fault in faults.iter().filter(|fault| format!("{fault:?}").contains(&wanted)) {
            let begun = Instant::now();
            fault.strike(self);
            let struck = begun.elapsed();
            self.produce(100);
            let proof = self.prove();
            eprintln!("{fault:?}: struck in {struck:.1?}, proved after {:.1?}: {proof:?}", begun.elapsed());
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for role in self.workers.iter().chain(self.sink.as_ref()) {
                eprintln!("--- {}\n{}", role.name(), role.tail());
            }
        }
    }
}
