//! What every [`Store`] must do, as a suite that any implementation can be put through: real servers, disks, simulators.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Barrier;

use bytes::Bytes;
use tidegate_flow::WorldError;
use tidegate_flow::ports::{Created, ObjectFacts, Store};

const RACERS: usize = 50;
/// More than the 1,000 that S3 lists at once.
const MANY: usize = 1_100;
const WRITERS: usize = 16;
const LARGE: usize = 3 << 20;

/// The first clause that a store breaks.
#[derive(Debug)]
pub struct Broken {
    /// What it did and what it should have done.
    pub clause: String,
}

/// Puts a store through the suite. Objects are written below `folder`, which must be new.
///
/// # Errors
///
/// The first clause that does not hold.
pub fn conformance(store: &dyn Store, folder: &str) -> Result<(), Broken> {
    nothing_is_there(store, folder)?;
    created_once(store, folder)?;
    put_replaces(store, folder)?;
    contents_come_back(store, folder)?;
    ranges_are_cut_at_the_end(store, folder)?;
    one_of_many_racers_wins(store, folder)?;
    readers_see_whole_objects(store, folder)?;
    lists_are_sorted_and_whole(store, folder)?;
    odd_names_work(store, folder)?;
    long_lists_are_complete(store, folder)
}

fn nothing_is_there(store: &dyn Store, folder: &str) -> Result<(), Broken> {
    let path = format!("{folder}/nothing");
    holds(store.get(&path)?.is_none(), "get finds an object that was never put")?;
    holds(!store.exists(&path)?, "exists sees an object that was never put")?;
    holds(store.list(folder)?.is_empty(), "a new folder is not empty")
}

fn created_once(store: &dyn Store, folder: &str) -> Result<(), Broken> {
    let path = format!("{folder}/created");
    same("first create", store.create(&path, Bytes::from_static(b"first"))?, Created::New)?;
    same(
        "second create",
        store.create(&path, Bytes::from_static(b"second"))?,
        Created::Exists,
    )?;
    same(
        "create of the same bytes",
        store.create(&path, Bytes::from_static(b"first"))?,
        Created::Exists,
    )?;
    same(
        "content after the second create",
        store.get(&path)?,
        Some(Bytes::from_static(b"first")),
    )?;
    same("exists", store.exists(&path)?, true)
}

fn put_replaces(store: &dyn Store, folder: &str) -> Result<(), Broken> {
    let path = format!("{folder}/put");
    store.put(&path, Bytes::from_static(b"old and longer"))?;
    store.put(&path, Bytes::from_static(b"new"))?;
    same("content after a second put", store.get(&path)?, Some(Bytes::from_static(b"new")))?;
    same(
        "create after a put",
        store.create(&path, Bytes::from_static(b"x"))?,
        Created::Exists,
    )
}

fn contents_come_back(store: &dyn Store, folder: &str) -> Result<(), Broken> {
    let large: Bytes = (0..LARGE).map(|at| (at * 31 % 251) as u8).collect();
    for (name, bytes) in [("empty", Bytes::new()), ("large", large)] {
        for put in [true, false] {
            let path = format!("{folder}/{name}-{put}");
            match put {
                true => store.put(&path, bytes.clone())?,
                false => same("create", store.create(&path, bytes.clone())?, Created::New)?,
            }
            holds(
                store.get(&path)?.as_ref() == Some(&bytes),
                format!("an {name} object does not come back as it was"),
            )?;
        }
    }
    Ok(())
}

fn ranges_are_cut_at_the_end(store: &dyn Store, folder: &str) -> Result<(), Broken> {
    let path = format!("{folder}/range");
    store.put(&path, Bytes::from_static(b"0123456789"))?;
    for (range, expected) in [
        (0..4, "0123"),
        (4..10, "456789"),
        (8..100, "89"),
        (5..5, ""),
        (10..12, ""),
        (50..60, ""),
    ] {
        same(
            &format!("range {range:?}"),
            store.get_range(&path, range)?,
            Some(Bytes::from(expected)),
        )?;
    }
    for range in [0..4, 0..0] {
        same("range of nothing", store.get_range(&format!("{folder}/nothing"), range)?, None)?;
    }
    Ok(())
}

fn one_of_many_racers_wins(store: &dyn Store, folder: &str) -> Result<(), Broken> {
    let path = format!("{folder}/race");
    let start = Barrier::new(RACERS);
    let results: Vec<Result<Created, WorldError>> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| {
                let (path, start) = (&path, &start);
                scope.spawn(move || {
                    start.wait();
                    store.create(path, body_of(racer))
                })
            })
            .collect();
        racers
            .into_iter()
            .map(|racer| racer.join().expect("a racer only calls the store"))
            .collect()
    });
    let mut winners = Vec::new();
    for (racer, result) in results.into_iter().enumerate() {
        if result? == Created::New {
            winners.push(racer);
        }
    }
    let [winner] = winners[..] else {
        return Err(Broken::new(format!("{} of {RACERS} racers created the same object", winners.len())));
    };
    same("content after a race", store.get(&path)?, Some(body_of(winner)))
}

