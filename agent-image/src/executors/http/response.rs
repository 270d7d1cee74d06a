//! Reads HTTP/1.x answers as they come: as far as needed to know where they end, what they say, and
//! whether the connection can be used again. Bodies are counted, not kept.

use super::chunked::{Broken, Chunked};

/// Longest head (status line and headers) that is read.
const MAX_HEAD: usize = 65_536;
/// Most headers of an answer.
const MAX_HEADERS: usize = 128;

/// Why an answer is not HTTP/1.x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadResponse {
    /// The head can not be read.
    #[error("the answer is not HTTP/1.x: {0}")]
    Head(httparse::Error),
    /// The head has no end.
    #[error("the answer's head is longer than 64 KiB")]
    HeadTooLong,
    /// Content-Length is no number, or there are several.
    #[error("the answer's Content-Length is no number, or there are two different ones")]
    ContentLength,
    /// The chunked body is none.
    #[error(transparent)]
    Chunked(#[from] Broken),
    /// The connection ended in the middle.
    #[error("the connection ended before the answer was complete")]
    Truncated,
}

/// What a piece of input came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The answer goes on.
    More,
    /// The answer is complete; so many bytes after it are not part of it.
    Done(usize),
}

#[derive(Debug, Clone)]
enum Body {
    /// The head is not complete.
    Head,
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    Done,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Parser {
    /// An incomplete head; empty (and without memory) when heads come in one piece.
    head: Vec<u8>,
    body: Body,
    /// Whether the request was HEAD, whose answer has no body whatever it says.
    bodiless: bool,
    started: bool,
    status: Option<u16>,
    keep_alive: bool,
    bytes: u64,
}

/// What a head says.
struct Head {
    length: usize,
    status: u16,
    keep_alive: bool,
    body: Body,
}

impl Parser {
    /// Before the first answer.
    pub fn new() -> Self {
        Self {
            head: Vec::new(),
            body: Body::Head,
            bodiless: false,
            started: false,
            status: None,
            keep_alive: false,
            bytes: 0,
        }
    }

    /// Expects the answer to a new request.
    #[inline]
    pub fn begin(&mut self, is_head: bool) {
        self.head.clear();
        self.body = Body::Head;
        (self.bodiless, self.started, self.status) = (is_head, false, None);
        (self.keep_alive, self.bytes) = (false, 0);
    }

    /// Whether any byte came.
    pub fn started(&self) -> bool {
        self.started
    }

    /// The final status, once the whole head was there.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Whether the connection can be used for another request; of a complete answer only.
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Body bytes so far, without the chunked coding.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes the next bytes.
    #[inline]
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, BadResponse> {
        self.started |= !bytes.is_empty();
        let mut rest = bytes;
        while matches!(self.body, Body::Head) {
            match self.take_head(rest)? {
                Some(used) => rest = &rest[used..],
                None => return Ok(Progress::More),
            }
        }
        self.take_body(rest)
    }

    /// The connection ended.
    pub fn end(&mut self) -> Result<(), BadResponse> {
        match self.body {
            Body::UntilClose | Body::Done => {
                self.body = Body::Done;
                Ok(())
            }
            _ => Err(BadResponse::Truncated),
        }
    }

    /// Reads one head from what was kept and `bytes`; gives how many of `bytes` it took, none while it is
    /// incomplete. After an interim (1xx) head the state is `Body::Head` again.
    fn take_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, BadResponse> {
        if self.head.is_empty() {
            let Some(head) = read_head(bytes, self.bodiless)? else {
                self.keep_head(bytes)?;
                return Ok(None);
            };
            let used = head.length;
            self.enter_body(head);
            return Ok(Some(used));
        }
        let kept = self.head.len();
        self.keep_head(bytes)?;
        // Heads end with a line feed: without one, reading again is of no use (and quadratic).
        if !bytes.contains(&b'\n') {
            return Ok(None);
        }
        let Some(head) = read_head(&self.head, self.bodiless)? else { return Ok(None) };
        let used = head.length.saturating_sub(kept);
        self.head.clear();
        self.enter_body(head);
        Ok(Some(used))
    }

