//! How many events may newly fail. One that passed and would be skipped from now on counts as well: it does not arrive any more.

use crate::tally::{Change, Tally};

/// `--max-newly-failing`: a share of the events that could be told, or a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// Events.
    Count(u64),
    /// Millionths of the events that could be told.
    Millionths(u64),
}

/// What a limit says to a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// Within it, whatever the undecided events would do.
    Within,
    /// More newly fail.
    Exceeded,
    /// Nothing was judged, not everything was looked at, or the undecided events could exceed it.
    CouldNotTell,
}

impl std::str::FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Limit, String> {
        let wrong = || format!("`{text}` is neither a number of events such as 10 nor a share such as 0.1%");
        let Some(percent) = text.strip_suffix('%') else {
            return text.parse().map(Limit::Count).map_err(|_| wrong());
        };
        let (whole, fraction) = percent.split_once('.').unwrap_or((percent, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) || fraction.len() > 4 || whole.len() > 3 {
            return Err(wrong());
        }
        let fraction: u64 = format!("{fraction:0<4}").parse().map_err(|_| wrong())?;
        let whole: u64 = format!("0{whole}").parse().map_err(|_| wrong())?;
        match whole * 10_000 + fraction {
            share if share <= 1_000_000 => Ok(Limit::Millionths(share)),
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Limit::Count(count) => write!(f, "{count}"),
            Limit::Millionths(share) => {
                let text = format!("{}.{:04}", share / 10_000, share % 10_000);
                write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
            }
        }
    }
}

impl Limit {
    /// Holds a preview to it.
    pub fn conclude(self, tally: &Tally) -> Conclusion {
        let (failing, undecided) = (tally.lost(), tally.of(Change::Undecided));
        let exceeds = |failing: u64, of: u64| match self {
            Limit::Count(most) => failing > most,
            Limit::Millionths(share) => u128::from(failing) * 1_000_000 > u128::from(share) * u128::from(of),
        };
        if tally.events() == 0 {
            Conclusion::CouldNotTell
        } else if exceeds(failing, tally.decided()) {
            Conclusion::Exceeded
        } else if exceeds(failing + undecided, tally.events()) {
            Conclusion::CouldNotTell
        } else {
            Conclusion::Within
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(failing: u64, passing: u64, undecided: u64) -> Tally {
        let mut tally = Tally::default();
        for (change, count) in [
            (Change::NewlyFailing, failing),
            (Change::StillPassing, passing),
            (Change::Undecided, undecided),
        ] {
            (0..count).for_each(|_| tally.count(change));
        }
        tally
    }

    #[test]
    fn shares_are_exact() {
        let limit: Limit = "0.1%".parse().unwrap();
        assert_eq!(limit, Limit::Millionths(1000));
        assert_eq!(limit.to_string(), "0.1%");
        assert_eq!(limit.conclude(&tally(1, 999, 0)), Conclusion::Within);
        assert_eq!(limit.conclude(&tally(2, 999, 0)), Conclusion::Exceeded);
        assert_eq!("0".parse::<Limit>().unwrap().conclude(&tally(1, 10, 0)), Conclusion::Exceeded);
        assert_eq!("100%".parse(), Ok(Limit::Millionths(1_000_000)));
        for bad in ["", "%", ".%", "-1", "1e3", "0.00001%", "101%", "1 %", "a%", "18446744073709551616"] {
            assert!(bad.parse::<Limit>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_skipped_from_now_on_counts() {
        let mut skipped = tally(0, 5, 0);
        skipped.count(Change::NewlySkipped);
        assert_eq!(Limit::Count(0).conclude(&skipped), Conclusion::Exceeded);
        assert_eq!(Limit::Count(1).conclude(&skipped), Conclusion::Within);
    }

    #[test]
    fn what_could_not_be_told_is_never_within() {
        let limit = Limit::Count(1);
        assert_eq!(limit.conclude(&tally(0, 0, 0)), Conclusion::CouldNotTell);
        assert_eq!(limit.conclude(&tally(0, 5, 2)), Conclusion::CouldNotTell);
        assert_eq!(limit.conclude(&tally(0, 5, 1)), Conclusion::Within);
        assert_eq!(limit.conclude(&tally(2, 5, 9)), Conclusion::Exceeded);
    }
}
