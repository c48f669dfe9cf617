//! Computes a page of the scorecard, from the facts in memory or by queries.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::facts::Facts;
use super::sums::Sums;
use super::{Figures, GroupBy, ScorecardFilter, ScorecardRow, Wanted, memory, present, recorded};
use crate::db::Conn;
use crate::db::page::{Key, PageRequest};
use crate::db::reference::References;
use crate::error::Result;
use crate::model::types::Instant;
use crate::reports::facts::FactStore;
use crate::resources::pairings;

/// A request for a page of the scorecard.
pub struct Request<'a> {
    pub filter: &'a ScorecardFilter,
    pub as_of: NaiveDate,
    /// The instant of the recorded figures, and their date.
    pub recorded: Option<(Instant, NaiveDate)>,
    pub page: &'a PageRequest,
}

/// A page of the scorecard.
pub struct Computed {
    pub overall: Figures,
    pub recorded_overall: Option<Figures>,
    pub rows: Vec<ScorecardRow>,
    pub next: Option<Key>,
    pub total: Option<i64>,
}

impl Request<'_> {
    /// Computes the scorecard over the facts in memory; `None` where they do not suffice.
    pub fn compute_in_memory(&self, conn: &mut Conn, store: &FactStore) -> Result<Option<Computed>> {
        if self.recorded.is_some() || !store.refresh(conn)? {
            return Ok(None);
        }
        let wanted = Wanted::resolve(conn, self.filter)?;
        let computed = store.with(|state| {
            let facts = memory::facts(state, &wanted, self.as_of);
            self.compute(&wanted, &facts, None)
        });
        computed.map(|(figures, rows)| self.name(conn, &wanted, figures, rows)).transpose()
    }

    /// Computes the scorecard by queries.
    pub fn compute_by_queries(&self, conn: &mut Conn) -> Result<Computed> {
        let wanted = Wanted::resolve(conn, self.filter)?;
        let facts = present::load(conn, &wanted, self.as_of)?;
        let recorded = match self.recorded {
            Some((at, as_of)) => {
                let facts = recorded::load(conn, &wanted, at, as_of)?;
                let summed = Summed::over(&facts, &wanted, as_of);
                Some((summed, as_of))
            }
            None => None,
        };
        let (figures, rows) = self.compute(&wanted, &facts, recorded);
        self.name(conn, &wanted, figures, rows)
    }

    /// The figures of all, and the rows of the page.
    fn compute(
        &self,
        wanted: &Wanted,
        facts: &Facts<'_>,
        recorded: Option<(Summed, NaiveDate)>,
    ) -> ((Figures, Option<Figures>), Rows) {
        let mut now = Summed::over(facts, wanted, self.as_of);
        let mut ids = now.rows(facts, wanted);
        if let Some((then, _)) = &recorded {
            ids.extend(then.subjects.iter().chain(then.groups.keys()));
            ids.sort_unstable();
            ids.dedup();
        }
        let page = self.page;
        let total = page.count.then(|| i64::try_from(ids.len()).unwrap_or(i64::MAX));
        let from = page.after.as_ref().map_or(0, |after| ids.partition_point(|id| key(*id) <= *after));
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let of_page: Vec<i64> = ids[from..].iter().take(limit).copied().collect();
        let has_more = from + of_page.len() < ids.len();
        facts.add_to_rows(wanted, self.as_of, &of_page, &mut now.groups);
        let nothing = Sums::default();
        let row = |id: &i64| Row {
            id: *id,
            pairing: facts.pairing_of(wanted, *id),
            figures: now.groups.get(id).unwrap_or(&nothing).figures(self.as_of),
            recorded: recorded.as_ref().map(|(then, day)| then.groups.get(id).unwrap_or(&nothing).figures(*day)),
        };
        let rows = Rows {
            next: of_page.last().filter(|_| has_more).map(|id| key(*id)),
            total,
            rows: of_page.iter().map(row).collect(),
        };
        let recorded_overall = recorded.as_ref().map(|(then, day)| then.overall.figures(*day));
        ((now.overall.figures(self.as_of), recorded_overall), rows)
    }

    /// Names the subjects of the rows.
    fn name(
        &self,
        conn: &mut Conn,
        wanted: &Wanted,
        (overall, recorded_overall): (Figures, Option<Figures>),
        Rows { rows, next, total }: Rows,
    ) -> Result<Computed> {
        let kind = wanted.group_by.kind();
        let mut references = References::default();
        for row in &rows {
            references.want(kind, row.id);
            references.want(&pairings::KIND, row.pairing);
        }
        references.load(conn)?;
        let row = |Row { id, pairing, figures, recorded }: Row| {
            let as_a = |group: GroupBy| (wanted.group_by == group).then(|| references.get(kind, id));
            ScorecardRow {
                programme: as_a(GroupBy::Programme),
                pairing: as_a(GroupBy::Pairing).or_else(|| references.optional(&pairings::KIND, pairing)),
                sector: as_a(GroupBy::Sector),
                agreement: as_a(GroupBy::Agreement),
                project: as_a(GroupBy::Project),
                member: as_a(GroupBy::Member),
                figures,
                recorded,
            }
        };
        Ok(Computed { overall, recorded_overall, rows: rows.into_iter().map(row).collect(), next, total })
    }
}

/// The place of a row.
fn key(id: i64) -> Key {
    Key { value: format!("{id:019}"), id }
}

/// The rows of a page without names.
struct Rows {
    rows: Vec<Row>,
    next: Option<Key>,
    total: Option<i64>,
}

struct Row {
    id: i64,
    /// The pairing of an agreement or a project.
    pairing: Option<i64>,
    figures: Figures,
    recorded: Option<Figures>,
}

/// The sums of all once, and of each group.
pub struct Summed {
    pub overall: Sums,
    /// What has a row even where nothing counts for it: that nothing was agreed is worth knowing.
    pub subjects: Vec<i64>,
    pub groups: BTreeMap<i64, Sums>,
}

impl Summed {
    pub fn over(facts: &Facts<'_>, wanted: &Wanted, as_of: NaiveDate) -> Summed {
        let mut overall = Sums::default();
        let mut groups: BTreeMap<i64, Sums> = BTreeMap::new();
        facts.each(wanted, as_of, |what, in_overall, of_groups| {
            if in_overall {
                overall.add(&what);
            }
            for group in of_groups {
                groups.entry(group).or_default().add(&what);
            }
        });
        Summed { overall, subjects: facts.subjects(wanted, as_of), groups }
    }

    /// The ids of all rows, in order.
    fn rows(&self, facts: &Facts<'_>, wanted: &Wanted) -> Vec<i64> {
        let mut ids = facts.parents_in_sector(wanted);
        ids.extend(self.subjects.iter().chain(self.groups.keys()));
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
