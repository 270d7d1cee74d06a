//! Reading windows, one bad one among good ones included.

use loads_wire::message::{Envelope, Error, ToBroker};
use loads_wire::{Totals, Window};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Most of anything that one window can have counted: sums of windows stay far from overflow.
const MOST: u64 = 1 << 40;
/// No run is longer than 31 days, in seconds.
const LONGEST: u32 = 31 * 86_400;
/// Longest label, method and counter name in bytes.
const LONGEST_NAME: usize = 8 * 1024;

/// A message of the results socket.
#[derive(Debug, PartialEq)]
pub struct Delivery {
    /// Agent index that sends.
    pub index: u32,
    /// Epoch that counted.
    pub epoch: u64,
    /// Windows in the order in which they came; a bad one is its number and the reason.
    pub windows: Vec<Result<Window, (u64, String)>>,
}

/// Reads a message of windows. What can not be read of it is told apart, window by window.
pub fn delivery(bytes: &[u8], run: &str, steps: usize) -> Result<Delivery, Error> {
    let mut delivery = match Envelope::<ToBroker>::decode(bytes, run) {
        Ok(Envelope { index, body: ToBroker::Windows { epoch, windows }, .. }) => {
            Delivery { index, epoch, windows: windows.into_iter().map(Ok).collect() }
        }
        Ok(Envelope { index, .. }) => Delivery { index, epoch: 0, windows: Vec::new() },
        Err(Error::Decode(reason)) => one_by_one(bytes).ok_or(Error::Decode(reason))?,
        Err(other) => return Err(other),
    };
    for window in &mut delivery.windows {
        if let Ok(good) = window
            && let Err(reason) = plausible(good, steps)
        {
            *window = Err((good.seq, reason.to_owned()));
        }
    }
    Ok(delivery)
}

/// Whether the figures can be true; sums of those that are can not overflow.
fn plausible(window: &Window, steps: usize) -> Result<(), &'static str> {
    let name = |text: &str| text.len() <= LONGEST_NAME;
    let row = |row: &loads_wire::Row| {
        let latency = &row.latency;
        let within = latency.sum() >= u128::from(latency.min())
            && latency.sum() <= u128::from(latency.max()) * u128::from(latency.count())
            && latency.min() <= latency.max();
        let headers = row.headers_sum <= u128::from(u64::MAX) * u128::from(MOST);
        (latency.count() == 0 || within)
            && latency.count() <= MOST
            && row.unexpected <= MOST
            && row.bytes <= MOST
            && headers
            && name(&row.label)
            && name(&row.method)
    };
    let most = Totals {
        bytes: window.totals.bytes >> 16,
        socket_bytes: window.totals.socket_bytes >> 16,
        ..window.totals
    };
    let checks = [
        (usize::from(window.step) < steps, "the plan has no such step"),
        (window.second <= LONGEST, "its second is more than 31 days after the start"),
        (most.largest() <= MOST && window.users <= 1 << 24, "a count is out of range"),
        (window.rows.iter().all(row), "a row's figures contradict each other or are out of range"),
        (window.errors.iter().all(|error| error.count <= MOST), "a count of errors is out of range"),
        (window.counters.iter().all(|(n, count)| name(n) && *count <= MOST), "a counter is out of range"),
    ];
    checks.iter().find(|(good, _)| !good).map_or(Ok(()), |(_, reason)| Err(reason))
}

/// Reads the envelope by hand and each window on its own, as far as the bytes are MessagePack at all.
fn one_by_one(bytes: &[u8]) -> Option<Delivery> {
    let mut walk = Walk { rest: bytes };
    let (mut index, mut found) = (None, None);
    for _ in 0..walk.header(0x80, 0xde)? {
        match walk.read::<String>()?.as_str() {
            "index" => index = Some(walk.read::<u32>()?),
            "body" => found = Some(walk.body()?),
            _ => drop(walk.skip()?),
        }
    }
    let (epoch, windows) = found?;
    Some(Delivery { index: index?, epoch, windows })
}

type Windows = Vec<Result<Window, (u64, String)>>;

/// What must be readable of a window that is not.
#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

