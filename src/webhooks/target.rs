//! Validates the addresses that messages may be sent to. The author of a webhook chooses what this machine connects to,
//! so private, link-local and other special addresses are rejected to prevent server-side request forgery. The check
//! runs when a webhook is written and again before every attempt, on the exact addresses that are then connected to,
//! because DNS records may change in between.
//!
//! The operator can allow networks such as an intranet with `webhook_networks`; plain http is accepted there, too.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

use crate::model::text::Msg;
use crate::msg;

/// Timeout of a DNS lookup.
const LOOKUP_MAX: Duration = Duration::from_secs(5);

/// Why a URL is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("not an http or https URL that can be sent to")]
    Malformed,
    #[error("the URL contains a user or a password")]
    Credentials,
    #[error("plain http outside the allowed networks")]
    Plain,
    #[error("not a public address, outside the allowed networks")]
    NotPublic,
    #[error("the host name cannot be resolved")]
    NotResolved,
}

impl Refusal {
    /// Returns the stable snake_case error code.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::Malformed => "invalid_url",
            Refusal::Credentials => "has_credentials",
            Refusal::Plain => "https_required",
            Refusal::NotPublic => "address_not_public",
            Refusal::NotResolved => "not_resolved",
        }
    }

    /// Returns the message for the client. It omits the resolved address, which must not be disclosed.
    pub fn message(self) -> Msg {
        match self {
            Refusal::Malformed => msg!(
                "须为 http 或 https 网址，含主机名，不含“#”部分。",
                "must be an http or https URL with a host and without a fragment"
            ),
            Refusal::Credentials => {
                msg!(
                    "网址不能含用户名或密码。",
                    "must not contain a user or a password; messages are authenticated by their signature"
                )
            }
            Refusal::Plain => msg!(
                "须为 https；只有 webhook_networks 中的网络可用 http。",
                "must be https; http is accepted only in the networks of webhook_networks"
            ),
            Refusal::NotPublic => msg!(
                "解析到非公网地址；如需使用内网，请运维人员将其列入 webhook_networks。",
                "resolves to an address that is not public; the operator can allow networks with webhook_networks"
            ),
            Refusal::NotResolved => msg!("主机名无法解析。", "has a host name that cannot be resolved"),
        }
    }
}

/// Resolves a host name and a port.
pub type Lookup = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// The allowed targets.
#[derive(Clone)]
pub struct Targets {
    /// Networks allowed by the operator in addition to public addresses.
    allowed: Vec<IpNet>,
    /// The system's resolver; tests replace it.
    pub lookup: Lookup,
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Targets").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

/// Parses a URL and rejects what cannot be sent to regardless of its address.
pub fn read(url: &str) -> Result<Url, Refusal> {
    let url = Url::parse(url).map_err(|_| Refusal::Malformed)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Credentials);
    }
    let is_valid = matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.fragment().is_none()
        && url.port_or_known_default().is_some_and(|port| port > 0);
    if is_valid { Ok(url) } else { Err(Refusal::Malformed) }
}

impl Targets {
    /// Allows public addresses and these networks.
    pub fn new(allowed: Vec<IpNet>) -> Targets {
        Targets { allowed, lookup: Arc::new(|name, port| Ok((name, port).to_socket_addrs()?.collect())) }
    }

    /// Validates a URL before it is stored. An https URL whose name cannot be resolved is accepted, because it may
    /// resolve later. Blocks during the DNS lookup.
    pub fn validate(&self, url: &str) -> Result<(), Refusal> {
        let url = read(url)?;
        let is_https = url.scheme() == "https";
        let port = url.port_or_known_default().ok_or(Refusal::Malformed)?;
        let found = match url.host().ok_or(Refusal::Malformed)? {
            Host::Domain(name) => self.addresses_of(is_https, name, port),
            Host::Ipv4(address) => self.permit(is_https, vec![SocketAddr::new(address.into(), port)]),
            Host::Ipv6(address) => self.permit(is_https, vec![SocketAddr::new(address.into(), port)]),
        };
        match found {
            Err(Refusal::NotResolved) if is_https => Ok(()),
            // An unresolved name cannot be shown to be in an allowed network, and http is accepted only there.
            Err(Refusal::NotResolved) => Err(Refusal::Plain),
            found => found.map(drop),
        }
    }

