//! The rows of pairings.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{Member, NewMember, NewPairing, Pairing, PairingFilter};
use super::{Pairings, Role};
use crate::access::Scope;
use crate::db::backend::Edges;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::References;
use crate::db::schema::{pairing_members, pairings};
use crate::db::{Conn, MultiBackend, reference};
use crate::error::{Error, Faults, Result};
use crate::figures::tally;
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{self, ReadContext, Resource, Tx, citations};
use crate::resources::{programmes, regions, sectors};
use crate::{filter, links, msg, put_links, put_row, record_page, record_parts};

#[derive(Queryable, Selectable)]
#[diesel(table_name = pairings)]
struct Row {
    id: i64,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    #[diesel(embed)]
    values: Values,
}

/// What is written, besides the version and the times.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = pairings, treat_none_as_null = true)]
struct Values {
    code: String,
    programme_id: i64,
    name_zh: String,
    name_en: Option<String>,
    established_on: Option<NaiveDate>,
    ended_on: Option<NaiveDate>,
    supersedes_id: Option<i64>,
    note: Option<String>,
}

/// A member's row: pairing, region, role, is_lead, from_on, to_on.
type MemberRow = (i64, i64, Role, bool, Option<NaiveDate>, Option<NaiveDate>);

/// Which pairing took the place of which.
const EDGES: Edges = Edges { table: "pairings", from: "id", to: "supersedes_id" };

