//! What load may go to: judged when a run is accepted, and again by the agent for every address it dials.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The operator's list of allowed targets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// Host names, `*.suffix` for all names below a domain, addresses, or networks such as `10.0.0.0/8`.
    /// Empty: everything but what [`is_refused_always`] names.
    pub allow: Vec<String>,
}

/// Why load may not go somewhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Link-local and cloud metadata addresses.
    #[error("{0} is a link-local or metadata address, which no load test may reach")]
    Metadata(IpAddr),
    /// Not on the list.
    #[error(
        "{0} is not on the operator's list of allowed targets ({1}): ask its administrator to add it with --allow-target"
    )]
    NotAllowed(String, String),
}

impl Targets {
    /// Judges a host as a URL names it, before DNS. A name that only a network could cover passes here: the
    /// agent judges its addresses.
    pub fn admit(&self, host: &str) -> Result<(), Refusal> {
        let host = plain(host);
        if let Ok(address) = host.parse() {
            return self.dial(&host, address);
        }
        let networks = || self.allow.iter().any(|entry| network(entry).is_some());
        if self.allow.is_empty() || self.names(&host) || networks() {
            return Ok(());
        }
        Err(self.not_allowed(&host))
    }

    /// Judges an address that a host resolved to.
    pub fn dial(&self, host: &str, address: IpAddr) -> Result<(), Refusal> {
        let address = canonical(address);
        if is_refused_always(address) {
            return Err(Refusal::Metadata(address));
        }
        let host = plain(host);
        let covered = |entry: &String| network(entry).is_some_and(|(base, bits)| covers(base, bits, address));
        if self.allow.is_empty() || self.names(&host) || self.allow.iter().any(covered) {
            return Ok(());
        }
        Err(self.not_allowed(&format!("{host} ({address})")))
    }

    fn names(&self, host: &str) -> bool {
        self.allow.iter().any(|entry| match entry.strip_prefix("*.") {
            Some(domain) => {
                host.strip_suffix(&domain.to_ascii_lowercase()).is_some_and(|rest| rest.ends_with('.'))
            }
            None => plain(entry) == host,
        })
    }

    fn not_allowed(&self, what: &str) -> Refusal {
        Refusal::NotAllowed(what.to_owned(), self.allow.join(", "))
    }
}

/// Link-local networks and the metadata services of clouds: whoever reaches these reaches the node's rights.
pub const REFUSED_ALWAYS: [&str; 5] =
    ["169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32", "fe80::/10", "fd00:ec2::254/128"];

/// Whether an address is of [`REFUSED_ALWAYS`].
pub fn is_refused_always(address: IpAddr) -> bool {
    let address = canonical(address);
    REFUSED_ALWAYS.iter().filter_map(|entry| network(entry)).any(|(base, bits)| covers(base, bits, address))
}

/// Whether an entry of an allow-list is well formed; else what it should look like.
pub fn check_entry(entry: &str) -> Result<(), String> {
    let name = entry.strip_prefix("*.").unwrap_or(entry);
    let well_formed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if network(entry).is_some() || (!name.is_empty() && name.chars().all(well_formed)) {
        return Ok(());
    }
    Err(format!("{entry:?} is neither a host name, *.domain, an address nor a network such as 10.0.0.0/8"))
}

fn plain(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

/// An IPv4 address written as IPv6 is judged as what it is.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// An entry of an allow-list as a network, an address as one of itself alone; none for names.
pub fn network(entry: &str) -> Option<(IpAddr, u8)> {
    let (base, bits) = entry.split_once('/').map_or((entry, None), |(base, bits)| (base, Some(bits)));
    let base: IpAddr = base.parse().ok()?;
    let most = if base.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(most), |bits| bits.parse().ok())?;
    (bits <= most).then_some((base, bits))
}

fn covers(base: IpAddr, bits: u8, address: IpAddr) -> bool {
    let same = |a: u128, b: u128, width: u32| {
        let shift = width - u32::from(bits);
        shift >= width || a >> shift == b >> shift
    };
    match (base, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(allow: &[&str]) -> Targets {
        Targets { allow: allow.iter().map(|&s| s.to_owned()).collect() }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn metadata_and_link_local_addresses_are_refused_whatever_is_allowed() {
        for address in [
            "169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "100.100.100.200",
            "192.0.0.192",
        ] {
            for list in [targets(&[]), targets(&["0.0.0.0/0", "::/0", "shop"])] {
                assert!(matches!(list.dial("shop", ip(address)), Err(Refusal::Metadata(_))), "{address}");
                assert!(list.admit(&format!("[{address}]")).is_err(), "{address}");
            }
        }
    }

    #[test]
    fn an_empty_list_allows_the_rest() {
        assert_eq!(targets(&[]).admit("shop.example"), Ok(()));
        assert_eq!(targets(&[]).dial("shop.example", ip("203.0.113.7")), Ok(()));
    }

    #[test]
    fn names_suffixes_and_networks_cover_what_they_say() {
        let list = targets(&["shop", "*.test.svc", "10.0.0.0/8", "2001:db8::/32"]);
        for (host, address, allowed) in [
            ("shop", "203.0.113.7", true),
            ("SHOP.", "203.0.113.7", true),
            ("a.test.svc", "203.0.113.7", true),
            ("test.svc", "203.0.113.7", false),
            ("eviltest.svc", "203.0.113.7", false),
            ("other", "10.200.0.1", true),
            ("other", "11.0.0.1", false),
            ("other", "2001:db8::1", true),
            ("other", "2001:db9::1", false),
        ] {
            assert_eq!(list.dial(host, ip(address)).is_ok(), allowed, "{host} {address}");
        }
        assert!(list.admit("elsewhere").is_ok(), "a network may cover it: the agent judges");
        assert!(targets(&["shop"]).admit("elsewhere").unwrap_err().to_string().contains("elsewhere"));
    }

    #[test]
    fn entries_are_checked() {
        assert!(["a", "*.b.c", "10.0.0.0/8", "::1", "0.0.0.0/0"].iter().all(|e| check_entry(e).is_ok()));
        assert!(["", "*.", "a b", "http://a", "10.0.0.0/33"].iter().all(|e| check_entry(e).is_err()));
    }
}
