//! Contracts out of a bundle: from a registry, a file or an object store. Each document is proved by its address before it is used.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use tidegate_contract::bundle::BUNDLE_BYTES_MAX;
use tidegate_contract::{Bundle, Diagnostic, Snapshot};
use tidegate_flow::{Remedy, WorldError};
use tidegate_git::LoadOutcome;
use tidegate_lake::{LakeOptions, Tag, Watched};
use tidegate_schemas::{Served, Snapshots, Standing};

use super::file::{self, Print};

/// Where documents come from.
pub(super) enum Documents {
    Registry(Arc<Snapshots>),
    File(PathBuf),
    Stored {
        location: String,
        options: Box<LakeOptions>,
        name: String,
        /// Opened by the first look.
        store: Option<Box<Watched>>,
    },
}

/// A place of documents with its last good snapshot.
pub(crate) struct Followed {
    documents: Documents,
    /// What the registry calls what it answered last, good or not.
    tag: Option<String>,
    /// How a place without a registry's tags tells that it still has the last document. Of whole ones only: what was damaged is read again.
    seen: Option<Seen>,
    current: Option<Arc<Snapshot>>,
    before: Option<Arc<Snapshot>>,
    /// Address of the last document, good or refused.
    digest: Option<String>,
    refused: Option<(Arc<str>, Vec<Diagnostic>)>,
    sources: BTreeMap<Arc<str>, String>,
    replicas: Replicas,
}

/// What a file or an object store says of the bytes that it gave.
#[derive(Debug, Clone)]
enum Seen {
    File(Print),
    Object(Tag),
}

/// Which answers of several replicas are old ones. They look at Git one after the other, so for some seconds one of them still has what
/// another has replaced; a worker that is sent to both must not go back and forth.
#[derive(Debug, Default)]
struct Replicas {
    /// Of what was taken last.
    height: Option<u64>,
    /// When a replica last said that what was taken is the newest.
    confirmed: Option<i64>,
    /// How often in a row something older was offered.
    older: usize,
    /// How often in a row that came from a replica that goes on looking at its source, and when it last had.
    steady: (usize, Option<i64>),
}

/// After so many words in a row of a replica that goes on looking, its clock is taken to be behind, and the replica that confirmed what was taken to be
/// gone.
const STEADY: usize = 5;

// === impl Replicas ===

impl Replicas {
    /// What was taken is what this replica has.
    fn agree(&mut self, standing: Standing) {
        self.height = standing.height;
        self.confirmed = self.confirmed.max(standing.confirmed);
        (self.older, self.steady) = (0, (0, None));
    }

    /// Whether something else than what was taken is to be taken. Not from a replica that has not seen its source since another confirmed
    /// what was taken: it may be one that refuses what the branch has become, and holds on to what was before. What has no more commits
    /// only when it is offered twice in a row, for then the branch was put back. Anything else at once.
    fn takes(&mut self, offered: Standing) -> bool {
        if offered
            .confirmed
            .zip(self.confirmed)
            .is_some_and(|(offered, taken)| offered <= taken)
        {
            let (words, last) = self.steady;
            self.steady = (if offered.confirmed > last { words + 1 } else { 1 }, offered.confirmed);
            if self.steady.0 < STEADY {
                return false;
            }
        } else if offered.height.zip(self.height).is_some_and(|(offered, taken)| offered <= taken) {
            self.older += 1;
            if self.older < 2 {
                return false;
            }
        }
        *self = Replicas {
            height: offered.height,
            confirmed: offered.confirmed,
            ..Replicas::default()
        };
        true
    }
}

// === impl Followed ===

impl Followed {
    pub(super) fn new(documents: Documents) -> Followed {
        Followed {
            documents,
            tag: None,
            seen: None,
            current: None,
            before: None,
            digest: None,
            refused: None,
            sources: BTreeMap::new(),
            replicas: Replicas::default(),
        }
    }

    pub(super) fn sources(&self) -> &BTreeMap<Arc<str>, String> {
        &self.sources
    }

