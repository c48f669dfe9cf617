//! Settings with network addresses: where to listen, proxies, origins, and the networks of webhooks.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// The host where an address has none: this machine alone.
const LOCAL: &str = "127.0.0.1";

/// An address to listen on, as `HOST:PORT`. A port alone, as `9000` or `:9000`, is one of this machine alone.
pub fn listen_address(text: &str) -> Result<String, String> {
    let text = text.trim();
    let port = text.strip_prefix(':').unwrap_or(text);
    if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) {
        let port = port.parse::<u16>().map_err(|_| format!("there is no port {port}; ports are 0 to 65535"))?;
        return Ok(format!("{LOCAL}:{port}"));
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(format!("\"{text}\" has no port; write [{text}]:8080"));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok() => {
            Ok(text.to_owned())
        }
        None if !text.is_empty() && !text.contains('/') => Err(format!("\"{text}\" has no port; write {text}:8080")),
        _ => Err(format!("\"{text}\" is not an address; write HOST:PORT, such as {LOCAL}:8080")),
    }
}

/// The address with another port.
pub fn with_port(address: &str, port: u16) -> String {
    format!("{}:{port}", address.rsplit_once(':').map_or(LOCAL, |(host, _)| host))
}

/// The networks of a setting: addresses, or networks as address/bits.
pub fn networks(setting: &str, given: Option<&[String]>, faults: &mut Vec<String>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for text in entries(given) {
        match text.parse().or_else(|_| text.parse::<IpAddr>().map(|address| address.to_canonical().into())) {
            Ok(network) => networks.push(network),
            Err(_) => faults.push(format!(
                "{setting}: \"{text}\" is neither an address nor a network; write 192.0.2.1 or 192.0.2.0/24"
            )),
        }
    }
    networks
}

/// Networks as a settings file lists them.
pub fn written(networks: &[IpNet]) -> Vec<String> {
    networks.iter().map(IpNet::to_string).collect()
}

/// The origins whose pages may call the API, as browsers send them (RFC 6454, section 6.2).
pub fn origins(given: Option<&[String]>, faults: &mut Vec<String>) -> Vec<String> {
    let mut origins = Vec::new();
    for text in entries(given) {
        let origin = text.to_ascii_lowercase();
        if text == "*" {
            faults.push(
                "cors_origins: \"*\" would allow every web page to call the API; list the origins, such as \
                 https://example.org"
                    .to_owned(),
            );
        } else if is_origin(&origin) {
            origins.push(origin);
        } else {
            faults.push(format!(
                "cors_origins: \"{text}\" is not an origin; write scheme://host or scheme://host:port, without a path \
                 and without the scheme's default port"
            ));
        }
    }
    origins
}

/// The entries of a list without empty ones: an empty environment variable is an empty list.
fn entries(given: Option<&[String]>) -> impl Iterator<Item = &str> {
    given.unwrap_or_default().iter().map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn is_origin(origin: &str) -> bool {
    let Some((scheme, place)) = origin.split_once("://") else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let colon = place.rfind(':').filter(|colon| !place[*colon..].contains(']'));
    let (host, port) = colon.map_or((place, None), |colon| (&place[..colon], Some(&place[colon + 1..])));
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')),
    };
    let is_port = match (scheme, port) {
        (_, None) => true,
        // Browsers omit the default port, so an origin that has one would never match.
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
    fn every_fault_is_reported_and_blanks_are_ignored() {
        let given = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let mut faults = Vec::new();
        assert_eq!(networks("x", Some(&given(&["10.0.0.0/8", " ::1 ", ""])), &mut faults).len(), 2);
        assert_eq!(origins(Some(&given(&["HTTPS://Example.org", ""])), &mut faults), ["https://example.org"]);
        assert!(faults.is_empty(), "{faults:?}");
        networks("x", Some(&given(&["10.0.0.0/33", "proxy"])), &mut faults);
        origins(Some(&given(&["*", "example.org"])), &mut faults);
        assert_eq!(faults.len(), 4, "{faults:?}");
    }

    #[test]
    fn an_address_may_be_a_port_alone() {
        for (text, expected) in [
            ("9000", Ok("127.0.0.1:9000")),
            (":9000", Ok("127.0.0.1:9000")),
            ("0.0.0.0:80", Ok("0.0.0.0:80")),
            ("localhost:0", Ok("localhost:0")),
            ("[::1]:9000", Ok("[::1]:9000")),
            ("99999", Err("there is no port 99999; ports are 0 to 65535")),
            ("0.0.0.0", Err("\"0.0.0.0\" has no port; write 0.0.0.0:8080")),
            ("::1", Err("\"::1\" has no port; write [::1]:8080")),
            ("", Err("\"\" is not an address; write HOST:PORT, such as 127.0.0.1:8080")),
            (
                "http://localhost:9000",
                Err("\"http://localhost:9000\" is not an address; write HOST:PORT, such as 127.0.0.1:8080"),
            ),
        ] {
            assert_eq!(listen_address(text).as_deref().map_err(String::as_str), expected, "{text}");
        }
        assert_eq!(with_port("[::1]:8080", 9000), "[::1]:9000");
    }
}
