//! The house keeps its directions: who may import whom, and which crate may name which library.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const CORE: &[&str] = &[
    "contract",
    "codec",
    "check",
    "flow",
    "columnar",
    "objectives",
    "export",
    "diff",
    "repair",
    "preview",
    "infer",
    "alerts",
    "platform",
];
const SHELLS: &[&str] = &["git", "kafka", "lake", "telemetry", "schemas", "query", "identity", "web"];
const ROLES: &[&str] = &["validator", "sink", "sla", "audit", "registry", "replay"];

/// Libraries that no core crate may have in its tree, not even through another library: runtimes, Kafka, HTTP and store clients.
const IMPURE: &[&str] = &[
    "tokio",
    "rdkafka",
    "hyper",
    "reqwest",
    "ureq",
    "object_store",
    "axum",
    "gix",
    "datafusion",
];

/// Library → the crates that may name it in their manifest.
const NAMED_BY: &[(&str, &[&str])] = &[
    ("rdkafka", &["tidegate-kafka", "tidegate-loadtest"]),
    ("object_store", &["tidegate-lake"]),
    ("gix", &["tidegate-git"]),
    ("datafusion", &["tidegate-query"]),
    ("schema_registry_converter", &["tidegate-schemas"]),
    // In the executable by its tests only: what it prints is held to the schemas of schemas/formats.
    (
        "jsonschema",
        &["tidegate-check", "tidegate-export", "tidegate-judge-bench", "tidegate"],
    ),
    ("reqwest", &["tidegate-schemas", "tidegate-identity"]),
    ("hmac", &["tidegate-identity", "tidegate-registry"]),
    ("protox", &["tidegate-codec"]),
    ("prost-reflect", &["tidegate-codec"]),
    ("prometheus", &["tidegate-telemetry"]),
    ("croner", &["tidegate-sla"]),
    ("axum", &["tidegate-telemetry", "tidegate-web"]),
    ("axum-server", &["tidegate-web"]),
    ("rustls", &["tidegate-web"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn metadata() -> serde_json::Value {
    // Only this platform's packages are on this machine.
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let out = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            host,
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// Direct dependencies of our crates as written in their manifests: name → (normal and build, dev).
fn manifests(metadata: &serde_json::Value) -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let members: BTreeSet<&str> = metadata["workspace_members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap())
        .collect();
    let mut found = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        if !members.contains(package["id"].as_str().unwrap()) {
            continue;
        }
        let (mut normal, mut dev) = (BTreeSet::new(), BTreeSet::new());
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap().to_owned();
            if dependency["kind"] == "dev" {
                dev.insert(name)
            } else {
                normal.insert(name)
            };
        }
        found.insert(package["name"].as_str().unwrap().to_owned(), (normal, dev));
    }
    found
}

/// Every library that is reached from a crate without its dev-dependencies, with the features that this crate alone asks for.
fn tree(crate_name: &str) -> BTreeSet<String> {
    let out = Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            crate_name,
            "-e",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--locked",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let names: BTreeSet<String> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    assert!(names.contains(crate_name), "no crate {crate_name}");
    names
}

fn ours(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| format!("tidegate-{name}")).collect()
}

#[test]
fn core_crates_stay_pure() {
    for name in CORE {
        let tree = tree(&format!("tidegate-{name}"));
        let found: Vec<&&str> = IMPURE.iter().filter(|library| tree.contains(**library)).collect();
        assert!(found.is_empty(), "services/lib/{name} is core and must not reach {found:?}");
    }
    // The check itself: a shell reaches what core may not.
    assert!(IMPURE.iter().any(|library| tree("tidegate-lake").contains(*library)));
}

#[test]
fn a_foreign_library_is_named_by_one_crate() {
    let manifests = manifests(&metadata());
    for (library, allowed) in NAMED_BY {
        for (name, (normal, dev)) in &manifests {
            let names_it = normal.contains(*library) || dev.contains(*library);
            assert!(
                !names_it || allowed.contains(&name.as_str()),
                "{name} names {library}; only {allowed:?} may"
            );
        }
        assert!(
            allowed.iter().any(|name| manifests[*name].0.contains(*library)),
            "nobody names {library}: is this rule still needed?"
        );
    }
}

#[test]
fn roles_and_shells_meet_only_in_the_executable() {
    let manifests = manifests(&metadata());
    let (core, shells, roles) = (ours(CORE), ours(SHELLS), ours(ROLES));
    for (name, (normal, _)) in &manifests {
        let uses = |set: &BTreeSet<String>| normal.intersection(set).filter(|other| *other != name).cloned().collect::<Vec<_>>();
        if core.contains(name) {
            assert!(
                uses(&shells).is_empty() && uses(&roles).is_empty(),
                "{name} is core and imports outward"
            );
        }
        if shells.contains(name) {
            assert!(
                uses(&shells).is_empty(),
                "{name} is a shell and imports another: {:?}",
                uses(&shells)
            );
            assert!(uses(&roles).is_empty(), "{name} is a shell and imports a role");
        }
        if roles.contains(name) {
            let foreign: Vec<String> = uses(&shells).into_iter().filter(|shell| shell != "tidegate-telemetry").collect();
            assert!(foreign.is_empty(), "{name} is a role and imports shells: {foreign:?}");
            assert!(uses(&roles).is_empty(), "{name} is a role and imports another");
        }
    }
}

#[test]
fn every_crate_is_placed() {
    let manifests = manifests(&metadata());
    let mut placed = ours(CORE);
    placed.extend(ours(SHELLS));
    placed.extend(ours(ROLES));
    placed.extend(ours(&[
        "sim",
        "loadtest",
        "judge-bench",
        "preview-bench",
        "sla-bench",
        "tests",
        "fuzz",
        "simulation",
        "faults",
    ]));
    placed.insert("tidegate".to_owned());
    assert_eq!(manifests.keys().cloned().collect::<BTreeSet<_>>(), placed);
}

#[test]
fn core_and_roles_ask_no_clock_and_no_environment() {
    let places: Vec<PathBuf> = CORE
        .iter()
        .map(|name| root().join("services/lib").join(name).join("src"))
        .chain(ROLES.iter().map(|name| root().join("services").join(name).join("src")))
        .collect();
    let banned = [
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "env::var",
        "std::fs::",
        "thread::sleep",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
    ];
    for place in places {
        for file in rust_files(&place) {
            let text = std::fs::read_to_string(&file).unwrap();
            let product = text.split("#[cfg(test)]").next().unwrap();
            for word in banned {
                let in_tests =
                    file.file_name().is_some_and(|name| name == "tests.rs") || file.components().any(|c| c.as_os_str() == "tests");
                assert!(
                    in_tests || !product.contains(word),
                    "{} uses {word}: clock, files and environment come through ports",
                    file.display()
                );
            }
        }
    }
}

/// P16: librdkafka's mock brokers accept what real ones refuse, so nothing may be proved on them.
#[test]
fn nothing_runs_on_mock_brokers() {
    // In parts, or this file would be found.
    let words = [["Mock", "Cluster"].concat(), ["test.mock", ".num.brokers"].concat()];
    // Where whoever wants them is refused.
    let refusal = root().join("services/lib/kafka/src/settings.rs");
    let files: Vec<PathBuf> = ["services", "tests", "loadtest"]
        .iter()
        .flat_map(|folder| rust_files(&root().join(folder)))
        .collect();
    assert!(files.contains(&refusal), "the search looks somewhere else");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let found: Vec<&String> = words.iter().filter(|word| text.contains(*word)).collect();
        let may = file == refusal && found == [&words[1]];
        assert!(
            found.is_empty() || may,
            "{} names {found:?}: use the stand or lib/sim",
            file.display()
        );
    }
}

#[test]
fn files_stay_readable() {
    for file in rust_files(&root().join("services")) {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 700, "{} has {lines} lines: find the second idea in it", file.display());
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
