//! Routes of plans through data of schemas that a judge has met.

use std::sync::Arc;

use tidegate_codec::avro::Schema;

use crate::plan::Plan;
use crate::plan::route::{self, Record};

/// The most routes that are kept; past it all of them are made anew.
const KEPT_MAX: usize = 256;

/// One a judge, so no two threads share it.
#[derive(Debug, Default)]
pub(super) struct Routes {
    kept: Vec<Kept>,
}

/// Holds the schema, so that no other can come to lie at the same place.
#[derive(Debug)]
struct Kept {
    schema: Arc<Schema>,
    plan: u64,
    route: Option<Record>,
}

// === impl Routes ===

impl Routes {
    /// The route, worked out when it is asked for the first time; none where the walk over tokens is the only way.
    pub(super) fn through(&mut self, schema: &Arc<Schema>, plan: &Plan) -> Option<&Record> {
        let known = |kept: &Kept| kept.plan == plan.id && Arc::ptr_eq(&kept.schema, schema);
        let at = match self.kept.iter().position(known) {
            Some(at) => at,
            None => {
                if self.kept.len() == KEPT_MAX {
                    self.kept.clear();
                }
                self.kept.push(Kept {
                    schema: schema.clone(),
                    plan: plan.id,
                    route: route::compile(plan, schema),
                });
                self.kept.len() - 1
            }
        };
        self.kept[at].route.as_ref()
    }
}
