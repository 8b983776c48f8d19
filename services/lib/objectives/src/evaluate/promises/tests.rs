use super::*;
use crate::traffic::MINUTE;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const NOW: i64 = 20_000 * DAY + 12 * HOUR;

fn row(values: &[i64]) -> Vec<Cell> {
    values.iter().map(|value| Cell::Number(value.to_string())).collect()
}

fn dead(since: i64, minutes: &[(i64, u64)]) -> Traffic {
    Traffic {
        dead_letters: Some(DeadLetters {
            since,
            minutes: minutes.iter().map(|(ago, count)| (minute(NOW - ago * MINUTE), *count)).collect(),
        }),
        ..Traffic::default()
    }
}

fn waits(waiting: bool) -> Traffic {
    Traffic {
        waiting: Some(waiting),
        ..Traffic::default()
    }
}

/// `met`, `breached` or `unknown`, with the value or the reason.
fn said(verdict: &SlaVerdict) -> (&'static str, &str) {
    match verdict {
        SlaVerdict::Met(measured) => ("met", &measured.value),
        SlaVerdict::Breached(measured) => ("breached", &measured.value),
        SlaVerdict::Unknown { why } => ("unknown", why),
    }
}

fn says(verdict: &SlaVerdict) -> &str {
    match verdict {
        SlaVerdict::Met(measured) | SlaVerdict::Breached(measured) => &measured.says,
        SlaVerdict::Unknown { why } => why,
    }
}

fn budget(verdict: &SlaVerdict) -> &Budget {
    match verdict {
        SlaVerdict::Met(measured) | SlaVerdict::Breached(measured) => measured.budget.as_ref().unwrap(),
        SlaVerdict::Unknown { why } => panic!("{why}"),
    }
}

#[test]
fn an_end_is_kept_until_it_comes() {
    assert_eq!(said(&until(NOW + SECOND, NOW)), ("met", "1"));
    assert_eq!(said(&until(NOW, NOW)), ("breached", "0"));
    assert!(says(&until(NOW - 3 * DAY, NOW)).starts_with("ended 3 d ago"));
}

#[test]
fn a_rhythm_is_broken_by_any_gap_also_by_the_one_up_to_now() {
    let of = |newest: i64, longest: i64| frequency(&row(&[5, NOW - newest, longest]), 10 * MINUTE, DAY, &Traffic::default(), NOW);
    assert_eq!(said(&of(MINUTE, 10 * MINUTE)), ("met", "600"));
    assert_eq!(said(&of(MINUTE, 10 * MINUTE + 1)), ("breached", "600.000001"));
    assert_eq!(said(&of(11 * MINUTE, MINUTE)), ("breached", "660"));
    let empty = [Cell::Number("0".into()), Cell::Null, Cell::Null];
    assert_eq!(said(&frequency(&empty, MINUTE, DAY, &Traffic::default(), NOW)).0, "unknown");
    let silent = frequency(&row(&[5, NOW - HOUR, 0]), MINUTE, DAY, &waits(false), NOW);
    assert!(says(&silent).ends_with("nobody sends"), "{}", says(&silent));
    let stuck = frequency(&row(&[5, NOW - HOUR, 0]), MINUTE, DAY, &waits(true), NOW);
    assert!(says(&stuck).ends_with("waiting in the source"), "{}", says(&stuck));
}

#[test]
fn a_rate_is_an_average_over_its_window() {
    let least = Threshold::GreaterOrEqual(10.0);
    let of = |count| throughput(&row(&[99, count]), SECOND, 100 * SECOND, &least);
    assert_eq!(said(&of(1000)), ("met", "10"));
    assert_eq!(said(&of(999)), ("breached", "9.99"));
    assert_eq!(said(&throughput(&row(&[0, 0]), SECOND, HOUR, &least)).0, "unknown");
}

