//! The contracts of the benchmark as plans, and the Avro schema as the judge wants it.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, bail};
use tidegate_check::input::Known;
use tidegate_check::{Plan, SchemaLookup, SchemaNeed};
use tidegate_codec::avro::Schema;

use crate::rules::RULES;
use crate::written::SCHEMA_ID;

/// The Avro schema of the orders.
pub const ORDERS_AVSC: &str = include_str!("../data/orders.avsc");
/// The contract of the orders as JSON Schema.
pub const ORDERS_SCHEMA: &str = include_str!("../data/orders.schema.json");

const ORDERS: &str = include_str!("../data/orders.odcs.yaml");
const ROWS: &str = include_str!("../data/rows.odcs.yaml");

/// Everything compiled.
#[derive(Debug)]
pub struct Plans {
    /// Orders as JSON. `price` is a double, `total` a `decimal(12,2)`.
    pub json: Plan,
    /// Orders as Avro: `total` is a double there, as in the Avro schema.
    pub avro: Plan,
    /// Bare rows.
    pub rows: Plan,
    /// The same rows in Debezium envelopes.
    pub changes: Plan,
    /// The registry.
    pub schemas: Registry,
    json_rules: OnceLock<Plan>,
}

/// A registry that knows one schema.
#[derive(Debug)]
pub struct Registry(Arc<Schema>);

// === impl Plans ===

impl Plans {
    /// Compiles all of them.
    pub fn compile() -> anyhow::Result<Plans> {
        let decimal = "        physicalType: decimal(12,2)\n        logicalTypeOptions: {minimum: 0}\n";
        let double = "        logicalTypeOptions: {format: f64, minimum: 0}\n";
        let cdc = "      - property: cdc\n        vendor: tidegate\n        value: debezium\n";
        let schema = Schema::parse(ORDERS_AVSC, &[]).map_err(anyhow::Error::msg)?;
        Ok(Plans {
            json: plan("orders", ORDERS)?,
            avro: plan("orders as Avro", &replaced(ORDERS, decimal, double)?)?,
            rows: plan("rows", &replaced(ROWS, cdc, "")?)?,
            changes: plan("changes", ROWS)?,
            schemas: Registry(Arc::new(schema)),
            json_rules: OnceLock::new(),
        })
    }

    /// [`Plans::json`] with the fifty rules. Compiled when first asked for: rules are parsed on a thread of their own, and the allocator
    /// of a process that ever had two threads is slower, which would burden the peers that allocate.
    pub fn json_rules(&self) -> anyhow::Result<&Plan> {
        if let Some(plan) = self.json_rules.get() {
            return Ok(plan);
        }
        let ruled = plan("orders with rules", &ruled())?;
        Ok(self.json_rules.get_or_init(|| ruled))
    }
}

// === impl Registry ===

impl SchemaLookup for Registry {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        match need {
            SchemaNeed::Id(SCHEMA_ID) => Known::Avro(self.0.clone()),
            _ => Known::Unknown,
        }
    }
}

fn ruled() -> String {
    let mut ruled = format!("{ORDERS}    quality:\n");
    for (index, rule) in RULES.iter().enumerate() {
        let _ = write!(
            ruled,
            "      - id: rule-{index}\n        type: custom\n        engine: cel\n        severity: error\n        implementation: \"{rule}\"\n"
        );
    }
    ruled
}

fn plan(name: &str, text: &str) -> anyhow::Result<Plan> {
    let (contract, diagnostics) = tidegate_contract::parse(name, text);
    let contract = contract.with_context(|| format!("{name}: {diagnostics:?}"))?;
    tidegate_check::compile(&contract, 0).map_err(|problems| anyhow::anyhow!("{name}: {problems:?}"))
}

/// A variant of a contract; the text that varies stands in it once.
fn replaced(text: &str, from: &str, to: &str) -> anyhow::Result<String> {
    if text.matches(from).count() != 1 {
        bail!("the contract does not hold once: {from}");
    }
    Ok(text.replace(from, to))
}
