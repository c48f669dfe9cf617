//! The facts of a scorecard as they stand.

use std::borrow::Cow;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::facts::{CommitmentFact, ExchangeFact, Facts, ResolutionFact, Tallies};
use super::{GroupBy, Wanted};
use crate::db::schema::{agreements as a, funds as f, pairings as p, projects as j};
use crate::db::{Conn, MultiBackend};
use crate::error::Result;
use crate::figures::members::{self, Places};
use crate::figures::{exchanges, tally};
use crate::model::types::Ref;
use crate::record::{self, ReadContext, Resource};
use crate::reports::facts::structure::{AgreementFact, PairingFact, ProjectFact};
use crate::resources::agreements::{self, parties};
use crate::resources::commitments::Commitments;
use crate::resources::exchanges::Exchanges;
use crate::resources::fields::links;
use crate::resources::projects;
use crate::resources::resolutions::Resolutions;
use crate::resources::transactions::api::TransactionFilter;
use crate::resources::transactions::booked;

/// Rows that one query names by their ids.
const CHUNK: usize = 10_000;

/// All that the scorecard covers, on a date.
pub fn load(conn: &mut Conn, wanted: &Wanted, as_of: NaiveDate) -> Result<Facts<'static>> {
    let by_member = wanted.group_by == GroupBy::Member;
    let mut facts = Facts::default();
    if by_member {
        facts.places = Cow::Owned(Places::load(conn)?);
    }
    load_pairings(conn, wanted, &mut facts)?;
    let pairings: Vec<i64> = facts.pairings.keys().copied().collect();
    load_agreements(conn, &pairings, by_member, &mut facts)?;
    load_projects(conn, &pairings, &mut facts)?;
    let mut tallies = Tallies::new(by_member);
    tally::by_owner(conn, &pairings, by_member, None, as_of, |owner, tally| tallies.add(&facts, owner, &tally))?;
    facts.milestones = tallies.into_sums();

    let view = ReadContext { as_of };
    visit::<Commitments>(conn, wanted, view, |one| {
        facts.commitments.push(CommitmentFact {
            pairing: one.pairing.id,
            agreement: one.agreement.id,
            sector: one.sector.map(|sector| sector.id),
            due_on: one.period_to_on,
            pace: one.pace,
        });
    })?;
    visit::<Resolutions>(conn, wanted, view, |one| {
        facts.resolutions.push(ResolutionFact { pairing: one.pairing.id, due_on: one.due_on, state: one.state });
    })?;
    visit::<Exchanges>(conn, wanted, view, |one| {
        facts.exchanges.push(ExchangeFact {
            pairing: one.pairing.id,
            start_on: one.actual_start_on.or(one.planned_start_on),
            sending: one.sending.map(|sending| sending.id),
            hosting: one.hosting.map(|hosting| hosting.id),
            fact: exchanges::Fact {
                profession: one.profession,
                direction: one.direction,
                headcount: one.headcount,
                stage: one.stage,
            },
        });
    })?;
    load_money(conn, wanted, as_of, &mut facts)?;
    Ok(facts)
}

/// Visits every record of a kind that the filter covers.
fn visit<R: Resource>(conn: &mut Conn, wanted: &Wanted, view: ReadContext, mut add: impl FnMut(R::Read)) -> Result<()> {
    let reference = |id: Option<i64>| id.map(|id| id.to_string());
    let filter = serde_json::json!({
        "programme": reference(wanted.programme), "pairing": reference(wanted.pairing), "sort": "id"
    });
    record::each_page::<R>(conn, &serde_json::from_value(filter)?, view, |_, records| {
        records.into_iter().for_each(&mut add);
        Ok(())
    })
}

fn load_pairings(conn: &mut Conn, wanted: &Wanted, facts: &mut Facts<'_>) -> Result<()> {
    let mut query = p::table.select((p::id, p::programme_id)).into_boxed::<MultiBackend>();
    if let Some(id) = wanted.programme {
        query = query.filter(p::programme_id.eq(id));
    }
    if let Some(id) = wanted.pairing {
        query = query.filter(p::id.eq(id));
    }
    let rows: Vec<(i64, i64)> = query.load(conn)?;
    let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
    let mut members = match wanted.group_by {
        GroupBy::Member => members::of_pairings(conn, &ids)?,
        _ => Default::default(),
    };
    facts.pairings.to_mut().extend(
        rows.into_iter()
            .map(|(id, programme)| (id, PairingFact { programme, members: members.remove(&id).unwrap_or_default() })),
    );
    Ok(())
}

fn load_agreements(conn: &mut Conn, pairings: &[i64], by_member: bool, facts: &mut Facts<'_>) -> Result<()> {
    for chunk in pairings.chunks(CHUNK) {
        let rows: Vec<(i64, i64)> =
            a::table.filter(a::pairing_id.eq_any(chunk)).select((a::id, a::pairing_id)).load(conn)?;
        facts.agreements.to_mut().extend(
            rows.into_iter()
                .map(|(id, pairing)| (id, AgreementFact { pairing, sectors: Vec::new(), named: Default::default() })),
        );
    }
    let ids: Vec<i64> = facts.agreements.keys().copied().collect();
    for chunk in ids.chunks(CHUNK) {
        for (agreement, sector) in links::load(conn, &agreements::KIND, "sectors", chunk)? {
            if let Some(fact) = facts.agreements.to_mut().get_mut(&agreement) {
                fact.sectors.push(sector);
            }
        }
    }
    let named = if by_member { parties::named_regions(conn, &ids, &facts.places)? } else { Default::default() };
    for (agreement, regions) in named {
        if let Some(fact) = facts.agreements.to_mut().get_mut(&agreement) {
            fact.named = regions;
        }
    }
    Ok(())
}

fn load_projects(conn: &mut Conn, pairings: &[i64], facts: &mut Facts<'_>) -> Result<()> {
    for chunk in pairings.chunks(CHUNK) {
        let rows: Vec<(i64, i64, Option<i64>)> =
            j::table.filter(j::pairing_id.eq_any(chunk)).select((j::id, j::pairing_id, j::agreement_id)).load(conn)?;
        facts.projects.to_mut().extend(
            rows.into_iter()
                .map(|(id, pairing, agreement)| (id, ProjectFact { pairing, agreement, sectors: Vec::new() })),
        );
    }
    let ids: Vec<i64> = facts.projects.keys().copied().collect();
    for chunk in ids.chunks(CHUNK) {
        for (project, sector, _) in projects::store::shares(conn, chunk)? {
            if let Some(fact) = facts.projects.to_mut().get_mut(&project) {
                fact.sectors.push(sector);
            }
        }
    }
    Ok(())
}

fn load_money(conn: &mut Conn, wanted: &Wanted, as_of: NaiveDate, facts: &mut Facts<'_>) -> Result<()> {
    let reference = |id: Option<i64>| id.map(|id| Ref(id.to_string()));
    let filter = TransactionFilter {
        programme: reference(wanted.programme),
        pairing: reference(wanted.pairing),
        ..TransactionFilter::default()
    };
    facts.money = booked::load(conn, &filter, as_of)?;
    if wanted.is_by_sector() {
        facts.shares = Cow::Owned(booked::shares(conn, &facts.money)?);
    }
    if wanted.group_by == GroupBy::Programme {
        let funds: Vec<(i64, i64)> = f::table.select((f::id, f::programme_id)).load(conn)?;
        facts.funds = Cow::Owned(funds.into_iter().collect());
    }
    Ok(())
}
