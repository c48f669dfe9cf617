//! Numbers that never repeat, for requests that the service has not answered before.

use std::cell::Cell;

/// Every number below `size` once, in an order without regularity; then none.
pub struct Distinct {
    size: u64,
    step: u64,
    taken: Cell<u64>,
}

impl Distinct {
    pub fn below(size: u64) -> Distinct {
        // Multiples of a step that has no divisor in common with `size` reach every number before one repeats. A step near
        // `size` divided by the golden ratio spreads them evenly at any time.
        let golden = (size as f64 * 0.618_033_988_75) as u64;
        let step = (golden.max(1)..).find(|step| divisor(*step, size) == 1).unwrap_or(1);
        Distinct { size, step, taken: Cell::new(0) }
    }

    pub fn next(&self) -> Option<u64> {
        let taken = self.taken.get();
        if taken == self.size {
            return None;
        }
        self.taken.set(taken + 1);
        let number = u128::from(taken) * u128::from(self.step) % u128::from(self.size);
        u64::try_from(number).ok()
    }
}

/// The greatest common divisor.
fn divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}
