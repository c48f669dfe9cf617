//! Tokens of an OpenID Connect issuer: the rights that they give, and the tokens that are refused.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::common::builders::bare_agreement;
use crate::common::issuer::{
    AUDIENCE, Clock, Issuer, SigningKey, client, client_with, header, in_seconds, on_sqlite, read_status, role,
    sign_with_secret, unsigned,
};
use crate::common::on_each;
use crate::common::privacy::{FOREIGN, OWN};
use crate::common::records::{approved, commitment, create, milestone, with};

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

/// Tokens of an issuer with one key, `first`, and of a stranger whose key has the same id.
struct Tokens {
    issuer: Issuer,
    key: SigningKey,
    stranger: SigningKey,
}

impl Tokens {
    /// The claims of a viewer with changes.
    fn claims(&self, changes: Value) -> Value {
        self.issuer.claims(with(role("viewer", Value::Null), changes))
    }

    /// A valid token but for changed claims.
    fn signed(&self, changes: Value) -> String {
        self.key.sign(&header("first"), &self.claims(changes))
    }

    /// A valid token but for a changed header.
    fn with_header(&self, changes: Value) -> String {
        self.key.sign(&with(header("first"), changes), &self.claims(json!({})))
    }

    fn valid(&self) -> Vec<(&'static str, String)> {
        vec![
            ("unmodified", self.signed(json!({}))),
            ("two audiences", self.signed(json!({ "aud": ["account", AUDIENCE] }))),
            ("expired within the leeway", self.signed(json!({ "exp": in_seconds(-30) }))),
            ("valid within the leeway", self.signed(json!({ "nbf": in_seconds(30) }))),
            ("an access token", self.with_header(json!({ "typ": "at+jwt" }))),
            ("an access token by its full media type", self.with_header(json!({ "typ": "application/at+jwt" }))),
            ("no type", self.key.sign(&json!({ "alg": "RS256", "kid": "first" }), &self.claims(json!({})))),
            ("no kid where there is one key", self.key.sign(&json!({ "alg": "RS256" }), &self.claims(json!({})))),
            (
                "with its own key set, which gets no request",
                self.with_header(json!({ "jku": format!("{}/elsewhere", self.issuer.url) })),
            ),
        ]
    }

    fn with_invalid_claims(&self) -> Vec<(&'static str, String)> {
        vec![
            ("another audience", self.signed(json!({ "aud": "account" }))),
            ("no audience", self.signed(json!({ "aud": null }))),
            ("other audiences", self.signed(json!({ "aud": ["account", "pairing-tracker-2"] }))),
            ("another issuer", self.signed(json!({ "iss": "https://id.example.org" }))),
            ("the issuer with an additional slash", self.signed(json!({ "iss": format!("{}/", self.issuer.url) }))),
            ("the issuer among others", self.signed(json!({ "iss": [self.issuer.url, "https://id.example.org"] }))),
            ("no issuer", self.signed(json!({ "iss": null }))),
            ("expired", self.signed(json!({ "exp": in_seconds(-90) }))),
            ("no expiry", self.signed(json!({ "exp": null }))),
            ("an expiry as text", self.signed(json!({ "exp": "tomorrow" }))),
            ("not valid yet", self.signed(json!({ "nbf": in_seconds(90) }))),
            ("a start as text", self.signed(json!({ "nbf": "today" }))),
            ("no subject", self.signed(json!({ "sub": null }))),
            ("an empty subject", self.signed(json!({ "sub": "" }))),
            ("a long subject", self.signed(json!({ "sub": "x".repeat(256) }))),
            ("a subject of two lines", self.signed(json!({ "sub": "a\nb" }))),
            ("a name of two lines", self.signed(json!({ "preferred_username": "a\nb" }))),
            ("a long token", self.signed(json!({ "filler": "x".repeat(8 * 1024) }))),
        ]
    }

