//! The rows of conferences.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{Conference, ConferenceFilter, NewConference, NewParticipant, Participant, Sort};
use super::{Conferences, Kind, Status};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{self, Reference, References};
use crate::db::schema::{conference_participants, conferences};
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Result};
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{ReadContext, Resource, Tx, citations};
use crate::resources::{organizations, pairings, regions};
use crate::{filter, keyset, msg, put_row, record_parts, rules};

#[derive(Queryable, Selectable)]
#[diesel(table_name = conferences)]
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
#[diesel(table_name = conferences, treat_none_as_null = true)]
struct Values {
    code: String,
    pairing_id: i64,
    kind: Kind,
    sequence_number: Option<i64>,
    title_zh: Option<String>,
    title_en: Option<String>,
    status: Status,
    held_on: Option<NaiveDate>,
    host_region_id: Option<i64>,
    venue: Option<String>,
    summary: Option<String>,
    note: Option<String>,
}

/// A participant's row: conference, name, title, organization, region.
type ParticipantRow = (i64, Option<String>, Option<String>, Option<i64>, Option<i64>);

impl Resource for Conferences {
    type Read = Conference;
    type New = NewConference;
    type Filter = ConferenceFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewConference";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);

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
        let rows: Vec<Row> =
            conferences::table.filter(conferences::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let present = participants(conn, ids)?;
        let mut references = References::default();
        for row in &rows {
            references.want(&pairings::KIND, row.values.pairing_id);
            references.want(&regions::KIND, row.values.host_region_id);
        }
        for (_, _, _, organization, region) in &present {
            references.want(&organizations::KIND, *organization);
            references.want(&regions::KIND, *region);
        }
        references.load(conn)?;

        let mut participants_of: HashMap<i64, Vec<Participant>> = HashMap::new();
        for (conference, name, title, organization, region) in present {
            let organization = references.optional(&organizations::KIND, organization);
            let region = references.optional(&regions::KIND, region);
            participants_of.entry(conference).or_default().push(Participant { name, title, organization, region });
        }
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| Conference {
                id: row.id,
                code: Code(row.values.code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                pairing: references.get(&pairings::KIND, row.values.pairing_id),
                kind: row.values.kind,
                sequence_number: row.values.sequence_number,
                title: Text::optional(row.values.title_zh, row.values.title_en),
                status: row.values.status,
                held_on: row.values.held_on,
                host_region: references.optional(&regions::KIND, row.values.host_region_id),
                venue: row.values.venue,
                participants: participants_of.remove(&row.id).unwrap_or_default(),
                summary: row.values.summary,
                note: row.values.note,
                citations: cited.remove(&row.id).unwrap_or_default(),
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Conference)>, new: NewConference) -> Result<i64> {
        let NewConference {
            code,
            pairing,
            kind,
            sequence_number,
            title,
            status,
            held_on,
            host_region,
            venue,
            participants,
            summary,
            note,
            citations: _,
        } = new;
        let mut faults = Faults::default();
        let pairing_id = pairings::KIND.resolve(tx.conn, &mut faults, "/pairing", &pairing)?;
        let host_region_id =
            regions::KIND.resolve_optional(tx.conn, &mut faults, "/host_region", host_region.as_ref())?;
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
            let organization = organizations::KIND.resolve_optional(
                tx.conn,
                &mut faults,
                at("organization"),
                one.organization.as_ref(),
            )?;
            let region = regions::KIND.resolve_optional(tx.conn, &mut faults, at("region"), one.region.as_ref())?;
            present.push((one, organization, region));
        }
        if status == Status::Held {
            rules::not_in_future(&mut faults, "/held_on", held_on, tx.today);
        }
        if let Some((_, before)) = before {
            rules::transition(&mut faults, before.status, status, before.status.next());
        }
        faults.refuse()?;
        let Some(pairing_id) = pairing_id else { return Err(Error::unexpected("a reference was lost")) };
        let (title_zh, title_en) = Text::columns(title.as_ref());
        let values = Values {
            code: code.0,
            pairing_id,
            kind,
            sequence_number,
            title_zh,
            title_en,
            status,
            held_on,
            host_region_id,
            venue,
            summary,
            note,
        };
        let id = put_row!(tx, conferences, before.map(|(id, _)| id), values);
        put_participants(tx.conn, id, present)?;
        Ok(id)
    }

    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        Ok(Scope::Pairing(conferences::table.find(id).select(conferences::pairing_id).first(conn)?))
    }

    fn scope_of_new(conn: &mut Conn, new: &NewConference) -> Result<Option<Scope>> {
        Ok(pairings::KIND.find(conn, &new.pairing)?.map(Scope::Pairing))
    }

    fn texts(new: &NewConference) -> Vec<&str> {
        let texts = [new.venue.as_ref(), new.summary.as_ref(), new.note.as_ref()];
        Text::all(new.title.as_ref()).chain(texts.into_iter().flatten().map(String::as_str)).collect()
    }

    record_parts!(Conference, NewConference, code required);
}

fn participants(conn: &mut Conn, ids: &[i64]) -> Result<Vec<ParticipantRow>> {
    use conference_participants as p;
    let of_page = p::table.filter(p::conference_id.eq_any(ids)).order((p::conference_id, p::position));
    Ok(of_page.select((p::conference_id, p::name, p::title, p::organization_id, p::region_id)).load(conn)?)
}

/// Puts a conference's participants in place of those that are there.
fn put_participants(
    conn: &mut Conn,
    conference: i64,
    present: Vec<(NewParticipant, Option<i64>, Option<i64>)>,
) -> Result<()> {
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

/// A conference goes by its title, or by its number and kind: 第1次联席会议.
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
