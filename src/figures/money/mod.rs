//! Money: what was pledged, committed, disbursed and spent.
//!
//! A reversal counts against what it reverses. Money that passes through an organization counts once: by the entry that
//! is not a pass-through.

use std::cmp::Reverse;
use std::ops::AddAssign;

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::decimal::FenTotal;
use crate::model::transactions::Kind;

/// What of a ledger entry is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: Kind,
    /// The kind of what a reversal reverses; `None` for any other entry.
    pub reversed_kind: Option<Kind>,
    /// In hundredths of the currency.
    pub amount: i64,
    pub pass_through: bool,
    pub value_on: NaiveDate,
}

/// Sums over entries of one currency, in its hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub pledged: i128,
    pub committed: i128,
    pub disbursed: i128,
    pub spent: i128,
    pub passed_through: i128,
    /// How many entries.
    pub transactions: i64,
}

/// Money in one currency, up to a date.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct MoneyFigures {
    /// The currency (ISO 4217).
    #[schema(max_length = 3, example = "CNY")]
    pub currency: String,
    /// Amount pledged, less reversals.
    pub pledged: FenTotal,
    /// Amount committed, less reversals.
    pub committed: FenTotal,
    /// Amount disbursed, less reversals.
    pub disbursed: FenTotal,
    /// Amount spent, less reversals.
    pub spent: FenTotal,
    /// What passed through an organization on its way, less what of it was reversed; in none of the other sums.
    pub passed_through: FenTotal,
    /// Whether more was disbursed than was committed.
    #[schema(example = false)]
    pub over_committed: bool,
    /// How many ledger entries the figures count, reversals included.
    #[schema(minimum = 0, example = 4)]
    pub transactions: i64,
}

impl Sums {
    /// Counts an entry.
    pub fn add(&mut self, entry: &Entry) {
        let (kind, amount) = match entry.reversed_kind {
            Some(kind) => (kind, -i128::from(entry.amount)),
            None => (entry.kind, i128::from(entry.amount)),
        };
        let sum = match (entry.pass_through, kind) {
            (true, _) => &mut self.passed_through,
            (false, Kind::Pledge) => &mut self.pledged,
            (false, Kind::Commitment) => &mut self.committed,
            (false, Kind::Disbursement) => &mut self.disbursed,
            (false, Kind::Expenditure) => &mut self.spent,
            // Nothing reverses a reversal, so that none is left by itself.
            (false, Kind::Reversal) => return,
        };
        *sum += amount;
        self.transactions += 1;
    }

    pub fn figures(&self, currency: &str) -> MoneyFigures {
        MoneyFigures {
            currency: currency.to_owned(),
            pledged: FenTotal(self.pledged),
            committed: FenTotal(self.committed),
            disbursed: FenTotal(self.disbursed),
            spent: FenTotal(self.spent),
            passed_through: FenTotal(self.passed_through),
            over_committed: self.disbursed > self.committed,
            transactions: self.transactions,
        }
    }
}

impl AddAssign<&Sums> for Sums {
    fn add_assign(&mut self, other: &Sums) {
        let Sums { pledged, committed, disbursed, spent, passed_through, transactions } = other;
        self.pledged += pledged;
        self.committed += committed;
        self.disbursed += disbursed;
        self.spent += spent;
        self.passed_through += passed_through;
        self.transactions += transactions;
    }
}

