//! Settings that name places in the network: proxies, origins, and the networks of webhooks.

use std::net::IpAddr;

use ipnet::IpNet;

/// The networks that a setting names: addresses, or networks as address/bits.
pub fn networks(setting: &str, given: &[String], faults: &mut Vec<String>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for text in entries(given) {
        match text.parse().or_else(|_| text.parse::<IpAddr>().map(|address| address.to_canonical().into())) {
            Ok(network) => networks.push(network),
            Err(_) => faults.push(format!(
                "{setting}: \"{text}\" is no address and no network; 192.0.2.1 or 192.0.2.0/24 is meant"
            )),
        }
    }
    networks
}

/// Networks as a settings file has them.
pub fn written(networks: &[IpNet]) -> Vec<String> {
    networks.iter().map(IpNet::to_string).collect()
}

/// The origins whose pages may call the API, as browsers write them (RFC 6454, section 6.2).
pub fn origins(given: &[String], faults: &mut Vec<String>) -> Vec<String> {
    let mut origins = Vec::new();
    for text in entries(given) {
        let origin = text.to_ascii_lowercase();
        if text == "*" {
            faults.push(
                "cors_origins: \"*\" would let every page there is call the API; name the origins, like \
                 https://example.org"
                    .to_owned(),
            );
        } else if is_origin(&origin) {
            origins.push(origin);
        } else {
            faults.push(format!(
                "cors_origins: \"{text}\" is no origin; scheme://host or scheme://host:port is meant, without a path \
                 and without the scheme's own port"
            ));
        }
    }
    origins
}

/// What a list has besides blanks, which an empty variable of the environment is.
fn entries(given: &[String]) -> impl Iterator<Item = &str> {
    given.iter().map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn is_origin(origin: &str) -> bool {
    let Some((scheme, place)) = origin.split_once("://") else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let colon = place.rfind(':').filter(|colon| !place[*colon..].contains(']'));
    let (host, port) = colon.map_or((place, None), |colon| (&place[..colon], Some(&place[colon + 1..])));
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')),
    };
    let is_port = match (scheme, port) {
        (_, None) => true,
        // A browser leaves these out, so that they would never be equal to what it sends.
        ("http", Some("80")) | ("https", Some("443")) => false,
        (_, Some(port)) => port.parse::<u16>().is_ok_and(|number| number.to_string() == port),
    };
    is_scheme && is_host && is_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        for good in [
            "https://example.org",
            "https://example.org:8443",
            "http://localhost:5173",
            "http://127.0.0.1",
            "http://[::1]:3000",
            "chrome-extension://abcdef",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "null",
            "example.org",
            "https://",
            "https://example.org/",
            "https://example.org/a",
            "https://example.org:443",
            "http://example.org:80",
            "https://example.org:port",
            "https://example.org:070",
            "https://*.example.org",
            "https://me@example.org",
            "https://example.org?",
            "http://[::1",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn every_fault_is_told_and_blanks_are_none() {
        let given = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let mut faults = Vec::new();
        assert_eq!(networks("x", &given(&["10.0.0.0/8", " ::1 ", ""]), &mut faults).len(), 2);
        assert_eq!(origins(&given(&["HTTPS://Example.org", ""]), &mut faults), ["https://example.org"]);
        assert!(faults.is_empty(), "{faults:?}");
        networks("x", &given(&["10.0.0.0/33", "proxy"]), &mut faults);
        origins(&given(&["*", "example.org"]), &mut faults);
        assert_eq!(faults.len(), 4, "{faults:?}");
    }
}
