//! The demo's folder: contracts in a Git repository, samples to try, the lake.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::drill::Drill;

const MARK: &str = ".tidegate-demo";

const CONTRACTS: [(&str, &str); 3] = [
    (
        "shop/orders/v1.odcs.yaml",
        include_str!("../../../../../contracts/shop/orders/v1.odcs.yaml"),
    ),
    (
        "payments/payments/v2.odcs.yaml",
        include_str!("../../../../../contracts/payments/payments/v2.odcs.yaml"),
    ),
    (
        "crm/customers/v1.odcs.yaml",
        include_str!("../../../../../contracts/crm/customers/v1.odcs.yaml"),
    ),
];

/// The Avro schema of payments, as a registry would hold it.
pub(super) const PAYMENT_SCHEMA: &str = include_str!("../../../../../schemas/payments/payment.avsc");

/// A valid and an invalid order for `tidegate check`.
const SAMPLES: [&str; 2] = [
    include_str!("../../../../../contracts/shop/orders/tests/valid/complete.json"),
    include_str!("../../../../../contracts/shop/orders/tests/invalid/semantic_violation.orders-discount-within-total.json"),
];

/// Where things are.
pub(super) struct Places {
    pub(super) contracts: PathBuf,
    pub(super) samples: PathBuf,
    /// The contracts are in a Git repository; without the git command they are a plain directory.
    pub(super) git: bool,
}

/// Empties what an earlier demo left in `lake` and writes contracts and samples. A folder of somebody else is left alone.
pub(super) fn prepare(lake: &Path, topic_prefix: &str, drill: Option<Drill>) -> anyhow::Result<Places> {
    let mark = lake.join(MARK);
    let is_new = !lake.exists()
        || std::fs::read_dir(lake)
            .with_context(|| format!("{}", lake.display()))?
            .next()
            .is_none();
    if !is_new && !mark.exists() {
        bail!("{} exists and is not from a demo: name another folder with --lake", lake.display());
    }
    if !is_new {
        std::fs::remove_dir_all(lake).with_context(|| format!("emptying {}", lake.display()))?;
    }
    std::fs::create_dir_all(lake).with_context(|| format!("making {}", lake.display()))?;
    std::fs::write(&mark, "Made by `tidegate demo`, which empties this folder when it runs again.\n")?;
    let contracts = lake.join("contracts");
    for (path, text) in CONTRACTS {
        let file = contracts.join(path);
        std::fs::create_dir_all(file.parent().expect("contract paths have folders"))?;
        let text = with_prefix(text, topic_prefix);
        let text = drill.map_or(text.clone(), |drill| drill.contract(path, text));
        std::fs::write(file, text)?;
    }
    let samples = lake.join("orders.jsonl");
    let lines: Vec<String> = SAMPLES.iter().map(|sample| one_line(sample)).collect();
    std::fs::write(&samples, lines.join("\n") + "\n")?;
    let git = commit(&contracts);
    Ok(Places { contracts, samples, git })
}

/// On a shared Kafka the demo's topics carry a prefix, so the contracts bind those.
fn with_prefix(text: &str, prefix: &str) -> String {
    text.replace("physicalName: orders\n", &format!("physicalName: {prefix}orders\n"))
        .replace("physicalName: payments\n", &format!("physicalName: {prefix}payments\n"))
        .replace("physicalName: customers\n", &format!("physicalName: {prefix}customers\n"))
}

/// JSON Lines want one line; the sample files are laid out for people.
fn one_line(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).expect("samples are JSON");
    value.to_string()
}

fn commit(folder: &Path) -> bool {
    let git = |args: &[&str]| {
        Command::new("git")
            .args([
                "-c",
                "user.name=tidegate demo",
                "-c",
                "user.email=demo@example.com",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(args)
            .current_dir(folder)
            .output()
            .is_ok_and(|output| output.status.success())
    };
    git(&["init", "--quiet"]) && git(&["add", "."]) && git(&["commit", "--quiet", "-m", "Contracts of the demo"])
}
