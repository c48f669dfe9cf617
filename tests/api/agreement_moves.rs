//! Moving an agreement to another pairing moves the records under it: commitments with their reports, projects, and the
//! milestones of both.

use pairing_tracker::access::Role;
use serde_json::{Value, json};

use crate::common::builders::bare_agreement;
use crate::common::records::{approved, column, commitment, conference, create, listed, milestone, project, with};
use crate::common::{Client, on_each};

const FROM: &str = "xinhui-taishan";
const TO: &str = "heshan-kaiping";

/// The paths of the records under the agreement, and of unrelated records beside it.
const UNDER: [&str; 8] = [
    "commitments/teachers",
    "progress-reports/january",
    "progress-reports/february",
    "projects/park",
    "projects/road",
    "milestones/of-agreement",
    "milestones/of-park",
    "milestones/of-road",
];
const BESIDE: [&str; 4] =
    ["commitments/elsewhere", "projects/beside", "milestones/of-beside", "milestones/of-framework"];

/// A draft agreement, which can move, with a record of every kind that can be under one. The milestones of a project under it
/// belong to it twice: directly and through the project.
async fn build(client: &Client) {
    create(client, "agreements", bare_agreement("moving", FROM)).await;
    let of_it = || json!({ "agreement": "moving" });
    create(client, "commitments", with(commitment("teachers"), of_it())).await;
    for (code, start, end) in [("january", "2022-01-01", "2022-01-31"), ("february", "2022-02-01", "2022-02-28")] {
        create(client, "progress-reports", with(approved("teachers", start, end, "5"), json!({ "code": code }))).await;
    }
    for code in ["park", "road"] {
        create(client, "projects", with(project(code), of_it())).await;
    }
    create(client, "projects", project("beside")).await;
    create(client, "commitments", commitment("elsewhere")).await;
    create(client, "milestones", with(milestone("of-agreement"), of_it())).await;
    create(client, "milestones", milestone("of-framework")).await;
    for code in ["park", "road", "beside"] {
        let of = json!({ "agreement": null, "project": code, "progress": 50 });
        create(client, "milestones", with(milestone(&format!("of-{code}")), of)).await;
    }
}

async fn pairings_of(client: &Client, paths: &[&str]) -> Vec<Value> {
    let mut pairings = Vec::new();
    for path in paths {
        pairings.push(client.get(path).await.expect(200).body["pairing"]["code"].clone());
    }
    pairings
}

/// Milestones counted, progress and overdue of a pairing in the middle of 2022.
async fn figures(client: &Client, path: &str) -> Value {
    let read = client.get(&format!("{path}?as_of=2022-07-01")).await.expect(200).body;
    json!([read["progress_counted"], read["progress"], read["overdue"]])
}

#[test]
fn all_records_under_an_agreement_move_with_it() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        // Heshan and Kaiping have one seeded milestone; it is met and has no weight.
        let (pairing_from, pairing_to) = (format!("pairings/{FROM}"), format!("pairings/{TO}"));
        assert_eq!(figures(&client, &pairing_from).await, json!([5, 30.0, 5]));
        assert_eq!(figures(&client, &pairing_to).await, json!([1, null, 0]));
        let of_agreement = figures(&client, "agreements/moving").await;
        assert_eq!(of_agreement, json!([3, 33.33, 3]));

        // To the other pairing and back.
        for (target, here, there) in [(TO, 2, 4), (FROM, 5, 1)] {
            client.patch("agreements/moving", json!({ "pairing": target })).await.expect(200);
            assert_eq!(pairings_of(&client, &UNDER).await, vec![json!(target); UNDER.len()]);
            assert_eq!(pairings_of(&client, &BESIDE).await, vec![json!(FROM); BESIDE.len()]);
            assert_eq!(figures(&client, "agreements/moving").await, of_agreement, "what it counts stays");
            assert_eq!(figures(&client, &pairing_from).await[0], here, "to {target}");
            assert_eq!(figures(&client, &pairing_to).await[0], there, "to {target}");
            for (path, query, codes) in [
                ("milestones", "agreement=moving&sort=id", vec!["of-agreement", "of-park", "of-road"]),
                ("milestones", "project=park", vec!["of-park"]),
                ("commitments", "agreement=moving", vec!["teachers"]),
                ("progress-reports", "agreement=moving", vec!["january", "february"]),
                ("projects", "agreement=moving", vec!["park", "road"]),
            ] {
                for pairing in [FROM, TO] {
                    let query = format!("{query}&pairing={pairing}");
                    let wanted = if pairing == target { codes.clone() } else { Vec::new() };
                    assert_eq!(listed(&client, path, &query).await, wanted, "{path}?{query}");
                }
            }
            let card = client.get("reports/scorecard?as_of=2022-07-01&count=true").await.expect(200);
            assert_eq!(column(&card, "/figures/commitments/total"), if target == TO { [0, 1, 1] } else { [0, 2, 0] });
            let teachers = client.get("commitments/teachers?as_of=2022-02-28").await.expect(200).body;
            assert_eq!((&teachers["actual"], &teachers["completion"]), (&json!("10"), &json!(10.0)));
        }
        assert_eq!(figures(&client, &pairing_from).await, json!([5, 30.0, 5]));
        assert_eq!(figures(&client, &pairing_to).await, json!([1, null, 0]));
    });
}

