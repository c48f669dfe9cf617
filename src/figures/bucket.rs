//! Sums over milestones that are kept in memory and changed one milestone at a time, for any date.
//!
//! Counts and weights do not depend on the date. The other figures count days before the date, so that cumulative counts by
//! day answer for any date with one binary search each.

use chrono::NaiveDate;

use crate::figures::lateness;
use crate::figures::tally::{Fact, Tally};
use crate::model::milestones::Status;

/// The sums over some milestones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// What does not depend on a date; all else is zero.
    fixed: Tally,
    /// The due dates of the milestones that are open.
    open: DayCounts,
    /// The baselines of those that are not cancelled.
    baselines: DayCounts,
    /// The baselines of those that were met on time.
    on_time: DayCounts,
}

/// Distinct days in order, each with the number of entries up to and including it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct DayCounts(Vec<(NaiveDate, u32)>);

impl DayCounts {
    fn of(mut days: Vec<NaiveDate>) -> DayCounts {
        days.sort_unstable();
        let distinct = days.chunk_by(|a, b| a == b).count();
        let mut counts: Vec<(NaiveDate, u32)> = Vec::with_capacity(distinct);
        let mut total = 0;
        for same in days.chunk_by(|a, b| a == b) {
            total += u32::try_from(same.len()).unwrap_or(u32::MAX);
            counts.push((same[0], total));
        }
        DayCounts(counts)
    }

    /// The index of the first day that is not before `day`.
    fn position(&self, day: NaiveDate) -> usize {
        self.0.partition_point(|(other, _)| *other < day)
    }

    /// The number of entries on the first `end` days.
    fn up_to(&self, end: usize) -> u32 {
        end.checked_sub(1).and_then(|last| self.0.get(last)).map_or(0, |(_, count)| *count)
    }

    fn before(&self, day: NaiveDate) -> i64 {
        self.up_to(self.position(day)).into()
    }

    fn add(&mut self, day: NaiveDate) {
        let at = self.position(day);
        if self.0.get(at).is_none_or(|(other, _)| *other != day) {
            self.0.insert(at, (day, self.up_to(at)));
        }
        self.0[at..].iter_mut().for_each(|(_, count)| *count += 1);
    }

    fn remove(&mut self, day: NaiveDate) {
        let at = self.position(day);
        if self.0.get(at).is_none_or(|(other, _)| *other != day) {
            return;
        }
        self.0[at..].iter_mut().for_each(|(_, count)| *count -= 1);
        if self.0[at].1 == self.up_to(at) {
            self.0.remove(at);
        }
    }
}

/// The days of a milestone that the counts of a bucket contain.
#[derive(Default)]
struct Days {
    open: Option<NaiveDate>,
    baseline: Option<NaiveDate>,
    on_time: Option<NaiveDate>,
}

impl Days {
    fn of(fact: &Fact) -> Days {
        let baseline = (fact.status != Status::Cancelled).then_some(fact.baseline_due_on);
        Days {
            open: fact.status.is_open().then_some(fact.due_on),
            baseline,
            on_time: baseline.filter(|day| lateness::is_on_time(fact.status, *day, fact.met_on)),
        }
    }
}

/// What of a milestone depends on no date: on the first of all days nothing is over.
fn fixed(fact: &Fact) -> Tally {
    Tally::of(fact, NaiveDate::MIN)
}

impl Bucket {
    /// The sums over many milestones, which takes less time than adding each.
    pub fn of(facts: impl IntoIterator<Item = Fact>) -> Bucket {
        let mut sums = Tally::default();
        let (mut open, mut baselines, mut on_time) = (Vec::new(), Vec::new(), Vec::new());
        for fact in facts {
            sums += &fixed(&fact);
            let days = Days::of(&fact);
            open.extend(days.open);
            baselines.extend(days.baseline);
            on_time.extend(days.on_time);
        }
        Bucket {
            fixed: sums,
            open: DayCounts::of(open),
            baselines: DayCounts::of(baselines),
            on_time: DayCounts::of(on_time),
        }
    }

