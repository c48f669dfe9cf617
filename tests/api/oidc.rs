//! Tokens of an OpenID Connect issuer: the rights that they give, the tokens that are refused, and the requests to the issuer.

use std::time::Duration;

use actix_web::http::Method;
use pairing_tracker::access::oidc::Times;
use pairing_tracker::config::Settings;
use serde_json::{Value, json};

use crate::common::builders::{bare_agreement, in_threads, on_each_with_own_runtime};
use crate::common::issuer::{
    AUDIENCE, Behavior, Clock, Issuer, SigningKey, header, in_seconds, sign_with_secret, unsigned,
};
use crate::common::privacy::{FOREIGN, OWN};
use crate::common::records::{approved, commitment, create, milestone, with};
use crate::common::{Client, Database, databases, on_each};

fn role(role: &str, pairings: Value) -> Value {
    json!({ "pairing_tracker_role": role, "pairing_tracker_pairings": pairings })
}

/// The application with an issuer and a test clock.
fn client(database: &Database, issuer: &Issuer, clock: &Clock) -> Client {
    client_with(database, issuer, clock.times(), |_| {})
}

fn client_with(database: &Database, issuer: &Issuer, times: Times, change: impl FnOnce(&mut Settings)) -> Client {
    database.client_at(times, |settings| {
        settings.oidc = Some(issuer.settings());
        change(settings);
    })
}

/// The status of a read with a token; without one it is 200.
async fn read_status(client: &Client, token: &str) -> u16 {
    client.with_key(token).get("sectors").await.status.as_u16()
}

/// Runs a test on SQLite only, where the backend does not matter.
fn on_one(test: impl AsyncFn(Database)) {
    crate::common::builders::block_on(async || test(databases(false).swap_remove(0)).await);
}

#[test]
fn a_token_gives_the_rights_of_its_role_and_pairings() {
    on_each(|database| async move {
        let issuer = Issuer::start();
        let admin = client(&database, &issuer, &Clock::new());
        let own_id = admin.get(&format!("pairings/{OWN}")).await.expect(200).body["id"].clone();
        for (code, pairing) in [("own", OWN), ("foreign", FOREIGN)] {
            let contact =
                json!({ "code": code, "pairing": pairing, "name": "陈", "body": "government", "contact": "0750" });
            create(&admin, "liaisons", contact).await;
        }
        let everything = [true, true, true, true];
        // Whether the token may write in its own pairing, in another pairing, shared records, and documents.
        let holders = [
            (role("admin", Value::Null), everything, [true, true]),
            (role("admin", json!([OWN])), everything, [true, true]),
            (role("editor", json!("*")), everything, [true, true]),
            (role("editor", json!([OWN])), [true, false, false, true], [true, false]),
            (role("editor", json!(format!("nowhere {OWN} 999999"))), [true, false, false, true], [true, false]),
            (role("editor", json!([own_id])), [true, false, false, true], [true, false]),
            (role("editor", json!(["nowhere", "*"])), [false; 4], [false, false]),
            (role("editor", json!([])), [false; 4], [false, false]),
            (role("editor", Value::Null), [false; 4], [false, false]),
            (role("viewer", json!("*")), [false; 4], [true, true]),
            (role("viewer", json!([OWN])), [false; 4], [true, false]),
            (role("viewer", Value::Null), [false; 4], [false, false]),
            (
                with(role("", json!(OWN)), json!({ "pairing_tracker_role": ["offline_access", "viewer", "editor"] })),
                [true, false, false, true],
                [true, false],
            ),
        ];
        for (number, (claims, writes, sees)) in holders.into_iter().enumerate() {
            let holder = admin.with_key(issuer.token(claims.clone()));
            let code = |what: &str| format!("{what}-{number}");
            let document = json!({ "code": code("document"), "title": { "zh": "纪要" } });
            for ((path, record), may) in [
                ("agreements", bare_agreement(&code("own"), OWN)),
                ("agreements", bare_agreement(&code("foreign"), FOREIGN)),
                ("sectors", json!({ "code": code("shared"), "name": { "zh": "共用" } })),
                ("documents", document),
            ]
            .into_iter()
            .zip(writes)
            {
                let status = holder.post(path, record.clone()).await.status.as_u16();
                assert_eq!(status, if may { 201 } else { 403 }, "{claims}: {path} {record}");
            }
            for (code, sees) in ["own", "foreign"].into_iter().zip(sees) {
                let shown = holder.get(&format!("liaisons/{code}")).await.expect(200).body["contact"].clone();
                assert_eq!(shown, if sees { json!("0750") } else { Value::Null }, "{claims}: {code}");
            }
        }
    });
}