impl Resource for Pairings {
    type Read = Pairing;
    type New = NewPairing;
    type Filter = PairingFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewPairing";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);
    const COMPUTED: &'static [&'static str] =
        &["progress", "progress_counted", "progress_left_out", "milestones", "overdue"];

    fn page(conn: &mut Conn, filter: &PairingFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let PairingFilter {
                q,
                programme,
                region,
                supporter,
                recipient,
                sector,
                supersedes,
                active_on,
                established_from,
                established_to,
                updated_since,
                sort: _,
            } = filter;
            let mut faults = Faults::default();
            let mut query = pairings::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, pairings:
                text(q),
                reference(programme => programmes.programme_id),
                linked(region => regions in pairing_members(pairing_id, region_id)),
                linked(sector => sectors in pairing_sectors(pairing_id, sector_id)),
                reference(supersedes => pairings.supersedes_id),
                active(active_on => established_on, ended_on),
                from(established_from => established_on),
                to(established_to => established_on),
                since(updated_since),
            );
            for (name, member, role) in
                [("supporter", supporter, Role::Supporter), ("recipient", recipient, Role::Recipient)]
            {
                let Some(member) = member else { continue };
                let id = regions::KIND.resolve(conn, &mut faults, format!("/query/{name}"), member)?.unwrap_or(0);
                let members = pairing_members::table
                    .filter(pairing_members::region_id.eq(id).and(pairing_members::role.eq(role)))
                    .select(pairing_members::pairing_id);
                query = query.filter(pairings::id.eq_any(members));
            }
            faults.refuse()?;
            Ok(query)
        };
        record_page!(conn, page, filter.sort, filtered, pairings)
    }

    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Pairing>> {
        let rows: Vec<Row> = pairings::table.filter(pairings::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let members: Vec<MemberRow> = pairing_members::table
            .filter(pairing_members::pairing_id.eq_any(ids))
            .order((pairing_members::pairing_id, pairing_members::position))
            .select((
                pairing_members::pairing_id,
                pairing_members::region_id,
                pairing_members::role,
                pairing_members::is_lead,
                pairing_members::from_on,
                pairing_members::to_on,
            ))
            .load(conn)?;
        let in_sectors = links!(conn, pairing_sectors, pairing_id in ids, sector_id);
        let tallies = tally::by_pairing(conn, ids, view.as_of)?;

        let mut references = References::default();
        for row in &rows {
            references.want(&programmes::KIND, row.values.programme_id);
            references.want(Self::KIND, row.values.supersedes_id);
        }
        members.iter().for_each(|member| references.want(&regions::KIND, member.1));
        in_sectors.iter().for_each(|(_, sector)| references.want(&sectors::KIND, *sector));
        references.load(conn)?;

        let mut members_of: HashMap<i64, Vec<Member>> = HashMap::new();
        for (pairing, region, role, is_lead, from_on, to_on) in members {
            let region = references.get(&regions::KIND, region);
            members_of.entry(pairing).or_default().push(Member { region, role, is_lead, from_on, to_on });
        }
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| {
                let tally = tallies.get(&row.id).cloned().unwrap_or_default();
                Pairing {
                    id: row.id,
                    code: Code(row.values.code),
                    version: row.version,
                    created_at: row.created_at,
                    updated_at: row.updated_at,
                    programme: references.get(&programmes::KIND, row.values.programme_id),
                    name: Text { zh: row.values.name_zh, en: row.values.name_en },
                    members: members_of.remove(&row.id).unwrap_or_default(),
                    sectors: references.linked(&sectors::KIND, &in_sectors, row.id),
                    established_on: row.values.established_on,
                    ended_on: row.values.ended_on,
                    supersedes: references.optional(Self::KIND, row.values.supersedes_id),
                    note: row.values.note,
                    citations: cited.remove(&row.id).unwrap_or_default(),
                    progress: tally.progress(),
                    progress_counted: tally.counted(),
                    progress_left_out: tally.counts.cancelled,
                    milestones: tally.counts,
                    overdue: tally.overdue,
                }
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Pairing)>, new: NewPairing) -> Result<i64> {
        let NewPairing {
            code,
            programme,
            name,
            members,
            sectors,
            established_on,
            ended_on,
            supersedes,
            note,
            citations: _,
        } = new;
        let mut faults = Faults::default();
        let programme_id = programmes::KIND.resolve(tx.conn, &mut faults, "/programme", &programme)?;
        let supersedes_id = Self::KIND.resolve_optional(tx.conn, &mut faults, "/supersedes", supersedes.as_ref())?;
        let superseded = before.and_then(|(_, before)| before.supersedes.as_ref()).map(|pairing| pairing.id);
        if let Some(other) = supersedes_id
            && superseded != Some(other)
        {
            // That a pairing took another's place is said of both.
            tx.actor.require_scope(&Scope::Pairing(other))?;
        }
        if let Some((id, _)) = before {
            let had = superseded.as_slice();
            record::no_cycle(
                tx.conn,
                &mut faults,
                Self::KIND,
                EDGES,
                "/supersedes",
                id,
                (had, supersedes_id.as_slice()),
            )?;
        }
        let sector_ids = sectors::KIND.resolve_all(tx.conn, &mut faults, "/sectors", &sectors)?;
        let mut member_ids: Vec<i64> = Vec::with_capacity(members.len());
        for (index, member) in members.iter().enumerate() {
            let at = |field: &str| format!("/members/{index}/{field}");
            let region = regions::KIND.resolve(tx.conn, &mut faults, at("region"), &member.region)?.unwrap_or(0);
            let mut earlier = members.iter().zip(&member_ids);
            if region != 0 && earlier.any(|(other, id)| *id == region && other.overlaps(member)) {
                faults.push(
                    at("region"),
                    "repeated",
                    msg!("同一时间内重复的成员。", "is a member at that time already"),
                );
            }
            if let (Some(from), Some(to)) = (member.from_on, member.to_on)
                && to < from
            {
                let message = msg!("不得早于 from_on（{from}）。", "must not be before from_on ({from})");
                faults.push(at("to_on"), "before_start", message);
            }
            if member.is_lead && member.role != Role::Supporter {
                faults.push(at("is_lead"), "not_a_supporter", msg!("只有支援方可以牵头。", "only a supporter leads"));
            } else if member.is_lead && members[..index].iter().any(|other| other.is_lead && other.overlaps(member)) {
                let message = msg!("同一时间只能有一个牵头方。", "one supporter leads at a time");
                faults.push(at("is_lead"), "second_lead", message);
            }
            member_ids.push(region);
        }
        faults.refuse()?;
        let Some(programme_id) = programme_id else { return Err(Error::unexpected("a reference was lost")) };
        let values = Values {
            code: code.0,
            programme_id,
            name_zh: name.zh,
            name_en: name.en,
            established_on,
            ended_on,
            supersedes_id,
            note,
        };
        let id = put_row!(tx, pairings, before.map(|(id, _)| id), values);
        put_links!(tx, pairing_sectors, pairing_id = id, sector_id in sector_ids);
        put_members(tx.conn, id, members, member_ids)?;
        Ok(id)
    }

    fn scope(_: &mut Conn, id: i64) -> Result<Scope> {
        Ok(Scope::Pairing(id))
    }

    fn scope_of_new(_: &mut Conn, _: &NewPairing) -> Result<Option<Scope>> {
        Ok(Some(Scope::Shared))
    }

    fn texts(new: &NewPairing) -> Vec<&str> {
        let texts = [Some(&new.name.zh), new.name.en.as_ref(), new.note.as_ref()];
        texts.into_iter().flatten().map(String::as_str).collect()
    }

    record_parts!(Pairing, NewPairing, code required);
}

fn put_members(conn: &mut Conn, pairing: i64, members: Vec<NewMember>, regions: Vec<i64>) -> Result<()> {
    diesel::delete(pairing_members::table.filter(pairing_members::pairing_id.eq(pairing))).execute(conn)?;
    for ((position, member), region) in (0_i32..).zip(members).zip(regions) {
        let NewMember { region: _, role, is_lead, from_on, to_on } = member;
        diesel::insert_into(pairing_members::table)
            .values((
                pairing_members::pairing_id.eq(pairing),
                pairing_members::position.eq(position),
                pairing_members::region_id.eq(region),
                pairing_members::role.eq(role),
                pairing_members::is_lead.eq(is_lead),
                pairing_members::from_on.eq(from_on),
                pairing_members::to_on.eq(to_on),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// The regions of a pairing on one side, whatever their dates.
pub fn regions_of(conn: &mut Conn, pairing: i64, role: Role) -> Result<Vec<i64>> {
    Ok(pairing_members::table
        .filter(pairing_members::pairing_id.eq(pairing).and(pairing_members::role.eq(role)))
        .select(pairing_members::region_id)
        .load(conn)?)
}
