//! Patterns as sets of texts: whether all that one matches, the other matches, too. Exact, by walking both automata side by side, within a
//! budget; what is past it, and what looks at word or line boundaries, is undetermined.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use regex_automata::nfa::thompson::{self, NFA, State, WhichCaptures};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;

use crate::change::Grade;

/// Pairs of states that are visited before the answer is given up.
const PAIRS_MAX: usize = 20_000;
/// The most bytes of one automaton.
const AUTOMATON_BYTES_MAX: usize = 1 << 20;
/// Steps through states of the automata before the answer is given up: what bounds the time.
const STEPS_MAX: usize = 20_000_000;

/// How two sets of texts stand to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) grade: Grade,
    /// A shortest text that only the old pattern matches.
    pub(crate) refused: Option<String>,
    /// A shortest text that only the new pattern matches.
    pub(crate) accepted: Option<String>,
}

/// Compares what two patterns of contracts match, anywhere in a text; none matches everything.
pub(crate) fn compare(old: Option<&str>, new: Option<&str>) -> Comparison {
    let unknown = Comparison {
        grade: Grade::Undetermined,
        refused: None,
        accepted: None,
    };
    if old == new {
        return Comparison {
            grade: Grade::None,
            ..unknown
        };
    }
    match (Automaton::new(old.unwrap_or("")), Automaton::new(new.unwrap_or(""))) {
        (Some(old), Some(new)) => Product::new(&old, &new).walk().unwrap_or(unknown),
        _ => unknown,
    }
}

/// One pattern.
struct Automaton {
    nfa: NFA,
}

/// Where one automaton is after some bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    /// It has matched, whatever follows.
    Matched,
    /// It waits for a byte in one of these states, sorted; and whether it would match if the text ended here.
    Open(Vec<StateID>, bool),
}

// === impl Automaton ===

impl Automaton {
    fn new(pattern: &str) -> Option<Automaton> {
        let rewritten = tidegate_contract::pattern::compile(pattern).ok()?;
        let config = thompson::Config::new()
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(AUTOMATON_BYTES_MAX));
        let nfa = thompson::Compiler::new().configure(config).build(rewritten.portable()?).ok()?;
        let looks = nfa.look_set_any();
        (looks.iter().all(|look| matches!(look, Look::Start | Look::End))).then_some(Automaton { nfa })
    }

    /// Follows everything that needs no byte, from these states and from the start of another search.
    fn open(&self, from: &[StateID], at_start: bool, steps: &mut usize) -> Place {
        let mut waiting = Vec::new();
        // A state may be reached with and without the end of the text behind it.
        let mut seen = HashMap::new();
        let mut pending: Vec<(StateID, bool)> = from.iter().map(|state| (*state, false)).collect();
        pending.push((self.nfa.start_anchored(), false));
        let mut at_end = false;
        while let Some((id, ended)) = pending.pop() {
            *steps += 1;
            match seen.entry((id, ended)) {
                Entry::Occupied(_) => continue,
                Entry::Vacant(free) => drop(free.insert(())),
            }
            match self.nfa.state(id) {
                State::ByteRange { .. } | State::Sparse(_) | State::Dense(_) if !ended => waiting.push(id),
                State::ByteRange { .. } | State::Sparse(_) | State::Dense(_) | State::Fail => {}
                State::Look { look: Look::Start, next } if at_start => pending.push((*next, ended)),
                State::Look { look: Look::End, next } => pending.push((*next, true)),
                State::Look { .. } => {}
                State::Union { alternates } => pending.extend(alternates.iter().map(|next| (*next, ended))),
                State::BinaryUnion { alt1, alt2 } => pending.extend([(*alt1, ended), (*alt2, ended)]),
                State::Capture { next, .. } => pending.push((*next, ended)),
                State::Match { .. } if ended => at_end = true,
                State::Match { .. } => return Place::Matched,
            }
        }
        waiting.sort_unstable();
        waiting.dedup();
        Place::Open(waiting, at_end)
    }

    fn step(&self, place: &Place, byte: u8, steps: &mut usize) -> Place {
        let Place::Open(waiting, _) = place else {
            return Place::Matched;
        };
        *steps += waiting.len();
        let mut reached: Vec<StateID> = waiting
            .iter()
            .filter_map(|id| match self.nfa.state(*id) {
                State::ByteRange { trans } if (trans.start..=trans.end).contains(&byte) => Some(trans.next),
                State::Sparse(sparse) => sparse.matches_byte(byte),
                State::Dense(dense) => dense.matches_byte(byte),
                _ => None,
            })
            .collect();
        reached.sort_unstable();
        reached.dedup();
        self.open(&reached, false, steps)
    }
}