    fn keep_head(&mut self, bytes: &[u8]) -> Result<(), BadResponse> {
        // What follows the head comes along when the head ends in `bytes`, hence the room for one more read.
        if self.head.len() > MAX_HEAD {
            return Err(BadResponse::HeadTooLong);
        }
        self.head.extend_from_slice(bytes);
        Ok(())
    }

    fn enter_body(&mut self, head: Head) {
        // 1xx is interim, except 101, after which the connection is no longer HTTP.
        if (100..200).contains(&head.status) && head.status != 101 {
            return;
        }
        self.status = Some(head.status);
        self.keep_alive = head.keep_alive;
        self.body = head.body;
    }

    fn take_body(&mut self, bytes: &[u8]) -> Result<Progress, BadResponse> {
        let used = match &mut self.body {
            Body::Length(left) => {
                let taken = (*left).min(bytes.len() as u64);
                *left -= taken;
                self.bytes += taken;
                if *left > 0 {
                    return Ok(Progress::More);
                }
                taken as usize
            }
            Body::Chunked(chunked) => {
                let (used, data) = chunked.feed(bytes)?;
                self.bytes += data;
                if !chunked.is_done() {
                    return Ok(Progress::More);
                }
                used
            }
            Body::UntilClose => {
                self.bytes += bytes.len() as u64;
                return Ok(Progress::More);
            }
            Body::Done => 0,
            Body::Head => return Ok(Progress::More),
        };
        self.body = Body::Done;
        Ok(Progress::Done(bytes.len() - used))
    }
}

fn read_head(bytes: &[u8], bodiless: bool) -> Result<Option<Head>, BadResponse> {
    let mut headers = [const { std::mem::MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let mut config = httparse::ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    let parsed = config
        .parse_response_with_uninit_headers(&mut response, bytes, &mut headers)
        .map_err(BadResponse::Head)?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let status = response.code.unwrap_or(0);
    let http_1_0 = response.version == Some(0);
    let says = Says::read(response.headers)?;
    let body = match says.length {
        _ if bodiless || matches!(status, 204 | 304 | 100..200) => Body::Done,
        _ if says.chunked => Body::Chunked(Chunked::new()),
        _ if says.transfer_coded => Body::UntilClose,
        Some(0) => Body::Done,
        Some(length) => Body::Length(length),
        None => Body::UntilClose,
    };
    let keep_alive = if http_1_0 { says.keep_alive } else { !says.close };
    let framed = !matches!(body, Body::UntilClose) && status != 101;
    // Both framings at once smell of smuggling; RFC 9112 §6.3 wants such a connection closed.
    let doubtful = says.transfer_coded && says.length.is_some();
    Ok(Some(Head { length, status, keep_alive: keep_alive && framed && !doubtful, body }))
}

/// The headers that decide about the body and the connection.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts of a head")]
struct Says {
    length: Option<u64>,
    transfer_coded: bool,
    chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl Says {
    fn read(headers: &[httparse::Header<'_>]) -> Result<Self, BadResponse> {
        let mut says = Self::default();
        for header in headers {
            // The names' lengths differ, so most headers cost one comparison.
            match header.name.len() {
                14 if header.name.eq_ignore_ascii_case("content-length") => {
                    says.add_length(header.value)?;
                }
                17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                    says.transfer_coded = true;
                    says.chunked = tokens(header.value).next_back().is_some_and(|t| is(t, b"chunked"));
                }
                10 if header.name.eq_ignore_ascii_case("connection") => {
                    says.close |= tokens(header.value).any(|t| is(t, b"close"));
                    says.keep_alive |= tokens(header.value).any(|t| is(t, b"keep-alive"));
                }
                _ => {}
            }
        }
        says.keep_alive &= !says.close;
        Ok(says)
    }

    /// RFC 9110 §8.6: equal values, also in one list, are one value.
    fn add_length(&mut self, value: &[u8]) -> Result<(), BadResponse> {
        for token in tokens(value) {
            let digits = !token.is_empty() && token.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(token).ok().filter(|_| digits);
            let length: u64 = text.and_then(|t| t.parse().ok()).ok_or(BadResponse::ContentLength)?;
            if self.length.is_some_and(|known| known != length) {
                return Err(BadResponse::ContentLength);
            }
            self.length = Some(length);
        }
        Ok(())
    }
}

fn tokens(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn is(token: &[u8], name: &[u8]) -> bool {
    token.eq_ignore_ascii_case(name)
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