#[test]
fn a_token_without_a_known_role_is_refused_everywhere() {
    on_each(|database| async move {
        let issuer = Issuer::start();
        let admin = client(&database, &issuer, &Clock::new());
        for role in [Value::Null, json!("root"), json!("Admin"), json!([]), json!(["offline_access"]), json!(1)] {
            let holder = admin.with_key(issuer.token(json!({ "pairing_tracker_role": role })));
            let refused = holder.get("sectors").await.expect(403);
            assert_eq!(refused.body["code"], "forbidden");
            holder.post("sectors", json!({ "code": "by-nobody", "name": { "zh": "无" } })).await.expect(403);
        }
        admin.get("sectors/by-nobody").await.expect(404);
    });
}

#[test]
fn claims_may_be_nested_and_have_configured_names() {
    on_each(|database| async move {
        let issuer = Issuer::start();
        let admin = client_with(&database, &issuer, Clock::new().times(), |settings| {
            let oidc = settings.oidc.as_mut().expect("an issuer");
            oidc.role_claim = "realm_access.roles".to_owned();
            oidc.pairings_claim = "https://example.org/pairings".to_owned();
            oidc.name_claim = "display.name".to_owned();
        });
        let holder = admin.with_key(issuer.token(json!({
            "realm_access": { "roles": ["uma_authorization", "editor"] },
            "https://example.org/pairings": [OWN],
            "display": { "name": "黎老师" },
            "pairing_tracker_role": "admin",
        })));
        holder.post("agreements", bare_agreement("own", OWN)).await.expect(201);
        holder.post("agreements", bare_agreement("foreign", FOREIGN)).await.expect(403);
        let history = holder.get("agreements/own/history").await.expect(200);
        assert_eq!(history.body["items"][0]["actor"], "oidc:黎老师");
        assert_eq!(read_status(&admin, &issuer.token(role("admin", Value::Null))).await, 403);
    });
}

#[test]
fn the_audit_log_names_the_holder_of_a_token() {
    on_each(|database| async move {
        let issuer = Issuer::start();
        let admin = client(&database, &issuer, &Clock::new());
        for (code, claims, name) in [
            ("named", json!({ "preferred_username": " 陈老师 " }), "oidc:陈老师"),
            ("unnamed", json!({ "preferred_username": null, "sub": "7b1c" }), "oidc:7b1c"),
            ("operator", json!({ "preferred_username": "operator" }), "oidc:operator"),
            ("as-a-key", json!({ "preferred_username": "tester" }), "oidc:tester"),
            ("twice", json!({ "preferred_username": "oidc:tester" }), "oidc:oidc:tester"),
        ] {
            let holder = admin.with_key(issuer.token(with(role("admin", Value::Null), claims)));
            create(&holder, "sectors", json!({ "code": code, "name": { "zh": "行业" } })).await;
            let history = admin.get(&format!("sectors/{code}/history")).await.expect(200);
            assert_eq!(history.body["items"][0]["actor"], name);
        }
    });
}

