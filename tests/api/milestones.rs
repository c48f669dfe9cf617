//! Milestones: the baseline stays, moves have reasons, figures follow the date.

use serde_json::json;

use crate::common::on_each;

#[test]
fn a_move_needs_a_reason_and_leaves_a_revision() {
    on_each(|database| async move {
        let client = database.client();
        let new = json!({ "code": "route-map", "agreement": "xinhui-taishan-framework-2022", "title": { "zh": "编制线路图" }, "due_on": "2022-06-30" });
        client.post("milestones", new).await.expect(201);

        let refused = client.patch("milestones/route-map", json!({ "due_on": "2022-07-31" })).await.expect(422);
        assert_eq!(refused.faults(), [("/reason".to_owned(), "required".to_owned())]);

        let moved =
            client.patch("milestones/route-map", json!({ "due_on": "2022-07-31", "reason": "汛期" })).await.expect(200);
        assert_eq!(moved.body["baseline_due_on"], "2022-06-30");
        assert_eq!(moved.body["slippage_days"], 31);
        let revisions = client.get("milestones/route-map/revisions").await.expect(200);
        assert_eq!(revisions.body["items"][0]["reason"], "汛期");
        assert_eq!(revisions.body["items"].as_array().map(Vec::len), Some(1));
    });
}
