//! Queries and writes of pairings.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{Member, NewMember, NewPairing, Pairing, PairingFilter, PairingParts, validate};
use super::{Pairings, Role};
use crate::access::Scope;
use crate::db::page::{PageIds, PageRequest};
use crate::db::schema::{pairing_members, pairings};
use crate::db::{Conn, MultiBackend};
use crate::error::{Faults, Result};
use crate::figures::tally;
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::resources::regions;
use crate::{filter, keyset, msg, rules};

/// A member's row: pairing, region, role, is_lead, from_on, to_on.
type MemberRow = (i64, i64, Role, bool, Option<NaiveDate>, Option<NaiveDate>);

impl Resource for Pairings {
    type Filter = PairingFilter;

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
        keyset!(conn, page, filter.sort, filtered, pairings)
    }

    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Pairing>> {
        let mut loading = Loading::<Self>::begin(conn, ids)?;
        let mut members_of: HashMap<i64, Vec<MemberRow>> = HashMap::new();
        for member in members(conn, ids)? {
            loading.references.want(&regions::KIND, member.1);
            members_of.entry(member.0).or_default().push(member);
        }
        let tallies = tally::by_pairing(conn, ids, view.as_of)?;
        loading.finish(conn, |head, _, references| {
            let tally = tallies.get(&head.id).cloned().unwrap_or_default();
            let member = |(_, region, role, is_lead, from_on, to_on): MemberRow| {
                let region = references.get(&regions::KIND, region);
                Member { region, role, is_lead, from_on, to_on }
            };
            PairingParts {
                members: members_of.remove(&head.id).unwrap_or_default().into_iter().map(member).collect(),
                progress: tally.progress(),
                progress_counted: tally.counted(),
                progress_left_out: tally.counts.cancelled,
                milestones: tally.counts,
                overdue: tally.overdue,
            }
        })
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Pairing)>, new: NewPairing) -> Result<i64> {
        let mut change = Changeset::<Self>::resolve(tx, before, &new)?;
        let superseded = before.and_then(|(_, before)| before.supersedes.as_ref()).map(|pairing| pairing.id);
        if let Some(other) = change.row.supersedes_id
            && superseded != Some(other)
        {
            // The reference appears in both records.
            tx.actor.require_scope(&Scope::Pairing(other))?;
        }
        let regions = resolve_members(tx.conn, &mut change.faults, &new.members)?;
        let id = change.write(tx, before)?;
        put_members(tx.conn, id, new.members, regions)?;
        Ok(id)
    }

    fn validate(new: &NewPairing, faults: &mut Faults) {
        validate(new, faults);
    }
}

/// The rows of members, in the order of their pairings and of their places there.
fn members(conn: &mut Conn, ids: &[i64]) -> Result<Vec<MemberRow>> {
    use pairing_members as m;
    let of_page = m::table.filter(m::pairing_id.eq_any(ids)).order((m::pairing_id, m::position));
    Ok(of_page.select((m::pairing_id, m::region_id, m::role, m::is_lead, m::from_on, m::to_on)).load(conn)?)
}

/// The ids of the members' regions; a fault for each member that breaks a rule.
fn resolve_members(conn: &mut Conn, faults: &mut Faults, members: &[NewMember]) -> Result<Vec<i64>> {
    let mut member_ids: Vec<i64> = Vec::with_capacity(members.len());
    for (index, member) in members.iter().enumerate() {
        let at = |field: &str| format!("/members/{index}/{field}");
        let region = regions::KIND.resolve(conn, faults, at("region"), &member.region)?.unwrap_or(0);
        let mut earlier = members.iter().zip(&member_ids);
        if region != 0 && earlier.any(|(other, id)| *id == region && other.overlaps(member)) {
            faults.push(at("region"), "repeated", msg!("同一时间内重复的成员。", "is a member at that time already"));
        }
        rules::period(faults, member.from_on, member.to_on, &at("to_on"), "from_on");
        if member.is_lead && member.role != Role::Supporter {
            faults.push(at("is_lead"), "not_a_supporter", msg!("只有支援方可以牵头。", "only a supporter leads"));
        } else if member.is_lead && members[..index].iter().any(|other| other.is_lead && other.overlaps(member)) {
            let message = msg!("同一时间只能有一个牵头方。", "one supporter leads at a time");
            faults.push(at("is_lead"), "second_lead", message);
        }
        member_ids.push(region);
    }
    Ok(member_ids)
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
