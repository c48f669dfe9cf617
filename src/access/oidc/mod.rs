//! Tokens of one OpenID Connect issuer, beside the service's own keys. The service is a resource server: it asks the
//! issuer for nothing but its public keys, and believes what a token says that is signed with one of them.
//!
//! What is checked follows RFC 7519 (JWT), RFC 8725 (their best current practice) and RFC 9068 (as access tokens).

mod claims;
mod fetch;
mod keys;
mod settings;
mod signature;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::keys::not_good;
use crate::error::{Error, Result};

pub use claims::{Holder, Pairings};
pub use keys::Times;
pub use settings::{ALGORITHMS, GivenOidc, OidcSettings};

/// The most bytes of a token.
const TOKEN_MAX: usize = 8 * 1024;
/// How far the issuer's clock may be from ours, in seconds.
const LEEWAY: u64 = 60;

/// The issuer whose tokens are taken.
pub struct Issuer {
    settings: OidcSettings,
    validation: Validation,
    keys: keys::Keys,
}

impl Issuer {
    /// The issuer of the settings, which is not asked for anything yet. Fails where it could not be asked at all.
    pub fn new(settings: OidcSettings) -> Result<Issuer, String> {
        Issuer::with_times(settings, Times::default())
    }

    /// [`Issuer::new`] with other times.
    pub fn with_times(settings: OidcSettings, times: Times) -> Result<Issuer, String> {
        signature::install();
        let mut validation = Validation::new(settings.algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let asker = fetch::Asker::new(&settings, times.question).map_err(|fault| format!("oidc_issuer: {fault}"))?;
        Ok(Issuer { settings, validation, keys: keys::Keys::new(asker, times) })
    }

    /// Who holds a token. Refuses a token that is no good as a wrong key is refused (401), and one that grants no role
    /// (403); fails with [`Error::Unavailable`] while the issuer's keys are not known.
    pub async fn holder(&self, token: &str) -> Result<Holder> {
        let header = self.header(token).map_err(refused)?;
        let key = self.keys.find(header.kid.as_deref()).await?;
        let key = key.ok_or_else(|| refused("the issuer has no key of its kid"))?;
        let claims = self.claims(token, &key).map_err(refused)?;
        let holder = Holder::read(&self.settings, &claims).map_err(refused)?;
        holder.ok_or_else(|| claims::no_role().into())
    }

    /// The header, which names the algorithm and the key; where else keys could be found (`jku`, `jwk`, `x5u`, `x5c`)
    /// is never looked at.
    fn header(&self, token: &str) -> Result<Header, &'static str> {
        if token.len() > TOKEN_MAX {
            return Err("it is longer than 8192 bytes");
        }
        let header = decode_header(token).map_err(|_| "its header cannot be read")?;
        if header.alg != self.settings.algorithm {
            return Err("its algorithm is not the one of the settings");
        }
        if header.crit.is_some() {
            return Err("its header names what must be understood (crit)");
        }
        let kind = header.typ.as_deref().map(|kind| kind.to_ascii_lowercase());
        let kind = kind.as_deref().map(|kind| kind.strip_prefix("application/").unwrap_or(kind));
        match kind {
            None | Some("jwt" | "at+jwt") => Ok(header),
            Some(_) => Err("its type is another one than JWT or at+jwt"),
        }
    }

    /// The claims, once the signature and whom and when they are for is checked.
    fn claims(&self, token: &str, key: &DecodingKey) -> Result<Map<String, Value>, &'static str> {
        // None of the words repeats what stands in the token.
        let decoded = decode::<Map<String, Value>>(token, key, &self.validation);
        let decoded = decoded.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => "its signature is wrong",
            ErrorKind::ExpiredSignature => "it has expired",
            ErrorKind::ImmatureSignature => "it is not valid yet",
            ErrorKind::InvalidIssuer => "it is of another issuer",
            ErrorKind::InvalidAudience => "it is for another audience",
            ErrorKind::MissingRequiredClaim(_) => "it lacks one of exp, iss, aud and sub",
            ErrorKind::InvalidClaimFormat(_) => "its times are none",
            _ => "it cannot be read",
        })?;
        // The library takes a list of issuers, too.
        match decoded.claims.get("iss").and_then(Value::as_str) {
            Some(issuer) if issuer == self.settings.issuer => Ok(decoded.claims),
            _ => Err("it is of another issuer"),
        }
    }
}

/// The refusal of a token that is no good; what is wrong with it is told to the log alone.
fn refused(reason: &'static str) -> Error {
    tracing::debug!(reason, "a token is refused");
    not_good()
}
