//! Lengths of time in rules.

/// How long windows and waits are. Everything can be made shorter by one factor, so that a test or a drill sees in seconds what else takes
/// hours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    speed: f64,
}

// === impl Times ===

impl Times {
    /// Divides every length of time by `speed`, which is at least 1.
    pub fn faster(speed: f64) -> Option<Times> {
        (speed.is_finite() && speed >= 1.0).then_some(Times { speed })
    }

    /// As Prometheus writes it, such as `1h` or `2500ms`; a second at least.
    pub(crate) fn text(self, seconds: u64) -> String {
        let millis = ((seconds as f64 * 1000.0 / self.speed).round() as u64).max(1000);
        for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
            if millis.is_multiple_of(length) {
                return format!("{}{unit}", millis / length);
            }
        }
        format!("{millis}ms")
    }

    /// In seconds, for comparisons.
    pub(crate) fn seconds(self, seconds: f64) -> f64 {
        seconds / self.speed
    }
}

impl Default for Times {
    fn default() -> Self {
        Times { speed: 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_their_largest_unit() {
        let plain = Times::default();
        assert_eq!(
            [300, 3600, 259_200, 90, 21_600].map(|s| plain.text(s)),
            ["5m", "1h", "3d", "90s", "6h"]
        );
        let fast = Times::faster(60.0).unwrap();
        assert_eq!([300, 3600, 90, 30].map(|s| fast.text(s)), ["5s", "1m", "1500ms", "1s"]);
        assert!(Times::faster(0.5).is_none() && Times::faster(f64::NAN).is_none());
    }
}
