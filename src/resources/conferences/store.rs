//! Queries and writes of conferences.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{
    Conference, ConferenceFilter, ConferenceParts, NewConference, NewParticipant, Participant, Sort, validate,
};
use super::{Conferences, Kind, Status};
use crate::db::page::{PageIds, PageRequest};
use crate::db::reference::Reference;
use crate::db::schema::{conference_participants, conferences};
use crate::db::{Conn, MultiBackend};
use crate::error::{Faults, Result};
use crate::model::text::Text;
use crate::model::types::Instant;
use crate::record::{ReadContext, Resource, Tx};
use crate::resources::fields::{Changeset, Loading};
use crate::resources::{organizations, regions};
use crate::{filter, keyset, msg, rules};

/// A participant's row: conference, name, title, organization, region.
type ParticipantRow = (i64, Option<String>, Option<String>, Option<i64>, Option<i64>);

impl Resource for Conferences {
    type Filter = ConferenceFilter;

    fn page(conn: &mut Conn, filter: &ConferenceFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let ConferenceFilter {
                q,
                programme,
                pairing,
                kind,
                status,
                host_region,
                organization,
                region,
                held_from,
                held_to,
                updated_since,
                sort: _,
            } = filter;
            let mut faults = Faults::default();
            let mut query = conferences::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, conferences:
                text(q),
                programme(programme),
                reference(pairing => pairings.pairing_id),
                among(kind => kind),
                among(status => status),
                reference(host_region => regions.host_region_id),
                linked(organization => organizations in conference_participants(conference_id, organization_id)),
                linked(region => regions in conference_participants(conference_id, region_id)),
                from(held_from => held_order),
                to(held_to => held_order),
                since(updated_since),
            );
            // The undated stand last in the order; they are in no range.
            if held_from.is_some() || held_to.is_some() {
                query = query.filter(conferences::held_on.is_not_null());
            }
            faults.refuse()?;
            Ok(query)
        };
        keyset!(conn, page, filter.sort.unwrap_or(Sort::Id), filtered, conferences, {
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::Code => asc code: String,
            Sort::CodeDesc => desc code: String,
            Sort::HeldOn => asc held_order: NaiveDate,
            Sort::HeldOnDesc => desc held_order: NaiveDate,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Conference>> {
        let mut loading = Loading::<Self>::begin(conn, ids)?;
        let mut present: HashMap<i64, Vec<ParticipantRow>> = HashMap::new();
        for row in participants(conn, ids)? {
            loading.references.want(&organizations::KIND, row.3);
            loading.references.want(&regions::KIND, row.4);
            present.entry(row.0).or_default().push(row);
        }
        loading.finish(conn, |head, _, references| {
            let participant = |(_, name, title, organization, region): ParticipantRow| Participant {
                name,
                title,
                organization: references.optional(&organizations::KIND, organization),
                region: references.optional(&regions::KIND, region),
            };
            let present = present.remove(&head.id).unwrap_or_default();
            ConferenceParts { participants: present.into_iter().map(participant).collect() }
        })
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Conference)>, new: NewConference) -> Result<i64> {
        let mut change = Changeset::<Self>::resolve(tx, before, &new)?;
        let faults = &mut change.faults;
        let present = resolve_participants(tx.conn, faults, new.participants)?;
        if new.status == Status::Held {
            rules::not_in_future(faults, "/held_on", new.held_on, tx.today);
        }
        if let Some((_, before)) = before {
            rules::transition(faults, before.status, new.status, before.status.next());
        }
        let id = change.write(tx, before)?;
        put_participants(tx.conn, id, present)?;
        Ok(id)
    }

    fn validate(new: &NewConference, faults: &mut Faults) {
        validate(new, faults);
    }
}

/// A participant, with the ids of its organization and its region.
type Present = (NewParticipant, Option<i64>, Option<i64>);

/// Resolves the references of participants; a fault for each participant that names nothing.
fn resolve_participants(
    conn: &mut Conn,
    faults: &mut Faults,
    participants: Vec<NewParticipant>,
) -> Result<Vec<Present>> {
    let mut present = Vec::with_capacity(participants.len());
    for (index, one) in participants.into_iter().enumerate() {
        let at = |field: &str| format!("/participants/{index}/{field}");
        if one.name.is_none() && one.organization.is_none() && one.region.is_none() {
            faults.push(
                format!("/participants/{index}"),
                "one_of",
                msg!("须给出姓名、单位或行政区。", "must have a name, an organization or a region"),
            );
        }
        let organization =
            organizations::KIND.resolve_optional(conn, faults, at("organization"), one.organization.as_ref())?;
        let region = regions::KIND.resolve_optional(conn, faults, at("region"), one.region.as_ref())?;
        present.push((one, organization, region));
    }
    Ok(present)
}

fn participants(conn: &mut Conn, ids: &[i64]) -> Result<Vec<ParticipantRow>> {
    use conference_participants as p;
    let of_page = p::table.filter(p::conference_id.eq_any(ids)).order((p::conference_id, p::position));
    Ok(of_page.select((p::conference_id, p::name, p::title, p::organization_id, p::region_id)).load(conn)?)
}

/// Replaces a conference's participants.
fn put_participants(conn: &mut Conn, conference: i64, present: Vec<Present>) -> Result<()> {
    use conference_participants as p;
    diesel::delete(p::table.filter(p::conference_id.eq(conference))).execute(conn)?;
    for (position, (participant, organization_id, region_id)) in (0_i32..).zip(present) {
        let NewParticipant { name, title, organization: _, region: _ } = participant;
        diesel::insert_into(p::table)
            .values((
                p::conference_id.eq(conference),
                p::position.eq(position),
                p::name.eq(name),
                p::title.eq(title),
                p::organization_id.eq(organization_id),
                p::region_id.eq(region_id),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// References to conferences, named by title, or by number and kind: 第1次联席会议.
pub fn references(conn: &mut Conn, ids: &[i64]) -> QueryResult<Vec<Reference>> {
    use conferences as c;
    type Named = (i64, String, Option<String>, Option<String>, Kind, Option<i64>);
    let rows: Vec<Named> = c::table
        .filter(c::id.eq_any(ids))
        .select((c::id, c::code, c::title_zh, c::title_en, c::kind, c::sequence_number))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, code, zh, en, kind, number)| {
            let name = kind.name_of(Text::optional(zh, en), number);
            Reference { id, code: Some(code), name }
        })
        .collect())
}