#[test]
fn the_name_of_a_holder_cannot_imitate_another_actor() {
    on_each(|database| async move {
        let issuer = Issuer::start();
        let admin = client(&database, &issuer, &Clock::new());
        let claims = with(role("admin", Value::Null), json!({ "preferred_username": "tester", "sub": "s-1" }));
        let holder = admin.with_key(issuer.token(claims));
        create(&admin, "milestones", milestone("moved")).await;
        let shown = "oidc:tester";
        for (who, name, due_on) in [(&admin, "tester", "2022-07-01"), (&holder, shown, "2022-07-02")] {
            who.patch("milestones/moved", json!({ "due_on": due_on, "reason": "改" })).await.expect(200);
            let revisions = admin.get("milestones/moved/revisions").await.expect(200).body;
            let last = revisions["items"].as_array().and_then(|items| items.last()).expect("a revision");
            assert_eq!(last["revised_by"], name);
        }
        create(&holder, "commitments", commitment("teachers")).await;
        let report = create(&holder, "progress-reports", approved("teachers", "2022-01-01", "2022-01-31", "1")).await;
        assert_eq!((&report.body["submitted_by"], &report.body["reviewed_by"]), (&json!(shown), &json!(shown)));
        let events = admin.get(&format!("audit-events?actor={shown}&entity=milestone")).await.expect(200).body;
        assert_eq!(events["items"][0]["actor_id"], "subject:s-1");
        // No key can take such a name.
        for name in [shown, "OIDC:x", "operator", " Service "] {
            let refused = admin.post("api-keys", json!({ "name": name, "role": "viewer" })).await.expect(422);
            assert_eq!(refused.faults(), [("/name".to_owned(), "reserved".to_owned())], "{name}");
        }
        let made = create(&admin, "api-keys", json!({ "name": "office", "role": "viewer" })).await.body;
        let key = format!("api-keys/{}", made["key"]["code"].as_str().expect("a code"));
        admin.patch(&key, json!({ "name": shown })).await.expect(422);
    });
}

#[test]
fn a_retry_by_another_subject_does_not_return_the_first_response() {
    on_each(|database| async move {
        let issuer = Issuer::start();
        let admin = client(&database, &issuer, &Clock::new());
        let headers = [("Idempotency-Key", "shared-key")];
        let body = || Some(with(milestone(""), json!({ "code": null })));
        // The same name, and a subject that looks like the id of a key.
        let post = async |subject: &str| {
            let claims = with(role("admin", Value::Null), json!({ "sub": subject, "preferred_username": "tester" }));
            admin.with_key(issuer.token(claims)).send(Method::POST, "milestones", &headers, body()).await.expect(201)
        };
        let by_key = admin.send(Method::POST, "milestones", &headers, body()).await.expect(201);
        let mut ids = vec![by_key.body["id"].clone()];
        for subject in ["s-1", "s-2", "1", "key:1", "operator"] {
            let first = post(subject).await;
            assert_eq!(first.header("idempotent-replayed"), "", "{subject}");
            assert!(!ids.contains(&first.body["id"]), "{subject}");
            ids.push(first.body["id"].clone());
            let again = post(subject).await;
            assert_eq!((again.header("idempotent-replayed"), &again.body["id"]), ("true", &first.body["id"]));
        }
    });
}