fn readers_see_whole_objects(store: &dyn Store, folder: &str) -> Result<(), Broken> {
    let path = format!("{folder}/replaced");
    let versions = [Bytes::from(vec![b'a'; 200_000]), Bytes::from(vec![b'b'; 300_000])];
    store.put(&path, versions[0].clone())?;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..20).try_for_each(|turn| store.put(&path, versions[turn % 2].clone())));
        while !writer.is_finished() {
            match store.get(&path)? {
                Some(seen) => holds(versions.contains(&seen), "a reader saw half a replacement")?,
                None => return Err(Broken::new("an object is gone while it is replaced")),
            }
        }
        writer.join().expect("the writer only calls the store").map_err(Broken::from)
    })
}

fn lists_are_sorted_and_whole(store: &dyn Store, folder: &str) -> Result<(), Broken> {
    let below = format!("{folder}/list");
    for name in ["b", "a/2", "a/10", "a-b", "ab/c", "Z"] {
        store.put(&format!("{below}/{name}"), Bytes::from(name))?;
    }
    let facts = |names: &[&str]| -> Vec<ObjectFacts> {
        names
            .iter()
            .map(|name| ObjectFacts {
                path: format!("{below}/{name}"),
                size: name.len() as u64,
            })
            .collect()
    };
    same("list", store.list(&below)?, facts(&["Z", "a-b", "a/10", "a/2", "ab/c", "b"]))?;
    same("list with a slash", store.list(&format!("{below}/"))?, store.list(&below)?)?;
    same(
        "list of a folder whose name starts another",
        store.list(&format!("{below}/a"))?,
        facts(&["a/10", "a/2"]),
    )?;
    same("list of nothing", store.list(&format!("{below}/none"))?, Vec::new())
}

fn odd_names_work(store: &dyn Store, folder: &str) -> Result<(), Broken> {
    let below = format!("{folder}/odd");
    let long = "n".repeat(200);
    let names = [
        "two words",
        "per%cent",
        "a%2Fb",
        "a+b",
        "k=v/dt=2026-01-01",
        "a&b?c",
        "x#y",
        "ünï/日本語",
        "🌊",
        ".hidden",
        "..x",
        "~",
        "'\"`$(x)",
        "*[a]{b}",
        &long,
    ];
    for name in names {
        let path = format!("{below}/{name}");
        same(name, store.create(&path, Bytes::from(name.to_owned()))?, Created::New)?;
        same(name, store.create(&path, Bytes::new())?, Created::Exists)?;
        same(name, store.get(&path)?, Some(Bytes::from(name.to_owned())))?;
    }
    let expected: BTreeSet<String> = names.iter().map(|name| format!("{below}/{name}")).collect();
    let listed: Vec<String> = store.list(&below)?.into_iter().map(|object| object.path).collect();
    same("list of odd names", listed, expected.into_iter().collect())
}

fn long_lists_are_complete(store: &dyn Store, folder: &str) -> Result<(), Broken> {
    let below = format!("{folder}/many");
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let below = &below;
                scope.spawn(move || {
                    (writer..MANY)
                        .step_by(WRITERS)
                        .try_for_each(|number| store.put(&format!("{below}/{number:05}"), Bytes::from_static(b"x")))
                })
            })
            .collect();
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().expect("a writer only calls the store"))
    })?;
    let listed: Vec<String> = store.list(&below)?.into_iter().map(|object| object.path).collect();
    holds(listed.len() == MANY, format!("{} of {MANY} objects are listed", listed.len()))?;
    holds(
        listed
            .iter()
            .enumerate()
            .all(|(number, path)| *path == format!("{below}/{number:05}")),
        "a long list is not sorted",
    )
}

fn body_of(racer: usize) -> Bytes {
    Bytes::from(format!("racer {racer}"))
}

fn holds(clause: bool, otherwise: impl Into<String>) -> Result<(), Broken> {
    if clause { Ok(()) } else { Err(Broken::new(otherwise)) }
}

fn same<T: PartialEq + fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), Broken> {
    if found == expected {
        Ok(())
    } else {
        Err(Broken::new(format!("{what}: found {found:?}, expected {expected:?}")))
    }
}

// === impl Broken ===

impl Broken {
    fn new(clause: impl Into<String>) -> Self {
        Broken { clause: clause.into() }
    }
}

impl From<WorldError> for Broken {
    fn from(error: WorldError) -> Self {
        Broken::new(format!("a call failed: {error}"))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.clause)
    }
}

impl std::error::Error for Broken {}
