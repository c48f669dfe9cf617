//! The HTTP operations for calendar feeds.

use std::collections::BTreeSet;
use std::io::Write;

use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpMessage, HttpResponse};
use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::IntoParams;

use super::departures::{Moves, each_departed};
use super::{Entry, closed, conferences, feed, milestones, store};
use crate::access::feeds::Feed;
use crate::db::{self, Conn};
use crate::error::{Problem, Result};
use crate::http::guard::FeedKey;
use crate::http::list::AsOf;
use crate::http::routes::{ServiceConfig, operation};
use crate::http::spooled::Spooled;
use crate::http::{Call, language};
use crate::model::text::{Language, Text};
use crate::model::types::{Instant, Ref};
use crate::msg;
use crate::record::{self, ReadContext};
use crate::resources::conferences::Conferences;
use crate::resources::conferences::api::{ConferenceFilter, Sort as ConferenceSort};
use crate::resources::milestones::Milestones;
use crate::resources::milestones::api::{MilestoneFilter, Sort as MilestoneSort};
use crate::resources::pairings;

const MEDIA_TYPE: &str = "text/calendar; charset=utf-8";

/// Query parameters of a feed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FeedParams {
    /// Calendar key of this feed, for programs that send no headers. Required if the service is private and the request has no
    /// bearer token.
    #[param(max_length = 200, example = "ptf_k3m9q2xa_…")]
    pub key: Option<String>,
}

/// Returns the milestones of a pairing as a calendar.
#[utoipa::path(
    get, path = "/pairings/{ref}/milestones.ics", operation_id = "getPairingMilestoneCalendar", tag = "calendars",
    summary = "Subscribe to the milestones of a pairing · 里程碑日历",
    description = "Returns a calendar (RFC 5545) for subscription, with each milestone of the pairing on its due date. Cancelled milestones have \
        `STATUS:CANCELLED`, and so do, for 90 days, milestones that were deleted or moved to another pairing, by themselves or with \
        their agreement or project. Read with a key that was revoked or has expired, all events are cancelled for 90 days, without \
        their content. In Chinese unless `Accept-Language` prefers English. 按到期日列出里程碑的日历，可供日历软件订阅。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the pairing."), FeedParams, AsOf),
    responses((status = 200, description = "The calendar.", content_type = "text/calendar", body = String))
)]
async fn milestone_calendar(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    respond(call, reference.into_inner(), Feed::Milestones, "getPairingMilestoneCalendar").await
}

/// Returns the conferences of a pairing as a calendar.
#[utoipa::path(
    get, path = "/pairings/{ref}/conferences.ics", operation_id = "getPairingConferenceCalendar", tag = "calendars",
    summary = "Subscribe to the conferences of a pairing · 会议日历",
    description = "Returns a calendar (RFC 5545) for subscription, with each conference of the pairing that has a date. Cancelled conferences have \
        `STATUS:CANCELLED`, and so do, for 90 days, conferences that were deleted, moved to another pairing, or lost their date. Read \
        with a key that was revoked or has expired, all events are cancelled for 90 days, without their content. In Chinese unless \
        `Accept-Language` prefers English. 列出已定日期的会议的日历，可供日历软件订阅。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the pairing."), FeedParams, AsOf),
    responses((status = 200, description = "The calendar.", content_type = "text/calendar", body = String))
)]
async fn conference_calendar(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    respond(call, reference.into_inner(), Feed::Conferences, "getPairingConferenceCalendar").await
}

async fn respond(call: Call, reference: String, feed: Feed, operation: &'static str) -> Result<HttpResponse> {
    let query = call.query(operation)?;
    let view = call.view(&query);
    let language = language::negotiate(&call.request, Language::Zh);
    let key = call.request.extensions().get::<FeedKey>().copied();
    let ended_at = key.and_then(|FeedKey(opening)| opening.ended_at);
    // The cache key has no feed key: no secret is stored, and all valid keys get the same response.
    let asked = format!("{} {} {} {ended_at:?}", call.request.path(), view.as_of, language.tag());
    let reading = Reading { pairing: Ref(reference), feed, view, today: call.today(), language, ended_at };
    let mut response = call
        .respond_keyed(&asked, |_, _| {
            Ok(move |conn: &mut Conn| {
                let mut body = Spooled::new();
                db::in_snapshot(conn, |conn| reading.write(conn, &mut body))?;
                body.into_response(MEDIA_TYPE)
            })
        })
        .await?;
    if key.is_some() {
        // The URL contains the key, so that shared caches must not store the response.
        response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("private, no-cache"));
    }
    Ok(response)
}