#[test]
fn an_invalid_token_is_refused_like_a_wrong_key() {
    on_one(async |database| {
        let issuer = Issuer::start();
        let client = client(&database, &issuer, &Clock::new());
        let key = SigningKey::rsa("first", 0);
        let stranger = SigningKey::rsa("first", 1);
        let viewer = role("viewer", Value::Null);
        let claims = |changes: Value| issuer.claims(with(viewer.clone(), changes));
        let signed = |changes: Value| key.sign(&header("first"), &claims(changes));
        let headed = |changes: Value| key.sign(&with(header("first"), changes), &claims(json!({})));
        let good = signed(json!({}));
        let n = key.jwk()["n"].as_str().expect("a modulus").to_owned();
        let hs256 = json!({ "alg": "HS256", "typ": "JWT", "kid": "first" });
        let none = json!({ "alg": "none", "typ": "JWT", "kid": "first" });
        let (head, rest) = good.split_once('.').expect("three parts");
        let (body, signature) = rest.split_once('.').expect("three parts");
        let other_body = signed(role("admin", Value::Null));
        let other_body = other_body.split('.').nth(1).expect("three parts");

        for (what, token) in [
            ("as it is", good.clone()),
            ("two audiences", signed(json!({ "aud": ["account", AUDIENCE] }))),
            ("expired within the leeway", signed(json!({ "exp": in_seconds(-30) }))),
            ("valid within the leeway", signed(json!({ "nbf": in_seconds(30) }))),
            ("an access token", headed(json!({ "typ": "at+jwt" }))),
            ("an access token by its whole name", headed(json!({ "typ": "application/at+jwt" }))),
            ("no type", key.sign(&json!({ "alg": "RS256", "kid": "first" }), &claims(json!({})))),
            ("no kid where there is one key", key.sign(&json!({ "alg": "RS256" }), &claims(json!({})))),
            (
                "with a key set of its own, which is not asked",
                headed(json!({ "jku": format!("{}/elsewhere", issuer.url) })),
            ),
        ] {
            assert_eq!(read_status(&client, &token).await, 200, "{what}");
        }
        let bad = [
            ("another audience", signed(json!({ "aud": "account" }))),
            ("no audience", signed(json!({ "aud": null }))),
            ("other audiences", signed(json!({ "aud": ["account", "pairing-tracker-2"] }))),
            ("another issuer", signed(json!({ "iss": "https://id.example.org" }))),
            ("the issuer with a slash more", signed(json!({ "iss": format!("{}/", issuer.url) }))),
            ("the issuer among others", signed(json!({ "iss": [issuer.url, "https://id.example.org"] }))),
            ("no issuer", signed(json!({ "iss": null }))),
            ("expired", signed(json!({ "exp": in_seconds(-90) }))),
            ("no expiry", signed(json!({ "exp": null }))),
            ("an expiry in words", signed(json!({ "exp": "tomorrow" }))),
            ("not valid yet", signed(json!({ "nbf": in_seconds(90) }))),
            ("a beginning in words", signed(json!({ "nbf": "today" }))),
            ("no subject", signed(json!({ "sub": null }))),
            ("an empty subject", signed(json!({ "sub": "" }))),
            ("a long subject", signed(json!({ "sub": "x".repeat(256) }))),
            ("a subject of two lines", signed(json!({ "sub": "a\nb" }))),
            ("a name of two lines", signed(json!({ "preferred_username": "a\nb" }))),
            ("a long token", signed(json!({ "filler": "x".repeat(8 * 1024) }))),
            ("no algorithm", unsigned(&none, &claims(json!({})))),
            ("no algorithm, with a signature", key.sign(&none, &claims(json!({})))),
            ("a secret", sign_with_secret(n.as_bytes(), &hs256, &claims(json!({})))),
            (
                "a secret of the key file",
                sign_with_secret(key.jwk().to_string().as_bytes(), &hs256, &claims(json!({}))),
            ),
            ("another algorithm of the same key", headed(json!({ "alg": "RS384" }))),
            ("another padding of the same key", headed(json!({ "alg": "PS256" }))),
            ("an algorithm that is none", headed(json!({ "alg": "RS257" }))),
            ("an unknown key", key.sign(&header("second"), &claims(json!({})))),
            ("a stranger's key of the same name", stranger.sign(&header("first"), &claims(json!({})))),
            (
                "a stranger's key that the token brings",
                stranger.sign(&with(header("first"), json!({ "jwk": stranger.jwk() })), &claims(json!({}))),
            ),
            ("what must be understood", headed(json!({ "crit": ["exp"], "exp": 1 }))),
            ("nothing that must be understood", headed(json!({ "crit": [] }))),
            ("another type", headed(json!({ "typ": "logout+jwt" }))),
            ("other claims", format!("{head}.{other_body}.{signature}")),
            ("no signature", format!("{head}.{body}.")),
            ("two parts", format!("{head}.{body}")),
            ("four parts", format!("{good}.{signature}")),
            ("something else", "abc".to_owned()),
            ("nothing", String::new()),
        ];
        let wrong_key = client.with_key("ptk_wrong").get("sectors").await.expect(401);
        for (what, token) in bad {
            let mut refused = client.with_key(&token).get("sectors").await;
            assert_eq!(refused.status.as_u16(), 401, "{what}");
            refused.body["request_id"] = wrong_key.body["request_id"].clone();
            assert_eq!(refused.body, wrong_key.body, "{what}");
            assert!(refused.header("www-authenticate").starts_with("Bearer"), "{what}");
        }
        assert_eq!(issuer.requests(), (1, 1), "nothing that stands in a token makes the service ask");
    });
}