// === impl Place ===

impl Place {
    fn accepts(&self) -> bool {
        matches!(self, Place::Matched | Place::Open(_, true))
    }
}

/// Both automata, and a third that knows which bytes are text.
struct Product<'a> {
    old: &'a Automaton,
    new: &'a Automaton,
    /// One byte for all that every one of the three takes alike, those first that read well.
    bytes: Vec<u8>,
}

/// A pair with the way to it.
struct Visit {
    old: Place,
    new: Place,
    text: Utf8,
    from: Option<(usize, u8)>,
}

// === impl Product ===

impl<'a> Product<'a> {
    fn new(old: &'a Automaton, new: &'a Automaton) -> Product<'a> {
        let class = |byte: u8| {
            let reactions: Vec<Option<Utf8>> = Utf8::ALL.iter().map(|state| state.step(byte)).collect();
            (old.nfa.byte_classes().get(byte), new.nfa.byte_classes().get(byte), reactions)
        };
        let liked = (b'a'..=b'z')
            .chain(b'A'..=b'Z')
            .chain(b'0'..=b'9')
            .chain(b' '..=b'~')
            .chain(0..=255);
        let mut classes = Vec::new();
        let mut bytes = Vec::new();
        for byte in liked {
            let class = class(byte);
            if !classes.contains(&class) {
                classes.push(class);
                bytes.push(byte);
            }
        }
        Product { old, new, bytes }
    }

    fn walk(&self) -> Option<Comparison> {
        let mut steps = 0;
        let mut visits = vec![Visit {
            old: self.old.open(&[], true, &mut steps),
            new: self.new.open(&[], true, &mut steps),
            text: Utf8::Boundary,
            from: None,
        }];
        let mut seen: HashMap<(Place, Place, Utf8), ()> = HashMap::new();
        let (mut refused, mut accepted) = (None, None);
        let mut at = 0;
        while at < visits.len() && (refused.is_none() || accepted.is_none()) {
            let visit = &visits[at];
            if visit.text == Utf8::Boundary {
                match (visit.old.accepts(), visit.new.accepts()) {
                    (true, false) if refused.is_none() => refused = Some(way(&visits, at)),
                    (false, true) if accepted.is_none() => accepted = Some(way(&visits, at)),
                    _ => {}
                }
            }
            let settled = visits[at].old == Place::Matched && visits[at].new == Place::Matched;
            for byte in self.bytes.iter().copied().filter(|_| !settled) {
                let visit = &visits[at];
                let Some(text) = visit.text.step(byte) else { continue };
                let old = self.old.step(&visit.old, byte, &mut steps);
                let new = self.new.step(&visit.new, byte, &mut steps);
                if let Entry::Vacant(free) = seen.entry((old.clone(), new.clone(), text)) {
                    free.insert(());
                    visits.push(Visit {
                        old,
                        new,
                        text,
                        from: Some((at, byte)),
                    });
                }
                if visits.len() > PAIRS_MAX || steps > STEPS_MAX {
                    return None;
                }
            }
            at += 1;
        }
        Some(Comparison {
            grade: Grade::of(refused.is_none(), accepted.is_none()),
            refused,
            accepted,
        })
    }
}

