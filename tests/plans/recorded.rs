//! Reads of records as of an instant: each statement uses an index, and the sums over milestones sort nothing.

use diesel::prelude::*;
use pairing_tracker::audit::log as audit;
use pairing_tracker::figures::tally;
use pairing_tracker::model::types::Instant;
use pairing_tracker::resources::milestones::KIND;
use serde::de::IgnoredAny;

use super::data::{day, fill};
use super::{plan, statements, turn_off};
use crate::common::databases;

#[test]
fn records_as_of_an_instant_are_read_through_an_index() {
    for database in databases(true) {
        let mut conn = database.connect();
        conn.transaction(fill).expect("the database is filled");
        turn_off(&mut conn);
        diesel::sql_query("ANALYZE").execute(&mut conn).expect("statistics");
        let now = Instant::now();
        let sent = statements(&mut conn, |conn| {
            tally::by_owner(conn, &[1], false, Some(now), day(700), |_, _| {}).expect("they are summed");
            audit::each_as_it_stood(conn, &KIND, now, |_, _: IgnoredAny| {}).expect("they are read");
            audit::each_of_as_it_stood(conn, &KIND, &[1, 2], now, |_, _: IgnoredAny| {}).expect("they are read");
        });
        assert!(sent.len() >= 5, "{sent:?}");
        for sql in sent {
            let plan = plan(&mut conn, &sql);
            let sorts = plan.iter().any(|step| step.contains("USE TEMP B-TREE") || step.contains("Sort"));
            let scans = plan
                .iter()
                .any(|step| step.contains("Seq Scan") || (step.starts_with("SCAN") && !step.contains("USING")));
            assert!(!sorts && !scans, "{}: {sql}\n{plan:?}", database.name);
        }
    }
}