#[test]
fn only_the_configured_algorithm_is_accepted() {
    const ALGORITHMS: [&str; 7] = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"];
    on_one(async |database| {
        let issuer = Issuer::start();
        let keys = ALGORITHMS.map(|algorithm| SigningKey::of(algorithm, algorithm));
        // Some issuers publish all keys in one set, and only the type of a key shows its use.
        issuer.publish(&keys.each_ref());
        for pinned in ALGORITHMS {
            let client = client_with(&database, &issuer, Clock::new().times(), |settings| {
                let oidc = settings.oidc.as_mut().expect("an issuer");
                oidc.algorithm = pinned.parse().expect("an algorithm");
            });
            for key in &keys {
                let header = json!({ "alg": key.kid, "typ": "JWT", "kid": key.kid });
                let token = key.sign(&header, &issuer.claims(role("viewer", Value::Null)));
                assert_eq!(
                    read_status(&client, &token).await,
                    if key.kid == pinned { 200 } else { 401 },
                    "{pinned} {}",
                    key.kid
                );
            }
        }
    });
}

#[test]
fn keys_with_another_use_are_ignored() {
    on_one(async |database| {
        let issuer = Issuer::start();
        let jwk = SigningKey::rsa("first", 0).jwk();
        let token = issuer.token(role("viewer", Value::Null));
        for (changes, status) in [
            (json!({}), 200),
            (json!({ "alg": "RS256" }), 200),
            (json!({ "alg": "RS512" }), 401),
            (json!({ "use": "enc" }), 401),
            (json!({ "kty": "EC" }), 401),
            (json!({ "n": "AQAB" }), 401),
        ] {
            // Unreadable keys do not affect the readable ones.
            issuer.publish_as(vec![json!({ "kty": "XYZ", "use": 1 }), with(jwk.clone(), changes.clone()), json!("?")]);
            let client = client(&database, &issuer, &Clock::new());
            assert_eq!(read_status(&client, &token).await, status, "{changes}");
        }
    });
}

#[test]
fn a_token_without_a_kid_is_verified_with_the_only_key() {
    on_one(async |database| {
        let issuer = Issuer::start();
        let (first, second) = (SigningKey::rsa("first", 0), SigningKey::rsa("second", 1));
        let clock = Clock::new();
        let client = client(&database, &issuer, &clock);
        let token = first.sign(&json!({ "alg": "RS256" }), &issuer.claims(role("viewer", Value::Null)));
        issuer.publish(&[&first, &second]);
        assert_eq!(read_status(&client, &token).await, 401);
        issuer.publish(&[&first]);
        clock.advance(30);
        assert_eq!(read_status(&client, &token).await, 200);
    });
}

