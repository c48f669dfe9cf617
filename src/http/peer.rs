//! The client's address, which the limits and the log use.
//!
//! It is the address of the peer, unless the peer is a trusted proxy. Then `X-Forwarded-For` is read from right to left,
//! because each proxy appends the address of its peer: the first address that is not a trusted proxy is the client. The
//! entries to the left of it were sent by the client and can be forged, so that they are ignored.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderName;
use actix_web::{HttpMessage, HttpRequest};
use ipnet::IpNet;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether the warning about an untrusted proxy has been logged.
static WARNED: AtomicBool = AtomicBool::new(false);

/// The client's address, an extension of the request; `None` for requests without a connection, as in tests.
#[derive(Clone, Copy)]
struct Client(Option<IpAddr>);

/// Determines the client's address and stores it in the request for [`of`].
pub fn find(request: &ServiceRequest, trusted: &[IpNet]) {
    let client = request.peer_addr().map(|peer| {
        let peer = peer.ip().to_canonical();
        let forwarded: Vec<&str> =
            request.headers().get_all(&FORWARDED_FOR).map(|value| value.to_str().unwrap_or_default()).collect();
        if !forwarded.is_empty() && !is_trusted(trusted, peer) && !WARNED.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %peer,
                "a request has X-Forwarded-For, but its peer is not a trusted proxy: the limits count all requests from this \
                 peer as one client; if it is your proxy, add it to trusted_proxies (--trusted-proxy)"
            );
        }
        client(peer, &forwarded, trusted)
    });
    request.extensions_mut().insert(Client(client));
}

/// The client's address, as stored by [`find`].
pub fn of(request: &HttpRequest) -> Option<IpAddr> {
    request.extensions().get::<Client>().and_then(|client| client.0)
}

/// The address that limits count by: an IPv4 address itself, or the /64 network of an IPv6 address, in which a host chooses
/// its addresses freely (RFC 4291, section 2.5.4).
pub fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}

/// The network of an address, which usually belongs to one site or provider: /24 for IPv4, /48 for IPv6 (RFC 6177).
pub fn network(address: IpAddr) -> IpNet {
    let (address, bits) = match address.to_canonical() {
        IpAddr::V4(address) => (IpAddr::V4(address), 24),
        IpAddr::V6(address) => (IpAddr::V6(address), 48),
    };
    IpNet::new(address, bits).unwrap_or_else(|_| address.into()).trunc()
}

/// The client's address according to the lines of `X-Forwarded-For`, in order.
fn client(peer: IpAddr, forwarded: &[&str], trusted: &[IpNet]) -> IpAddr {
    let mut client = peer;
    for hop in forwarded.iter().rev().flat_map(|line| line.rsplit(',')) {
        if !is_trusted(trusted, client) {
            break;
        }
        // An invalid entry was not written by a proxy, so that everything to its left may be forged.
        let Some(address) = read(hop.trim()) else { break };
        client = address;
    }
    client
}

fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// Parses an address as proxies write it, with or without a port.
fn read(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse::<IpAddr>().or_else(|_| hop.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: &str, forwarded: &[&str]) -> String {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).into();
        client(peer.parse::<IpAddr>().unwrap().to_canonical(), forwarded, &trusted).to_string()
    }

    #[test]
    fn only_entries_of_trusted_proxies_are_used() {
        for (peer, forwarded, client) in [
            ("203.0.113.9", &[][..], "203.0.113.9"),
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            // The client's own entries are on the left.
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2", "fd00::1"], "198.51.100.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["198.51.100.1, nonsense, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["nonsense"], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("fd00::2", &["2001:db8::1"], "2001:db8::1"),
        ] {
            assert_eq!(found(peer, forwarded), client, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn an_address_has_a_network() {
        for (address, wanted) in [
            ("198.51.100.7", "198.51.100.0/24"),
            ("::ffff:198.51.100.7", "198.51.100.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ] {
            assert_eq!(network(address.parse().unwrap()).to_string(), wanted);
        }
    }

    #[test]
    fn an_ipv6_client_is_counted_by_its_network() {
        for (address, as_what) in [
            ("198.51.100.1", "198.51.100.1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ] {
            assert_eq!(counted(address.parse().unwrap()).to_string(), as_what);
        }
    }
}