    /// Resolves a host and returns its addresses if all are allowed. Blocks during the DNS lookup.
    pub fn addresses_of(&self, is_https: bool, host: &str, port: u16) -> Result<Vec<SocketAddr>, Refusal> {
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return self.permit(is_https, vec![SocketAddr::new(address, port)]);
        }
        let (sender, found) = sync_channel(1);
        let (lookup, host) = (self.lookup.clone(), host.to_owned());
        // The system's resolver has no timeout, so the lookup runs in its own thread.
        let looking = thread::Builder::new().name("lookup".to_owned());
        // After the timeout the receiver is dropped and sending fails, which is ignored.
        let begun = looking.spawn(move || drop(sender.send(lookup(&host, port))));
        let found = begun.ok().and_then(|_| found.recv_timeout(LOOKUP_MAX).ok());
        let found = found.and_then(Result::ok).ok_or(Refusal::NotResolved)?;
        self.permit(is_https, found)
    }

    /// Checks all addresses; one forbidden address rejects the host, because a mix of public and private addresses
    /// suggests an attack.
    fn permit(&self, is_https: bool, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refusal> {
        if addresses.is_empty() {
            return Err(Refusal::NotResolved);
        }
        for address in &addresses {
            let canonical = address.ip().to_canonical();
            if self.allowed.iter().any(|network| network.contains(&canonical)) {
                continue;
            }
            if !is_public(address.ip()) {
                return Err(Refusal::NotPublic);
            }
            if !is_https {
                return Err(Refusal::Plain);
            }
        }
        Ok(addresses)
    }
}

/// Whether an address is public, by the special-purpose registries (RFC 6890; IANA's "IPv4 and IPv6 Special-Purpose
/// Address Registries"). IPv6 addresses that embed an IPv4 address are not public, because they would bypass the check.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|network| network.contains(&address))
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(a: u16, b: u16, bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), bits)
}

const SPECIAL_V4: &[Ipv4Net] = &[
    // This network; private use; carrier-grade NAT; loopback; link-local.
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    // Protocol assignments; documentation; 6to4 relays; private use; benchmarking; documentation.
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    // Multicast; reserved, including broadcast.
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// Global unicast; excludes unspecified, loopback, IPv4-mapped, NAT64, unique local, link-local and multicast
/// addresses.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

const SPECIAL_V6: &[Ipv6Net] = &[
    // Protocol assignments, including Teredo; documentation; 6to4, which embeds IPv4; documentation.
    v6(0x2001, 0, 23),
    v6(0x2001, 0x0db8, 32),
    v6(0x2002, 0, 16),
    v6(0x3fff, 0, 20),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "192.88.99.1",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2400:3200::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    fn targets(allowed: &[&str]) -> Targets {
        let mut targets = Targets::new(allowed.iter().map(|network| network.parse().unwrap()).collect());
        targets.lookup = Arc::new(|name, port| {
            let addresses: &[&str] = match name {
                "public.test" => &["1.1.1.1"],
                "private.test" => &["10.1.2.3"],
                "both.test" => &["1.1.1.1", "10.1.2.3"],
                _ => return Err(io::ErrorKind::NotFound.into()),
            };
            Ok(addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), port)).collect())
        });
        targets
    }

    #[test]
    fn a_url_is_refused_for_what_it_is_and_where_it_leads() {
        use Refusal::{Credentials, Malformed, NotPublic, Plain};
        let targets = targets(&[]);
        for (url, refusal) in [
            ("https://public.test/hook?x=1", None),
            ("https://public.test:8443/", None),
            ("https://nowhere.test/", None),
            ("https://1.1.1.1/", None),
            ("http://public.test/", Some(Plain)),
            ("http://nowhere.test/", Some(Plain)),
            ("https://private.test/", Some(NotPublic)),
            ("https://both.test/", Some(NotPublic)),
            ("https://127.0.0.1/", Some(NotPublic)),
            // Other notations of the same address.
            ("https://127.1/", Some(NotPublic)),
            ("https://2130706433/", Some(NotPublic)),
            ("https://0x7f.0.0.1/", Some(NotPublic)),
            ("https://[::ffff:127.0.0.1]/", Some(NotPublic)),
            ("https://[::1]/", Some(NotPublic)),
            ("https://169.254.169.254/latest/meta-data", Some(NotPublic)),
            ("https://me:secret@public.test/", Some(Credentials)),
            ("https://me@public.test/", Some(Credentials)),
            ("ftp://public.test/", Some(Malformed)),
            ("file:///etc/passwd", Some(Malformed)),
            ("https://public.test/#part", Some(Malformed)),
            ("https://public.test:0/", Some(Malformed)),
            ("public.test", Some(Malformed)),
            ("https://", Some(Malformed)),
            ("", Some(Malformed)),
        ] {
            assert_eq!(targets.validate(url).err(), refusal, "{url}");
        }
    }

    #[test]
    fn allowed_networks_may_be_sent_to_by_http_too_and_no_others() {
        let targets = targets(&["10.0.0.0/8"]);
        for (url, refusal) in [
            ("http://private.test/", None),
            ("https://private.test/", None),
            ("https://both.test/", None),
            ("http://[::ffff:10.1.2.3]/", None),
            ("http://both.test/", Some(Refusal::Plain)),
            ("http://192.168.1.1/", Some(Refusal::NotPublic)),
            ("http://127.0.0.1/", Some(Refusal::NotPublic)),
        ] {
            assert_eq!(targets.validate(url).err(), refusal, "{url}");
        }
        assert_eq!(targets.addresses_of(true, "nowhere.test", 443), Err(Refusal::NotResolved));
        assert_eq!(targets.addresses_of(true, "[::1]", 443), Err(Refusal::NotPublic));
    }
}
