//! Whole numbers and decimals of a property as a set: multiples of a step between two ends. Inclusion of two such sets is exact.

use tidegate_check::plan::{LeafType, leaf_type};
use tidegate_contract::model::Bounds;
use tidegate_contract::{LogicalType, Property};

use crate::change::Grade;
use crate::exact::{Decimal, gcd};

/// Values `k * 10^-scale` with `low <= k <= high`, `k` a multiple of `step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    scale: u32,
    low: i128,
    high: i128,
    step: i128,
}

/// The largest whole number of 38 digits, past which no exact column goes.
const LARGEST: i128 = 10_i128.pow(38) - 1;
/// Past every end of 38 digits, with room for another step.
const PAST: i128 = 15 * 10_i128.pow(37);

// === impl Grid ===

impl Grid {
    /// The values of an integer or an exact decimal; none for other types, and where a limit has too many digits.
    pub(crate) fn of(property: &Property) -> Option<Grid> {
        let (multiple_of, bounds) = match &property.logical_type {
            LogicalType::Integer { multiple_of, bounds, .. } | LogicalType::Number { multiple_of, bounds, .. } => (multiple_of, bounds),
            _ => return None,
        };
        let mut grid = Grid::of_type(leaf_type(property)?)?;
        grid.limit(bounds)?;
        if let Some(factor) = multiple_of {
            grid.step = step(Decimal::parse(factor)?, grid.scale)?;
        }
        Some(grid)
    }

    /// The values of the type alone; none where it is not exact.
    pub(crate) fn of_type(leaf: LeafType) -> Option<Grid> {
        let (scale, low, high) = match leaf {
            LeafType::Int { bits: 128, signed } => (0, if signed { -LARGEST } else { 0 }, LARGEST),
            LeafType::Int { bits, signed: true } => {
                let limit = 1_i128 << (bits - 1);
                (0, -limit, limit - 1)
            }
            LeafType::Int { bits, signed: false } => (0, 0, (1_i128 << bits) - 1),
            LeafType::Decimal { precision, scale } => {
                let limit = 10_i128.checked_pow(u32::from(precision))? - 1;
                (u32::from(scale), -limit, limit)
            }
            _ => return None,
        };
        Some(Grid { scale, low, high, step: 1 })
    }

    fn limit(&mut self, bounds: &Bounds) -> Option<()> {
        let scale = self.scale;
        // A limit with too many digits for the scale lies past every value.
        let at = |text: &str| -> Option<(i128, bool)> {
            let limit = Decimal::parse(text)?;
            let past = if limit.is_negative() {
                (-LARGEST - 1, true)
            } else {
                (LARGEST + 1, true)
            };
            Some(limit.floor_at(scale).unwrap_or(past))
        };
        if let Some(limit) = &bounds.minimum {
            let (floor, exact) = at(limit)?;
            self.low = self.low.max(floor + i128::from(!exact));
        }
        if let Some(limit) = &bounds.exclusive_minimum {
            self.low = self.low.max(at(limit)?.0 + 1);
        }
        if let Some(limit) = &bounds.maximum {
            self.high = self.high.min(at(limit)?.0);
        }
        if let Some(limit) = &bounds.exclusive_maximum {
            let (floor, exact) = at(limit)?;
            self.high = self.high.min(floor - i128::from(exact));
        }
        Some(())
    }

    /// What becomes of the set; none where numbers are too large to tell.
    pub(crate) fn grade(old: Grid, new: Grid) -> Option<Grade> {
        Some(Grade::of(old.is_in(new)?, new.is_in(old)?))
    }

    fn is_in(self, other: Grid) -> Option<bool> {
        let scale = self.scale.max(other.scale);
        let (own, other) = (self.at(scale)?, other.at(scale)?);
        // The ends move to values of the set.
        let low = own.low.checked_add((-own.low).rem_euclid(own.step))?;
        let high = own.high.checked_sub(own.high.rem_euclid(own.step))?;
        if low > high {
            return Some(true);
        }
        if low == high {
            return Some(other.low <= low && low <= other.high && low % other.step == 0);
        }
        Some(other.low <= low && high <= other.high && own.step % other.step == 0)
    }