    /// Looks again. Whatever is wrong with a document, the current snapshot stays.
    pub(super) fn load(&mut self) -> Result<LoadOutcome, WorldError> {
        let (bytes, tag, standing, seen) = match self.documents.newest(self.tag.as_deref(), self.seen.as_ref())? {
            Newest::Unchanged(standing) => {
                self.replicas.agree(standing);
                return Ok(self.as_before());
            }
            Newest::Document {
                bytes,
                tag,
                standing,
                seen,
            } => (bytes, tag, standing, seen),
        };
        let (bundle, digest) = Bundle::open(&bytes).map_err(|problem| self.damaged(&problem))?;
        if let Some(tag) = &tag
            && *tag != format!("\"{digest}\"")
        {
            return Err(self.damaged("it is not what its tag says"));
        }
        if self.digest.as_ref() == Some(&digest) {
            (self.tag, self.seen) = (tag, seen);
            self.replicas.agree(standing);
            return Ok(self.as_before());
        }
        if self.digest.is_some() && !self.replicas.takes(standing) {
            tracing::info!(
                commit = bundle.commit,
                "a replica of the registry has an older snapshot still; it is not taken"
            );
            return Ok(self.as_before());
        }
        if self.digest.is_none() {
            self.replicas.agree(standing);
        }
        (self.tag, self.seen) = (tag, seen);
        self.sources = bundle.files.iter().map(|file| (file.path.clone(), file.text.clone())).collect();
        self.digest = Some(digest);
        match Snapshot::build(&bundle.commit, &bundle.files) {
            Ok((snapshot, notes)) => {
                let snapshot = Arc::new(snapshot);
                self.before = self.current.replace(snapshot.clone());
                self.refused = None;
                Ok(LoadOutcome::Loaded(snapshot, notes))
            }
            Err(problems) => {
                self.refused = Some((bundle.commit.as_str().into(), problems));
                Ok(self.as_before())
            }
        }
    }

    /// As [`tidegate_git::ContractSource::reject`].
    pub(super) fn reject(&mut self, diagnostics: Vec<Diagnostic>) {
        if let Some(rejected) = self.current.take() {
            self.current = self.before.take();
            self.refused = Some((rejected.commit.clone(), diagnostics));
        }
    }

    fn as_before(&self) -> LoadOutcome {
        match &self.refused {
            Some((commit, diagnostics)) => LoadOutcome::Refused {
                commit: commit.clone(),
                diagnostics: diagnostics.clone(),
            },
            None => LoadOutcome::Unchanged,
        }
    }

    /// A document may be read while it is replaced, so it is asked for again.
    fn damaged(&self, problem: &str) -> WorldError {
        WorldError::new(Remedy::Retry, format!("{} cannot be used: {problem}", self.documents.shown()))
    }
}

/// What a place has.
enum Newest {
    /// The document of the tag that was asked with, or the one that was seen.
    Unchanged(Standing),
    Document {
        bytes: Vec<u8>,
        /// A registry's: it says whether the bytes are still the newest, and what they are.
        tag: Option<String>,
        standing: Standing,
        seen: Option<Seen>,
    },
}

// === impl Documents ===

impl Documents {
    /// The newest document, unless it is the one of that tag, or the one that was seen.
    fn newest(&mut self, tag: Option<&str>, seen: Option<&Seen>) -> Result<Newest, WorldError> {
        let untagged = |bytes, seen| {
            Ok(Newest::Document {
                bytes,
                tag: None,
                standing: Standing::default(),
                seen,
            })
        };
        let shown = self.shown();
        match self {
            Documents::Registry(client) => match client.newest(tag)? {
                Served::Unchanged(standing) => Ok(Newest::Unchanged(standing)),
                Served::Document { standing, bytes, tag } => Ok(Newest::Document {
                    bytes,
                    tag,
                    standing,
                    seen: None,
                }),
                Served::Absent => Err(WorldError::new(Remedy::Retry, format!("{shown} has no snapshot"))),
            },
            Documents::File(path) => {
                let unread = |error: std::io::Error| {
                    let remedy = match error.kind() {
                        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::IsADirectory => Remedy::Operator,
                        // Whoever builds it may not have come yet.
                        _ => Remedy::Retry,
                    };
                    WorldError::new(remedy, format!("{shown} cannot be read: {error}"))
                };
                let print = match seen {
                    Some(Seen::File(print)) => Some(print),
                    Some(Seen::Object(_)) | None => None,
                };
                match file::look(path, print, BUNDLE_BYTES_MAX as u64, SystemTime::now()).map_err(unread)? {
                    file::Look::Unchanged => Ok(Newest::Unchanged(Standing::default())),
                    file::Look::New(bytes, print) => untagged(bytes, print.map(Seen::File)),
                }
            }
            Documents::Stored {
                location,
                options,
                name,
                store,
            } => {
                let store = match store {
                    Some(store) => store,
                    None => store.insert(Box::new(Watched::open(location, options, name, BUNDLE_BYTES_MAX as u64)?)),
                };
                let tag = match seen {
                    Some(Seen::Object(tag)) => Some(tag),
                    Some(Seen::File(_)) | None => None,
                };
                match store.look(tag)? {
                    tidegate_lake::Look::Unchanged => Ok(Newest::Unchanged(Standing::default())),
                    tidegate_lake::Look::New(bytes, tag) => untagged(bytes.to_vec(), tag.map(Seen::Object)),
                    tidegate_lake::Look::TooLarge(size) => Err(WorldError::new(
                        Remedy::Retry,
                        format!("{shown} cannot be used: it has {size} bytes, more than the limit of {BUNDLE_BYTES_MAX}"),
                    )),
                    tidegate_lake::Look::Absent => Err(WorldError::new(Remedy::Retry, format!("{shown} is not there"))),
                }
            }
        }
    }