    /// Tokens with an invalid header, signature or form.
    fn with_invalid_signatures(&self) -> Vec<(&'static str, String)> {
        let n = self.key.jwk()["n"].as_str().expect("a modulus").to_owned();
        let hs256 = json!({ "alg": "HS256", "typ": "JWT", "kid": "first" });
        let none = json!({ "alg": "none", "typ": "JWT", "kid": "first" });
        let good = self.signed(json!({}));
        let (head, rest) = good.split_once('.').expect("three parts");
        let (body, signature) = rest.split_once('.').expect("three parts");
        let other_body = self.signed(role("admin", Value::Null));
        let other_body = other_body.split('.').nth(1).expect("three parts");
        vec![
            ("no algorithm", unsigned(&none, &self.claims(json!({})))),
            ("no algorithm, with a signature", self.key.sign(&none, &self.claims(json!({})))),
            ("a secret", sign_with_secret(n.as_bytes(), &hs256, &self.claims(json!({})))),
            (
                "a secret of the key file",
                sign_with_secret(self.key.jwk().to_string().as_bytes(), &hs256, &self.claims(json!({}))),
            ),
            ("another algorithm of the same key", self.with_header(json!({ "alg": "RS384" }))),
            ("another padding of the same key", self.with_header(json!({ "alg": "PS256" }))),
            ("an unknown algorithm", self.with_header(json!({ "alg": "RS257" }))),
            ("an unknown key", self.key.sign(&header("second"), &self.claims(json!({})))),
            ("a key of another issuer with the same id", self.stranger.sign(&header("first"), &self.claims(json!({})))),
            (
                "a key of another issuer in the header of the token",
                self.stranger
                    .sign(&with(header("first"), json!({ "jwk": self.stranger.jwk() })), &self.claims(json!({}))),
            ),
            ("a critical extension", self.with_header(json!({ "crit": ["exp"], "exp": 1 }))),
            ("an empty list of critical extensions", self.with_header(json!({ "crit": [] }))),
            ("another type", self.with_header(json!({ "typ": "logout+jwt" }))),
            ("other claims", format!("{head}.{other_body}.{signature}")),
            ("no signature", format!("{head}.{body}.")),
            ("two parts", format!("{head}.{body}")),
            ("four parts", format!("{good}.{signature}")),
            ("something else", "abc".to_owned()),
            ("nothing", String::new()),
        ]
    }
}

#[test]
fn an_invalid_token_is_refused_like_a_wrong_key() {
    on_sqlite(async |database| {
        let issuer = Issuer::start();
        let client = client(&database, &issuer, &Clock::new());
        let tokens = Tokens { issuer, key: SigningKey::rsa("first", 0), stranger: SigningKey::rsa("first", 1) };
        for (what, token) in tokens.valid() {
            assert_eq!(read_status(&client, &token).await, 200, "{what}");
        }
        let wrong_key = client.with_key("ptk_wrong").get("sectors").await.expect(401);
        for (what, token) in tokens.with_invalid_claims().into_iter().chain(tokens.with_invalid_signatures()) {
            let mut refused = client.with_key(&token).get("sectors").await;
            assert_eq!(refused.status.as_u16(), 401, "{what}");
            refused.body["request_id"] = wrong_key.body["request_id"].clone();
            assert_eq!(refused.body, wrong_key.body, "{what}");
            assert!(refused.header("www-authenticate").starts_with("Bearer"), "{what}");
        }
        assert_eq!(tokens.issuer.requests(), (1, 1), "nothing in a token makes the service send requests");
    });
}

#[test]
fn only_the_configured_algorithm_is_accepted() {
    const ALGORITHMS: [&str; 7] = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"];
    on_sqlite(async |database| {
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
    on_sqlite(async |database| {
        let issuer = Issuer::start();
        let token = issuer.token(role("admin", Value::Null));
        assert_eq!(read_status(&client(&database, &issuer, &Clock::new()), &token).await, 200);
        let before = issuer.requests();
        assert_eq!(read_status(&database.client(), &token).await, 401);
        assert_eq!(issuer.requests(), before);
    });
}
