//! Queries and writes of the keys of calendars.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{CalendarKey, CalendarKeyFilter, NewCalendarKey};
use super::{CalendarKeys, Status};
use crate::access::feeds::Feed;
use crate::access::secrets::Secret;
use crate::access::secrets::keys::{Family, IssuedKey};
use crate::access::secrets::validity::{self, Validity, validate_expiry};
use crate::access::{Scope, Visibility};
use crate::audit::Action;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{Kind, Reference, References};
use crate::db::schema::calendar_keys;
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Problem, Result};
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::NewCitation;
use crate::record::{self, Given, Precondition, ReadContext, Record, Resource, Tx};
use crate::resources::pairings;
use crate::{filter, keyset, msg};

#[derive(Queryable, Selectable)]
#[diesel(table_name = calendar_keys)]
struct Row {
    id: i64,
    code: String,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    pairing_id: i64,
    feed: Feed,
    name: String,
    expires_on: Option<NaiveDate>,
    revoked_at: Option<Instant>,
    created_by: String,
}

impl Row {
    fn status(&self, today: NaiveDate) -> Status {
        Validity { expires_on: self.expires_on, revoked_at: self.revoked_at }.status(today)
    }
}

impl Record for CalendarKeys {
    type Read = CalendarKey;
    type New = NewCalendarKey;

    const KIND: &'static Kind = &super::KIND;
    const NEW: &'static str = "NewCalendarKey";
    const COMPUTED: &'static [&'static str] = &["status"];

    fn given(_: &NewCalendarKey) -> Vec<Given<'_>> {
        Vec::new()
    }

    fn texts(_: &NewCalendarKey) -> Vec<&str> {
        Vec::new()
    }

    fn code(new: &NewCalendarKey) -> Option<&Code> {
        new.issued.as_ref().map(|issued| &issued.code)
    }

    fn citations(_: &NewCalendarKey) -> &[NewCitation] {
        &[]
    }

    fn id_and_version(read: &CalendarKey) -> (i64, i64) {
        (read.id, read.version)
    }
}

impl Resource for CalendarKeys {
    type Filter = CalendarKeyFilter;

    fn page(conn: &mut Conn, filter: &CalendarKeyFilter, request: &PageRequest, _: ReadContext) -> Result<PageIds> {
        page(conn, filter, request, &Visibility::Everything)
    }

    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<CalendarKey>> {
        let rows: Vec<Row> =
            calendar_keys::table.filter(calendar_keys::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let mut references = References::default();
        rows.iter().for_each(|row| references.want(&pairings::KIND, row.pairing_id));
        references.load(conn)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| CalendarKey {
                status: row.status(view.as_of),
                pairing: references.get(&pairings::KIND, row.pairing_id),
                id: row.id,
                code: Code(row.code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                feed: row.feed,
                name: row.name,
                expires_on: row.expires_on,
                revoked_at: row.revoked_at,
                created_by: row.created_by,
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &CalendarKey)>, new: NewCalendarKey) -> Result<i64> {
        let (NewCalendarKey { name, feed, expires_on, pairing: Some(pairing), issued: Some(issued) }, None) =
            (new, before)
        else {
            return Err(Error::unexpected("a key of a calendar is made by `issue`, and never changed"));
        };
        let mut faults = Faults::default();
        validate_expiry(&mut faults, expires_on, tx.today);
        faults.refuse()?;
        Ok(diesel::insert_into(calendar_keys::table)
            .values((
                calendar_keys::code.eq(issued.code.0),
                calendar_keys::version.eq(1),
                calendar_keys::created_at.eq(tx.now),
                calendar_keys::updated_at.eq(tx.now),
                calendar_keys::pairing_id.eq(pairing),
                calendar_keys::feed.eq(feed),
                calendar_keys::name.eq(name.trim()),
                calendar_keys::secret_sha256.eq(issued.sha256),
                calendar_keys::expires_on.eq(expires_on),
                calendar_keys::created_by.eq(&tx.actor.name),
            ))
            .returning(calendar_keys::id)
            .get_result(tx.conn)?)
    }

    fn refuse_deletion(_: &CalendarKey) -> Result<()> {
        Err(Problem::conflict("key_stays", msg!("密钥只能吊销。", "A key is revoked, never deleted.")).into())
    }

    fn scope_of_new(_: &mut Conn, new: &NewCalendarKey) -> Result<Option<Scope>> {
        Ok(new.pairing.map(Scope::Pairing))
    }
}

/// A page of the keys of the pairings that the reader may write in.
pub fn page(
    conn: &mut Conn,
    filter: &CalendarKeyFilter,
    page: &PageRequest,
    visibility: &Visibility,
) -> Result<PageIds> {
    let filtered = |conn: &mut Conn| -> Result<_> {
        let CalendarKeyFilter { pairing, feed, revoked, updated_since, sort: _ } = filter;
        let mut faults = Faults::default();
        let mut query = calendar_keys::table.into_boxed::<MultiBackend>();
        filter!(query, conn, faults, calendar_keys:
            reference(pairing => pairings.pairing_id),
            among(feed => feed),
            since(updated_since),
        );
        query = match revoked {
            Some(true) => query.filter(calendar_keys::revoked_at.is_not_null()),
            Some(false) => query.filter(calendar_keys::revoked_at.is_null()),
            None => query,
        };
        query = match visibility {
            Visibility::Everything | Visibility::AllPairings => query,
            Visibility::Pairings(ids) => query.filter(calendar_keys::pairing_id.eq_any(ids.clone())),
            Visibility::Nothing => query.filter(calendar_keys::id.lt(0)),
        };
        faults.refuse()?;
        Ok(query)
    };
    keyset!(conn, page, filter.sort, filtered, calendar_keys)
}

/// Issues a key of a pairing's feed; returns its record and the secret.
pub fn issue(tx: &mut Tx<'_>, pairing: &Ref, mut new: NewCalendarKey) -> Result<(CalendarKey, Secret)> {
    let not_found = || Problem::not_found(pairings::KIND.name, &pairing.0);
    new.pairing = Some(pairings::KIND.find(tx.conn, pairing)?.ok_or_else(not_found)?);
    let issued = IssuedKey::random(Family::Calendar);
    let secret = issued.secret.clone();
    new.issued = Some(issued);
    Ok((record::create::<CalendarKeys>(tx, new)?, secret))
}

/// Revokes a key; a key keeps the time of its first revocation.
pub fn revoke(tx: &mut Tx<'_>, reference: &Ref) -> Result<CalendarKey> {
    let (id, before) = record::lock::<CalendarKeys>(tx, reference, &Precondition::Any)?;
    if validity::revoke(tx.conn, &super::KIND, id, tx.now)? == 0 {
        return Ok(before);
    }
    record::changed::<CalendarKeys>(tx, id, Action::Revoke, None, &before)
}

/// References to keys, named by the names of the keys.
pub fn references(conn: &mut Conn, ids: &[i64]) -> QueryResult<Vec<Reference>> {
    let rows: Vec<(i64, String, String)> = calendar_keys::table
        .filter(calendar_keys::id.eq_any(ids))
        .select((calendar_keys::id, calendar_keys::code, calendar_keys::name))
        .load(conn)?;
    let name = |zh| Text { zh, en: None };
    Ok(rows.into_iter().map(|(id, code, zh)| Reference { id, code: Some(code), name: name(zh) }).collect())
}