    pub fn add(&mut self, fact: &Fact) {
        self.fixed += &fixed(fact);
        let days = Days::of(fact);
        days.open.into_iter().for_each(|day| self.open.add(day));
        days.baseline.into_iter().for_each(|day| self.baselines.add(day));
        days.on_time.into_iter().for_each(|day| self.on_time.add(day));
    }

    /// Removes a milestone that was added.
    pub fn remove(&mut self, fact: &Fact) {
        self.fixed -= &fixed(fact);
        let days = Days::of(fact);
        days.open.into_iter().for_each(|day| self.open.remove(day));
        days.baseline.into_iter().for_each(|day| self.baselines.remove(day));
        days.on_time.into_iter().for_each(|day| self.on_time.remove(day));
    }

    pub fn is_empty(&self) -> bool {
        self.fixed.counted() == 0 && self.fixed.counts.cancelled == 0
    }

    /// The number of milestones with one of these statuses.
    pub fn count(&self, statuses: &[Status]) -> i64 {
        let wanted = Status::ALL.iter().filter(|status| statuses.contains(status));
        wanted.map(|status| self.fixed.counts.with(*status)).sum()
    }

    /// The number of milestones that are overdue on a date and due from a day until another.
    pub fn overdue(&self, from: Option<NaiveDate>, until: Option<NaiveDate>, as_of: NaiveDate) -> i64 {
        let before = |day: NaiveDate| self.open.before(day);
        // A milestone is not overdue on its due date.
        let end = until.and_then(|day| day.succ_opt()).map_or(as_of, |next| next.min(as_of));
        (before(end) - from.map_or(0, before)).max(0)
    }

    /// The sums on a date.
    pub fn tally(&self, as_of: NaiveDate) -> Tally {
        Tally {
            overdue: self.open.before(as_of),
            oldest_due_on: self.open.0.first().map(|(day, _)| *day).filter(|day| *day < as_of),
            baseline_due: self.baselines.before(as_of),
            on_time: self.on_time.before(as_of),
            ..self.fixed.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::Days as Offset;
    use proptest::prelude::*;

    use super::*;

    fn day(offset: u64) -> NaiveDate {
        NaiveDate::default() + Offset::new(offset)
    }

    fn fact() -> impl Strategy<Value = Fact> {
        let days = (0..40_u64, 0..40_u64, 0..40_u64);
        (proptest::sample::select(Status::ALL), 0..5_000_i64, 0..=100_i64, days).prop_map(
            |(status, weight, progress, (due, baseline, met))| Fact {
                status,
                weight,
                progress,
                due_on: day(due),
                baseline_due_on: day(baseline),
                met_on: matches!(status, Status::Met | Status::PartiallyMet).then(|| day(met)),
            },
        )
    }

    proptest! {
        #[test]
        fn a_bucket_has_the_sums_of_its_milestones_on_any_date(
            all in proptest::collection::vec((fact(), any::<bool>()), 0..60),
            as_of in 0..45_u64,
        ) {
            let kept: Vec<Fact> = all.iter().filter(|(_, is_removed)| !is_removed).map(|(fact, _)| *fact).collect();
            let mut bucket = Bucket::default();
            all.iter().for_each(|(fact, _)| bucket.add(fact));
            all.iter().filter(|(_, is_removed)| *is_removed).for_each(|(fact, _)| bucket.remove(fact));
            let mut slow = Tally::default();
            kept.iter().for_each(|fact| slow += &Tally::of(fact, day(as_of)));
            prop_assert_eq!(&bucket.tally(day(as_of)), &slow);
            prop_assert_eq!(&bucket, &Bucket::of(kept.iter().copied()));
            prop_assert_eq!(bucket.is_empty(), kept.is_empty());
            let (from, until) = (day(as_of / 3), day(as_of / 2));
            let is_overdue = |fact: &&Fact| lateness::is_overdue(fact.status, fact.due_on, day(as_of));
            let of_range = kept.iter().filter(is_overdue).filter(|fact| (from..=until).contains(&fact.due_on));
            prop_assert_eq!(bucket.overdue(Some(from), Some(until), day(as_of)), of_range.count() as i64);
            prop_assert_eq!(bucket.overdue(None, None, day(as_of)), slow.overdue);
            prop_assert_eq!(bucket.count(Status::ALL), kept.len() as i64);
        }
    }
}
