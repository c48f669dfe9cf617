//! Queries and writes of API keys.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::api::{ApiKey, ApiKeyFilter, NewApiKey, validate};
use super::{ApiKeys, KIND, Status};
use crate::access::secrets::Secret;
use crate::access::secrets::keys::{Family, IssuedKey};
use crate::access::secrets::validity::{self, Validity, validate_expiry};
use crate::access::{Role, names};
use crate::audit::Action;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{Kind, Reference, References};
use crate::db::schema::api_keys;
use crate::db::{Conn, MultiBackend};
use crate::error::{Error, Faults, Problem, Result};
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::NewCitation;
use crate::record::{self, Given, Precondition, ReadContext, Record, Resource, Tx};
use crate::resources::fields::links;
use crate::resources::pairings;
use crate::{filter, keyset, msg};

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys)]
struct Row {
    id: i64,
    code: String,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    revoked_at: Option<Instant>,
    last_used_at: Option<Instant>,
    #[diesel(embed)]
    values: Values,
}

/// What is written, besides the version, the times and the key itself.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = api_keys, treat_none_as_null = true)]
struct Values {
    name: String,
    role: Role,
    expires_on: Option<NaiveDate>,
    note: Option<String>,
}

impl Row {
    fn status(&self, today: NaiveDate) -> Status {
        Validity { expires_on: self.values.expires_on, revoked_at: self.revoked_at }.status(today)
    }
}

impl Record for ApiKeys {
    type Read = ApiKey;
    type New = NewApiKey;

    const KIND: &'static Kind = &super::KIND;
    const NEW: &'static str = "NewApiKey";
    const COMPUTED: &'static [&'static str] = &["last_used_at", "status"];

    fn given(_: &NewApiKey) -> Vec<Given<'_>> {
        Vec::new()
    }

    fn texts(new: &NewApiKey) -> Vec<&str> {
        [Some(&new.name), new.note.as_ref()].into_iter().flatten().map(String::as_str).collect()
    }

    fn code(new: &NewApiKey) -> Option<&Code> {
        new.issued.as_ref().map(|issued| &issued.code)
    }

    fn citations(_: &NewApiKey) -> &[NewCitation] {
        &[]
    }

    fn id_and_version(read: &ApiKey) -> (i64, i64) {
        (read.id, read.version)
    }
}

impl Resource for ApiKeys {
    type Filter = ApiKeyFilter;