    fn shown(&self) -> String {
        match self {
            Documents::Registry(_) => "the answer of the contract registry".to_owned(),
            Documents::File(path) => format!("the bundle {}", path.display()),
            Documents::Stored { location, name, .. } => format!("the bundle {location}/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::Mutex;
    use std::time::Duration;

    use tidegate_contract::ContractFile;

    use super::*;

    fn sealed(commit: &str, text: &str) -> Vec<u8> {
        let file = ContractFile {
            path: "a.odcs.yaml".into(),
            text: text.to_owned(),
        };
        Bundle::new(commit, [file]).seal().unwrap().bytes
    }

    #[test]
    fn two_replicas_are_no_seesaw() {
        let at = |height, confirmed| Standing {
            height: Some(height),
            confirmed: Some(confirmed),
        };
        let mut replicas = Replicas::default();
        replicas.agree(at(4, 10));
        assert!(replicas.takes(at(5, 20)), "forward is taken at once");
        // The other replica has not looked since.
        for _ in 0..5 {
            assert!(!replicas.takes(at(4, 15)));
        }
        replicas.agree(at(5, 30));
        // One whose clock is ahead, between two of the other.
        for second in 31..40 {
            assert!(!replicas.takes(at(4, 100)));
            replicas.agree(at(5, second));
        }
        // The branch was put back: all of them say so.
        assert!(!replicas.takes(at(3, 50)) && replicas.takes(at(3, 51)));
        // Another commit of the same number: one replica started anew after a forced push, the other holds on to what was before and sees
        // no more of its source.
        let mut replicas = Replicas::default();
        replicas.agree(at(2, 10));
        assert!(!replicas.takes(at(2, 20)) && replicas.takes(at(2, 22)));
        for second in 23..40 {
            assert!(!replicas.takes(at(2, 10)) && !replicas.takes(at(3, 10)));
            replicas.agree(at(2, second));
        }
        for _ in 0..20 {
            assert!(!replicas.takes(at(3, 10)), "nobody else is there any more");
        }
        // The one with the clock ahead is gone: the other goes on looking.
        replicas.agree(at(2, 1_000));
        assert!((50..54).all(|second| !replicas.takes(at(3, second))) && replicas.takes(at(3, 54)));
        replicas = Replicas::default();
        replicas.agree(at(3, 30));
        // Who tells nothing about itself is believed.
        assert!(replicas.takes(Standing::default()) && replicas.takes(at(1, 1)));
    }

    /// One object in the place of S3, with its entity tag; answers conditions, and counts requests and bytes of bodies.
    struct Bucket {
        address: String,
        object: Arc<Mutex<(String, Vec<u8>)>>,
        sent: Arc<Mutex<(usize, usize)>>,
    }

    impl Bucket {
        fn start() -> Bucket {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let bucket = Bucket {
                address: format!("http://{}", listener.local_addr().unwrap()),
                object: Arc::default(),
                sent: Arc::default(),
            };
            let (object, sent) = (bucket.object.clone(), bucket.sent.clone());
            // Ends with the process: it waits for the next connection.
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    let mut head = String::new();
                    let mut reader = BufReader::new(&stream);
                    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
                    let (tag, bytes) = object.lock().unwrap().clone();
                    let list = b"<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>";
                    let is_list = head.contains("list-type");
                    let is_same = head.to_ascii_lowercase().contains(&format!("if-none-match: \"{tag}\""));
                    let (status, body) = match (is_list, is_same) {
                        (true, _) => (200, &list[..]),
                        (false, true) => (304, &[][..]),
                        (false, false) => (200, &bytes[..]),
                    };
                    if !is_list {
                        let mut sent = sent.lock().unwrap();
                        *sent = (sent.0 + 1, sent.1 + body.len());
                    }
                    let date = "Thu, 01 Jan 2026 00:00:00 GMT";
                    let head = format!(
                        "HTTP/1.1 {status} X\r\nETag: \"{tag}\"\r\nLast-Modified: {date}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        body.len()
                    );
                    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).unwrap();
                }
            });
            bucket
        }

        fn put(&self, tag: &str, bytes: &[u8]) {
            *self.object.lock().unwrap() = (tag.to_owned(), bytes.to_vec());
        }

