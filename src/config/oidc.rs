//! Which issuer's tokens are taken, and where they say what.

use std::fmt;

use jsonwebtoken::Algorithm;
use url::{Host, Url};

/// The algorithms that an issuer may sign with: those of public keys alone, so that no public key is ever taken for a
/// secret (RFC 8725, 2.1 and 3.1).
pub const ALGORITHMS: &[&str] = &["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"];

/// The one issuer whose tokens are taken, and how they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcSettings {
    /// The issuer's identifier, exactly as its tokens name it in `iss`.
    pub issuer: String,
    /// What a token must name in `aud`.
    pub audience: String,
    /// The one algorithm that tokens are signed with.
    pub algorithm: Algorithm,
    /// The claim with the role: `admin`, `editor` or `viewer`, or a list in which one of them stands. A claim is named
    /// by its whole name, or by a path with dots.
    pub role_claim: String,
    /// The claim with the pairings: a list of codes or ids, the same as one text with spaces, or `*` for all.
    pub pairings_claim: String,
    /// The claim with the name that the history keeps; a token without it is named by its `sub`.
    pub name_claim: String,
}

/// The settings as they were given.
#[derive(Clone, Debug, Default)]
pub struct GivenOidc {
    pub issuer: Option<String>,
    pub audience: Option<String>,
    pub algorithm: Option<String>,
    pub role_claim: Option<String>,
    pub pairings_claim: Option<String>,
    pub name_claim: Option<String>,
}

impl OidcSettings {
    /// The settings of an issuer and its audience, with defaults for the rest.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> OidcSettings {
        OidcSettings {
            issuer: issuer.into(),
            audience: audience.into(),
            algorithm: Algorithm::RS256,
            role_claim: "pairing_tracker_role".to_owned(),
            pairings_claim: "pairing_tracker_pairings".to_owned(),
            name_claim: "preferred_username".to_owned(),
        }
    }
}

impl fmt::Display for OidcSettings {
    /// As lines of a settings file. None of them is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OidcSettings { issuer, audience, algorithm, role_claim, pairings_claim, name_claim } = self;
        writeln!(f, "oidc_issuer = {issuer:?}")?;
        writeln!(f, "oidc_audience = {audience:?}")?;
        // The library has the names of RFC 7518 for its variants.
        writeln!(f, "oidc_algorithm = \"{algorithm:?}\"")?;
        writeln!(f, "oidc_role_claim = {role_claim:?}")?;
        writeln!(f, "oidc_pairings_claim = {pairings_claim:?}")?;
        writeln!(f, "oidc_name_claim = {name_claim:?}")
    }
}

impl GivenOidc {
    /// The effective settings; `None` without an issuer. Every fault is added to the list, a line each.
    pub fn finish(self, faults: &mut Vec<String>) -> Option<OidcSettings> {
        let GivenOidc { issuer, audience, algorithm, role_claim, pairings_claim, name_claim } = self;
        let Some(issuer) = issuer else {
            for (name, given) in [
                ("oidc_audience", audience),
                ("oidc_algorithm", algorithm),
                ("oidc_role_claim", role_claim),
                ("oidc_pairings_claim", pairings_claim),
                ("oidc_name_claim", name_claim),
            ] {
                if given.is_some() {
                    faults.push(format!("{name}: means nothing without oidc_issuer"));
                }
            }
            return None;
        };
        if let Err(fault) = check_issuer(&issuer) {
            faults.push(format!("oidc_issuer: {fault}"));
        }
        let mut settings = OidcSettings::new(issuer, audience.unwrap_or_default());
        if settings.audience.is_empty() {
            faults
                .push("oidc_audience: is needed with oidc_issuer: what the tokens for this service name in aud".into());
        }
        if let Some(given) = algorithm {
            match given.parse() {
                Ok(algorithm) if ALGORITHMS.contains(&given.as_str()) => settings.algorithm = algorithm,
                _ => faults.push(format!("oidc_algorithm: no \"{given}\"; there are {}", ALGORITHMS.join(", "))),
            }
        }
        for (name, given, setting) in [
            ("oidc_role_claim", role_claim, &mut settings.role_claim),
            ("oidc_pairings_claim", pairings_claim, &mut settings.pairings_claim),
            ("oidc_name_claim", name_claim, &mut settings.name_claim),
        ] {
            match given {
                Some(claim) if claim.is_empty() => faults.push(format!("{name}: names no claim")),
                Some(claim) => *setting = claim,
                None => {}
            }
        }
        Some(settings)
    }
}

/// An issuer's identifier is a URL without query and fragment (OpenID Connect Discovery 1.0, 3).
fn check_issuer(issuer: &str) -> Result<(), String> {
    let url = check_url(issuer)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("an issuer's URL has no query and no fragment".to_owned());
    }
    Ok(())
}

/// A URL that the service may ask: by https, or by http on this very machine, where no third party can read the traffic.
pub fn check_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("\"{text}\" is no URL: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL with a user's name or a password is not taken".to_owned());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(format!("{text} is asked by http, which is taken for this machine alone; use https")),
        other => Err(format!("unknown scheme \"{other}\"; https is meant")),
    }
}

/// Whether a URL's host is this very machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_asked_by_https_or_on_this_machine() {
        for (issuer, good) in [
            ("https://id.example.org", true),
            ("https://id.example.org/realms/jiangmen", true),
            ("http://127.0.0.1:8081", true),
            ("http://localhost:8081/realms/a", true),
            ("http://[::1]:8081", true),
            ("http://id.example.org", false),
            ("http://localhost.example.org", false),
            ("http://127.0.0.1.example.org", false),
            ("https://user:secret@id.example.org", false),
            ("https://id.example.org?a=b", false),
            ("https://id.example.org#a", false),
            ("file:///etc/passwd", false),
            ("id.example.org", false),
            ("", false),
        ] {
            assert_eq!(check_issuer(issuer).is_ok(), good, "{issuer}");
        }
    }

    #[test]
    fn every_fault_is_told_at_once_and_no_algorithm_of_secrets_is_taken() {
        for algorithm in ["HS256", "HS384", "HS512", "none", "rs256", ""] {
            let given = GivenOidc {
                issuer: Some("http://id.example.org".to_owned()),
                algorithm: Some(algorithm.to_owned()),
                role_claim: Some(String::new()),
                ..GivenOidc::default()
            };
            let mut faults = Vec::new();
            given.finish(&mut faults);
            let names: Vec<&str> = faults.iter().filter_map(|fault| Some(fault.split_once(':')?.0)).collect();
            assert_eq!(names, ["oidc_issuer", "oidc_audience", "oidc_algorithm", "oidc_role_claim"], "{algorithm}");
        }
        let mut faults = Vec::new();
        let alone = GivenOidc { audience: Some("tracker".to_owned()), ..GivenOidc::default() };
        assert_eq!((alone.finish(&mut faults), faults.len()), (None, 1));
    }
}
