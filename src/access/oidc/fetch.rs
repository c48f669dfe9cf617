//! Fetches the discovery document and the keys of the issuer.

use std::time::Duration;

use actix_web::http::header::CacheDirective;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::{Agent, Proxy};

use crate::config::oidc::{OidcSettings, check_url, is_loopback};
use crate::tls;

/// Maximum size of a response in bytes.
const ANSWER_MAX: u64 = 1024 * 1024;

/// A public key of the issuer for verifying tokens.
pub struct Key {
    /// The key id (`kid`); optional in a set of one key.
    pub kid: Option<String>,
    pub key: DecodingKey,
}

/// The issuer's metadata (OpenID Connect Discovery 1.0, 3).
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// A JWK set (RFC 7517, 5). `jsonwebtoken::jwk::JwkSet` fails as a whole if one of its keys is malformed.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// HTTP client for an issuer, with the system's trusted authorities and without redirects. Blocking, so call it outside
/// the server's threads.
pub struct IssuerClient {
    issuer: String,
    algorithm: Algorithm,
    agent: Agent,
}

impl IssuerClient {
    /// Fails if the issuer uses https and the system trusts no certificate authority.
    pub fn new(settings: &OidcSettings, timeout: Duration) -> Result<IssuerClient, String> {
        let url = check_url(&settings.issuer)?;
        let (tls, trusts_any) = tls::config();
        if !trusts_any && url.scheme() == "https" {
            return Err(
                "the system trusts no certificate authority; set SSL_CERT_FILE to a file of certificates".to_owned()
            );
        }
        let agent = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(timeout))
            .max_redirects(0)
            .max_idle_connections(0)
            // A proxy cannot reach this machine's loopback addresses.
            .proxy(if is_loopback(&url) { None } else { Proxy::try_from_env() })
            .user_agent(concat!("pairing-tracker/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(IssuerClient { issuer: settings.issuer.clone(), algorithm: settings.algorithm, agent })
    }

    /// Fetches the issuer's keys and their lifetime by `Cache-Control`; `None` if the header is missing.
    pub fn fetch(&self) -> Result<(Vec<Key>, Option<Duration>), String> {
        let place = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let (discovery, _) = self.get::<Discovery>(&place)?;
        if discovery.issuer != self.issuer {
            return Err(format!("{place} belongs to another issuer: {}", discovery.issuer));
        }
        check_url(&discovery.jwks_uri).map_err(|fault| format!("the jwks_uri of {place}: {fault}"))?;
        let (set, age) = self.get::<KeySet>(&discovery.jwks_uri)?;
        let keys: Vec<Key> = set.keys.into_iter().filter_map(|key| usable(key, self.algorithm)).collect();
        if keys.is_empty() {
            let (place, algorithm) = (&discovery.jwks_uri, self.algorithm);
            tracing::warn!(
                place,
                ?algorithm,
                "the issuer has no key for the configured algorithm; all tokens are rejected"
            );
        }
        Ok((keys, age))
    }

    fn get<T: DeserializeOwned>(&self, url: &str) -> Result<(T, Option<Duration>), String> {
        let failed = |error: ureq::Error| format!("{url}: {error}");
        let mut answer = self.agent.get(url).header("Accept", "application/json").call().map_err(failed)?;
        if answer.status() != 200 {
            return Err(format!("{url}: status {}", answer.status()));
        }
        let cache_control = answer.headers().get("cache-control").and_then(|value| value.to_str().ok());
        let age = cache_control.and_then(max_age);
        let body = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_vec().map_err(failed)?;
        let read = serde_json::from_slice(&body);
        // serde's message may quote the response, so only the line is reported.
        read.map(|value| (value, age)).map_err(|error| format!("{url}: unexpected content at line {}", error.line()))
    }
}

/// Parses the lifetime of a response (RFC 9111, 5.2.2); zero if it must not be cached. Directives that are malformed are
/// ignored.
fn max_age(cache_control: &str) -> Option<Duration> {
    let lower = cache_control.to_ascii_lowercase();
    let directives: Vec<CacheDirective> = lower.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    if directives.contains(&CacheDirective::NoStore) || directives.contains(&CacheDirective::NoCache) {
        return Some(Duration::ZERO);
    }
    directives.iter().find_map(|directive| match directive {
        CacheDirective::MaxAge(seconds) => Some(Duration::from_secs(u64::from(*seconds))),
        _ => None,
    })
}

/// Returns the key if its parameters permit verifying signatures of the algorithm (RFC 7517, 4).
fn usable(key: Value, algorithm: Algorithm) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    let right_kind = match (&jwk.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 | Algorithm::PS256) => {
            true
        }
        (AlgorithmParameters::EllipticCurve(point), Algorithm::ES256) => point.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(point), Algorithm::ES384) => point.curve == EllipticCurve::P384,
        (AlgorithmParameters::OctetKeyPair(point), Algorithm::EdDSA) => point.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    let common = &jwk.common;
    let right_algorithm = common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
    let for_signatures = common.public_key_use.as_ref().is_none_or(|named| *named == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|named| named.contains(&KeyOperations::Verify));
    if !(right_kind && right_algorithm && for_signatures) {
        return None;
    }
    Some(Key { key: DecodingKey::from_jwk(&jwk).ok()?, kid: jwk.common.key_id })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_says_how_long_it_holds() {
        for (header, seconds) in [
            ("max-age=300", Some(300)),
            ("public, Max-Age=300, must-revalidate", Some(300)),
            ("no-store", Some(0)),
            ("max-age=300, no-cache", Some(0)),
            ("public", None),
            ("max-age=-1", None),
            ("", None),
        ] {
            assert_eq!(max_age(header), seconds.map(Duration::from_secs), "{header}");
        }
    }

    #[test]
    fn a_key_that_says_something_against_the_algorithm_is_left_out() {
        let rsa = |more: Value| {
            let mut key = json!({ "kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB" });
            key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            key
        };
        let is_usable = |key: Value, algorithm| usable(key, algorithm).is_some();
        for more in [json!({}), json!({ "use": "sig", "alg": "RS256" }), json!({ "key_ops": ["verify"] })] {
            assert!(is_usable(rsa(more.clone()), Algorithm::RS256), "{more}");
            assert!(!is_usable(rsa(more), Algorithm::ES256));
        }
        for more in [
            json!({ "use": "enc" }),
            json!({ "alg": "RS384" }),
            json!({ "alg": "RSA-OAEP" }),
            json!({ "key_ops": ["encrypt"] }),
            json!({ "kty": "oct", "k": "AQAB" }),
            json!({ "n": "not base64!" }),
            json!({ "n": 1 }),
            json!({ "kty": "AKP", "alg": "ML-DSA-65" }),
        ] {
            assert!(!is_usable(rsa(more.clone()), Algorithm::RS256), "{more}");
        }
        let curve = |crv: &str| json!({ "kty": "EC", "crv": crv, "x": "AQAB", "y": "AQAB" });
        assert!(is_usable(curve("P-256"), Algorithm::ES256) && !is_usable(curve("P-256"), Algorithm::ES384));
        assert!(is_usable(curve("P-384"), Algorithm::ES384) && !is_usable(curve("P-384"), Algorithm::RS256));
        assert!(is_usable(json!({ "kty": "OKP", "crv": "Ed25519", "x": "AQAB" }), Algorithm::EdDSA));
    }
}
