//! Queries on webhooks.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;
use serde_json::json;

use super::api::{NewWebhook, Sort, Webhook, WebhookFilter};
use super::{KIND, Status, Webhooks};
use crate::access::secrets::{Secret, signing};
use crate::audit::{Action, chain};
use crate::db::Conn;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::reference::{Kind, Reference, References};
use crate::db::schema::{webhook_deliveries, webhooks};
use crate::error::{Error, Faults, Problem, Result};
use crate::model::text::Text;
use crate::model::types::{Code, Instant, Ref};
use crate::model::webhooks::DeliveryStatus;
use crate::record::citations::NewCitation;
use crate::record::{self, Given, Precondition, ReadContext, Record, Resource, Tx};
use crate::resources::fields::links;
use crate::resources::pairings;
use crate::{filter, keyset, msg};

/// Maximum number of webhooks, because every event is matched against each of them.
const WEBHOOKS_MAX: i64 = 100;

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhooks)]
struct Row {
    id: i64,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    previous_secret_expires_at: Option<Instant>,
    event_cursor: i64,
    #[diesel(embed)]
    values: Values,
}

/// Columns that clients write.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = webhooks, treat_none_as_null = true)]
struct Values {
    code: Option<String>,
    url: String,
    description: Option<String>,
    status: Status,
    entities_json: String,
    actions_json: String,
}

impl Record for Webhooks {
    type Read = Webhook;
    type New = NewWebhook;

    const KIND: &'static Kind = &super::KIND;
    const NEW: &'static str = "NewWebhook";
    const COMPUTED: &'static [&'static str] = &["event_cursor", "pending", "failed"];

    fn given(_: &NewWebhook) -> Vec<Given<'_>> {
        Vec::new()
    }

    fn texts(new: &NewWebhook) -> Vec<&str> {
        new.description.iter().map(String::as_str).collect()
    }

    fn code(new: &NewWebhook) -> Option<&Code> {
        new.code.as_ref()
    }

    fn citations(_: &NewWebhook) -> &[NewCitation] {
        &[]
    }

    fn id_and_version(read: &Webhook) -> (i64, i64) {
        (read.id, read.version)
    }
}

impl Resource for Webhooks {
    type Filter = WebhookFilter;

    fn page(conn: &mut Conn, filter: &WebhookFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            filter!(conn, webhooks, filter => WebhookFilter {
                text(q),
                among(status => status),
                linked(pairing => pairings in webhook_pairings(webhook_id, pairing_id)),
                since(updated_since),
            })
        };
        keyset!(conn, page, filter.sort.unwrap_or(Sort::Id), filtered, webhooks, {
            Sort::Id => asc id: i64,
            Sort::IdDesc => desc id: i64,
            Sort::UpdatedAt => asc updated_at: Instant,
            Sort::UpdatedAtDesc => desc updated_at: Instant,
        })
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Webhook>> {
        let rows: Vec<Row> = webhooks::table.filter(webhooks::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let named = links::load(conn, &KIND, "pairings", ids)?;
        let mut references = References::default();
        named.iter().for_each(|(_, pairing)| references.want(&pairings::KIND, *pairing));
        references.load(conn)?;
        let counts = counts(conn, ids)?;
        let count = |id: i64, status: DeliveryStatus| counts.get(&(id, status)).copied().unwrap_or(0);
        page::in_order(ids, rows, |row| row.id)
            .map(|row| {
                let Values { code, url, description, status, entities_json, actions_json } = row.values;
                Ok(Webhook {
                    id: row.id,
                    code: code.map(Code),
                    version: row.version,
                    created_at: row.created_at,
                    updated_at: row.updated_at,
                    url,
                    description,
                    status,
                    entities: serde_json::from_str(&entities_json)?,
                    actions: serde_json::from_str(&actions_json)?,
                    pairings: references.linked(&pairings::KIND, &named, row.id),
                    previous_secret_expires_at: row.previous_secret_expires_at,
                    event_cursor: row.event_cursor,
                    pending: count(row.id, DeliveryStatus::Pending),
                    failed: count(row.id, DeliveryStatus::Failed),
                })
            })
            .collect()
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Webhook)>, new: NewWebhook) -> Result<i64> {
        let NewWebhook { code, url, description, status, entities, actions, pairings, secret } = new;
        let mut faults = Faults::default();
        let named = tx.resolve_all(&pairings::KIND, &mut faults, "/pairings", &pairings)?;
        faults.refuse()?;
        let values = Values {
            code: code.map(|Code(code)| code),
            url,
            description,
            status,
            entities_json: json!(entities).to_string(),
            actions_json: json!(actions).to_string(),
        };
        let id = match (before, secret) {
            (Some((id, _)), _) => {
                let stamp = (webhooks::version.eq(webhooks::version + 1), webhooks::updated_at.eq(tx.now));
                diesel::update(webhooks::table.find(id)).set((&values, stamp)).execute(tx.conn)?;
                id
            }
            (None, Some(secret)) => {
                refuse_too_many(tx.conn)?;
                // Events committed by others before this transaction commits may be sent too; no later event is missed.
                let seen = chain::head(tx.conn)?.id;
                let own = (webhooks::secret.eq(secret.expose()), webhooks::event_cursor.eq(seen));
                let stamp = (webhooks::version.eq(1), webhooks::created_at.eq(tx.now), webhooks::updated_at.eq(tx.now));
                diesel::insert_into(webhooks::table)
                    .values((&values, own, stamp))
                    .returning(webhooks::id)
                    .get_result(tx.conn)?
            }
            (None, None) => return Err(Error::unexpected("a new webhook has no secret")),
        };
        links::replace(tx.conn, &KIND, "pairings", id, &named)?;
        Ok(id)
    }
}

