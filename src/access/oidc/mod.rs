//! Bearer tokens of one OpenID Connect issuer, accepted in addition to API keys. The service is a resource server: it
//! fetches only the issuer's public keys and trusts tokens signed with one of them.
//!
//! Validation follows RFC 7519 (JWT), RFC 8725 (best current practice) and RFC 9068 (access tokens).

mod claims;
mod fetch;
mod keys;
mod signature;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::secrets;
use crate::config::oidc::OidcSettings;
use crate::error::{Error, Result};

pub use claims::{Holder, Pairings};
pub use keys::Times;

/// Maximum length of a token in bytes.
const TOKEN_MAX: usize = 8 * 1024;
/// Accepted clock difference to the issuer, in seconds.
const LEEWAY: u64 = 60;

/// The trusted issuer.
pub struct Issuer {
    settings: OidcSettings,
    validation: Validation,
    keys: keys::Keys,
}

impl Issuer {
    /// Creates the issuer from the settings, without a request. Fails if requests cannot succeed.
    pub fn new(settings: OidcSettings) -> Result<Issuer, String> {
        Issuer::with_times(settings, Times::default())
    }

    /// [`Issuer::new`] with other timeouts, for tests.
    pub fn with_times(settings: OidcSettings, times: Times) -> Result<Issuer, String> {
        signature::install();
        let mut validation = Validation::new(settings.algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let client =
            fetch::IssuerClient::new(&settings, times.question).map_err(|fault| format!("oidc_issuer: {fault}"))?;
        Ok(Issuer { settings, validation, keys: keys::Keys::new(client, times) })
    }

    /// Validates a token and returns its holder. Returns 401 for an invalid token, as for an invalid key, 403 for one
    /// without a role, and [`Error::Unavailable`] while the issuer's keys are unknown.
    pub async fn holder(&self, token: &str) -> Result<Holder> {
        let header = self.header(token).map_err(refused)?;
        let key = self.keys.find(header.kid.as_deref()).await?;
        let key = key.ok_or_else(|| refused("the issuer has no key with its kid"))?;
        let claims = self.claims(token, &key).map_err(refused)?;
        let holder = Holder::read(&self.settings, &claims).map_err(refused)?;
        holder.ok_or_else(|| claims::no_role().into())
    }

    /// Parses and checks the header. Key sources in the header (`jku`, `jwk`, `x5u`, `x5c`) are ignored, because an
    /// attacker could choose them.
    fn header(&self, token: &str) -> Result<Header, &'static str> {
        if token.len() > TOKEN_MAX {
            return Err("it is longer than 8192 bytes");
        }
        let header = decode_header(token).map_err(|_| "its header is malformed")?;
        if header.alg != self.settings.algorithm {
            return Err("its algorithm is not the configured one");
        }
        if header.crit.is_some() {
            return Err("its header has critical extensions (crit)");
        }
        let kind = header.typ.as_deref().map(|kind| kind.to_ascii_lowercase());
        let kind = kind.as_deref().map(|kind| kind.strip_prefix("application/").unwrap_or(kind));
        match kind {
            None | Some("jwt" | "at+jwt") => Ok(header),
            Some(_) => Err("its type is neither JWT nor at+jwt"),
        }
    }

    /// Returns the claims after validating the signature, issuer, audience and times.
    fn claims(&self, token: &str, key: &DecodingKey) -> Result<Map<String, Value>, &'static str> {
        // The messages must not contain parts of the token.
        let decoded = decode::<Map<String, Value>>(token, key, &self.validation);
        let decoded = decoded.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => "its signature is invalid",
            ErrorKind::ExpiredSignature => "it has expired",
            ErrorKind::ImmatureSignature => "it is not valid yet",
            ErrorKind::InvalidIssuer => "it has another issuer",
            ErrorKind::InvalidAudience => "it is for another audience",
            ErrorKind::MissingRequiredClaim(_) => "it lacks one of exp, iss, aud and sub",
            ErrorKind::InvalidClaimFormat(_) => "its times are malformed",
            _ => "it is malformed",
        })?;
        // The library also accepts a list of issuers.
        match decoded.claims.get("iss").and_then(Value::as_str) {
            Some(issuer) if issuer == self.settings.issuer => Ok(decoded.claims),
            _ => Err("it has another issuer"),
        }
    }
}

/// Returns the 401 error of an invalid token; the reason is only logged.
fn refused(reason: &'static str) -> Error {
    tracing::debug!(reason, "token rejected");
    secrets::invalid()
}
