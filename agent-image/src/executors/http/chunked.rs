//! The chunked transfer coding, byte by byte, so that any split of the input gives the same result.

/// Where in the coding the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the size; whether a digit was seen.
    Size(bool),
    /// After the size, up to the end of the line.
    Extension,
    Data,
    /// At the CR (or bare LF) after a chunk's data.
    DataEnd,
    /// At the LF after that CR.
    DataLineFeed,
    /// At the start of a trailer line.
    Trailer,
    /// Within a trailer line.
    TrailerLine,
    /// After a CR at the start of a trailer line: only the last LF is missing.
    LastLineFeed,
    Done,
}

/// Decoder of one chunked body; counts, keeps no data.
#[derive(Debug, Clone)]
pub struct Chunked {
    at: At,
    size: u64,
    /// Bytes in trailers and extensions, which are bounded.
    extra: u32,
}

/// What makes a body not chunked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("broken chunked body: {0}")]
pub struct Broken(pub &'static str);

const MAX_EXTRA: u32 = 65_536;

impl Chunked {
    /// At the start of a body.
    pub fn new() -> Self {
        Self { at: At::Size(false), size: 0, extra: 0 }
    }

    /// Whether the body is complete.
    pub fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// Takes what belongs to the body; gives the bytes taken and the data bytes among them.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(usize, u64), Broken> {
        let mut used = 0;
        let mut data = 0;
        while used < bytes.len() && self.at != At::Done {
            if self.at == At::Data {
                let taken = self.size.min((bytes.len() - used) as u64);
                used += taken as usize;
                data += taken;
                self.size -= taken;
                if self.size == 0 {
                    self.at = At::DataEnd;
                }
                continue;
            }
            self.at = self.next(bytes[used])?;
            used += 1;
        }
        Ok((used, data))
    }

    fn next(&mut self, byte: u8) -> Result<At, Broken> {
        Ok(match (self.at, byte) {
            (At::Size(seen), _) => return self.size_byte(byte, seen),
            (At::Extension, b'\n') => self.line_end(),
            (At::Extension, _) => self.bounded(At::Extension)?,
            (At::DataEnd, b'\r') => At::DataLineFeed,
            (At::DataEnd | At::DataLineFeed, b'\n') => At::Size(false),
            (At::DataEnd | At::DataLineFeed, _) => return Err(Broken("chunk longer than its size")),
            (At::Trailer, b'\r') => At::LastLineFeed,
            (At::Trailer | At::LastLineFeed, b'\n') => At::Done,
            (At::LastLineFeed, _) => return Err(Broken("CR without LF in the trailers")),
            (At::TrailerLine, b'\n') => At::Trailer,
            (At::Trailer | At::TrailerLine, _) => self.bounded(At::TrailerLine)?,
            (At::Data | At::Done, _) => self.at,
        })
    }

    fn size_byte(&mut self, byte: u8, seen: bool) -> Result<At, Broken> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            let size = self.size.checked_mul(16).and_then(|s| s.checked_add(u64::from(digit)));
            self.size = size.ok_or(Broken("chunk size out of range"))?;
            return Ok(At::Size(true));
        }
        match byte {
            _ if !seen => Err(Broken("no chunk size where one is due")),
            b'\n' => Ok(self.line_end()),
            b'\r' | b';' | b' ' | b'\t' => Ok(At::Extension),
            _ => Err(Broken("chunk size is no hexadecimal number")),
        }
    }

    fn line_end(&mut self) -> At {
        if self.size == 0 { At::Trailer } else { At::Data }
    }

    fn bounded(&mut self, at: At) -> Result<At, Broken> {
        self.extra += 1;
        if self.extra > MAX_EXTRA { Err(Broken("extensions and trailers over 64 KiB")) } else { Ok(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Result<(usize, u64, bool), Broken> {
        let mut body = Chunked::new();
        let (used, data) = body.feed(bytes)?;
        Ok((used, data, body.is_done()))
    }

    #[test]
    fn data_is_counted_up_to_the_last_chunk_and_no_further() {
        assert_eq!(whole(b"4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\nHTTP"), Ok((24, 9, true)));
        assert_eq!(whole(b"A;name=x\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n"), Ok((39, 10, true)));
        assert_eq!(whole(b"0\r\n\r\n"), Ok((5, 0, true)));
    }

    #[test]
    fn bare_line_feeds_are_understood() {
        assert_eq!(whole(b"2\nab\n0\n\n"), Ok((8, 2, true)));
    }

    #[test]
    fn an_unfinished_body_is_not_done() {
        for cut in 0..24 {
            assert!(!whole(&b"4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n"[..cut]).unwrap().2, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_not_chunked_is_refused() {
        for bytes in [&b"\r\n"[..], b"x\r\n", b"4g\r\n", b"2\r\nabc", b"fffffffffffffffff\r\n", b"0\r\n\rx"] {
            assert!(whole(bytes).is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