/// Counts the deliveries of webhooks by status, except delivered ones.
fn counts(conn: &mut Conn, ids: &[i64]) -> Result<HashMap<(i64, DeliveryStatus), i64>> {
    use webhook_deliveries::dsl as d;
    let counted: Vec<(i64, DeliveryStatus, i64)> = d::webhook_deliveries
        .filter(d::webhook_id.eq_any(ids))
        .filter(d::status.ne(DeliveryStatus::Delivered))
        .group_by((d::webhook_id, d::status))
        .select((d::webhook_id, d::status, count_star()))
        .load(conn)?;
    Ok(counted.into_iter().map(|(id, status, count)| ((id, status), count)).collect())
}

fn refuse_too_many(conn: &mut Conn) -> Result<()> {
    let count: i64 = webhooks::table.count().get_result(conn)?;
    if count < WEBHOOKS_MAX {
        return Ok(());
    }
    Err(Problem::conflict(
        "too_many_webhooks",
        msg!("最多 {WEBHOOKS_MAX} 个推送。", "The limit of {WEBHOOKS_MAX} webhooks is reached."),
    )
    .into())
}

/// Creates a webhook and returns it with its secret.
pub fn issue(tx: &mut Tx<'_>, mut new: NewWebhook) -> Result<(Webhook, Secret)> {
    let secret = signing::new_secret();
    new.secret = Some(secret.clone());
    Ok((record::create::<Webhooks>(tx, new)?, secret))
}

/// Replaces a webhook's secret and returns the webhook with the new one.
pub fn rotate(tx: &mut Tx<'_>, reference: &Ref) -> Result<(Webhook, Secret)> {
    let (id, before) = record::lock::<Webhooks>(tx, reference, &Precondition::Any)?;
    let secret = signing::new_secret();
    diesel::update(webhooks::table.find(id))
        .set((
            webhooks::previous_secret.eq(webhooks::secret.nullable()),
            webhooks::previous_secret_expires_at.eq(Some(signing::overlap_until(tx.now))),
            webhooks::secret.eq(secret.expose()),
            webhooks::version.eq(webhooks::version + 1),
            webhooks::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    Ok((record::changed::<Webhooks>(tx, id, Action::Rotate, None, &before)?, secret))
}

/// Pauses a webhook whose receiver responded with 410; does nothing if it is already paused or deleted.
pub fn pause(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    let locked = record::lock::<Webhooks>(tx, &Ref(id.to_string()), &Precondition::Any);
    let (id, before) = match locked {
        Err(Error::Problem(problem)) if problem.status == 404 => return Ok(()),
        locked => locked?,
    };
    if before.status == Status::Paused {
        return Ok(());
    }
    diesel::update(webhooks::table.find(id))
        .set((
            webhooks::status.eq(Status::Paused),
            webhooks::version.eq(webhooks::version + 1),
            webhooks::updated_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    record::changed::<Webhooks>(tx, id, Action::Update, Some("410 Gone"), &before).map(drop)
}

/// Loads references of webhooks: the name is the description, else the code, else the id.
pub fn references(conn: &mut Conn, ids: &[i64]) -> QueryResult<Vec<Reference>> {
    let rows: Vec<(i64, Option<String>, Option<String>)> = webhooks::table
        .filter(webhooks::id.eq_any(ids))
        .select((webhooks::id, webhooks::code, webhooks::description))
        .load(conn)?;
    let named = |(id, code, description): (i64, Option<String>, Option<String>)| {
        let zh = description.or_else(|| code.clone()).unwrap_or_else(|| format!("#{id}"));
        Reference { id, code, name: Text { zh, en: None } }
    };
    Ok(rows.into_iter().map(named).collect())
}