/// The text that leads to a visit.
fn way(visits: &[Visit], mut at: usize) -> String {
    let mut bytes = Vec::new();
    while let Some((before, byte)) = visits[at].from {
        bytes.push(byte);
        at = before;
    }
    bytes.reverse();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What may follow in UTF-8 (RFC 3629, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Utf8 {
    Boundary,
    One,
    Two,
    Three,
    AfterE0,
    AfterEd,
    AfterF0,
    AfterF4,
}

// === impl Utf8 ===

impl Utf8 {
    const ALL: [Utf8; 8] = [
        Utf8::Boundary,
        Utf8::One,
        Utf8::Two,
        Utf8::Three,
        Utf8::AfterE0,
        Utf8::AfterEd,
        Utf8::AfterF0,
        Utf8::AfterF4,
    ];

    fn step(self, byte: u8) -> Option<Utf8> {
        Some(match (self, byte) {
            (Utf8::Boundary, 0..=0x7f) | (Utf8::One, 0x80..=0xbf) => Utf8::Boundary,
            (Utf8::Boundary, 0xc2..=0xdf) | (Utf8::Two, 0x80..=0xbf) => Utf8::One,
            (Utf8::AfterE0, 0xa0..=0xbf) | (Utf8::AfterEd, 0x80..=0x9f) => Utf8::One,
            (Utf8::Boundary, 0xe0) => Utf8::AfterE0,
            (Utf8::Boundary, 0xed) => Utf8::AfterEd,
            (Utf8::Boundary, 0xe1..=0xef) | (Utf8::Three, 0x80..=0xbf) => Utf8::Two,
            (Utf8::AfterF0, 0x90..=0xbf) | (Utf8::AfterF4, 0x80..=0x8f) => Utf8::Two,
            (Utf8::Boundary, 0xf0) => Utf8::AfterF0,
            (Utf8::Boundary, 0xf1..=0xf3) => Utf8::Three,
            (Utf8::Boundary, 0xf4) => Utf8::AfterF4,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wider() {
        use Grade::{Both, Loosens, None, Tightens, Undetermined};
        for (old, new, grade) in [
            ("^[A-Z]{2}$", "^[A-Z]{2,3}$", Loosens),
            ("^(DE|NO)$", "^(NO|DE|FR)$", Loosens),
            ("^(a|b)*$", "^[ab]*$", None),
            ("^a|b$", "b$|^a", None),
            ("a", "ab", Tightens),
            ("a", "b", Both),
            // A line break is no `.`.
            ("^.*$", "", Loosens),
            (r"^[\s\S]*$", "", None),
            ("^$", "^a*$", Loosens),
            ("", ".*", None),
            (r"^\d+$", "^[0-9]+$", None),
            (r"^\w+$", "^[0-9A-Za-z_]{1,64}$", Tightens),
            ("^[^x]$", "^[^xé]$", Tightens),
            (r"\bfoo\b", "foo", Undetermined),
            ("^(?:[a-z]+\\.)+x$", "^[a-z.]+x$", Loosens),
            ("x{3}", "x{2}", Loosens),
            ("a$^b", "x^", None),
        ] {
            let found = compare(Some(old), Some(new));
            assert_eq!(found.grade, grade, "{old} {new} {found:?}");
        }
        let found = compare(Some("^[A-Z]{2}$"), Some("^[A-Y]{2,3}$"));
        assert_eq!((found.refused.as_deref(), found.accepted.as_deref()), (Some("AZ"), Some("AAA")));
    }

    /// Both ways of asking agree on texts, and the texts that are given as examples are some.
    #[test]
    fn examples_are_true() {
        let patterns = [
            "^[A-Z]{2}$",
            "[0-9]+-x",
            r"^\d{3}(-\d{2})?$",
            "^(foo|bar)*$",
            r"^[^\s]+$",
            r"\w.\w",
            "é",
            "^..$",
            "$",
        ];
        for old in patterns {
            for new in patterns {
                let found = compare(Some(old), Some(new));
                let matches = |pattern: &str, text: &str| tidegate_contract::pattern::compile(pattern).unwrap().is_match(text);
                assert_ne!(found.grade, Grade::Undetermined, "{old} {new}");
                for (text, by, not_by) in [(&found.refused, old, new), (&found.accepted, new, old)] {
                    if let Some(text) = text {
                        assert!(matches(by, text) && !matches(not_by, text), "{old} {new}: {text:?}");
                    }
                }
                assert_eq!(found.grade, Grade::of(found.refused.is_none(), found.accepted.is_none()));
            }
        }
    }
}
