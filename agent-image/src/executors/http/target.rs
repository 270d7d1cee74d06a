//! Servers that a scenario talks to.

use std::net::{SocketAddr, ToSocketAddrs};

use loads_wire::ErrorKind;
use loads_wire::target::Targets;
use url::{Host, Url};

use super::failure::Failure;

/// One scheme, host and port, with the addresses behind it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
    /// The Host header: with brackets round IPv6, and with the port unless it is the scheme's own.
    pub authority: String,
    /// What the name resolved to, at [`resolve`](Self::resolve).
    pub addresses: Vec<SocketAddr>,
    /// What requests fail with when there is no address.
    pub no_address: Failure,
}

impl Target {
    /// The target of a URL; none when it has no host, or neither http nor https.
    pub fn of(url: &Url) -> Option<Self> {
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let host = match url.host()? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let authority = url.port().map_or_else(
            || url.host_str().unwrap_or_default().to_owned(),
            |port| format!("{}:{port}", url.host_str().unwrap_or_default()),
        );
        let port = url.port_or_known_default()?;
        Some(Self { tls, host, port, authority, addresses: Vec::new(), no_address: Failure::new(ErrorKind::Dns, "no address") })
    }

    /// Whether both are the same server.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.tls, self.port, &self.host) == (other.tls, other.port, &other.host)
    }

    /// Asks the system's resolver, once; blocks. A name without address is no error here: it makes every
    /// request to it fail with kind `dns`, and one without an address that `allowed` covers, with
    /// `not-allowed`.
    pub fn resolve(&mut self, allowed: Option<&Targets>) {
        match (self.host.as_str(), self.port).to_socket_addrs() {
            Ok(addresses) => self.addresses = addresses.collect(),
            Err(error) => self.no_address.message = error.to_string(),
        }
        // The resolver names an address once for each socket type it knows.
        let mut seen = std::collections::HashSet::new();
        self.addresses.retain(|address| seen.insert(*address));
        if let Some(allowed) = allowed {
            let (host, failure) = (self.host.clone(), &mut self.no_address);
            self.addresses.retain(|address| match allowed.dial(&host, address.ip()) {
                Ok(()) => true,
                Err(refusal) => {
                    *failure = Failure::new(ErrorKind::NotAllowed, refusal.to_string());
                    false
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Target {
        Target::of(&Url::parse(url).unwrap()).unwrap()
    }

    #[test]
    fn the_host_header_has_the_port_unless_it_is_the_schemes_own() {
        assert_eq!(of("http://example.test:8080/x").authority, "example.test:8080");
        assert_eq!(of("https://example.test:443/").authority, "example.test");
        assert_eq!(of("http://[::1]:81/").authority, "[::1]:81");
        assert_eq!((of("http://[::1]:81/").host.as_str(), of("https://x.test").port), ("::1", 443));
    }

    #[test]
    fn other_schemes_are_no_target() {
        assert!(Target::of(&Url::parse("ftp://example.test/").unwrap()).is_none());
    }

    #[test]
    fn loopback_resolves_and_a_name_that_does_not_says_why() {
        let mut good = of("http://127.0.0.1:9/");
        good.resolve(None);
        assert_eq!(good.addresses, ["127.0.0.1:9".parse().unwrap()]);
        let mut bad = of("http://no-such-host.invalid/");
        bad.resolve(None);
        assert!(bad.addresses.is_empty());
        assert!(bad.no_address.kind == ErrorKind::Dns && !bad.no_address.message.is_empty());
    }

    #[test]
    fn only_addresses_that_are_allowed_are_connected_to() {
        let list = |entry: &str| Targets { allow: vec![entry.to_owned()] };
        let mut server = of("http://127.0.0.1:9/");
        server.resolve(Some(&list("127.0.0.0/8")));
        assert_eq!(server.addresses.len(), 1);
        server.resolve(Some(&list("10.0.0.0/8")));
        assert!(server.addresses.is_empty());
        assert_eq!(server.no_address.kind, ErrorKind::NotAllowed);
        assert!(server.no_address.message.contains("10.0.0.0/8"), "{:?}", server.no_address);
    }
}
