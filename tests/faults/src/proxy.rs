//! A TCP proxy that stands between roles and a server and changes no byte. It can hold a request or an answer until the test has done its
//! worst, lose it, deliver it late, or be as bad as a network can be.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::frame::{self, Header, Request};

/// What passes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// Frames of Kafka's protocol: traps can be set.
    Kafka,
    /// Anything.
    Bytes,
}

/// How the network is, for all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weather {
    /// Everything passes.
    Clear,
    /// Connections are refused, those that exist are cut.
    Refusing,
    /// Connections are taken and nothing passes.
    Still,
    /// Requests arrive; the connection breaks when the answer comes.
    LosingAnswers,
}

/// Which way something is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Moment {
    /// The request was sent and has not arrived.
    Request,
    /// The request was done and its answer has not arrived.
    Answer,
}

/// One step of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Step(pub Moment, pub Request);

/// The proxy; ends with its owner.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// Waits for a step of one client.
#[derive(Debug)]
pub struct Trap {
    what: String,
    caught: Receiver<Caught>,
}

/// A request or an answer that is held. Dropped it is lost, and its connection breaks.
#[derive(Debug)]
pub struct Caught {
    decide: SyncSender<Decision>,
    correlation: i32,
    version: i16,
}

/// A request whose connection is broken for its client and which has not arrived yet.
#[derive(Debug)]
pub struct Late {
    deliver: SyncSender<()>,
    answer: Receiver<Vec<u8>>,
    correlation: i32,
    version: i16,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    speech: Speech,
    weather: Mutex<Weather>,
    changed: Condvar,
    traps: Mutex<Vec<Set>>,
    links: Mutex<Vec<Arc<Link>>>,
    transactional_ids: Mutex<HashMap<String, String>>,
    closing: AtomicBool,
}

/// A trap that is set.
#[derive(Debug)]
struct Set {
    client: String,
    step: Step,
    skip: usize,
    caught: Sender<Caught>,
}

#[derive(Debug)]
struct Link {
    client: TcpStream,
    server: TcpStream,
    /// Requests under way: correlation to who asked for what.
    asked: Mutex<HashMap<i32, Header>>,
    /// The client is gone on purpose; answers go here.
    orphaned: Mutex<Option<Sender<Vec<u8>>>>,
}

#[derive(Debug)]
enum Decision {
    GoOn,
    Late { deliver: Receiver<()>, answer: Sender<Vec<u8>> },
}

/// A late request's connection stays open so long for its answer.
const LATE_ANSWER: Duration = Duration::from_secs(5);

// === impl Proxy ===

impl Proxy {
    /// Listens on a free port.
    pub fn start(upstream: SocketAddr, speech: Speech) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let shared = Arc::new(Shared {
            upstream,
            speech,
            weather: Mutex::new(Weather::Clear),
            changed: Condvar::new(),
            traps: Mutex::default(),
            links: Mutex::default(),
            transactional_ids: Mutex::default(),
            closing: AtomicBool::new(false),
        });
        let accepting = shared.clone();
        std::thread::spawn(move || accepting.accept(&listener));
        Proxy { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather for all connections.
    pub fn set(&self, weather: Weather) {
        *self.shared.weather.lock().unwrap() = weather;
        self.shared.changed.notify_all();
        if weather == Weather::Refusing {
            self.shared.cut_all();
        }
    }

    /// Catches a step of one client, after letting some pass. Works once.
    pub fn trap(&self, client: &str, step: Step, skip: usize) -> Trap {
        assert_eq!(self.shared.speech, Speech::Kafka, "only Kafka's requests are understood");
        let (caught, waiting) = channel();
        self.shared.traps.lock().unwrap().push(Set {
            client: client.to_owned(),
            step,
            skip,
            caught,
        });
        Trap {
            what: format!("{step:?} of {client}"),
            caught: waiting,
        }
    }

    /// The transactional id that a client has opened its producer with last.
    pub fn transactional_id(&self, client: &str) -> Option<String> {
        self.shared.transactional_ids.lock().unwrap().get(client).cloned()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        self.set(Weather::Refusing);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
    }
}

// === impl Trap ===

impl Trap {
    /// Waits until something is caught; none when nothing came in time.
    pub fn within(&self, patience: Duration) -> Option<Caught> {
        match self.caught.recv_timeout(patience) {
            Ok(caught) => Some(caught),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("{}: caught once already", self.what),
        }
    }
}

// === impl Caught ===

impl Caught {
    /// Lets it pass after all.
    pub fn go_on(self) {
        // Its connection may be gone by now.
        let _ = self.decide.send(Decision::GoOn);
    }

    /// Loses it; its connection breaks.
    pub fn lose(self) {}