/// The parameters of a request for a feed.
struct Reading {
    pairing: Ref,
    feed: Feed,
    view: ReadContext,
    today: NaiveDate,
    language: Language,
    /// When the key of the request was revoked or expired; `None` if it is valid.
    ended_at: Option<Instant>,
}

impl Reading {
    fn write(&self, conn: &mut Conn, out: &mut impl Write) -> Result<()> {
        let Reading { pairing, feed, view: _, today, language, ended_at } = self;
        let id =
            pairings::KIND.find(conn, pairing)?.ok_or_else(|| Problem::not_found(pairings::KIND.name, &pairing.0))?;
        let names = pairings::KIND.references(conn, &[id])?;
        let Text { zh, en } =
            names.into_iter().next().map(|found| found.name).unwrap_or_else(|| Text { zh: String::new(), en: None });
        let en = en.unwrap_or_else(|| zh.clone());
        let title = match feed {
            Feed::Milestones => msg!("{zh}：里程碑", "{en}: milestones"),
            Feed::Conferences => msg!("{zh}：会议", "{en}: conferences"),
        };
        let mut text = feed::Feed::begin(out, title.get(*language), store::database(conn)?)?;
        let moves = Moves::load(conn, *feed, id, *today)?;
        let mut present = BTreeSet::new();
        match ended_at {
            Some(ended_at) => {
                self.each_present(conn, id, |id, _| {
                    present.insert(id);
                    Ok(())
                })?;
                let closed = closed::Closed { feed: *feed, pairing: id, ended_at: *ended_at, today: *today };
                closed.each_entry(conn, &moves, present, *language, |entry| text.entry(entry))?;
            }
            None => {
                let raised_by = moves.count_until(Instant::now());
                self.each_present(conn, id, |id, entry| {
                    present.insert(id);
                    text.entry(Entry { sequence: entry.sequence + raised_by, ..entry })
                })?;
                each_departed(conn, *feed, id, &moves, &present, *today, |gone| {
                    let entry = match feed {
                        Feed::Milestones => milestones::departed(gone, *language),
                        Feed::Conferences => conferences::departed(gone, *language),
                    };
                    entry.map_or(Ok(()), |entry| text.entry(entry))
                })?;
            }
        }
        text.end()
    }

    /// Visits the records of the feed with their ids and events.
    fn each_present(
        &self,
        conn: &mut Conn,
        pairing: i64,
        mut visit: impl FnMut(i64, Entry) -> Result<()>,
    ) -> Result<()> {
        let (pairing, language) = (Some(Ref(pairing.to_string())), self.language);
        match self.feed {
            Feed::Milestones => {
                let filter = MilestoneFilter { pairing, sort: Some(MilestoneSort::Id), ..MilestoneFilter::default() };
                record::each_page::<Milestones>(conn, &filter, self.view, |_, page| {
                    page.iter().try_for_each(|one| visit(one.id, milestones::entry(one, language)))
                })
            }
            Feed::Conferences => {
                let filter =
                    ConferenceFilter { pairing, sort: Some(ConferenceSort::Id), ..ConferenceFilter::default() };
                record::each_page::<Conferences>(conn, &filter, self.view, |_, page| {
                    let mut dated = page.iter().filter_map(|one| Some((one.id, conferences::entry(one, language)?)));
                    dated.try_for_each(|(id, entry)| visit(id, entry))
                })
            }
        }
    }
}

/// Mounts the operations.
pub fn mount(config: &mut ServiceConfig) {
    config.service(operation!(milestone_calendar)).service(operation!(conference_calendar));
}
