//! The options of the OpenID Connect issuer whose tokens `serve` accepts.

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::config::PartialSettings;
use crate::config::oidc::ALGORITHMS;

#[derive(Args)]
#[command(next_help_heading = "OpenID Connect")]
pub struct OidcArgs {
    /// Accept the tokens of this issuer in addition to keys: its URL, exactly as in the claim iss
    #[arg(long = "oidc-issuer", env = "PAIRING_TRACKER_OIDC_ISSUER", value_name = "URL")]
    issuer: Option<String>,
    /// The audience that the claim aud must contain; required with an issuer
    #[arg(long = "oidc-audience", env = "PAIRING_TRACKER_OIDC_AUDIENCE", value_name = "NAME")]
    audience: Option<String>,
    /// The signature algorithm of tokens [default: RS256]
    #[arg(long = "oidc-algorithm", env = "PAIRING_TRACKER_OIDC_ALGORITHM", value_name = "ALG")]
    #[arg(value_parser = PossibleValuesParser::new(ALGORITHMS))]
    algorithm: Option<String>,
    /// The claim with the role (admin, editor or viewer, or a list with one of them); dots separate nested names
    /// [default: pairing_tracker_role]
    #[arg(long = "oidc-role-claim", env = "PAIRING_TRACKER_OIDC_ROLE_CLAIM", value_name = "CLAIM")]
    role_claim: Option<String>,
    /// The claim with the pairings, by code or id: a list, a space-separated string, or * for all; an editor without
    /// pairings cannot write [default: pairing_tracker_pairings]
    #[arg(long = "oidc-pairings-claim", env = "PAIRING_TRACKER_OIDC_PAIRINGS_CLAIM", value_name = "CLAIM")]
    pairings_claim: Option<String>,
    /// The claim with the name that the history shows; if it is absent, the claim sub
    /// [default: preferred_username]
    #[arg(long = "oidc-name-claim", env = "PAIRING_TRACKER_OIDC_NAME_CLAIM", value_name = "CLAIM")]
    name_claim: Option<String>,
}

impl OidcArgs {
    /// The settings with those of these options.
    pub fn into_settings(self, settings: PartialSettings) -> PartialSettings {
        let OidcArgs { issuer, audience, algorithm, role_claim, pairings_claim, name_claim } = self;
        PartialSettings {
            oidc_issuer: issuer,
            oidc_audience: audience,
            oidc_algorithm: algorithm,
            oidc_role_claim: role_claim,
            oidc_pairings_claim: pairings_claim,
            oidc_name_claim: name_claim,
            ..settings
        }
    }
}