        /// Requests and bytes since the last question.
        fn sent(&self) -> (usize, usize) {
            std::mem::take(&mut *self.sent.lock().unwrap())
        }
    }

    #[test]
    fn an_unchanged_bundle_in_a_store_is_asked_for_and_not_sent() {
        let bucket = Bucket::start();
        let mut options = LakeOptions::from_variables([("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "hunter2")]);
        options.endpoint = Some(bucket.address.clone());
        let mut followed = Followed::new(Documents::Stored {
            location: "s3://bucket/prod".to_owned(),
            options: Box::new(options),
            name: "a.tidegate".to_owned(),
            store: None,
        });
        let (first, next) = (sealed("c1", GOOD), sealed("c2", GOOD));
        // What is damaged is sent each time, whatever its tag: it may be whole the next time.
        bucket.put("1", &first[..first.len() / 2]);
        for _ in 0..2 {
            assert_eq!(followed.load().unwrap_err().remedy, Remedy::Retry);
            assert_eq!(bucket.sent(), (1, first.len() / 2));
        }
        bucket.put("1", &first);
        assert!(matches!(followed.load().unwrap(), LoadOutcome::Loaded(..)));
        assert_eq!(bucket.sent(), (1, first.len()));
        for _ in 0..3 {
            assert!(matches!(followed.load().unwrap(), LoadOutcome::Unchanged));
            assert_eq!(bucket.sent(), (1, 0));
        }
        // The same bytes were put again.
        bucket.put("2", &first);
        assert!(matches!(followed.load().unwrap(), LoadOutcome::Unchanged));
        assert_eq!(bucket.sent(), (1, first.len()));
        bucket.put("3", &next);
        assert!(matches!(followed.load().unwrap(), LoadOutcome::Loaded(snapshot, _) if &*snapshot.commit == "c2"));
        // One that is refused is not sent again either, and stays refused.
        bucket.put("4", &sealed("c3", "kind: Nonsense\n"));
        for _ in 0..2 {
            assert!(matches!(followed.load().unwrap(), LoadOutcome::Refused { commit, .. } if &*commit == "c3"));
        }
        assert_eq!(bucket.sent().0, 3);
        assert!(matches!(followed.load().unwrap(), LoadOutcome::Refused { .. }));
        assert_eq!(bucket.sent(), (1, 0));
    }

    #[test]
    fn a_file_that_stays_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tidegate");
        std::fs::write(&path, sealed("c1", GOOD)).unwrap();
        let mut documents = Documents::File(path.clone());
        let Newest::Document { bytes, .. } = documents.newest(None, None).unwrap() else {
            panic!("it was never read");
        };
        assert_eq!(bytes, sealed("c1", GOOD));
        let later = SystemTime::now() + Duration::from_secs(60);
        let Ok(file::Look::New(_, Some(print))) = file::look(&path, None, 1 << 20, later) else {
            panic!("nothing was kept of it");
        };
        let seen = Seen::File(print);
        assert!(matches!(documents.newest(None, Some(&seen)).unwrap(), Newest::Unchanged(_)));
        std::fs::write(&path, sealed("c22", GOOD)).unwrap();
        assert!(matches!(documents.newest(None, Some(&seen)).unwrap(), Newest::Document { .. }));
    }

    const GOOD: &str = "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema: []\n";

    #[test]
    fn whatever_is_wrong_with_a_document_the_last_good_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tidegate");
        let mut followed = Followed::new(Documents::File(path.clone()));
        assert_eq!(followed.load().unwrap_err().remedy, Remedy::Retry, "nobody has built it yet");
        let put = |bytes: &[u8]| std::fs::write(&path, bytes).unwrap();
        put(&sealed("c1", GOOD));
        assert!(matches!(followed.load().unwrap(), LoadOutcome::Loaded(snapshot, _) if &*snapshot.commit == "c1"));
        assert!(matches!(followed.load().unwrap(), LoadOutcome::Unchanged));

        let next = sealed("c2", GOOD);
        for torn in [&next[..0], &next[..next.len() / 2], b"<html>"] {
            put(torn);
            let error = followed.load().unwrap_err();
            assert!(error.remedy == Remedy::Retry && error.what.contains("a.tidegate"), "{error}");
        }
        put(&sealed("c3", "kind: Nonsense\n"));
        for _ in 0..2 {
            assert!(matches!(followed.load().unwrap(), LoadOutcome::Refused { commit, .. } if &*commit == "c3"));
        }
        assert_eq!(&*followed.current.as_ref().unwrap().commit, "c1");
        // An older one in its place is the way back.
        put(&sealed("c1", GOOD));
        assert!(matches!(followed.load().unwrap(), LoadOutcome::Loaded(snapshot, _) if &*snapshot.commit == "c1"));
        put(&next);
        assert!(matches!(followed.load().unwrap(), LoadOutcome::Loaded(..)));
        followed.reject(Vec::new());
        assert_eq!(&*followed.current.as_ref().unwrap().commit, "c1");
        assert!(matches!(followed.load().unwrap(), LoadOutcome::Refused { commit, .. } if &*commit == "c2"));
    }
}
