//! Sends a message once and classifies the outcome.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

use super::schedule;
use super::target::{self, Refusal, Targets};
use crate::{text_enum, tls};

/// Total timeout of one attempt; the specification recommends 15 to 30 seconds.
const ATTEMPT_MAX: Duration = Duration::from_secs(15);
/// Maximum size of a response head in bytes. The body is not read.
const HEAD_MAX: usize = 16 * 1024;

text_enum! {
    /// Why an attempt failed.
    Failure as "WebhookFailure" {
        /// The response status was not 2xx; redirects are not followed. 返回非 2xx 状态码.
        Status => "status",
        /// No response within 15 seconds. 超时.
        Timeout => "timeout",
        /// The URL resolves to an address that is neither public nor allowed, or uses plain http outside the allowed
        /// networks. 目标地址不允许.
        TargetRefused => "target_refused",
        /// The host name could not be resolved. 主机名无法解析.
        NotResolved => "not_resolved",
        /// The connection was refused or broken. 无法连接.
        NotConnected => "not_connected",
        /// The receiver's certificate is invalid, or TLS failed for another reason. TLS 失败.
        Tls => "tls",
        /// The response was not valid HTTP. 非 HTTP 响应.
        Protocol => "protocol",
        /// The message could not be built; the service's log has the details. 消息无法生成.
        Message => "message",
    }
}

/// A signed message.
#[derive(Debug)]
pub struct Message {
    pub url: String,
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: i64,
    /// `webhook-signature`.
    pub signature: String,
    /// JSON.
    pub body: Vec<u8>,
}

/// The outcome of an attempt; delivered if `failure` is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// HTTP status of the response, if there was one.
    pub status: Option<u16>,
    pub failure: Option<Failure>,
    /// Delay requested by the receiver with `Retry-After`.
    pub retry_after: Option<Duration>,
}

impl Outcome {
    /// Returns the outcome of an attempt without a response.
    pub fn failed(failure: Failure) -> Outcome {
        Outcome { failure: Some(failure), ..Outcome::default() }
    }
}

/// HTTP client for messages. Connects to validated addresses only, without redirects, proxies or connection reuse.
#[derive(Debug)]
pub struct Sender {
    agent: Agent,
}

impl Sender {
    /// Creates a sender. Logs a warning if the system trusts no certificate authority, because https then fails.
    pub fn new(targets: Arc<Targets>) -> Sender {
        let (tls, trusts_any) = tls::config();
        if !trusts_any {
            tracing::warn!("the system trusts no certificate authority: webhooks cannot be delivered over https");
        }
        let config = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(ATTEMPT_MAX))
            .http_status_as_error(false)
            .max_redirects(0)
            // A reused connection would skip the validation of the address.
            .max_idle_connections(0)
            // Ignores proxies of the environment: a proxy would resolve the name itself, without the validation.
            .proxy(None)
            .max_response_header_size(HEAD_MAX)
            .user_agent(concat!("pairing-tracker/", env!("CARGO_PKG_VERSION")))
            .accept("*/*")
            .build();
        Sender { agent: Agent::with_parts(config, DefaultConnector::default(), ValidatingResolver(targets)) }
    }

    /// Sends a message. Blocks for at most 15 seconds.
    pub fn send(&self, message: &Message) -> Outcome {
        // The parsed URL has the host in the normalized form that was validated.
        let Ok(url) = target::read(&message.url) else { return Outcome::failed(Failure::TargetRefused) };
        let sent = self
            .agent
            .post(url.as_str())
            .header("Content-Type", "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", message.timestamp.to_string())
            .header("webhook-signature", &message.signature)
            .send(message.body.as_slice());
        match sent {
            Ok(response) => {
                let status = response.status();
                let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
                Outcome {
                    status: Some(status.as_u16()),
                    failure: (!status.is_success()).then_some(Failure::Status),
                    retry_after: header.and_then(|header| schedule::retry_after(header, Utc::now())),
                }
            }
            Err(error) => Outcome::failed(failure_of(&error)),
        }
    }
}

/// Classifies an error. Its text is not stored because it may contain the URL.
fn failure_of(error: &Error) -> Failure {
    match error {
        Error::Timeout(_) => Failure::Timeout,
        Error::Other(cause) => match cause.downcast_ref::<Refusal>() {
            Some(Refusal::NotResolved) => Failure::NotResolved,
            Some(_) => Failure::TargetRefused,
            None => Failure::NotConnected,
        },
        Error::HostNotFound => Failure::NotResolved,
        Error::Tls(_) | Error::Rustls(_) | Error::Pem(_) => Failure::Tls,
        // Errors that rustls detects while reading are wrapped in I/O errors.
        Error::Io(cause) if cause.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => Failure::Tls,
        Error::Io(cause) if cause.kind() == std::io::ErrorKind::TimedOut => Failure::Timeout,
        Error::Io(_) | Error::ConnectionFailed => Failure::NotConnected,
        Error::BadUri(_) | Error::Http(_) => Failure::TargetRefused,
        _ => Failure::Protocol,
    }
}

/// Resolver that returns only allowed addresses. The agent connects to exactly these addresses, so DNS cannot change in
/// between.
#[derive(Debug)]
struct ValidatingResolver(Arc<Targets>);

impl Resolver for ValidatingResolver {
    fn resolve(&self, uri: &Uri, _: &ureq::config::Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let refused = |refusal: Refusal| Error::Other(Box::new(refusal));
        let host = uri.host().ok_or_else(|| refused(Refusal::Malformed))?;
        let is_https = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let mut addresses: ResolvedSocketAddrs = self.empty();
        let found: Vec<SocketAddr> = self.0.addresses_of(is_https, host, port).map_err(refused)?;
        for address in found {
            // `ResolvedSocketAddrs` has a fixed capacity; further addresses are not tried.
            if addresses.try_push(address).is_err() {
                break;
            }
        }
        Ok(addresses)
    }
}
