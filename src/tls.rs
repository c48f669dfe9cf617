//! TLS for what the service asks of others: with the authorities that the system trusts, which offices add their own to.

use std::sync::Arc;

use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// The configuration, and whether the system trusts any authority at all: without one no https can work. The environment's
/// `SSL_CERT_FILE` may name a file of some.
pub fn config() -> (TlsConfig, bool) {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "cannot read some of the system's trusted authorities");
    }
    let trusts_any = !found.certs.is_empty();
    let roots = found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
    let config = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::from(roots))
        .build();
    (config, trusts_any)
}