    /// Breaks the client's connection and keeps the request: it arrives when the test says so.
    pub fn keep(self) -> Late {
        let (deliver, delivered) = sync_channel(1);
        let (answer, answered) = channel();
        let _ = self.decide.send(Decision::Late {
            deliver: delivered,
            answer,
        });
        Late {
            deliver,
            answer: answered,
            correlation: self.correlation,
            version: self.version,
        }
    }
}

// === impl Late ===

impl Late {
    /// Delivers it now; the error codes that the server answered to nobody. None when it did not answer this request in time, or in words
    /// that are not understood.
    pub fn deliver(self, request: Request) -> Option<Vec<i16>> {
        self.deliver.send(()).ok()?;
        let deadline = Instant::now() + LATE_ANSWER;
        loop {
            // Answers to earlier requests of the same connection may come first.
            let answer = self.answer.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?;
            if frame::correlation(&answer) == Some(self.correlation) {
                return frame::errors(&answer, request, self.version);
            }
        }
    }
}

// === impl Shared ===

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.closing.load(Ordering::Acquire) {
                return;
            }
            let Ok(client) = client else { continue };
            if *self.weather.lock().unwrap() == Weather::Refusing {
                continue;
            }
            let Ok(server) = TcpStream::connect(self.upstream) else { continue };
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            let link = Arc::new(Link {
                client,
                server,
                asked: Mutex::default(),
                orphaned: Mutex::default(),
            });
            let mut links = self.links.lock().unwrap();
            // Those that only this list knows have ended.
            links.retain(|link| Arc::strong_count(link) > 1);
            links.push(link.clone());
            drop(links);
            let (shared, other) = (self.clone(), link.clone());
            std::thread::spawn(move || {
                shared.requests(&link);
                link.cut();
            });
            let shared = self.clone();
            std::thread::spawn(move || {
                shared.answers(&other);
                other.cut();
            });
        }
    }

    fn cut_all(&self) {
        for link in self.links.lock().unwrap().drain(..) {
            link.cut();
        }
    }

    /// Waits while nothing passes; says how the weather is then.
    fn weather(&self) -> Weather {
        let still = self.weather.lock().unwrap();
        *self.changed.wait_while(still, |weather| *weather == Weather::Still).unwrap()
    }

    /// What holds a step of this client, if a trap is set for it.
    fn catch(&self, header: &Header, moment: Moment) -> Option<Receiver<Decision>> {
        let step = step(moment, header)?;
        let mut traps = self.traps.lock().unwrap();
        let at = traps.iter().position(|set| set.step == step && set.client == header.client)?;
        if traps[at].skip > 0 {
            traps[at].skip -= 1;
            return None;
        }
        let set = traps.remove(at);
        let (decide, decision) = sync_channel(1);
        // Nobody waits any more: it passes.
        let caught = Caught {
            decide,
            correlation: header.correlation,
            version: header.api_version,
        };
        set.caught.send(caught).ok().map(|()| decision)
    }

    fn requests(&self, link: &Link) -> Option<()> {
        let mut client = &link.client;
        loop {
            if self.speech == Speech::Bytes {
                let mut buffer = [0; 16 << 10];
                let read = client.read(&mut buffer).ok().filter(|read| *read > 0)?;
                (self.weather() != Weather::Refusing).then_some(())?;
                (&link.server).write_all(&buffer[..read]).ok()?;
                continue;
            }
            let frame = frame::read(&mut client).ok()??;
            let header = frame::header(&frame)?;
            if header.api_key == Request::InitProducerId as i16
                && let Some(id) = frame::transactional_id(&frame, &header)
            {
                self.transactional_ids.lock().unwrap().insert(header.client.clone(), id);
            }
            link.asked.lock().unwrap().insert(header.correlation, header.clone());
            if let Some(decision) = self.catch(&header, Moment::Request) {
                match decision.recv().ok()? {
                    Decision::GoOn => {}
                    Decision::Late { deliver, answer } => return link.late(&frame, &deliver, answer),
                }
            }
            (self.weather() != Weather::Refusing).then_some(())?;
            link.to_server(&frame)?;
        }
    }

    fn answers(&self, link: &Link) -> Option<()> {
        let mut server = &link.server;
        loop {
            if self.speech == Speech::Bytes {
                let mut buffer = [0; 16 << 10];
                let read = server.read(&mut buffer).ok().filter(|read| *read > 0)?;
                (self.weather() == Weather::Clear).then_some(())?;
                (&link.client).write_all(&buffer[..read]).ok()?;
                continue;
            }
            let frame = frame::read(&mut server).ok()??;
            if let Some(orphaned) = &*link.orphaned.lock().unwrap() {
                orphaned.send(frame).ok()?;
                continue;
            }
            let asked = link.asked.lock().unwrap().remove(&frame::correlation(&frame)?);
            if let Some(decision) = asked.and_then(|header| self.catch(&header, Moment::Answer)) {
                let Decision::GoOn = decision.recv().ok()? else { return None };
            }
            (self.weather() == Weather::Clear).then_some(())?;
            let mut client = &link.client;
            client.write_all(&length(&frame)).ok()?;
            client.write_all(&frame).ok()?;
        }
    }
}

// === impl Link ===

impl Link {
    fn cut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        if self.orphaned.lock().unwrap().is_none() {
            let _ = self.server.shutdown(Shutdown::Both);
        }
    }

    fn to_server(&self, frame: &[u8]) -> Option<()> {
        let mut server = &self.server;
        server.write_all(&length(frame)).ok()?;
        server.write_all(frame).ok()
    }

    fn late(&self, frame: &[u8], deliver: &Receiver<()>, answer: Sender<Vec<u8>>) -> Option<()> {
        *self.orphaned.lock().unwrap() = Some(answer);
        let _ = self.client.shutdown(Shutdown::Both);
        let delivered = deliver.recv().ok().and_then(|()| self.to_server(frame));
        if delivered.is_some() {
            // The other thread hands the answer over meanwhile.
            std::thread::sleep(LATE_ANSWER);
        }
        let _ = self.server.shutdown(Shutdown::Both);
        None
    }
}

fn length(frame: &[u8]) -> [u8; 4] {
    i32::try_from(frame.len()).expect("it was read with such a length").to_be_bytes()
}

fn step(moment: Moment, header: &Header) -> Option<Step> {
    request(header.api_key).map(|request| Step(moment, request))
}

fn request(api_key: i16) -> Option<Request> {
    use Request as R;
    let all = [
        R::Produce,
        R::OffsetCommit,
        R::JoinGroup,
        R::InitProducerId,
        R::AddPartitionsToTxn,
        R::AddOffsetsToTxn,
        R::EndTxn,
        R::TxnOffsetCommit,
    ];
    all.into_iter().find(|request| *request as i16 == api_key)
}