#[test]
fn key_rotation_is_followed_and_unknown_keys_do_not_load_the_issuer() {
    on_one(async |database| {
        let issuer = Issuer::start();
        let clock = Clock::new();
        let client = client(&database, &issuer, &clock);
        let (first, second) = (SigningKey::rsa("first", 0), SigningKey::rsa("second", 1));
        let claims = issuer.claims(role("viewer", Value::Null));
        let old = first.sign(&header("first"), &claims);
        let new = second.sign(&header("second"), &claims);
        assert_eq!(issuer.requests(), (0, 0), "it is not asked before there is a token");
        assert_eq!(read_status(&client, &old).await, 200);
        assert_eq!(issuer.requests(), (1, 1));

        issuer.publish(&[&first, &second]);
        clock.advance(29);
        for number in 0..20 {
            assert_eq!(read_status(&client, &first.sign(&header(&format!("made-up-{number}")), &claims)).await, 401);
        }
        assert_eq!(read_status(&client, &new).await, 401, "it may not be asked yet");
        assert_eq!(issuer.requests(), (1, 1));
        clock.advance(1);
        assert_eq!(read_status(&client, &new).await, 200);
        assert_eq!(read_status(&client, &old).await, 200);
        assert_eq!(issuer.requests(), (2, 2));
        assert_eq!(read_status(&client, &second.sign(&header("first"), &claims)).await, 401, "a key has one name");

        issuer.publish(&[&second]);
        clock.advance(10 * 60 - 1);
        assert_eq!(read_status(&client, &old).await, 200, "the keys are fresh for ten minutes");
        clock.advance(1);
        assert_eq!(read_status(&client, &old).await, 401, "a key that was taken back is none");
        assert_eq!(read_status(&client, &new).await, 200);
        assert_eq!(issuer.requests(), (3, 3));
    });
}

#[test]
fn the_issuer_sets_the_lifetime_of_its_keys_within_bounds() {
    on_one(async |database| {
        for (cache_control, seconds) in
            [("max-age=300", 300), ("no-store", 60), ("max-age=0", 60), ("public, max-age=864000", 3600)]
        {
            let issuer = Issuer::start();
            issuer.set_cache_control(cache_control);
            let clock = Clock::new();
            let client = client(&database, &issuer, &clock);
            let token = issuer.token(role("viewer", Value::Null));
            for (advance, expected_requests) in [(0, 1), (seconds - 1, 1), (1, 2)] {
                clock.advance(advance);
                assert_eq!(read_status(&client, &token).await, 200);
                assert_eq!(issuer.requests().1, expected_requests, "{cache_control} after {advance} s more");
            }
        }
    });
}

#[test]
fn concurrent_requests_fetch_the_keys_once() {
    on_each_with_own_runtime(|database, _| {
        let issuer = Issuer::start();
        let clock = Clock::new();
        let client = crate::common::builders::block_on(async || client(database, &issuer, &clock));
        let good = issuer.token(role("viewer", Value::Null));
        let unknown = SigningKey::rsa("made-up", 0).sign(&header("made-up"), &issuer.claims(json!({})));
        for round in 1..=3 {
            let tokens = [good.clone(), unknown.clone()];
            let statuses = in_threads(&client, 6, async move |client, index| {
                (index % 2, read_status(&client, &tokens[index % 2]).await)
            });
            for (which, status) in statuses {
                assert_eq!(status, [200, 401][which]);
            }
            assert_eq!(issuer.requests(), (round, round));
            clock.advance(30);
        }
    });
}