#[test]
fn dead_letters_count_against_all_events() {
    let of = |good: i64, traffic: &Traffic| {
        error_rate(
            &row(&[good, good, good, good, good, good]),
            DAY,
            &Threshold::LessOrEqual(1.0),
            traffic,
            NOW,
        )
    };
    let ten = dead(i64::MIN, &[(1, 4), (100, 6), (3000, 500)]);
    assert_eq!(said(&of(990, &ten)), ("met", "1"), "the 500 lie before the window");
    assert_eq!(said(&of(989, &ten)).0, "breached");
    let spent = of(990, &ten);
    let budget = budget(&spent);
    assert_eq!((budget.whole, budget.allowed), ((990, 10), 0.01));
    assert_eq!(
        budget.windows,
        [("5m", 990, 4), ("30m", 990, 4), ("1h", 990, 4), ("6h", 990, 10), ("3d", 990, 10)],
        "no window is longer than the whole"
    );
    assert!(budget.remaining().abs() < 1e-9);
    assert_eq!(said(&of(0, &dead(i64::MIN, &[]))).0, "unknown", "no event says nothing");
    assert_eq!(
        said(&of(990, &Traffic::default())).0,
        "unknown",
        "letters that nobody counted are not none"
    );
    let short = of(990, &dead(NOW - HOUR, &[(1, 4), (100, 6)]));
    assert!(
        says(&short).contains("4 of 994 events") && says(&short).contains("known from"),
        "{}",
        says(&short)
    );
}

#[test]
fn a_minute_is_down_when_events_came_and_none_passed() {
    let up = |ago: &[i64]| {
        let minutes: Vec<String> = ago.iter().map(|ago| minute(NOW - ago * MINUTE).to_string()).collect();
        vec![Cell::Number(ago.len().to_string()), Cell::Text(minutes.join(","))]
    };
    let of = |ago: &[i64], traffic: &Traffic| availability(&up(ago), DAY, &Threshold::GreaterOrEqual(75.0), traffic, NOW);
    let letters = dead(i64::MIN, &[(2, 9), (3, 9)]);
    // Minute 2 has both, minute 3 only dead letters.
    assert_eq!(said(&of(&[1, 2, 40], &letters)), ("met", "75"));
    let broken = of(&[2, 40], &letters);
    assert_eq!(said(&broken).0, "breached");
    assert_eq!((budget(&broken).whole, budget(&broken).windows[0]), ((2, 1), ("5m", 1, 1)));
    assert_eq!(said(&of(&[], &dead(i64::MIN, &[]))).0, "unknown");
    assert_eq!(said(&of(&[1], &Traffic::default())).0, "unknown");
    let short = vec![Cell::Number("3".into()), Cell::Text("1,2".into())];
    assert_eq!(
        said(&availability(&short, DAY, &Threshold::GreaterOrEqual(75.0), &letters, NOW)).0,
        "unknown",
        "a list that is cut is no answer"
    );
}

#[test]
fn rows_are_kept_as_long_as_the_author_chose() {
    let kept = |known: Option<bool>| Traffic {
        first_files_kept: known,
        ..Traffic::default()
    };
    let least = |age: i64, known| retention(&row(&[5, NOW - age]), &Limit::AtLeast(90 * DAY), &kept(known), NOW);
    assert_eq!(said(&least(91 * DAY, None)).0, "met");
    assert_eq!(said(&least(5 * DAY, Some(true))).0, "met", "young, and nothing was removed");
    assert_eq!(said(&least(5 * DAY, Some(false))).0, "breached");
    assert_eq!(said(&least(5 * DAY, None)).0, "unknown");
    let most = |age: i64| retention(&row(&[5, NOW - age]), &Limit::Within(90 * DAY), &kept(None), NOW);
    assert_eq!((said(&most(90 * DAY)).0, said(&most(90 * DAY + 1)).0), ("met", "breached"));
    assert_eq!(
        said(&retention(
            &[Cell::Number("0".into()), Cell::Null],
            &Limit::Within(DAY),
            &kept(None),
            NOW
        ))
        .0,
        "unknown"
    );
}

#[test]
fn a_day_is_there_by_its_time() {
    let of = |before, of_day, in_time| day_by(&row(&[before, of_day, in_time]), 9 * HOUR, 0, NOW);
    assert_eq!(said(&of(9, 200, 198)), ("met", "99"));
    assert_eq!(said(&of(9, 200, 197)).0, "breached");
    assert_eq!(said(&of(9, 50, 49)).0, "breached", "below a hundred rows none may be late");
    assert_eq!(said(&of(9, 0, 0)).0, "breached");
    assert!(
        says(&of(9, 0, 0)).starts_with("no row of 2024-10-03 has come"),
        "{}",
        says(&of(9, 0, 0))
    );
    assert_eq!(said(&of(0, 7, 0)).0, "unknown");
}
