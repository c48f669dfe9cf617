//! Keys of an OpenID Connect issuer: which are used, when they are fetched, and how long they stay valid.

use std::time::Duration;

use pairing_tracker::access::oidc::Times;
use serde_json::{Value, json};

use crate::common::builders::{in_threads, on_each_with_own_runtime};
use crate::common::issuer::{
    Behavior, Clock, Issuer, SigningKey, client, client_with, header, in_seconds, on_sqlite, read_status, role,
};
use crate::common::records::with;

#[test]
fn keys_with_another_use_are_ignored() {
    on_sqlite(async |database| {
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
    on_sqlite(async |database| {
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
    on_sqlite(async |database| {
        let issuer = Issuer::start();
        let clock = Clock::new();
        let client = client(&database, &issuer, &clock);
        let (first, second) = (SigningKey::rsa("first", 0), SigningKey::rsa("second", 1));
        let claims = issuer.claims(role("viewer", Value::Null));
        let old = first.sign(&header("first"), &claims);
        let new = second.sign(&header("second"), &claims);
        assert_eq!(issuer.requests(), (0, 0), "no request before the first token");
        assert_eq!(read_status(&client, &old).await, 200);
        assert_eq!(issuer.requests(), (1, 1));

        issuer.publish(&[&first, &second]);
        clock.advance(29);
        for number in 0..20 {
            assert_eq!(read_status(&client, &first.sign(&header(&format!("unknown-{number}")), &claims)).await, 401);
        }
        assert_eq!(read_status(&client, &new).await, 401, "the service may not fetch keys again yet");
        assert_eq!(issuer.requests(), (1, 1));
        clock.advance(1);
        assert_eq!(read_status(&client, &new).await, 200);
        assert_eq!(read_status(&client, &old).await, 200);
        assert_eq!(issuer.requests(), (2, 2));
        assert_eq!(read_status(&client, &second.sign(&header("first"), &claims)).await, 401, "a key has one id");

        issuer.publish(&[&second]);
        clock.advance(10 * 60 - 1);
        assert_eq!(read_status(&client, &old).await, 200, "the keys are fresh for ten minutes");
        clock.advance(1);
        assert_eq!(read_status(&client, &old).await, 401, "a withdrawn key is invalid");
        assert_eq!(read_status(&client, &new).await, 200);
        assert_eq!(issuer.requests(), (3, 3));
    });
}

#[test]
fn the_issuer_sets_the_lifetime_of_its_keys_within_bounds() {
    on_sqlite(async |database| {
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
        let unknown = SigningKey::rsa("unknown", 0).sign(&header("unknown"), &issuer.claims(json!({})));
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
    on_sqlite(async |database| {
        let issuer = Issuer::start();
        let clock = Clock::new();
        let client = client(&database, &issuer, &clock);
        let token = issuer.token(with(role("viewer", Value::Null), json!({ "exp": in_seconds(1_000) })));
        assert_eq!(read_status(&client, &token).await, 200);
        issuer.set_behavior(Behavior::Failing);
        clock.advance(11 * 60);
        assert_eq!(read_status(&client, &token).await, 200);
        assert_eq!(issuer.requests(), (2, 1), "one request, which failed");
        assert_eq!(read_status(&client, &token).await, 200);
        assert_eq!(issuer.requests(), (2, 1), "no second request at once");
        let unknown = SigningKey::rsa("unknown", 0).sign(&header("unknown"), &issuer.claims(json!({})));
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
    on_sqlite(async |database| {
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
            assert_eq!(issuer.requests(), expected_requests, "{behavior:?}: one request, and none to another host");
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
