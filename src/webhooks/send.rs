//! One attempt to send a message, and what came of it.

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

/// How long one attempt may take as a whole; the convention asks for 15 to 30 seconds.
const ATTEMPT_MAX: Duration = Duration::from_secs(15);
/// The most bytes of an answer's head. Its body is not read.
const HEAD_MAX: usize = 16 * 1024;

text_enum! {
    /// Why an attempt failed.
    Failure as "WebhookFailure" {
        /// It was answered with another status than 2xx; a redirect is not followed. 返回非 2xx 状态码.
        Status => "status",
        /// It was not answered within 15 seconds. 超时.
        Timeout => "timeout",
        /// The URL leads to an address that is not public and not allowed, or to such a one by plain http. 目标地址不允许.
        TargetRefused => "target_refused",
        /// The host's name leads to no address. 主机名无法解析.
        NotResolved => "not_resolved",
        /// Nobody answers at the address, or the connection broke. 无法连接.
        NotConnected => "not_connected",
        /// The receiver's certificate is not good, or TLS failed otherwise. TLS 失败.
        Tls => "tls",
        /// The answer was no HTTP. 非 HTTP 响应.
        Protocol => "protocol",
        /// The message could not be made; the service's log has the rest. 消息无法生成.
        Message => "message",
    }
}

/// A message, ready to be sent.
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

/// What came of an attempt: delivered where nothing failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    pub failure: Option<Failure>,
    /// How long the receiver asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Outcome {
    /// An attempt that had no answer.
    pub fn failed(failure: Failure) -> Outcome {
        Outcome { failure: Some(failure), ..Outcome::default() }
    }
}

/// Sends messages: to checked addresses alone, without redirects, proxies or connections that are kept.
#[derive(Debug)]
pub struct Sender {
    agent: Agent,
}

impl Sender {
    /// A sender to these targets. Without an authority that the system trusts, no https can work; the log says so.
    pub fn new(targets: Arc<Targets>) -> Sender {
        let (tls, trusts_any) = tls::config();
        if !trusts_any {
            tracing::warn!("the system trusts no authority: webhooks cannot be sent to by https");
        }
        let config = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(ATTEMPT_MAX))
            .http_status_as_error(false)
            .max_redirects(0)
            // Each message is sent to an address that was judged for it.
            .max_idle_connections(0)
            // Whatever the environment says: a proxy would look up and connect for itself.
            .proxy(None)
            .max_response_header_size(HEAD_MAX)
            .user_agent(concat!("pairing-tracker/", env!("CARGO_PKG_VERSION")))
            .accept("*/*")
            .build();
        Sender { agent: Agent::with_parts(config, DefaultConnector::default(), Judging(targets)) }
    }

    /// Sends a message. Blocks, for 15 seconds at most.
    pub fn send(&self, message: &Message) -> Outcome {
        // As it was judged, with the host in its plain spelling.
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
            Ok(answer) => {
                let status = answer.status();
                let header = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
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

/// What failed, without the words of the error, which may hold the URL.
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
        // What rustls finds wrong while it reads comes as an error of the connection.
        Error::Io(cause) if cause.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => Failure::Tls,
        Error::Io(cause) if cause.kind() == std::io::ErrorKind::TimedOut => Failure::Timeout,
        Error::Io(_) | Error::ConnectionFailed => Failure::NotConnected,
        Error::BadUri(_) | Error::Http(_) => Failure::TargetRefused,
        _ => Failure::Protocol,
    }
}

/// Looks names up, and gives none but addresses that may be connected to; what it gives is what is connected to.
#[derive(Debug)]
struct Judging(Arc<Targets>);

impl Resolver for Judging {
    fn resolve(&self, uri: &Uri, _: &ureq::config::Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let refused = |refusal: Refusal| Error::Other(Box::new(refusal));
        let host = uri.host().ok_or_else(|| refused(Refusal::Malformed))?;
        let is_https = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let mut addresses: ResolvedSocketAddrs = self.empty();
        let found: Vec<SocketAddr> = self.0.addresses_of(is_https, host, port).map_err(refused)?;
        for address in found {
            // More than it holds are not tried.
            if addresses.try_push(address).is_err() {
                break;
            }
        }
        Ok(addresses)
    }
}