    fn page(conn: &mut Conn, filter: &ApiKeyFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let ApiKeyFilter { q, role, pairing, revoked, updated_since, sort: _ } = filter;
            let mut faults = Faults::default();
            let mut query = api_keys::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, api_keys:
                text(q),
                among(role => role),
                linked(pairing => pairings in api_key_pairings(api_key_id, pairing_id)),
                since(updated_since),
            );
            query = match revoked {
                Some(true) => query.filter(api_keys::revoked_at.is_not_null()),
                Some(false) => query.filter(api_keys::revoked_at.is_null()),
                None => query,
            };
            faults.refuse()?;
            Ok(query)
        };
        keyset!(conn, page, filter.sort, filtered, api_keys)
    }

    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<ApiKey>> {
        let rows: Vec<Row> = api_keys::table.filter(api_keys::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let named = links::load(conn, &KIND, "pairings", ids)?;
        let mut references = References::default();
        named.iter().for_each(|(_, pairing)| references.want(&pairings::KIND, *pairing));
        references.load(conn)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| ApiKey {
                status: row.status(view.as_of),
                id: row.id,
                code: Code(row.code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                name: row.values.name,
                role: row.values.role,
                pairings: references.linked(&pairings::KIND, &named, row.id),
                expires_on: row.values.expires_on,
                revoked_at: row.revoked_at,
                last_used_at: row.last_used_at,
                note: row.values.note,
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &ApiKey)>, new: NewApiKey) -> Result<i64> {
        let NewApiKey { name, role, pairings, expires_on, note, issued } = new;
        let mut faults = Faults::default();
        let named = pairings::KIND.resolve_all(tx.conn, &mut faults, "/pairings", &pairings)?;
        let had = before.map(|(_, before)| before.name.as_str());
        if had != Some(name.trim()) && names::is_reserved(&name) {
            faults.push(
                "/name",
                "reserved",
                msg!(
                    "不能以 oidc: 开头，也不能是 anonymous、operator、other、service：这些名称属于其他来源。",
                    "must not begin with `oidc:`, nor be anonymous, operator, other or service: these name actors of other origins"
                ),
            );
        }
        let lasted = before.and_then(|(_, before)| before.expires_on);
        if expires_on != lasted {
            validate_expiry(&mut faults, expires_on, tx.today);
        }
        faults.refuse()?;
        let values = Values { name: name.trim().to_owned(), role, expires_on, note };
        let id = match (before, issued) {
            (Some((id, _)), _) => {
                let stamp = (api_keys::version.eq(api_keys::version + 1), api_keys::updated_at.eq(tx.now));
                diesel::update(api_keys::table.find(id)).set((&values, stamp)).execute(tx.conn)?;
                id
            }
            (None, Some(issued)) => {
                let own = (api_keys::code.eq(issued.code.0), api_keys::secret_sha256.eq(issued.sha256));
                let stamp = (api_keys::version.eq(1), api_keys::created_at.eq(tx.now), api_keys::updated_at.eq(tx.now));
                diesel::insert_into(api_keys::table)
                    .values((&values, own, stamp))
                    .returning(api_keys::id)
                    .get_result(tx.conn)?
            }
            (None, None) => return Err(Error::unexpected("a key without a secret")),
        };
        links::replace(tx.conn, &KIND, "pairings", id, &named)?;
        Ok(id)
    }

    fn validate(new: &NewApiKey, faults: &mut Faults) {
        validate(new, faults);
    }

    fn refuse_change(before: &ApiKey, _: &[String]) -> Result<()> {
        if before.revoked_at.is_none() {
            return Ok(());
        }
        Err(Problem::conflict("key_revoked", msg!("已吊销的密钥不能更改。", "A revoked key never changes.")).into())
    }

    fn refuse_deletion(_: &ApiKey) -> Result<()> {
        Err(Problem::conflict("key_stays", msg!("密钥只能吊销。", "A key is revoked, never deleted.")).into())
    }
}

/// Issues a key; returns its record and the secret.
pub fn issue(tx: &mut Tx<'_>, mut new: NewApiKey) -> Result<(ApiKey, Secret)> {
    let issued = IssuedKey::random(Family::Api);
    let secret = issued.secret.clone();
    new.issued = Some(issued);
    Ok((record::create::<ApiKeys>(tx, new)?, secret))
}

/// Revokes a key; a key keeps the time of its first revocation.
pub fn revoke(tx: &mut Tx<'_>, reference: &Ref) -> Result<ApiKey> {
    let (id, before) = record::lock::<ApiKeys>(tx, reference, &Precondition::Any)?;
    if validity::revoke(tx.conn, &super::KIND, id, tx.now)? == 0 {
        return Ok(before);
    }
    record::changed::<ApiKeys>(tx, id, Action::Revoke, None, &before)
}

/// References to keys, named by the names of the keys.
pub fn references(conn: &mut Conn, ids: &[i64]) -> QueryResult<Vec<Reference>> {
    let rows: Vec<(i64, String, String)> = api_keys::table
        .filter(api_keys::id.eq_any(ids))
        .select((api_keys::id, api_keys::code, api_keys::name))
        .load(conn)?;
    let name = |zh| Text { zh, en: None };
    Ok(rows.into_iter().map(|(id, code, zh)| Reference { id, code: Some(code), name: name(zh) }).collect())
}
