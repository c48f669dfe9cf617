//! The flags of the issuer whose tokens `serve` takes.

use clap::Args;

use crate::config::PartialSettings;

#[derive(Args)]
#[command(next_help_heading = "OpenID Connect")]
pub struct OidcArgs {
    /// Take the tokens of this issuer beside keys: its URL, exactly as its tokens give it in iss
    #[arg(long = "oidc-issuer", env = "PAIRING_TRACKER_OIDC_ISSUER", value_name = "URL")]
    issuer: Option<String>,
    /// What a token must name in aud; needed with an issuer
    #[arg(long = "oidc-audience", env = "PAIRING_TRACKER_OIDC_AUDIENCE", value_name = "NAME")]
    audience: Option<String>,
    /// The one algorithm of tokens: RS256, RS384, RS512, PS256, ES256, ES384 or EdDSA [default: RS256]
    #[arg(long = "oidc-algorithm", env = "PAIRING_TRACKER_OIDC_ALGORITHM", value_name = "ALG")]
    algorithm: Option<String>,
    /// The claim with the role: admin, editor or viewer, or a list with one; dots lead into it
    /// [default: pairing_tracker_role]
    #[arg(long = "oidc-role-claim", env = "PAIRING_TRACKER_OIDC_ROLE_CLAIM", value_name = "CLAIM")]
    role_claim: Option<String>,
    /// The claim with the pairings, by code or id: a list, a text with spaces, or * for all; an editor without any
    /// writes nothing [default: pairing_tracker_pairings]
    #[arg(long = "oidc-pairings-claim", env = "PAIRING_TRACKER_OIDC_PAIRINGS_CLAIM", value_name = "CLAIM")]
    pairings_claim: Option<String>,
    /// The claim with the name that the history keeps; without it the name is the token's sub
    /// [default: preferred_username]
    #[arg(long = "oidc-name-claim", env = "PAIRING_TRACKER_OIDC_NAME_CLAIM", value_name = "CLAIM")]
    name_claim: Option<String>,
}

impl OidcArgs {
    /// The settings with what these flags say.
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
