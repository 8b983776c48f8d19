//! The suite on memory and disk, on the real servers of a stand, and what the wire can do to a put.

mod stand;
mod wire;

use bytes::Bytes;
use tidegate_flow::Remedy;
use tidegate_flow::ports::Created;

use crate::{LakeOptions, conformance, open};

#[test]
fn memory_conforms() {
    conformance(&*open("memory:", &LakeOptions::default()).unwrap(), "suite").unwrap();
}

#[test]
fn a_disk_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("not/yet there");
    let store = open(inside.to_str().unwrap(), &LakeOptions::default()).unwrap();
    conformance(&*store, "suite").unwrap();
    assert_eq!(
        std::fs::read(inside.join("suite/created")).unwrap(),
        b"first",
        "objects are plain files"
    );
}

#[test]
fn two_stores_on_one_disk_agree() {
    let folder = tempfile::tempdir().unwrap();
    let location = format!("file://{}", folder.path().display());
    let (one, two) = (
        open(&location, &LakeOptions::default()).unwrap(),
        open(&location, &LakeOptions::default()).unwrap(),
    );
    assert_eq!(one.create("a", Bytes::from_static(b"1")).unwrap(), Created::New);
    assert_eq!(two.create("a", Bytes::from_static(b"2")).unwrap(), Created::Exists);
    assert_eq!(two.get("a").unwrap().unwrap(), "1");
}

#[test]
fn names_outside_of_the_lake_are_refused() {
    let store = open("memory:", &LakeOptions::default()).unwrap();
    for path in ["", "/etc/passwd", "../up", "a/../../b", "a//b", "upload#1"] {
        assert_eq!(store.put(path, Bytes::new()).unwrap_err().remedy, Remedy::Bug, "{path}");
        assert_eq!(store.create(path, Bytes::new()).unwrap_err().remedy, Remedy::Bug, "{path}");
        assert_eq!(store.get(path).unwrap_err().remedy, Remedy::Bug, "{path}");
        assert_eq!(store.exists(path).unwrap_err().remedy, Remedy::Bug, "{path}");
    }
    assert_eq!(store.list("../up").unwrap_err().remedy, Remedy::Bug);
}

#[test]
fn a_file_in_the_way_is_for_an_operator() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder.path().join("file");
    std::fs::write(&location, "x").unwrap();
    let error = open(location.to_str().unwrap(), &LakeOptions::default()).map(drop).unwrap_err();
    assert_eq!(error.remedy, Remedy::Operator, "{error}");
}

#[test]
fn a_store_works_inside_of_another_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = open("memory:", &LakeOptions::default()).unwrap();
        store.put("a", Bytes::from_static(b"1")).unwrap();
        assert!(store.exists("a").unwrap());
    });
}
