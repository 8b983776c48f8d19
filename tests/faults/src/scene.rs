//! The deployment that faults strike.

use std::sync::{Arc, Mutex};

use tidegate_tests::planted::{Producing, Proof, prove_audit, prove_topics};
use tidegate_tests::process::Role;
use tidegate_tests::stand::Stand;
use tidegate_tests::wait::wait;
use tidegate_tests::world::{Shape, World};

use crate::broker::Broker;
use crate::proxy::{Caught, Proxy, Speech, Step, Weather};

/// Validators, perhaps a sink, traffic, and everything between them and their servers.
#[derive(Debug)]
pub struct Scene {
    /// Topics, groups, contracts, lake.
    pub world: World,
    /// Traffic.
    pub producing: Producing,
    /// Running validators; faults strike the first.
    pub workers: Vec<Role>,
    /// The running sink.
    pub sink: Option<Role>,
    /// The broker, for faults that break it.
    pub broker: Arc<Mutex<Broker>>,
    /// Between roles and broker; shared by all scenes of a broker, which tell their clients apart.
    pub proxy: Arc<Proxy>,
    /// Between the sink and its store.
    pub store: Proxy,
    /// Guests of one [`crate::Fault::Storm`].
    pub storms: usize,
    started: usize,
}

// === impl Scene ===

impl Scene {
    /// Topics and contracts; nothing runs yet.
    pub fn new(stand: &Stand, broker: &Arc<Mutex<Broker>>, topics: &'static [&'static str], partitions: i32, seed: u64) -> Scene {
        let endpoint = stand.text("s3", "endpoint").trim_start_matches("http://");
        let store = Proxy::start(endpoint.parse().expect("the stand's servers are on loopback"), Speech::Bytes);
        let (addresses, proxy) = {
            let broker = broker.lock().unwrap();
            (broker.addresses(), broker.proxy.clone())
        };
        let shape = Shape {
            topics,
            partitions,
            sink: "  slot_rows: 500\n  slot_age_ms: 1000\n",
            brokers: Some(addresses),
            store_endpoint: Some(format!("http://{}", store.address())),
            ..Shape::whole("s3", "exactly_once")
        };
        let world = World::new(stand.clone(), shape);
        Scene {
            producing: Producing::new(&world, seed),
            world,
            workers: Vec::new(),
            sink: None,
            broker: broker.clone(),
            proxy,
            store,
            storms: 3,
            started: 0,
        }
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
        self.producing.write(events);
    }

    /// Catches a step of the first validator, which gets something to do.
    pub fn catch(&mut self, step: Step) -> Caught {
        let client = self.world.client_id(self.workers[0].name());
        let trap = self.proxy.trap(&client, step, 0);
        self.produce(200);
        trap.caught()
    }

    /// Waits until every event has its outcome.
    pub fn settle(&mut self) {
        let world = &self.world;
        let mut workers: Vec<&mut Role> = self.workers.iter_mut().chain(self.sink.as_mut()).collect();
        wait("every outcome", &mut workers, || world.is_settled("validator", &world.sources()));
    }

    /// Settles, and proves that every event has its outcome, once and unchanged.
    pub fn prove(&mut self) -> Proof {
        self.settle();
        let located = self.producing.located(&self.world);
        assert_eq!(located.len() as u64, self.producing.written(), "the sources hold what was written");
        let proof = prove_topics(&self.world, &located);
        prove_audit(&self.world);
        proof
    }

    /// Proves, stops everybody, who must end in good order, and proves again with the lake.
    pub fn end(mut self) -> Proof {
        self.proxy.set(Weather::Clear);
        self.settle();
        for worker in self.workers.drain(..) {
            let name = worker.name().to_owned();
            assert!(worker.stop().success(), "{name} ends in good order");
        }
        if let Some(mut sink) = self.sink.take() {
            let world = &self.world;
            wait("every row", &mut [&mut sink], || world.is_settled("sink", &world.validated()));
            assert!(sink.stop().success(), "the sink ends in good order");
        }
        self.prove()
    }
}
