//! From when until when a certificate is valid.
//!
//! rustls tells only of certificates that it verifies up to a root; a pinned one has none. Read once, from
//! our own file, never from a peer.

/// Seconds since the Unix epoch, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Not before.
    pub from: u64,
    /// Not after.
    pub until: u64,
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

impl Validity {
    /// Of a certificate in DER; none when it is not one.
    pub fn of(der: &[u8]) -> Option<Self> {
        let mut to_be_signed = Der(Der(Der(der).take(SEQUENCE)?).take(SEQUENCE)?);
        if to_be_signed.tag() == Some(VERSION) {
            to_be_signed.take(VERSION)?;
        }
        // Serial number, signature algorithm, issuer; then the dates.
        for tag in [INTEGER, SEQUENCE, SEQUENCE] {
            to_be_signed.take(tag)?;
        }
        let mut dates = Der(to_be_signed.take(SEQUENCE)?);
        Some(Self { from: dates.time()?, until: dates.time()? })
    }
}

/// What is left to read of a DER encoding.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The content of the next element, which must be of this kind.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&length, rest) = rest.split_first()?;
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(length - 0x80))?;
                (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (found == tag).then_some(content)
    }

    /// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`. Before 1970 is 1970.
    fn time(&mut self) -> Option<u64> {
        let tag = self.tag()?;
        let text = std::str::from_utf8(self.take(tag)?).ok()?.strip_suffix('Z')?;
        let text = match (tag, text.get(..2)?.parse::<u8>().ok()?) {
            (UTC_TIME, 50..) => format!("19{text}"),
            (UTC_TIME, _) => format!("20{text}"),
            (GENERALIZED_TIME, _) => text.to_owned(),
            _ => return None,
        };
        let at = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", &text).ok()?;
        let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(u64::try_from(at.timestamp().as_second()).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(from: i32, until: i32) -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["operator".into()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 2);
        params.not_after = rcgen::date_time_ymd(until, 1, 2);
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_ways_to_write_a_date_are_read() {
        let near = Validity::of(&certificate(2024, 2034)).unwrap();
        assert_eq!(near, Validity { from: 1_704_153_600, until: 2_019_772_800 });
        let far = Validity::of(&certificate(1999, 2150)).unwrap();
        assert_eq!(far, Validity { from: 915_235_200, until: 5_680_368_000 });
    }

    #[test]
    fn what_is_no_certificate_has_no_validity() {
        let whole = certificate(2024, 2034);
        for cut in 0..whole.len().min(200) {
            let _ = Validity::of(&whole[..cut]);
        }
        assert_eq!(Validity::of(b""), None);
        assert_eq!(Validity::of(b"\x30\x84\xff\xff\xff\xff"), None);
        assert_eq!(Validity::of(&whole[..60]), None);
    }
}
