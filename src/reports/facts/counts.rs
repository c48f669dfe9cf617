//! The number of milestones in a list, from the sums in memory. Of the milestones of a large pairing, a count by the database takes
//! longer than a page.

use chrono::NaiveDate;
use serde_json::Value;

use super::FactStore;
use super::milestones::Parent;
use super::state::State;
use super::structure::Scope;
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::error::Result;
use crate::figures::bucket::Bucket;
use crate::http::typed;
use crate::model::milestones::Status;
use crate::model::types::Ref;
use crate::record::ReadContext;
use crate::resources::milestones::api::MilestoneFilter;
use crate::resources::{agreements, milestones, pairings, programmes, projects, sectors};

/// The number of records that match the filter of a list; `None` if the database has to count them.
pub fn of_list(
    facts: &FactStore,
    conn: &mut Conn,
    kind: &Kind,
    filter: &Value,
    view: ReadContext,
) -> Result<Option<i64>> {
    if kind.number != milestones::KIND.number {
        return Ok(None);
    }
    of_milestones(facts, conn, &typed(filter)?, view)
}

/// The number of milestones that match a filter; `None` if the database has to count them.
pub fn of_milestones(
    facts: &FactStore,
    conn: &mut Conn,
    filter: &MilestoneFilter,
    view: ReadContext,
) -> Result<Option<i64>> {
    let MilestoneFilter {
        q: None,
        responsible: None,
        depends_on: None,
        kind: None,
        met_from: None,
        met_to: None,
        updated_since: None,
        programme,
        pairing,
        agreement,
        project,
        sector,
        status,
        overdue,
        due_from,
        due_to,
        sort: _,
    } = filter
    else {
        return Ok(None);
    };
    let Some(wanted) = Wanted::of(status, *overdue, (*due_from, *due_to)) else { return Ok(None) };
    let mut find = |kind: &Kind, reference: &Option<Ref>| -> Result<Wish> {
        Ok(match reference {
            None => Wish::Any,
            Some(reference) => kind.find(conn, reference)?.map_or(Wish::Unknown, Wish::Only),
        })
    };
    let wishes = [
        find(&programmes::KIND, programme)?,
        find(&pairings::KIND, pairing)?,
        find(&agreements::KIND, agreement)?,
        find(&projects::KIND, project)?,
        find(&sectors::KIND, sector)?,
    ];
    if wishes.contains(&Wish::Unknown) || !facts.refresh(conn)? {
        return Ok(None);
    }
    let [programme, pairing, agreement, project, sector] = wishes.map(Wish::id);
    let owners = Owners { scope: Scope { programme, pairing }, agreement, project, sector };
    Ok(facts.with(|state| owners.buckets(state).map(|bucket| wanted.count(bucket, view.as_of)).sum()))
}

/// What a filter wants of one reference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Any,
    Only(i64),
    /// There is no such record, which is a fault of the request.
    Unknown,
}

impl Wish {
    fn id(self) -> Option<i64> {
        match self {
            Wish::Only(id) => Some(id),
            Wish::Any | Wish::Unknown => None,
        }
    }
}

/// What the counted milestones belong to.
struct Owners {
    scope: Scope,
    agreement: Option<i64>,
    project: Option<i64>,
    sector: Option<i64>,
}

impl Owners {
    fn buckets<'a>(&'a self, state: &'a State) -> Box<dyn Iterator<Item = &'a Bucket> + 'a> {
        let covers = |pairing: i64, sectors: &[i64]| {
            let known = state.structure.pairings.get(&pairing);
            known.is_some_and(|known| self.scope.covers(pairing, known))
                && self.sector.is_none_or(|sector| sectors.contains(&sector))
        };
        if self.agreement.is_none() && self.project.is_none() {
            let classes = state.milestones.by_class().filter(move |(class, ..)| covers(class.pairing, &class.sectors));
            return Box::new(classes.map(|(_, _, bucket)| bucket));
        }
        let projects = state.structure.projects.iter().filter(|(id, project)| {
            self.project.is_none_or(|wanted| wanted == **id)
                && self.agreement.is_none_or(|wanted| project.agreement == Some(wanted))
        });
        let own = self.agreement.filter(|_| self.project.is_none()).map(Parent::Agreement);
        let parents = own.into_iter().chain(projects.map(|(id, _)| Parent::Project(*id)));
        let owned = parents.filter_map(|parent| state.milestones.of_parent(parent));
        Box::new(owned.filter(move |(class, _)| covers(class.pairing, &class.sectors)).map(|(_, bucket)| bucket))
    }
}

/// Which milestones are counted.
enum Wanted<'a> {
    /// The overdue ones, due from a day until another.
    Overdue(Option<NaiveDate>, Option<NaiveDate>),
    /// All but the overdue ones.
    NotOverdue,
    /// Those with one of these statuses.
    With(&'a [Status]),
}

impl Wanted<'_> {
    /// `None` for what does not follow from the sums.
    fn of(status: &[Status], overdue: Option<bool>, due: (Option<NaiveDate>, Option<NaiveDate>)) -> Option<Wanted<'_>> {
        match (status, overdue, due) {
            ([], Some(true), (from, to)) => Some(Wanted::Overdue(from, to)),
            ([], Some(false), (None, None)) => Some(Wanted::NotOverdue),
            ([], None, (None, None)) => Some(Wanted::With(Status::ALL)),
            (some, None, (None, None)) => Some(Wanted::With(some)),
            _ => None,
        }
    }

    fn count(&self, bucket: &Bucket, as_of: NaiveDate) -> i64 {
        match self {
            Wanted::Overdue(from, to) => bucket.overdue(*from, *to, as_of),
            Wanted::NotOverdue => bucket.count(Status::ALL) - bucket.overdue(None, None, as_of),
            Wanted::With(statuses) => bucket.count(statuses),
        }
    }
}
