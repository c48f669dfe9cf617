//! What is wrong with the items of a list is told of every item, and beside what is wrong with the rest.

use serde_json::json;

use crate::common::on_each;
use crate::common::records::{agreement, conference, fault, member, pairing, party, project, with};

#[test]
fn the_faults_of_every_item_are_told_with_those_of_the_record() {
    let leads = |region: &str, role: &str| with(member(region, role), json!({ "is_lead": true }));
    let backwards = with(member("xinhui", "supporter"), json!({ "from_on": "2022-06-30", "to_on": "2022-06-29" }));
    let members =
        json!([backwards, leads("heshan", "supporter"), leads("atlantis", "supporter"), leads("taishan", "recipient")]);
    let nobody = json!({ "side": "supporter" });
    let both = with(party("region", "xinhui", "witness"), json!({ "organization": "jiangmen-polytechnic" }));
    let shares = json!([
        { "sector": "transport", "percent": 10 }, { "sector": "none", "percent": 50 },
        { "sector": "transport", "percent": 10 }
    ]);
    let cases = [
        (
            "pairings",
            with(
                pairing("new"),
                json!({ "members": members, "established_on": "2022-02-01", "ended_on": "2022-01-01" }),
            ),
            vec![
                fault("/ended_on", "before_start"),
                fault("/members/0/to_on", "before_start"),
                fault("/members/2/region", "unknown_reference"),
                fault("/members/2/is_lead", "second_lead"),
                fault("/members/3/is_lead", "not_a_supporter"),
            ],
        ),
        (
            "agreements",
            with(
                agreement("new"),
                json!({
                    "parties": [nobody, party("region", "nowhere", "supporter"), both], "signed_on": "2999-01-01",
                    "effective_on": "2022-02-01", "expires_on": "2022-01-01"
                }),
            ),
            vec![
                fault("/expires_on", "before_start"),
                fault("/parties/0", "one_of"),
                fault("/parties/1/region", "unknown_reference"),
                fault("/parties/2", "one_of"),
                fault("/signed_on", "in_future"),
            ],
        ),
        (
            "conferences",
            with(
                conference("new"),
                json!({ "participants": [{}, { "title": "书记" }], "status": "held", "host_region": "nowhere" }),
            ),
            vec![
                fault("/held_on", "required"),
                fault("/host_region", "unknown_reference"),
                fault("/participants/0", "one_of"),
                fault("/participants/1", "one_of"),
            ],
        ),
        (
            "projects",
            with(project("new"), json!({ "sectors": shares, "actual_end_on": "2999-01-01" })),
            vec![
                fault("/sectors", "sum"),
                fault("/sectors/1/sector", "unknown_reference"),
                fault("/sectors/2/sector", "repeated"),
                fault("/actual_end_on", "in_future"),
            ],
        ),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            for (path, body, faults) in cases {
                assert_eq!(client.post(path, body).await.expect(422).faults(), faults, "{path}");
                client.get(&format!("{path}/new")).await.expect(404);
            }
        }
    });
}
