//! The query for the deliveries to send: an index returns those that are due and not blocked, in their order, and no other row
//! is read, however many wait for an earlier one or for their next attempt.

use diesel::prelude::*;
use pairing_tracker::model::types::Instant;
use pairing_tracker::webhooks::claims;

use super::{plan, statements, turn_off};
use crate::common::databases;
use crate::common::tamper::execute;

const DELIVERIES: i64 = 3_000;

#[test]
fn waiting_deliveries_are_not_read() {
    for database in databases(true) {
        let mut conn = database.connect();
        execute(
            &mut conn,
            "INSERT INTO webhooks (id, version, created_at, updated_at, url, status, entities_json, actions_json, secret,
                 event_cursor)
             VALUES (1, 1, '2022-01-01 00:00:00', '2022-01-01 00:00:00', 'https://example.org/', 'active', '[]', '[]',
                 'whsec_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 0)",
        )
        .expect("a webhook");
        // The first waits for its next attempt, the others for the first; one record has no earlier delivery.
        let deliveries = format!(
            "INSERT INTO webhook_deliveries (webhook_id, event_id, message_id, event_type, entity, record_id, status, attempts,
                 created_at, next_attempt_at, is_blocked)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {DELIVERIES})
             SELECT 1, i, 'msg_' || i, 'sector.updated', 'sector', CASE WHEN i = {DELIVERIES} THEN 8 ELSE 7 END, 'pending', 0,
                 {past}, CASE WHEN i = 1 THEN {future} ELSE {past} END, i NOT IN (1, {DELIVERIES})
             FROM n",
            past = "CAST('2022-01-01 00:00:00' AS TIMESTAMP)",
            future = "CAST('2999-01-01 00:00:00' AS TIMESTAMP)",
        );
        let deliveries =
            if conn.is_sqlite() { deliveries.replace("CAST(", "(").replace(" AS TIMESTAMP", "") } else { deliveries };
        execute(&mut conn, &deliveries).expect("deliveries");
        turn_off(&mut conn);
        diesel::sql_query("ANALYZE").execute(&mut conn).expect("statistics");
        let mut found = Vec::new();
        let sent = statements(&mut conn, |conn| {
            found = claims::due(conn, Instant::now(), |_| 4).expect("they are read");
        });
        assert_eq!(found.len(), 1, "only the record that nothing is before");
        let of_deliveries: Vec<&String> = sent.iter().filter(|text| text.contains("webhook_deliveries")).collect();
        let [sql] = of_deliveries[..] else { panic!("{sent:?}") };
        let plan = plan(&mut conn, sql);
        let steps = plan.join("\n");
        // Every condition bounds the part of the index that is read.
        if conn.is_sqlite() {
            let bound = "webhook_deliveries_due (webhook_id=? AND status=? AND is_blocked=? AND next_attempt_at<?)";
            assert!(plan.len() == 1 && steps.contains(bound), "{steps}");
        } else {
            let condition = plan.iter().find(|step| step.contains("Index Cond")).unwrap_or_else(|| panic!("{steps}"));
            for column in ["webhook_id", "status", "is_blocked", "next_attempt_at"] {
                assert!(condition.contains(column), "{column}: {steps}");
            }
            assert!(!steps.contains("Filter") && !steps.contains("SubPlan") && !steps.contains("Sort"), "{steps}");
        }
    }
}
