//! ZMTP 3.0 with the NULL mechanism, as far as a filter must read it: greeting, commands, frame borders.
//! Pure; https://rfc.zeromq.org/spec/23/

/// Length of a greeting.
pub(crate) const GREETING: usize = 64;
/// Largest command we read: metadata of READY, or a heartbeat's context.
pub(crate) const MAX_COMMAND: usize = 4096;
/// Frames of one message. Runners and agents send one, a REQ peer two.
const MAX_FRAMES: u32 = 16;
/// Context that a PING may carry and a PONG repeats.
const MAX_PING_CONTEXT: usize = 16;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// What a peer did that the protocol, or our limits, forbid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("no ZMTP 3 greeting with the NULL mechanism")]
    Greeting,
    #[error("no READY of a fitting socket type")]
    Ready,
    #[error("frame flags that mean nothing")]
    Flags,
    #[error("message over the size limit")]
    Oversized,
    #[error("command over the size limit")]
    LongCommand,
}

/// The greeting we send: version 3.0, so that newer peers speak 3.0 to us.
pub(crate) fn greeting() -> [u8; GREETING] {
    let mut bytes = [0; GREETING];
    (bytes[0], bytes[9], bytes[10]) = (0xff, 0x7f, 3);
    bytes[12..16].copy_from_slice(b"NULL");
    bytes
}

/// Accepts what a peer of version 3.0 or later sends.
pub(crate) fn check_greeting(bytes: &[u8; GREETING]) -> Result<(), Violation> {
    let mechanism = &bytes[12..32];
    let null = mechanism.starts_with(b"NULL") && mechanism[4..].iter().all(|b| *b == 0);
    if bytes[0] == 0xff && bytes[9] & 1 == 1 && bytes[10] >= 3 && null {
        Ok(())
    } else {
        Err(Violation::Greeting)
    }
}

/// A READY command frame.
pub(crate) fn ready(socket_type: &str, identity: &[u8]) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    for (name, value) in [(&b"Socket-Type"[..], socket_type.as_bytes()), (b"Identity", identity)] {
        body.push(name.len() as u8);
        body.extend_from_slice(name);
        body.extend_from_slice(&(value.len() as u32).to_be_bytes());
        body.extend_from_slice(value);
    }
    let mut frame = vec![COMMAND, body.len() as u8];
    frame.extend(body);
    frame
}

/// The socket type in the body of a READY command.
pub(crate) fn socket_type(body: &[u8]) -> Result<&[u8], Violation> {
    let mut rest = body.strip_prefix(b"\x05READY").ok_or(Violation::Ready)?;
    while !rest.is_empty() {
        let (name, after) = take_sized::<1>(rest).ok_or(Violation::Ready)?;
        let (value, after) = take_sized::<4>(after).ok_or(Violation::Ready)?;
        if name.eq_ignore_ascii_case(b"Socket-Type") {
            return Ok(value);
        }
        rest = after;
    }
    Err(Violation::Ready)
}

/// Splits off what stands behind its own big-endian length of `N` bytes.
fn take_sized<const N: usize>(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(N)?;
    let length = length.iter().fold(0usize, |sum, b| sum << 8 | usize::from(*b));
    rest.split_at_checked(length)
}

/// The PONG that answers this command body, if it is a PING.
pub(crate) fn pong(body: &[u8]) -> Option<Vec<u8>> {
    let context = body.strip_prefix(b"\x04PING")?.get(2..)?;
    let context = &context[..context.len().min(MAX_PING_CONTEXT)];
    let mut frame = vec![COMMAND, (5 + context.len()) as u8];
    frame.extend_from_slice(b"\x04PONG");
    frame.extend_from_slice(context);
    Some(frame)
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    flags: u8,
    size: usize,
    body: u64,
}

/// Reads the head at the start of `bytes`; none while it is incomplete.
fn head(bytes: &[u8]) -> Result<Option<Head>, Violation> {
    let Some(&flags) = bytes.first() else { return Ok(None) };
    if flags & !(MORE | LONG | COMMAND) != 0 || flags & (COMMAND | MORE) == COMMAND | MORE {
        return Err(Violation::Flags);
    }
    if flags & LONG == 0 {
        return Ok(bytes.get(1).map(|size| Head { flags, size: 2, body: u64::from(*size) }));
    }
    let Some(size) = bytes.get(1..9) else { return Ok(None) };
    let body = size.iter().fold(0, |sum, b| sum << 8 | u64::from(*b));
    Ok(Some(Head { flags, size: 9, body }))
}

/// What stands at the start of the bytes that a [`Scanner`] was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// So many bytes of messages, ending at a border or inside a frame's body.
    Messages(usize),
    /// A whole command: bytes of its head and of its body.
    Command(usize, usize),
    /// Not enough bytes to tell.
    Incomplete,
}

/// Finds messages and commands in a byte stream, without keeping any of it.
#[derive(Debug)]
pub(crate) struct Scanner {
    max_message: u64,
    /// Bytes of the current frame's body yet to come.
    body_left: u64,
    /// Whether the current message has further frames.
    more: bool,
    /// Bytes and frames of the current message so far.
    message: u64,
    frames: u32,
}

impl Scanner {
    pub(crate) fn new(max_message: usize) -> Self {
        Self { max_message: max_message as u64, body_left: 0, more: false, message: 0, frames: 0 }
    }

    /// Whether a command may be put in here: between messages.
    pub(crate) fn at_border(&self) -> bool {
        self.body_left == 0 && !self.more
    }

    /// Looks at the bytes that follow those of the calls before. What it reports is taken as consumed.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Result<Next, Violation> {
        let mut at = 0;
        loop {
            let body = usize::try_from(self.body_left).unwrap_or(usize::MAX).min(bytes.len() - at);
            at += body;
            self.body_left -= body as u64;
            let found = if self.body_left > 0 { Ok(None) } else { self.message_head(&bytes[at..]) };
            match found {
                Ok(Some(head)) => at += head,
                // Whatever else comes here is told when it stands first, after the messages before it.
                _ if at > 0 => return Ok(Next::Messages(at)),
                Ok(None) => return if self.body_left > 0 { Ok(Next::Incomplete) } else { command(bytes) },
                Err(violation) => return Err(violation),
            }
        }
    }

    /// Enters the message frame whose head stands first and returns the head's size; none if there is no
    /// such head.
    fn message_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Violation> {
        let Some(frame) = head(bytes)?.filter(|frame| frame.flags & COMMAND == 0) else { return Ok(None) };
        if !self.more {
            (self.message, self.frames) = (0, 0);
        }
        self.frames += 1;
        self.message = self.message.saturating_add(frame.body);
        if self.message > self.max_message || self.frames > MAX_FRAMES {
            return Err(Violation::Oversized);
        }
        self.more = frame.flags & MORE != 0;
        self.body_left = frame.body;
        Ok(Some(frame.size))
    }
}

/// The command that stands first, if it is whole.
fn command(bytes: &[u8]) -> Result<Next, Violation> {
    let Some(frame) = head(bytes)? else { return Ok(Next::Incomplete) };
    if frame.body > MAX_COMMAND as u64 {
        return Err(Violation::LongCommand);
    }
    let body = frame.body as usize;
    Ok(if bytes.len() < frame.size + body { Next::Incomplete } else { Next::Command(frame.size, body) })
}

#[cfg(test)]
#[path = "zmtp_tests.rs"]
mod tests;
