//! The feeds, as calendar programs read them.

use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpMessage, HttpResponse, get};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use super::store::{self, Gone};
use super::{Entry, conferences, feed, milestones};
use crate::access::feeds::Feed;
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::db::types::Ref;
use crate::error::{Problem, Result};
use crate::http::Call;
use crate::http::answer::Answer;
use crate::http::guard::FeedKey;
use crate::http::list::AsOf;
use crate::msg;
use crate::resources::conferences::Conferences;
use crate::resources::conferences::api::{ConferenceFilter, Sort as ConferenceSort};
use crate::resources::milestones::Milestones;
use crate::resources::milestones::api::{MilestoneFilter, Sort as MilestoneSort};
use crate::resources::pairings;
use crate::resources::record::{self, View};
use crate::text::{Language, Text};

const MEDIA_TYPE: &str = "text/calendar; charset=utf-8";

/// What a feed takes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FeedParams {
    /// A key made for this very feed, for programs that send no headers; needed where the service is private and no bearer
    /// is sent. The guard judges it.
    #[param(max_length = 200, example = "ptf_k3m9q2xa_…")]
    pub key: Option<String>,
}

/// The milestones of a pairing as a calendar.
#[utoipa::path(
    get, path = "/pairings/{ref}/milestones.ics", operation_id = "getPairingMilestoneCalendar", tag = "calendars",
    summary = "Subscribe to the milestones of a pairing · 里程碑日历",
    description = "A calendar (RFC 5545) with each milestone of the pairing on its due date, to be subscribed to. Cancelled milestones, and \
        for 90 days deleted ones, are told as cancelled. In Chinese unless `Accept-Language` prefers English. 按到期日列出里程碑的日历，可供日历软件订阅。",
    params(("ref" = Ref, Path, description = "The pairing's code, or its id."), FeedParams, AsOf),
    responses((status = 200, description = "The calendar.", content_type = "text/calendar", body = String))
)]
#[get("/pairings/{ref}/milestones.ics")]
async fn milestone_calendar(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    answer(call, reference.into_inner(), Feed::Milestones, "getPairingMilestoneCalendar").await
}

/// The conferences of a pairing as a calendar.
#[utoipa::path(
    get, path = "/pairings/{ref}/conferences.ics", operation_id = "getPairingConferenceCalendar", tag = "calendars",
    summary = "Subscribe to the conferences of a pairing · 会议日历",
    description = "A calendar (RFC 5545) with each conference of the pairing that has a date, to be subscribed to. Cancelled conferences, and \
        for 90 days deleted ones, are told as cancelled. In Chinese unless `Accept-Language` prefers English. 列出已定日期的会议的日历，可供日历软件订阅。",
    params(("ref" = Ref, Path, description = "The pairing's code, or its id."), FeedParams, AsOf),
    responses((status = 200, description = "The calendar.", content_type = "text/calendar", body = String))
)]
#[get("/pairings/{ref}/conferences.ics")]
async fn conference_calendar(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    answer(call, reference.into_inner(), Feed::Conferences, "getPairingConferenceCalendar").await
}

async fn answer(call: Call, reference: String, feed: Feed, operation: &'static str) -> Result<HttpResponse> {
    let query = call.query(operation)?;
    let view = call.view(&query);
    let given = call.header(header::ACCEPT_LANGUAGE).unwrap_or_default();
    let language = Language::negotiate_or(given, Language::Zh);
    // Not the whole query: no key is kept, and all keys are answered alike.
    let asked = format!("{} {} {}", call.request.path(), view.as_of, language.tag());
    let today = call.today();
    let mut response = call
        .answer_to(&asked, |_, _| {
            Ok(move |conn: &mut Conn| {
                let text = text(conn, &Ref(reference), feed, view, today, language)?;
                Ok(Answer::file(text.into_bytes(), MEDIA_TYPE))
            })
        })
        .await?;
    if call.request.extensions().contains::<FeedKey>() {
        // Its URL is a secret: no shared cache keeps an answer by it.
        response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("private, no-cache"));
    }
    Ok(response)
}

/// Tells of a deleted record as a day that is cancelled, where it had one.
type Telling = fn(&Gone, Language) -> Result<Option<Entry>>;

fn text(
    conn: &mut Conn,
    reference: &Ref,
    feed: Feed,
    view: View,
    today: chrono::NaiveDate,
    language: Language,
) -> Result<String> {
    let id =
        pairings::KIND.find(conn, reference)?.ok_or_else(|| Problem::not_found(pairings::KIND.name, &reference.0))?;
    let names = (pairings::KIND.references)(conn, &[id])?;
    let Text { zh, en } =
        names.into_iter().next().map(|found| found.name).unwrap_or_else(|| Text { zh: String::new(), en: None });
    let en = en.unwrap_or_else(|| zh.clone());
    let pairing = Some(Ref(id.to_string()));
    let (title, mut entries, kind, tell): (_, Vec<Entry>, &Kind, Telling) = match feed {
        Feed::Milestones => {
            let filter = MilestoneFilter { pairing, sort: Some(MilestoneSort::Id), ..MilestoneFilter::default() };
            let all = record::load_all::<Milestones>(conn, &filter, view)?;
            let entries = all.iter().map(|milestone| milestones::entry(milestone, language)).collect();
            let title = msg!("{zh}：里程碑", "{en}: milestones");
            (title, entries, &crate::resources::milestones::KIND, milestones::gone)
        }
        Feed::Conferences => {
            let filter = ConferenceFilter { pairing, sort: Some(ConferenceSort::Id), ..ConferenceFilter::default() };
            let all = record::load_all::<Conferences>(conn, &filter, view)?;
            let entries = all.iter().filter_map(|conference| conferences::entry(conference, language)).collect();
            let title = msg!("{zh}：会议", "{en}: conferences");
            (title, entries, &crate::resources::conferences::KIND, conferences::gone)
        }
    };
    for gone in store::gone(conn, kind, id, today)? {
        entries.extend(tell(&gone, language)?);
    }
    let database = store::database(conn)?;
    feed::text(title.get(language), &database, entries)
}

/// Mounts the operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config.service(milestone_calendar).service(conference_calendar);
}