#[test]
fn keys_stay_valid_for_a_day_while_the_issuer_is_unreachable() {
    on_one(async |database| {
        let issuer = Issuer::start();
        let clock = Clock::new();
        let client = client(&database, &issuer, &clock);
        let token = issuer.token(with(role("viewer", Value::Null), json!({ "exp": in_seconds(1_000) })));
        assert_eq!(read_status(&client, &token).await, 200);
        issuer.set_behavior(Behavior::Failing);
        clock.advance(11 * 60);
        assert_eq!(read_status(&client, &token).await, 200);
        assert_eq!(issuer.requests(), (2, 1), "it was asked, in vain");
        assert_eq!(read_status(&client, &token).await, 200);
        assert_eq!(issuer.requests(), (2, 1), "and not again at once");
        let unknown = SigningKey::rsa("made-up", 0).sign(&header("made-up"), &issuer.claims(json!({})));
        assert_eq!(read_status(&client, &unknown).await, 401);
        clock.advance(24 * 60 * 60 - 11 * 60 - 1);
        assert_eq!(read_status(&client, &token).await, 200);
        clock.advance(1);
        let refused = client.with_key(&token).get("sectors").await.expect(503);
        assert_eq!(refused.body["code"], "unavailable");
        issuer.set_behavior(Behavior::Good);
        clock.advance(5);
        assert_eq!(read_status(&client, &token).await, 200);
    });
}

#[test]
fn without_the_issuers_keys_tokens_get_503_and_api_keys_work() {
    on_one(async |database| {
        let issuer = Issuer::start();
        let token = issuer.token(role("viewer", Value::Null));
        for behavior in [
            Behavior::Failing,
            Behavior::Garbage,
            Behavior::Huge,
            Behavior::Redirecting,
            Behavior::Foreign,
            Behavior::Plain,
        ] {
            let clock = Clock::new();
            let client = client(&database, &issuer, &clock);
            issuer.set_behavior(behavior);
            let before = issuer.requests();
            for _ in 0..3 {
                let refused = client.with_key(&token).get("sectors").await.expect(503);
                assert!(!refused.header("retry-after").is_empty(), "{behavior:?}");
            }
            let asks_for_keys = matches!(behavior, Behavior::Huge | Behavior::Redirecting);
            let expected_requests = (before.0 + 1, before.1 + usize::from(asks_for_keys));
            assert_eq!(issuer.requests(), expected_requests, "{behavior:?}: once, and nobody else");
            client.get("sectors").await.expect(200);
            client.anonymous().get("sectors").await.expect(200);
            issuer.set_behavior(Behavior::Good);
            clock.advance(5);
            assert_eq!(read_status(&client, &token).await, 200, "{behavior:?}");
        }

        issuer.set_behavior(Behavior::Silent);
        let impatient = Times { question: Duration::from_millis(100), ..Clock::new().times() };
        let client = client_with(&database, &issuer, impatient, |_| {});
        let before = issuer.requests();
        client.with_key(&token).get("sectors").await.expect(503);
        assert_eq!(issuer.requests(), (before.0 + 1, before.1));

        issuer.stop().await;
        let client = self::client(&database, &issuer, &Clock::new());
        client.with_key(&token).get("sectors").await.expect(503);
        client.get("sectors").await.expect(200);
    });
}

#[test]
fn a_private_service_accepts_tokens() {
    on_each(|database| async move {
        let issuer = Issuer::start();
        let client = client_with(&database, &issuer, Clock::new().times(), |settings| settings.private = true);
        let holder = client.with_key(issuer.token(role("viewer", Value::Null)));
        let response = holder.get("pairings").await.expect(200);
        assert_eq!(response.header("cache-control"), "private, no-cache");
        client.anonymous().get("pairings").await.expect(401);
        client.with_key(issuer.token(json!({}))).get("pairings").await.expect(403);
    });
}

#[test]
fn a_service_without_an_issuer_refuses_tokens() {
    on_one(async |database| {
        let issuer = Issuer::start();
        let token = issuer.token(role("admin", Value::Null));
        assert_eq!(read_status(&client(&database, &issuer, &Clock::new()), &token).await, 200);
        let before = issuer.requests();
        assert_eq!(read_status(&database.client(), &token).await, 401);
        assert_eq!(issuer.requests(), before);
    });
}
