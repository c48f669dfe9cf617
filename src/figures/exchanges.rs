//! People seconded, by profession and direction, on a date. A missing headcount counts as unknown, not as zero.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::exchanges::{Direction, Profession, Stage};

/// An exchange as its figures see it.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    pub profession: Profession,
    pub direction: Direction,
    pub headcount: Option<i64>,
    pub stage: Stage,
}

/// Sums over exchanges, by profession and direction; those that were cancelled before they began are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<(Profession, Direction), People>);

/// How many exchanges there are, and how many people go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct People {
    /// How many exchanges, planned ones included.
    #[schema(minimum = 0, example = 3)]
    pub exchanges: i64,
    /// People of exchanges that have not begun.
    #[schema(minimum = 0, example = 5)]
    pub planned: i64,
    /// People of exchanges that have begun, whether they are over or not.
    #[schema(minimum = 0, example = 12)]
    pub seconded: i64,
    /// Those of them who are there on the date.
    #[schema(minimum = 0, example = 8)]
    pub present: i64,
    /// How many exchanges have no headcount, so that their people are in none of the numbers.
    #[schema(minimum = 0, example = 1)]
    pub without_headcount: i64,
}

/// People of one profession in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExchangeRow {
    /// The profession.
    pub profession: Profession,
    /// From which side to which.
    pub direction: Direction,
    /// How many.
    pub people: People,
}

/// People seconded, in all and by profession and direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExchangeFigures {
    /// All of them.
    pub total: People,
    /// A row each profession and direction that there are.
    #[schema(max_items = 100)]
    pub by_profession: Vec<ExchangeRow>,
}

impl AddAssign<&People> for People {
    fn add_assign(&mut self, other: &People) {
        let People { exchanges, planned, seconded, present, without_headcount } = other;
        self.exchanges += exchanges;
        self.planned += planned;
        self.seconded += seconded;
        self.present += present;
        self.without_headcount += without_headcount;
    }
}

impl AddAssign<&Fact> for Sums {
    fn add_assign(&mut self, fact: &Fact) {
        let count = |stages: &[Stage]| if stages.contains(&fact.stage) { fact.headcount.unwrap_or(0) } else { 0 };
        if fact.stage == Stage::Cancelled {
            return;
        }
        *self.0.entry((fact.profession, fact.direction)).or_default() += &People {
            exchanges: 1,
            planned: count(&[Stage::Planned]),
            seconded: count(&[Stage::Present, Stage::Ended]),
            present: count(&[Stage::Present]),
            without_headcount: fact.headcount.is_none().into(),
        };
    }
}

impl Sums {
    pub fn figures(&self) -> ExchangeFigures {
        let mut total = People::default();
        let row = |(&(profession, direction), &people): (&(Profession, Direction), &People)| {
            total += &people;
            ExchangeRow { profession, direction, people }
        };
        let by_profession = self.0.iter().map(row).collect();
        ExchangeFigures { total, by_profession }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_counted_is_said() {
        use Direction::{RecipientToSupporter as Back, SupporterToRecipient as There};
        let mut sums = Sums::default();
        for (profession, direction, headcount, stage) in [
            (Profession::Teacher, There, Some(5), Stage::Present),
            (Profession::Teacher, There, Some(3), Stage::Ended),
            (Profession::Teacher, There, None, Stage::Present),
            (Profession::Teacher, There, Some(9), Stage::Cancelled),
            (Profession::Teacher, Back, Some(2), Stage::Planned),
            (Profession::Cadre, There, Some(1), Stage::Present),
        ] {
            sums += &Fact { profession, direction, headcount, stage };
        }
        let figures = sums.figures();
        let people = |exchanges, planned, seconded, present, without_headcount| People {
            exchanges,
            planned,
            seconded,
            present,
            without_headcount,
        };
        assert_eq!(figures.total, people(5, 2, 9, 6, 1));
        let rows: Vec<_> =
            figures.by_profession.iter().map(|row| (row.profession, row.direction, row.people)).collect();
        assert_eq!(
            rows,
            [
                (Profession::Cadre, There, people(1, 0, 1, 1, 0)),
                (Profession::Teacher, There, people(3, 0, 8, 5, 1)),
                (Profession::Teacher, Back, people(1, 2, 0, 0, 0)),
            ]
        );
    }
}
