//! What is known about schemas, for how long. Time is given, so that tests need not wait.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use tidegate_check::input::{Known, SchemaNeed};

/// What one registry said. Schemas stay (an id never changes its schema); everything else is forgotten after a while.
#[derive(Debug)]
pub(crate) struct Cache {
    forget_after: Duration,
    schemas: Shelf,
    refusals: Shelf,
}

/// Entries in the order of their arrival; past `max` the oldest goes. Forgetting is always safe: it is asked again.
#[derive(Debug)]
struct Shelf {
    max: usize,
    entries: HashMap<SchemaNeed, (Known, Instant)>,
    order: VecDeque<(SchemaNeed, Instant)>,
}

// === impl Cache ===

impl Cache {
    pub(crate) fn new(forget_after: Duration, schemas_max: usize, refusals_max: usize) -> Self {
        Cache {
            forget_after,
            schemas: Shelf::new(schemas_max),
            refusals: Shelf::new(refusals_max),
        }
    }

    pub(crate) fn known(&self, need: &SchemaNeed, now: Instant) -> Known {
        if let Some((known, _)) = self.schemas.entries.get(need) {
            return known.clone();
        }
        match self.refusals.entries.get(need) {
            Some((known, since)) if now.saturating_duration_since(*since) < self.forget_after => known.clone(),
            _ => Known::NotCached,
        }
    }

    pub(crate) fn keep(&mut self, need: SchemaNeed, known: Known, now: Instant) {
        match known {
            Known::Avro(_) | Known::Protobuf(_) => self.schemas.put(need, known, now),
            Known::Unknown | Known::Unusable => self.refusals.put(need, known, now),
            Known::NotCached => {}
        }
    }
}

// === impl Shelf ===

impl Shelf {
    fn new(max: usize) -> Self {
        Shelf {
            max,
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    fn put(&mut self, need: SchemaNeed, known: Known, now: Instant) {
        self.entries.insert(need.clone(), (known, now));
        self.order.push_back((need, now));
        while self.order.len() > self.max {
            let Some((oldest, since)) = self.order.pop_front() else { break };
            // It may have been put again since; then a younger place in the order stands for it.
            if self.entries.get(&oldest).is_some_and(|(_, kept)| *kept == since) {
                self.entries.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn is(known: &Known, name: &str) -> bool {
        format!("{known:?}").starts_with(name)
    }

    #[test]
    fn refusals_are_forgotten_and_schemas_are_not() {
        let (mut cache, now) = (Cache::new(5 * SECOND, 10, 10), Instant::now());
        let schema = tidegate_codec::avro::Schema::parse("\"string\"", &[]).unwrap();
        cache.keep(SchemaNeed::Id(1), Known::Avro(schema.into()), now);
        cache.keep(SchemaNeed::Id(2), Known::Unknown, now);
        cache.keep(SchemaNeed::Id(3), Known::Unusable, now);
        for (id, at_once, later) in [
            (1, "Avro", "Avro"),
            (2, "Unknown", "NotCached"),
            (3, "Unusable", "NotCached"),
            (4, "NotCached", "NotCached"),
        ] {
            assert!(is(&cache.known(&SchemaNeed::Id(id), now + 4 * SECOND), at_once), "{id}");
            assert!(is(&cache.known(&SchemaNeed::Id(id), now + 5 * SECOND), later), "{id}");
        }
    }

    #[test]
    fn a_flood_of_ids_takes_bounded_memory() {
        let (mut cache, now) = (Cache::new(5 * SECOND, 10, 100), Instant::now());
        for id in 0..100_000 {
            cache.keep(SchemaNeed::Id(id % 1000), Known::Unknown, now + SECOND * id);
        }
        assert!(cache.refusals.entries.len() <= 100 && cache.refusals.order.len() <= 100);
        assert!(is(&cache.known(&SchemaNeed::Id(999), now + SECOND * 99_999), "Unknown"));
    }

    #[test]
    fn a_registered_schema_replaces_a_refusal() {
        let (mut cache, now) = (Cache::new(5 * SECOND, 10, 10), Instant::now());
        cache.keep(SchemaNeed::Id(7), Known::Unknown, now);
        let schema = tidegate_codec::avro::Schema::parse("\"string\"", &[]).unwrap();
        cache.keep(SchemaNeed::Id(7), Known::Avro(schema.into()), now);
        assert!(is(&cache.known(&SchemaNeed::Id(7), now), "Avro"));
    }
}
