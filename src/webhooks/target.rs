//! Where a message may go. Whoever writes a webhook chooses what this machine connects to, so that private, link-local and
//! other special addresses are refused: when a webhook is written, and again whenever a message is sent, for the very
//! addresses that are then connected to. What a name leads to may change at any time in between.
//!
//! The operator names the networks that are meant nonetheless (`webhook_networks`), as those of an intranet; there plain
//! http is taken, too.

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

/// How long a name is looked for.
const LOOKUP_MAX: Duration = Duration::from_secs(5);

/// Why nothing is sent to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no URL of a place that is sent to by http or https")]
    Malformed,
    #[error("the URL has a user or a password")]
    Credentials,
    #[error("plain http outside the allowed networks")]
    Plain,
    #[error("an address that is not public, outside the allowed networks")]
    NotPublic,
    #[error("the name leads to no address")]
    NotResolved,
}

impl Refusal {
    /// Stable and snake_case, as a fault's code.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::Malformed => "invalid_url",
            Refusal::Credentials => "has_credentials",
            Refusal::Plain => "https_required",
            Refusal::NotPublic => "address_not_public",
            Refusal::NotResolved => "not_resolved",
        }
    }

    /// What whoever wrote the URL is told. Not which address it leads to: that is no business of a name's owner.
    pub fn message(self) -> Msg {
        match self {
            Refusal::Malformed => msg!(
                "须为 http 或 https 网址，含主机名，不含“#”部分。",
                "must be an http or https URL with a host and without a fragment"
            ),
            Refusal::Credentials => {
                msg!("网址不能含用户名或密码。", "must not hold a user or a password; messages are signed")
            }
            Refusal::Plain => msg!(
                "须为 https；只有 webhook_networks 中的网络可用 http。",
                "must be https; http is for the networks of webhook_networks alone"
            ),
            Refusal::NotPublic => msg!(
                "指向非公网地址；内网须由运维人员列入 webhook_networks。",
                "leads to an address that is not public; the operator names networks that are meant in webhook_networks"
            ),
            Refusal::NotResolved => msg!("主机名无法解析。", "names a host that leads to no address"),
        }
    }
}

/// Finds the addresses of a name and a port.
pub type Lookup = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// What may be sent to.
#[derive(Clone)]
pub struct Targets {
    /// Networks that the operator allows whatever they are.
    allowed: Vec<IpNet>,
    /// The system's own, unless a test has another.
    pub lookup: Lookup,
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Targets").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

/// Reads a URL; refuses what could not be sent to wherever it leads.
pub fn read(url: &str) -> Result<Url, Refusal> {
    let url = Url::parse(url).map_err(|_| Refusal::Malformed)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Credentials);
    }
    let is_meant = matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.fragment().is_none()
        && url.port_or_known_default().is_some_and(|port| port > 0);
    if is_meant { Ok(url) } else { Err(Refusal::Malformed) }
}

impl Targets {
    /// What is public, and these networks.
    pub fn new(allowed: Vec<IpNet>) -> Targets {
        Targets { allowed, lookup: Arc::new(|name, port| Ok((name, port).to_socket_addrs()?.collect())) }
    }

    /// Judges a URL before it is kept. A name that leads nowhere now may do so later. Blocks while it looks for a name.
    pub fn judge(&self, url: &str) -> Result<(), Refusal> {
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
            // Nothing says that it is in a network where plain http is taken.
            Err(Refusal::NotResolved) => Err(Refusal::Plain),
            found => found.map(drop),
        }
    }

    /// The addresses of a host, all of which may be connected to. Blocks while it looks for a name.
    pub fn addresses_of(&self, is_https: bool, host: &str, port: u16) -> Result<Vec<SocketAddr>, Refusal> {
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return self.permit(is_https, vec![SocketAddr::new(address, port)]);
        }
        let (sender, found) = sync_channel(1);
        let (lookup, host) = (self.lookup.clone(), host.to_owned());
        // The system's look-up knows no limit of its own.
        let looking = thread::Builder::new().name("lookup".to_owned());
        // Nobody listens any more once the time is over.
        let begun = looking.spawn(move || drop(sender.send(lookup(&host, port))));
        let found = begun.ok().and_then(|_| found.recv_timeout(LOOKUP_MAX).ok());
        let found = found.and_then(Result::ok).ok_or(Refusal::NotResolved)?;
        self.permit(is_https, found)
    }

    /// One address that is refused refuses all: a name that leads to both is no mistake to go along with.
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

/// Whether an address is one of the public internet, by the registries of special addresses (RFC 6890; IANA's "IPv4 and
/// IPv6 Special-Purpose Address Registries"). Addresses of IPv6 that stand for one of IPv4 are none: they would be a way
/// around.
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
    // This network; private use; shared by providers (CGNAT); this host; link-local.
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    // Protocols; documentation; relays of 6to4; private use; measurements; documentation.
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    // Multicast; reserved, with broadcast.
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// All that is given out for the public internet: not unspecified, loopback, mapped, NAT64, unique local, link-local or
/// multicast.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

const SPECIAL_V6: &[Ipv6Net] = &[
    // Protocols, Teredo among them; documentation; 6to4, which leads to IPv4; documentation.
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
            // Other spellings of the same.
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
            assert_eq!(targets.judge(url).err(), refusal, "{url}");
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
            assert_eq!(targets.judge(url).err(), refusal, "{url}");
        }
        assert_eq!(targets.addresses_of(true, "nowhere.test", 443), Err(Refusal::NotResolved));
        assert_eq!(targets.addresses_of(true, "[::1]", 443), Err(Refusal::NotPublic));
    }
}
