//! Verification of token signatures with ring, as the JWT library has no cryptography of its own.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::signature as by_ring;

static PROVIDER: CryptoProvider = CryptoProvider {
    // The service never signs tokens.
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: |algorithm, key| Ok(Box::new(RingVerifier::new(*algorithm, key)?)),
    key_utils: KeyUtils {
        // These functions create JWKs; this service only reads them.
        rsa_pub_components_from_private_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
        rsa_pub_components_from_public_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
        ec_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        ed_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        compute_digest: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    },
};

/// Installs the provider for this process.
pub fn install() {
    // Fails if this provider was already installed, which is harmless.
    let _ = PROVIDER.install_default();
}

enum RingVerifier {
    /// RSA keys of 2048 to 8192 bits.
    Rsa(Algorithm, &'static by_ring::RsaParameters, DecodingKey),
    Curve(Algorithm, &'static dyn by_ring::VerificationAlgorithm, DecodingKey),
}

impl RingVerifier {
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<RingVerifier> {
        if key.family() != algorithm.family() {
            return Err(ErrorKind::InvalidKeyFormat.into());
        }
        let key = key.clone();
        Ok(match algorithm {
            Algorithm::RS256 => RingVerifier::Rsa(algorithm, &by_ring::RSA_PKCS1_2048_8192_SHA256, key),
            Algorithm::RS384 => RingVerifier::Rsa(algorithm, &by_ring::RSA_PKCS1_2048_8192_SHA384, key),
            Algorithm::RS512 => RingVerifier::Rsa(algorithm, &by_ring::RSA_PKCS1_2048_8192_SHA512, key),
            Algorithm::PS256 => RingVerifier::Rsa(algorithm, &by_ring::RSA_PSS_2048_8192_SHA256, key),
            Algorithm::ES256 => RingVerifier::Curve(algorithm, &by_ring::ECDSA_P256_SHA256_FIXED, key),
            Algorithm::ES384 => RingVerifier::Curve(algorithm, &by_ring::ECDSA_P384_SHA384_FIXED, key),
            Algorithm::EdDSA => RingVerifier::Curve(algorithm, &by_ring::ED25519, key),
            _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
        })
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let verified = match self {
            RingVerifier::Rsa(_, parameters, key) => match key.kind() {
                DecodingKeyKind::RsaModulusExponent { n, e } => {
                    by_ring::RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
                }
                DecodingKeyKind::SecretOrDer(_) => Err(ring::error::Unspecified),
            },
            RingVerifier::Curve(_, algorithm, key) => match key.kind() {
                DecodingKeyKind::SecretOrDer(point) => {
                    by_ring::UnparsedPublicKey::new(*algorithm, point).verify(message, signature)
                }
                DecodingKeyKind::RsaModulusExponent { .. } => Err(ring::error::Unspecified),
            },
        };
        verified.map_err(|_| Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        let (RingVerifier::Rsa(algorithm, ..) | RingVerifier::Curve(algorithm, ..)) = self;
        *algorithm
    }
}
