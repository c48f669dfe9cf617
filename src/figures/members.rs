//! Which members of a pairing something counts for.
//!
//! A member's figures hold what the pairing did while the region was a member. What names regions of a side (the parties
//! of an agreement, the organizations of an exchange or a payment) counts for those of that side alone; what names none
//! counts for every member of the side on its day. So two districts that each signed an agreement with one city have
//! each its own, and a supporter that is replaced in mid-year keeps what was due before.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use diesel::prelude::*;

use crate::db::Conn;
use crate::db::schema::{organizations, pairing_members, regions};
use crate::error::Result;
use crate::model::pairings::Role;

/// A region in a pairing, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub region: i64,
    pub role: Role,
    pub from_on: Option<NaiveDate>,
    pub to_on: Option<NaiveDate>,
}

impl Member {
    /// Whether the region is a member on a day.
    pub fn is_on(&self, day: NaiveDate) -> bool {
        self.from_on.is_none_or(|from| from <= day) && self.to_on.is_none_or(|to| to >= day)
    }
}

/// The members that something counts for, which happens on a day and names these regions (with all that are around
/// them).
pub fn concerned(members: &[Member], named: &BTreeSet<i64>, day: NaiveDate) -> BTreeSet<i64> {
    let mut concerned = BTreeSet::new();
    for role in Role::ALL {
        let of_side: Vec<i64> =
            members.iter().filter(|one| one.role == *role && one.is_on(day)).map(|one| one.region).collect();
        let of_named: Vec<i64> = of_side.iter().copied().filter(|region| named.contains(region)).collect();
        concerned.extend(if of_named.is_empty() { of_side } else { of_named });
    }
    concerned
}

/// The first day of the period around a day in which the same regions are members.
pub fn period_start(members: &[Member], day: NaiveDate) -> NaiveDate {
    let starts = members.iter().flat_map(|one| [one.from_on, one.to_on.and_then(|to| to.succ_opt())]);
    starts.flatten().filter(|start| *start <= day).max().unwrap_or(NaiveDate::MIN)
}

/// The members of pairings.
pub fn of_pairings(conn: &mut Conn, pairings: &[i64]) -> Result<HashMap<i64, Vec<Member>>> {
    use pairing_members as m;
    type Row = (i64, i64, Role, Option<NaiveDate>, Option<NaiveDate>);
    let mut members: HashMap<i64, Vec<Member>> = HashMap::new();
    for chunk in pairings.chunks(10_000) {
        let rows: Vec<Row> = m::table
            .filter(m::pairing_id.eq_any(chunk))
            .order((m::pairing_id, m::position))
            .select((m::pairing_id, m::region_id, m::role, m::from_on, m::to_on))
            .load(conn)?;
        for (pairing, region, role, from_on, to_on) in rows {
            members.entry(pairing).or_default().push(Member { region, role, from_on, to_on });
        }
    }
    Ok(members)
}

/// Where regions lie, and where organizations are.
#[derive(Clone, Default)]
pub struct Places {
    parents: HashMap<i64, i64>,
    seats: HashMap<i64, i64>,
}

impl Places {
    pub fn load(conn: &mut Conn) -> Result<Places> {
        let parents: Vec<(i64, Option<i64>)> = regions::table.select((regions::id, regions::parent_id)).load(conn)?;
        let seats: Vec<(i64, i64)> =
            organizations::table.select((organizations::id, organizations::region_id)).load(conn)?;
        Ok(Places {
            parents: parents.into_iter().filter_map(|(id, parent)| Some((id, parent?))).collect(),
            seats: seats.into_iter().collect(),
        })
    }

    /// Sets the region that a region lies in.
    pub fn set_parent(&mut self, region: i64, parent: Option<i64>) {
        match parent {
            Some(parent) => self.parents.insert(region, parent),
            None => self.parents.remove(&region),
        };
    }

    /// Sets the region of an organization; `None` for one that was deleted.
    pub fn set_seat(&mut self, organization: i64, region: Option<i64>) {
        match region {
            Some(region) => self.seats.insert(organization, region),
            None => self.seats.remove(&organization),
        };
    }

    /// Adds a region and all that are around it.
    pub fn add_region(&self, named: &mut BTreeSet<i64>, region: i64) {
        let mut at = Some(region);
        while let Some(id) = at {
            // What is there already has its surroundings with it.
            if !named.insert(id) {
                break;
            }
            at = self.parents.get(&id).copied();
        }
    }

    /// Adds the region of an organization and all that are around it.
    pub fn add_organization(&self, named: &mut BTreeSet<i64>, organization: i64) {
        if let Some(region) = self.seats.get(&organization) {
            self.add_region(named, *region);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::Days;
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn what_counts_for_whom_follows_from_names_and_days() {
        let member = |region, role, from: Option<&str>, to: Option<&str>| Member {
            region,
            role,
            from_on: from.map(day),
            to_on: to.map(day),
        };
        // Two supporters, of whom one is replaced in mid-year, and one recipient.
        let members = [
            member(1, Role::Supporter, None, None),
            member(2, Role::Supporter, None, Some("2022-06-30")),
            member(3, Role::Supporter, Some("2022-07-01"), None),
            member(9, Role::Recipient, None, None),
        ];
        for (named, on, wanted) in [
            (&[][..], "2022-06-30", &[1, 2, 9][..]),
            (&[], "2022-07-01", &[1, 3, 9]),
            (&[1], "2022-06-30", &[1, 9]),
            (&[1, 9], "2022-07-01", &[1, 9]),
            (&[2, 9], "2022-06-30", &[2, 9]),
            // Who is named and no member any more leaves it to those who are.
            (&[2, 9], "2022-07-01", &[1, 3, 9]),
            (&[77], "2022-07-01", &[1, 3, 9]),
        ] {
            let concerned = concerned(&members, &named.iter().copied().collect(), day(on));
            assert_eq!(concerned.into_iter().collect::<Vec<i64>>(), wanted, "{named:?} on {on}");
        }
    }

    proptest! {
        #[test]
        fn any_day_of_a_period_concerns_the_same_members(
            members in proptest::collection::vec((0..4_i64, any::<bool>(), 0..40_u64, 0..40_u64), 0..6),
            named in proptest::collection::btree_set(0..4_i64, 0..3),
            offset in 0..60_u64,
        ) {
            let first = day("2022-01-01");
            // An offset of 0 stands for no date.
            let on = |offset: u64| (offset > 0).then(|| first + Days::new(offset + 10));
            let members: Vec<Member> = members.into_iter().map(|(region, supports, from, to)| Member {
                region,
                role: if supports { Role::Supporter } else { Role::Recipient },
                from_on: on(from),
                to_on: on(to),
            }).collect();
            let day = first + Days::new(offset);
            let start = period_start(&members, day);
            prop_assert!(start <= day);
            prop_assert_eq!(concerned(&members, &named, start), concerned(&members, &named, day));
        }
    }
}