#[test]
fn a_commitment_moves_its_reports_to_its_new_agreement() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        let theirs = json!({ "agreement": "heshan-kaiping-framework-2022" });
        client.patch("commitments/teachers", theirs).await.expect(200);
        let moved = ["commitments/teachers", "progress-reports/january", "progress-reports/february"];
        assert_eq!(pairings_of(&client, &moved).await, [TO; 3]);
        assert_eq!(listed(&client, "progress-reports", "pairing=xinhui-taishan").await, Vec::<String>::new());
        assert_eq!(pairings_of(&client, &["projects/park", "milestones/of-park"]).await, [FROM; 2]);
    });
}

#[test]
fn an_agreement_cannot_move_while_a_resolution_refers_to_its_records() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        let became = |what: &str, code: &str| {
            json!({
                "code": format!("from-{code}"), "conference": "xinhui-taishan-first-joint-conference",
                "text": { "zh": "年内建成" }, what: code
            })
        };
        for (what, code) in [("commitment", "teachers"), ("milestone", "of-agreement"), ("milestone", "of-road")] {
            create(&client, "resolutions", became(what, code)).await;
            let refused = client.patch("agreements/moving", json!({ "pairing": TO })).await.expect(409);
            assert_eq!(refused.body["code"], "referred_to", "{code}");
            assert_eq!(pairings_of(&client, &UNDER).await, [FROM; 8], "{code}");
            client.delete(&format!("resolutions/from-{code}")).await.expect(204);
        }
        client.patch("agreements/moving", json!({ "pairing": TO })).await.expect(200);
    });
}

#[test]
fn an_agreement_moves_only_between_pairings_of_the_key() {
    on_each(|database| async move {
        let admin = database.client();
        build(&admin).await;
        let editor = |pairings: &[&str]| admin.with_key(database.key("editor", Role::Editor, pairings));
        for pairings in [&[FROM][..], &[TO]] {
            editor(pairings).patch("agreements/moving", json!({ "pairing": TO })).await.expect(403);
            editor(pairings).patch("projects/beside", json!({ "pairing": TO })).await.expect(403);
        }
        assert_eq!(pairings_of(&admin, &UNDER).await, [FROM; 8]);
        editor(&[FROM, TO]).patch("agreements/moving", json!({ "pairing": TO })).await.expect(200);
        editor(&[FROM, TO]).patch("projects/beside", json!({ "pairing": TO })).await.expect(200);
        assert_eq!(pairings_of(&admin, &["milestones/of-beside", "milestones/of-park"]).await, [TO; 2]);
    });
}

#[test]
fn recorded_figures_follow_moved_records_to_their_new_pairing() {
    on_each(|database| async move {
        let client = database.client();
        build(&client).await;
        create(&client, "conferences", conference("here")).await;
        for code in ["one", "two"] {
            let body = json!({ "code": code, "conference": "here", "text": { "zh": "年内建成" } });
            create(&client, "resolutions", body).await;
        }
        for path in ["agreements/moving", "conferences/here", "projects/beside"] {
            client.patch(path, json!({ "pairing": TO })).await.expect(200);
        }
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        for group in ["pairing", "agreement", "project", "sector", "member", "programme"] {
            let query = format!("as_of=2022-07-01&group_by={group}&recorded_at={now}&limit=1000");
            let card = client.get(&format!("reports/scorecard?{query}")).await.expect(200);
            assert_eq!(column(&card, "/recorded"), column(&card, "/figures"), "by {group}");
            assert_eq!(card.body["recorded_overall"], card.body["overall"], "by {group}");
        }
        let card = client.get("reports/scorecard?as_of=2022-07-01").await.expect(200);
        assert_eq!(column(&card, "/figures/resolutions/open"), [0, 0, 2]);
    });
}
