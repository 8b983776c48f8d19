//! The example contracts as a history of commits, and the registry beside them.

use std::sync::{Arc, OnceLock};

use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup, SchemaNeed};
use tidegate_contract::{ContractFile, Snapshot};
use tidegate_validator::JudgingSnapshot;

/// The id under which the payments' schema is registered.
pub(crate) const SCHEMA: u32 = 7;

/// Whoever looks this one up dies of it.
pub(crate) const POISON: u32 = 666;

const ORDERS: &str = include_str!("../../../contracts/shop/orders/v1.odcs.yaml");
const PAYMENTS: &str = include_str!("../../../contracts/payments/payments/v2.odcs.yaml");
const CUSTOMERS: &str = include_str!("../../../contracts/crm/customers/v1.odcs.yaml");
const PAYMENT: &str = include_str!("../../../schemas/payments/payment.avsc");

/// Commits in the order of their time, each with when it comes into force.
#[derive(Debug, Clone)]
pub(crate) struct Library {
    /// Microseconds since the epoch, and the snapshot.
    pub(crate) commits: Vec<(i64, Arc<JudgingSnapshot>)>,
}

/// The registry's answer to everything that is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registry;

// === impl Library ===

impl Library {
    /// The newest commit at a time.
    pub(crate) fn at(&self, now: i64) -> Arc<JudgingSnapshot> {
        let known = self.commits.iter().rfind(|(from, _)| *from <= now).unwrap_or(&self.commits[0]);
        known.1.clone()
    }

    /// A commit by its name.
    pub(crate) fn named(&self, commit: &str) -> Option<Arc<JudgingSnapshot>> {
        self.commits
            .iter()
            .map(|(_, snapshot)| snapshot)
            .find(|snapshot| **snapshot.commit() == *commit)
            .cloned()
    }
}

/// Three commits. The second has orders that take another currency, the third orders that take one channel less: what one of them passes
/// another refuses.
pub(crate) fn history() -> &'static [Arc<JudgingSnapshot>; 3] {
    static HISTORY: OnceLock<[Arc<JudgingSnapshot>; 3]> = OnceLock::new();
    HISTORY.get_or_init(|| {
        let second = ORDERS
            .replace("version: \"1.2.0\"", "version: \"1.3.0\"")
            .replace("          - value: SEK\n", "          - value: SEK\n          - value: XXX\n");
        let third = second
            .replace("version: \"1.3.0\"", "version: \"1.4.0\"")
            .replace("          - value: android\n", "");
        let base = [
            ("shop/orders/v1.odcs.yaml", ORDERS.to_owned()),
            ("payments/payments/v2.odcs.yaml", PAYMENTS.to_owned()),
            ("crm/customers/v1.odcs.yaml", CUSTOMERS.to_owned()),
        ];
        let later = [("shop/orders/v1.3.odcs.yaml", second), ("shop/orders/v1.4.odcs.yaml", third)];
        [("a1a1a1", 0), ("b2b2b2", 1), ("c3c3c3", 2)].map(|(commit, more)| {
            let mut files: Vec<ContractFile> = base
                .iter()
                .chain(&later[..more])
                .map(|(path, text)| ContractFile {
                    path: (*path).into(),
                    text: text.clone(),
                })
                .collect();
            // Of a major one version is active.
            let newest = files.iter().rposition(|file| file.path.starts_with("shop/"));
            for (number, file) in files.iter_mut().enumerate() {
                if file.path.starts_with("shop/") && Some(number) != newest {
                    file.text = file.text.replace("status: active", "status: deprecated");
                }
            }
            let (snapshot, _) = Snapshot::build(commit, &files).expect("the example contracts load");
            Arc::new(JudgingSnapshot::compile(Arc::new(snapshot)).expect("the example contracts compile"))
        })
    })
}

impl SchemaLookup for Registry {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        static SCHEMAS: OnceLock<Arc<tidegate_codec::avro::Schema>> = OnceLock::new();
        match need {
            SchemaNeed::Id(SCHEMA) => {
                let parse = || Arc::new(tidegate_codec::avro::Schema::parse(PAYMENT, &[]).expect("the example schema parses"));
                Known::Avro(SCHEMAS.get_or_init(parse).clone())
            }
            _ => Known::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_commit_has_its_own_orders() {
        let versions = history().each_ref().map(|snapshot| {
            let binding = &snapshot.snapshot.bindings["orders"];
            binding.default.contract.reference().to_string()
        });
        assert_eq!(versions, ["orders@1.2.0", "orders@1.3.0", "orders@1.4.0"]);
    }
}