    /// The same values at a finer scale. Ends that have no room there lie past every end that has.
    fn at(self, scale: u32) -> Option<Grid> {
        let factor = 10_i128.checked_pow(scale - self.scale)?;
        let end = |end: i128| {
            end.checked_mul(factor)
                .filter(|end| end.abs() <= PAST)
                .unwrap_or(end.signum() * PAST)
        };
        Some(Grid {
            scale,
            low: end(self.low),
            high: end(self.high),
            step: self.step.checked_mul(factor)?,
        })
    }
}

/// The step of multiples of `factor` among values of that scale: `k * 10^-scale` is one when `k * 10^t` is a multiple of `u * 10^scale`,
/// where the factor is `u * 10^-t`.
fn step(factor: Decimal, scale: u32) -> Option<i128> {
    let whole = factor.unscaled.checked_mul(10_i128.checked_pow(scale)?)?;
    let step = whole / gcd(10_i128.checked_pow(factor.scale)?, whole);
    (step > 0).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(property: &str) -> Option<Grid> {
        let text = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: t\n    properties:\n      \
             - {{name: x, {property}}}\n"
        );
        let (contract, problems) = tidegate_contract::parse("a", &text);
        Grid::of(&contract.unwrap_or_else(|| panic!("{problems:?}")).objects[0].properties[0])
    }

    #[test]
    fn what_is_wider() {
        use Grade::{Both, Loosens, None, Tightens};
        let integer = |options: &str| grid(&format!("logicalType: integer, logicalTypeOptions: {{{options}}}")).unwrap();
        let decimal = |digits: &str, options: &str| {
            grid(&format!(
                "logicalType: number, physicalType: 'decimal({digits})', logicalTypeOptions: {{{options}}}"
            ))
            .unwrap()
        };
        for (old, new, grade) in [
            (integer("format: i8"), integer("format: i16"), Loosens),
            (integer("format: i8"), integer("format: u8"), Both),
            (integer(""), integer("format: i64"), None),
            // What the limits leave is the same.
            (
                integer("format: i8, minimum: 0, maximum: 9"),
                integer("format: u32, exclusiveMinimum: -1, exclusiveMaximum: 9.5"),
                None,
            ),
            (integer("multipleOf: 6"), integer("multipleOf: 3"), Loosens),
            (integer("multipleOf: 6"), integer("multipleOf: 4"), Both),
            // Whole multiples of 1.5 are those of 3.
            (integer("multipleOf: 1.5"), integer("multipleOf: 3"), None),
            (integer("multipleOf: 0.5"), integer(""), None),
            // Only 12 is left.
            (
                integer("multipleOf: 6, minimum: 7, maximum: 17"),
                integer("multipleOf: 4, minimum: 9, maximum: 15"),
                None,
            ),
            (integer("minimum: 1"), integer("exclusiveMinimum: 1"), Tightens),
            (integer("minimum: 1"), integer("exclusiveMinimum: 0"), None),
            (decimal("10,2", ""), decimal("12,4", ""), Loosens),
            (decimal("10,2", ""), decimal("10,4", ""), Both),
            (decimal("38,2", ""), decimal("38,18", ""), Both),
            (decimal("38,0", ""), decimal("38,18", "multipleOf: 1"), Tightens),
            (decimal("10,2", "minimum: 0.005"), decimal("10,2", "minimum: 0.01"), None),
            (integer("format: i32"), decimal("10,0", ""), Loosens),
            (integer(""), decimal("38,18", ""), Loosens),
            (integer("format: i128"), decimal("38,0", ""), None),
        ] {
            assert_eq!(Grid::grade(old, new), Some(grade), "{old:?} {new:?}");
        }
    }
}
