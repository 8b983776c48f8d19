//! Whether a version of an earlier commit loaded: what never loaded was never in force.

use std::sync::Arc;

use tidegate_contract::snapshot::bind;
use tidegate_contract::{Binding, Contract, Diagnostic, Level, SchemaFolder};

/// A contract as it loads beside these schemas: read without an error, with every object of a topic compiled, as the registry demands of a
/// commit. None otherwise. What other files of the commit did is not asked.
pub(crate) fn loaded(mut contract: Contract, mut said: Vec<Diagnostic>, schemas: &Arc<SchemaFolder>) -> Option<Contract> {
    said.extend(contract.attach_schemas(schemas));
    let contract = Arc::new(contract);
    let bindings = bind(std::slice::from_ref(&contract), &mut said);
    let has_error = said.iter().any(|one| one.level == Level::Error);
    let compiles = |binding: &Binding| {
        let mut bound = binding.objects();
        bound.all(|bound| tidegate_check::compile(&bound.contract, bound.object).is_ok())
    };
    let is_loaded = !has_error && bindings.values().all(compiles);
    drop(bindings);
    is_loaded.then(|| Arc::unwrap_or_clone(contract))
}

/// Whether it names files of the folder `schemas`.
pub(crate) fn names_schemas(contract: &Contract) -> bool {
    contract
        .objects
        .iter()
        .any(|object| object.settings.event_schemas().next().is_some())
}
