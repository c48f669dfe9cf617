//! TLS for outgoing requests, with the certificate authorities that the system trusts. Organizations add their own to these.

use std::sync::Arc;

use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// The configuration, and whether there is any trusted authority, without which every https request fails. The environment
/// variable `SSL_CERT_FILE` can name a file of authorities.
pub fn config() -> (TlsConfig, bool) {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "cannot read some of the certificate authorities that the system trusts");
    }
    let trusts_any = !found.certs.is_empty();
    let roots = found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
    let config = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::from(roots))
        .build();
    (config, trusts_any)
}
