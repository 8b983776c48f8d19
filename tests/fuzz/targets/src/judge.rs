//! The judge under every contract of `tests/corpus`: one verdict for any bytes, whatever was judged before and however JSON is laid out.

use std::cell::RefCell;
use std::sync::LazyLock;

use tidegate_check::verdict::VIOLATIONS_MAX;
use tidegate_check::{Input, Judge, Verdict};
use tidegate_contract::Severity;

use crate::input::{Build, Parts};
use crate::world::{self, Case, Event, Recorder};

static CASES: LazyLock<Vec<Case>> = LazyLock::new(world::cases);

thread_local! {
    /// Has seen everything before.
    static USED: RefCell<Judge> = RefCell::new(Judge::new());
}

const NULL_KEY: u8 = 1;
const NULL_VALUE: u8 = 2;
/// Seconds since the epoch in rules that read `now`; a few choices suffice.
const NOW_SECONDS: [i64; 4] = [0, -1, 1_795_240_800, 253_402_300_799];

pub(crate) fn run(data: &[u8]) {
    let mut parts = Parts::of(data);
    let Some(case) = chosen(parts.short()) else { return };
    let flags = parts.byte();
    let key = parts.chunk();
    let headers = parts.headers(3);
    let value = parts.rest();
    let input = Input {
        key: (flags & NULL_KEY == 0).then_some(key),
        value: (flags & NULL_VALUE == 0).then_some(value),
        headers: &headers,
        now: NOW_SECONDS[usize::from(flags >> 2) % NOW_SECONDS.len()] * 1_000_000,
    };
    let (mut row, mut again) = (Recorder::default(), Recorder::default());
    let first = Judge::new().judge(&case.plan, &input, "events", &case.schemas, &mut row);
    let (second, third) = USED.with_borrow_mut(|used| {
        let second = used.judge(&case.plan, &input, "events", &case.schemas, &mut again);
        (second, used.judge(&case.plan, &input, "events", &case.schemas, &mut ()))
    });
    assert_eq!(
        first, second,
        "a judge that has seen other events decides otherwise under {}",
        case.name
    );
    assert_eq!(first, third, "the same judge decides otherwise the second time under {}", case.name);
    sound(&first);
    if matches!(first, Verdict::Valid { .. }) {
        assert!(row.open.is_empty(), "what was begun was ended");
        assert_eq!(row.calls, again.calls, "the same values reach the row");
    }
    if input.value.is_some() && case.plan.cdc.is_none() {
        laid_out_otherwise(case, &input, &first);
    }
}

fn sound(verdict: &Verdict) {
    let listed = match verdict {
        Verdict::Valid { notes, .. } => {
            assert!(notes.iter().all(|note| note.severity != Severity::Error), "no error is a note");
            notes
        }
        Verdict::Invalid { violations, cut } => {
            assert!(
                violations.iter().any(|violation| violation.severity == Severity::Error),
                "an error is the reason"
            );
            assert!(!cut || violations.len() == VIOLATIONS_MAX, "cut below the limit");
            violations
        }
        Verdict::Skipped(_) | Verdict::Need(_) => return,
    };
    assert!(listed.len() <= VIOLATIONS_MAX);
    for violation in listed {
        let pointer = &violation.pointer;
        assert!(pointer.is_empty() || pointer.starts_with('/'), "no pointer: {pointer}");
        assert!(!pointer.contains(char::is_control), "a pointer with control characters");
    }
}

/// White space, escapes and the spelling of names say nothing: the same document laid out by `serde_json` gets the same verdict.
fn laid_out_otherwise(case: &Case, input: &Input<'_>, verdict: &Verdict) {
    // An undecodable document has no other layout; one that is laid out as the referee's private number is none of ours.
    let Some(value) = input
        .value
        .and_then(|value| serde_json::from_slice::<serde_json::Value>(value).ok())
    else {
        return;
    };
    let undecodable = |verdict: &Verdict| match verdict {
        // Behind what is wrong with key and headers.
        Verdict::Invalid { violations, .. } => violations
            .iter()
            .any(|violation| violation.rule.as_ref() == "decode" && violation.detail.is_some_and(|detail| detail.as_str() != "too_deep")),
        _ => false,
    };
    if undecodable(verdict)
        || input
            .value
            .is_some_and(|value| value.windows(14).any(|window| window == b"$serde_json::p"))
    {
        return;
    }
    for text in [serde_json::to_vec(&value), serde_json::to_vec_pretty(&value)]
        .into_iter()
        .flatten()
    {
        let input = Input {
            value: Some(&text),
            ..*input
        };
        let other = Judge::new().judge(&case.plan, &input, "events", &case.schemas, &mut ());
        assert_eq!(*verdict, other, "layout decides under {}", case.name);
    }
}

/// The case with the smallest mix of name and number, so that a further folder takes only its share of the saved inputs.
fn chosen(number: u16) -> Option<&'static Case> {
    CASES.iter().min_by_key(|case| mix(&case.name, number))
}

fn mix(name: &str, number: u16) -> u64 {
    let bytes = name.bytes().chain(number.to_be_bytes());
    let sum = bytes.fold(0xCBF2_9CE4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
    });
    (sum ^ sum >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Every event of the corpus as an input.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for case in CASES.iter() {
        let Some(number) = (0..=u16::MAX).find(|number| chosen(*number).is_some_and(|chosen| chosen.name == case.name)) else {
            continue;
        };
        seeds.extend(case.events.iter().map(|event| seed(number, event)));
    }
    seeds
}

fn seed(number: u16, event: &Event) -> Vec<u8> {
    let null = |missing: bool, flag: u8| if missing { flag } else { 0 };
    let flags = null(event.key.is_none(), NULL_KEY) | null(event.value.is_none(), NULL_VALUE);
    let headers: Vec<(&str, Option<&[u8]>)> = event
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_deref()))
        .collect();
    let head = Build::default()
        .short(number)
        .byte(flags)
        .chunk(event.key.as_deref().unwrap_or_default());
    head.headers(&headers).rest(event.value.as_deref().unwrap_or_default())
}