/// Splits an amount by shares without losing a fen: each part is rounded down, and what is left goes, a fen each, to
/// the largest remainders, of equal ones to the first. No parts where the shares sum to nothing.
pub fn split(amount: i64, shares: &[i64]) -> Vec<i64> {
    let whole: i128 = shares.iter().map(|share| i128::from(*share)).sum();
    if whole == 0 {
        return Vec::new();
    }
    // The product of two 64-bit numbers fits 128 bits.
    let products: Vec<i128> = shares.iter().map(|share| i128::from(amount) * i128::from(*share)).collect();
    // A part is no more than the amount, which is one of 64 bits.
    let mut parts: Vec<i64> = products.iter().map(|product| i64::try_from(product / whole).unwrap_or(amount)).collect();
    let mut left = amount - parts.iter().sum::<i64>();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_key(|index| Reverse(products[*index] % whole));
    for index in order {
        if left == 0 {
            break;
        }
        parts[index] += 1;
        left -= 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [Kind; 4] = [Kind::Pledge, Kind::Commitment, Kind::Disbursement, Kind::Expenditure];

    /// Entries of every kind, none of them a reversal.
    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let entry = (proptest::sample::select(&KINDS[..]), 1..=99_999_999_999_999_i64, any::<bool>()).prop_map(
            |(kind, amount, pass_through)| Entry {
                kind,
                reversed_kind: None,
                amount,
                pass_through,
                value_on: NaiveDate::default(),
            },
        );
        proptest::collection::vec(entry, 0..40)
    }

    fn shares() -> impl Strategy<Value = Vec<i64>> {
        proptest::collection::vec(1..=10_000_i64, 1..12)
    }

    fn reversal(of: &Entry, amount: i64) -> Entry {
        Entry { kind: Kind::Reversal, reversed_kind: Some(of.kind), amount, ..*of }
    }

    fn sums<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Sums {
        let mut sums = Sums::default();
        entries.into_iter().for_each(|entry| sums.add(entry));
        sums
    }

    proptest! {
        #[test]
        fn any_order_and_grouping_gives_the_same_sums(
            (all, shuffled) in entries().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
            groups in 1..6_usize,
        ) {
            let mut parts = vec![Sums::default(); groups];
            shuffled.iter().enumerate().for_each(|(index, entry)| parts[index % groups].add(entry));
            let mut rolled_up = Sums::default();
            parts.iter().for_each(|part| rolled_up += part);
            prop_assert_eq!(rolled_up, sums(&all));
        }

        #[test]
        fn an_entry_counts_in_one_sum(all in entries()) {
            let sums = sums(&all);
            let of = |kind| -> i128 {
                let counted = all.iter().filter(|entry| !entry.pass_through && entry.kind == kind);
                counted.map(|entry| i128::from(entry.amount)).sum()
            };
            prop_assert_eq!([sums.pledged, sums.committed, sums.disbursed, sums.spent], KINDS.map(of));
            let passed = all.iter().filter(|entry| entry.pass_through).map(|entry| i128::from(entry.amount));
            prop_assert_eq!(sums.passed_through, passed.sum::<i128>());
        }

        #[test]
        fn to_reverse_everything_leaves_nothing(all in entries(), percent in 1..100_i64, shares in shares()) {
            let mut left = sums(&all);
            for entry in &all {
                let first = entry.amount * percent / 100;
                left.add(&reversal(entry, first));
                left.add(&reversal(entry, entry.amount - first));
            }
            prop_assert_eq!(Sums { transactions: 0, ..left }, Sums::default());
            for part in 0..shares.len() {
                let mut of_part = Sums::default();
                for entry in all.iter().flat_map(|entry| [*entry, reversal(entry, entry.amount)]) {
                    of_part.add(&Entry { amount: split(entry.amount, &shares)[part], ..entry });
                }
                prop_assert_eq!(Sums { transactions: 0, ..of_part }, Sums::default());
            }
        }

        #[test]
        fn to_split_loses_no_fen_and_strays_by_less_than_one(amount in 0..=99_999_999_999_999_i64, shares in shares()) {
            let parts = split(amount, &shares);
            prop_assert_eq!(parts.iter().sum::<i64>(), amount);
            let whole: i64 = shares.iter().sum();
            for (part, share) in parts.iter().zip(&shares) {
                let stray = i128::from(*part) * i128::from(whole) - i128::from(amount) * i128::from(*share);
                prop_assert!(stray.abs() < i128::from(whole), "{} of {} by {:?}", part, amount, shares);
            }
        }
    }

    #[test]
    fn what_is_left_of_a_split_goes_to_the_largest_remainders_first_come_first_served() {
        let thirds = [3_333, 3_333, 3_334];
        for (amount, shares, parts) in [
            (100, &[5_000, 5_000][..], &[50, 50][..]),
            (1, &[5_000, 5_000], &[1, 0]),
            (100, &thirds, &[33, 33, 34]),
            (1, &thirds, &[0, 0, 1]),
            (2, &thirds, &[1, 0, 1]),
            (10_000, &thirds, &[3_333, 3_333, 3_334]),
            (0, &thirds, &[0, 0, 0]),
            (7, &[10_000], &[7]),
            (7, &[], &[]),
        ] {
            assert_eq!(split(amount, shares), parts, "{amount} by {shares:?}");
        }
    }

    #[test]
    fn more_is_disbursed_than_committed_by_a_single_fen() {
        let of = |committed, disbursed| Sums { committed, disbursed, ..Sums::default() }.figures("CNY");
        assert!(!of(100, 100).over_committed);
        assert!(of(100, 101).over_committed);
        assert!(!of(0, 0).over_committed);
    }

    #[test]
    fn sums_are_exact_beyond_the_width_of_an_entry() {
        let entry = Entry {
            kind: Kind::Pledge,
            reversed_kind: None,
            amount: i64::MAX,
            pass_through: false,
            value_on: NaiveDate::default(),
        };
        let figures = sums(&[entry; 1_000]).figures("CNY");
        assert_eq!(figures.pledged.to_string(), "92233720368547758070.00");
        let figures = sums(&[reversal(&entry, i64::MAX); 1_000]).figures("CNY");
        assert_eq!(figures.pledged.to_string(), "-92233720368547758070.00");
    }
}
