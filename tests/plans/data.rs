//! Large tables to read lists from.

use chrono::{Days, NaiveDate};
use diesel::prelude::*;
use diesel::sql_types::Text;
use pairing_tracker::audit::Action;
use pairing_tracker::db::Conn;
use pairing_tracker::db::schema::{
    agreements, audit_events, commitments, funds, milestones, progress_reports, projects, request_refusals,
    transactions,
};
use pairing_tracker::model::types::Instant;

const MILESTONES: i64 = 3_000;
const AGREEMENTS: i64 = 300;
const COMMITMENTS: i64 = 900;
const REPORTS_A_COMMITMENT: i64 = 4;
const EVENTS: i64 = 3_000;
const TRANSACTIONS: i64 = 3_000;
const REFUSALS: i64 = 3_000;

pub fn day(offset: i64) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2022, 1, 1).expect("a date");
    first + Days::new(u64::try_from(offset).expect("a later day"))
}

fn instant(offset: i64) -> Instant {
    Instant::from(day(offset).and_hms_opt(8, 0, 0).expect("a time").and_utc())
}

/// Most records belong to one pairing.
fn pairing_of(number: i64) -> i64 {
    if number % 10 < 6 { 1 } else { 2 + number % 2 }
}

/// Agreements, milestones and events over some years, most of them of one pairing.
pub fn fill(conn: &mut Conn) -> QueryResult<()> {
    use agreements::dsl as a;
    use audit_events::dsl as e;
    use milestones::dsl as m;
    for number in 0..AGREEMENTS {
        diesel::insert_into(a::agreements)
            .values((
                (a::version.eq(1), a::created_at.eq(instant(0)), a::updated_at.eq(instant(number))),
                (
                    a::code.eq(format!("agreement-{number}")),
                    a::pairing_id.eq(pairing_of(number)),
                    a::title_zh.eq("协议"),
                ),
                (a::kind.eq("memorandum".into_sql::<Text>()), a::status.eq("draft".into_sql::<Text>())),
                a::signed_on.eq((number % 3 > 0).then(|| day(number))),
            ))
            .execute(conn)?;
    }
    let first: i64 = a::agreements.filter(a::code.eq("agreement-0")).select(a::id).first(conn)?;
    for (number, status) in (0..MILESTONES).zip(["scheduled", "in_progress", "cancelled"].into_iter().cycle()) {
        let agreement = number % AGREEMENTS;
        diesel::insert_into(m::milestones)
            .values((
                (m::version.eq(1), m::created_at.eq(instant(0)), m::updated_at.eq(instant(number))),
                (m::pairing_id.eq(pairing_of(agreement)), m::agreement_id.eq(first + agreement)),
                (m::title_zh.eq("里程碑"), m::progress.eq(0), m::weight_thousandths.eq(1000)),
                (m::due_on.eq(day(number)), m::baseline_due_on.eq(day(number))),
                m::status.eq(status.into_sql::<Text>()),
            ))
            .execute(conn)?;
    }
    for number in 0..EVENTS {
        diesel::insert_into(e::audit_events)
            .values((
                (e::id.eq(1_000_000 + number), e::hash.eq("0".repeat(64)), e::at.eq(instant(number))),
                (e::actor.eq("filler"), e::actor_id.eq("key:1"), e::request_id.eq("filler")),
                (e::entity.eq("milestone"), e::record_id.eq(number % 100), e::action.eq(Action::Update)),
                e::after_json.eq("{}"),
            ))
            .execute(conn)?;
    }
    fill_refusals(conn)?;
    fill_reports(conn, first)?;
    fill_ledger(conn)
}

/// Refusals of one caller.
fn fill_refusals(conn: &mut Conn) -> QueryResult<()> {
    use request_refusals::dsl as r;
    for number in 0..REFUSALS {
        diesel::insert_into(r::request_refusals)
            .values((
                (r::hour.eq(instant(number)), r::first_at.eq(instant(number)), r::last_at.eq(instant(number))),
                (r::network.eq(""), r::actor.eq("filler"), r::actor_id.eq("key:1"), r::code.eq("forbidden")),
                (r::operation.eq("createSector"), r::method.eq("POST"), r::path.eq("/"), r::status.eq(Some(403))),
                (r::request_id.eq("filler"), r::count.eq(1)),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Commitments with their reports, most of them of one pairing.
fn fill_reports(conn: &mut Conn, first_agreement: i64) -> QueryResult<()> {
    use commitments::dsl as c;
    use progress_reports::dsl as r;
    for number in 0..COMMITMENTS {
        let agreement = number % AGREEMENTS;
        let stamps = (c::version.eq(1), c::created_at.eq(instant(0)), c::updated_at.eq(instant(number)));
        let commitment: i64 = diesel::insert_into(c::commitments)
            .values((
                (stamps, c::text_zh.eq("事项"), c::due_on.eq((number % 3 > 0).then(|| day(number)))),
                (c::pairing_id.eq(pairing_of(agreement)), c::agreement_id.eq(first_agreement + agreement)),
            ))
            .returning(c::id)
            .get_result(conn)?;
        for (month, status) in (0..REPORTS_A_COMMITMENT).zip(["draft", "submitted", "approved"].into_iter().cycle()) {
            let serial = number * REPORTS_A_COMMITMENT + month;
            diesel::insert_into(r::progress_reports)
                .values((
                    (r::version.eq(1), r::created_at.eq(instant(0)), r::updated_at.eq(instant(serial))),
                    (r::pairing_id.eq(pairing_of(agreement)), r::commitment_id.eq(commitment)),
                    (r::period_start_on.eq(day(serial)), r::period_end_on.eq(day(serial + 6))),
                    (r::narrative.eq("报告"), r::status.eq(status.into_sql::<Text>())),
                ))
                .execute(conn)?;
        }
    }
    Ok(())
}

/// Entries of one fund, most of them of one project and its pairing.
fn fill_ledger(conn: &mut Conn) -> QueryResult<()> {
    use transactions::dsl as t;
    let (created, updated) = (instant(0), instant(0));
    let fund: i64 = diesel::insert_into(funds::table)
        .values((
            (funds::version.eq(1), funds::created_at.eq(created), funds::updated_at.eq(updated)),
            (funds::code.eq("fund"), funds::programme_id.eq(1), funds::name_zh.eq("资金")),
        ))
        .returning(funds::id)
        .get_result(conn)?;
    let project: i64 = diesel::insert_into(projects::table)
        .values((
            (projects::version.eq(1), projects::created_at.eq(created), projects::updated_at.eq(updated)),
            (projects::code.eq("project"), projects::pairing_id.eq(1), projects::title_zh.eq("项目")),
            (projects::status.eq("planned".into_sql::<Text>()), projects::currency.eq("CNY")),
        ))
        .returning(projects::id)
        .get_result(conn)?;
    for number in 0..TRANSACTIONS {
        let of_project = number % 10 < 6;
        diesel::insert_into(t::transactions)
            .values((
                (t::version.eq(1), t::created_at.eq(instant(0)), t::updated_at.eq(instant(number))),
                (t::kind.eq("pledge".into_sql::<Text>()), t::amount.eq(100), t::currency.eq("CNY")),
                (t::value_on.eq(day(number)), t::pass_through.eq(false), t::fund_id.eq(fund)),
                t::project_id.eq(of_project.then_some(project)),
                t::pairing_id.eq(if of_project { 1 } else { 2 + number % 2 }),
            ))
            .execute(conn)?;
    }
    Ok(())
}