/// A place in MessagePack bytes.
struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    /// The length of a map (0x80, 0xde) or an array (0x90, 0xdc).
    fn header(&mut self, short: u8, long: u8) -> Option<usize> {
        let (first, rest) = self.rest.split_first()?;
        let bytes = match *first {
            first if first & 0xf0 == short => {
                self.rest = rest;
                return Some(usize::from(first & 0x0f));
            }
            first if first == long => 2,
            first if first == long + 1 => 4,
            _ => return None,
        };
        let (length, rest) = rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    fn read<T: Deserialize<'a>>(&mut self) -> Option<T> {
        rmp_serde::from_slice(self.skip()?).ok()
    }

    /// The bytes of the next value.
    fn skip(&mut self) -> Option<&'a [u8]> {
        let mut reader = rmp_serde::Deserializer::new(std::io::Cursor::new(self.rest));
        IgnoredAny::deserialize(&mut reader).ok()?;
        let length = usize::try_from(reader.get_ref().position()).ok()?;
        let (value, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(value)
    }

    fn body(&mut self) -> Option<(u64, Windows)> {
        if self.header(0x80, 0xde)? != 1 || self.read::<String>()? != "Windows" {
            return None;
        }
        let (mut epoch, mut windows) = (None, Vec::new());
        for _ in 0..self.header(0x80, 0xde)? {
            match self.read::<String>()?.as_str() {
                "epoch" => epoch = Some(self.read::<u64>()?),
                "windows" => windows = self.windows()?,
                _ => drop(self.skip()?),
            }
        }
        Some((epoch?, windows))
    }

    fn windows(&mut self) -> Option<Windows> {
        let mut windows = Vec::new();
        for _ in 0..self.header(0x90, 0xdc)? {
            let bytes = self.skip()?;
            windows.push(match rmp_serde::from_slice(bytes) {
                Ok(window) => Ok(window),
                Err(reason) => Err((rmp_serde::from_slice::<Numbered>(bytes).ok()?.seq, reason.to_string())),
            });
        }
        Some(windows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(seq: u64) -> Window {
        let mut row = loads_wire::Row { label: "/".into(), headers_sum: 1 << 70, ..Default::default() };
        row.latency.record(5_000);
        Window { seq, rows: vec![row], ..Window::default() }
    }

    fn message(windows: Vec<Window>) -> Vec<u8> {
        Envelope::new("r1", 3, 9, ToBroker::Windows { epoch: 8, windows }).encode().unwrap()
    }

    #[test]
    fn a_bad_window_is_named_and_its_neighbours_are_read() {
        let mut bytes = message(vec![window(1), window(2), window(3)]);
        // The label of the second window becomes a negative number of the same length.
        let place = bytes.windows(2).enumerate().filter(|(_, b)| b == b"\xa1/").nth(1).unwrap().0;
        bytes[place..place + 2].copy_from_slice(&[0xd0, 0xff]);
        let read = delivery(&bytes, "r1", 1).unwrap();
        assert_eq!((read.index, read.epoch), (3, 8));
        assert_eq!(read.windows[0], Ok(window(1)));
        assert_eq!(read.windows[1].as_ref().unwrap_err().0, 2);
        assert_eq!(read.windows[2], Ok(window(3)));
    }

    #[test]
    fn figures_that_can_not_be_true_are_refused_with_the_reason() {
        let mut much = window(1);
        much.totals.hits = u64::MAX;
        let far = Window { step: 4, ..window(2) };
        let late = Window { second: u32::MAX, ..window(3) };
        let read = delivery(&message(vec![much, far, late]), "r1", 1).unwrap();
        let reasons: Vec<String> = read.windows.into_iter().map(|w| w.unwrap_err().1).collect();
        assert!(
            reasons[0].contains("out of range")
                && reasons[1].contains("step")
                && reasons[2].contains("31 days")
        );
    }

    #[test]
    fn garbage_and_cut_messages_are_errors_not_panics() {
        let whole = message(vec![window(1), window(2)]);
        for end in 0..whole.len() {
            assert!(delivery(&whole[..end], "r1", 1).is_err(), "cut at {end}");
        }
        assert!(matches!(delivery(&whole, "r2", 1), Err(Error::Run(_))));
    }
}
