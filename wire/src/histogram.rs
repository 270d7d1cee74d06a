//! Latencies in nanoseconds, to three significant digits, mergeable without loss.
//!
//! The bucket layout is HdrHistogram's for 3 digits: exact below 2,048, then 1,024 buckets for each power
//! of two, so a bucket is never wider than 1/1,024 of its value (0.098 %). Each power of two is a chunk
//! allocated when first hit: a real latency distribution touches a handful, where a dense histogram of the
//! same range costs 270 KiB for every label and status (docs/adr/0002).

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const CHUNK: usize = 1024;
const CHUNK_BITS: u32 = 10;
const CHUNKS: usize = 64 - CHUNK_BITS as usize + 1;

/// A histogram of nanoseconds. Counts, minimum, maximum and sum are exact integers, so merging in any
/// order and any grouping gives bit-equal results.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    chunks: Vec<Option<Box<[u64]>>>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Histogram({} values, {}..{} ns)", self.count, self.min, self.max)
    }
}

#[inline]
fn place(value: u64) -> (usize, usize) {
    let bits = 64 - value.leading_zeros();
    if bits <= CHUNK_BITS {
        return (0, value as usize);
    }
    let chunk = bits - CHUNK_BITS;
    (chunk as usize, (value >> (chunk - 1)) as usize - CHUNK)
}

/// The highest value that shares a bucket with this place (HdrHistogram's "highest equivalent value").
fn highest_equivalent(chunk: usize, slot: usize) -> u64 {
    if chunk == 0 {
        return slot as u64;
    }
    let shift = chunk as u32 - 1;
    let low = ((slot + CHUNK) as u64) << shift;
    low + ((1u64 << shift) - 1)
}

impl Histogram {
    /// An empty histogram; allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one value.
    #[inline]
    pub fn record(&mut self, nanos: u64) {
        self.record_n(nanos, 1);
    }

    /// Counts `n` equal values.
    #[inline]
    pub fn record_n(&mut self, nanos: u64, n: u64) {
        if n == 0 {
            return;
        }
        self.add_to_bucket(nanos, n);
        self.min = if self.count == 0 { nanos } else { self.min.min(nanos) };
        self.max = self.max.max(nanos);
        self.count += n;
        self.sum += u128::from(nanos) * u128::from(n);
    }

    /// Counts buckets that another process filled: `buckets` are (any value of the bucket, count), and
    /// `sum`, `min`, `max` are that process' own exact figures.
    pub fn absorb_buckets(
        &mut self,
        buckets: impl IntoIterator<Item = (u64, u64)>,
        sum: u128,
        min: u64,
        max: u64,
    ) {
        let mut added = 0;
        for (value, n) in buckets {
            self.add_to_bucket(value, n);
            added += n;
        }
        if added == 0 {
            return;
        }
        self.min = if self.count == 0 { min } else { self.min.min(min) };
        self.max = self.max.max(max);
        self.count += added;
        self.sum += sum;
    }

    #[inline]
    fn add_to_bucket(&mut self, value: u64, n: u64) {
        let (chunk, slot) = place(value);
        if chunk >= self.chunks.len() {
            self.chunks.resize_with(chunk + 1, || None);
        }
        let slots = self.chunks[chunk].get_or_insert_with(|| vec![0; CHUNK].into_boxed_slice());
        slots[slot] += n;
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.absorb_buckets(
            other.buckets().map(|(chunk, slot, n)| (highest_equivalent(chunk, slot), n)),
            other.sum,
            other.min,
            other.max,
        );
    }

    /// Forgets every value but keeps the memory, so that a recorder allocates once.
    pub fn clear(&mut self) {
        for slots in self.chunks.iter_mut().flatten() {
            slots.fill(0);
        }
        (self.count, self.sum, self.min, self.max) = (0, 0, 0, 0);
    }

    fn buckets(&self) -> impl Iterator<Item = (usize, usize, u64)> + '_ {
        let filled = self.chunks.iter().enumerate().filter_map(|(c, slots)| Some((c, slots.as_ref()?)));
        filled.flat_map(|(c, slots)| {
            slots.iter().enumerate().filter(|(_, n)| **n > 0).map(move |(s, n)| (c, s, *n))
        })
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.count
    }
    /// Exact sum of all values, in nanoseconds.
    pub fn sum(&self) -> u128 {
        self.sum
    }
    /// Smallest value, 0 when empty.
    pub fn min(&self) -> u64 {
        self.min
    }
    /// Largest value, 0 when empty.
    pub fn max(&self) -> u64 {
        self.max
    }
    /// Arithmetic mean in nanoseconds, 0 when empty.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// Standard deviation in nanoseconds, of the buckets' values; 0 when empty.
    pub fn deviation(&self) -> f64 {
        let values =
            || self.buckets().map(|(chunk, slot, n)| (highest_equivalent(chunk, slot) as f64, n as f64));
        let count = (self.count as f64).max(1.0);
        let mean = values().map(|(value, n)| value * n).sum::<f64>() / count;
        (values().map(|(value, n)| (value - mean).powi(2) * n).sum::<f64>() / count).sqrt()
    }

    /// The value at quantile `q` (0 to 1) by nearest rank, at most 0.1 % above the exact one; 0 when empty.
    pub fn quantile(&self, q: f64) -> u64 {
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (chunk, slot, n) in self.buckets() {
            seen += n;
            if seen >= rank {
                return highest_equivalent(chunk, slot).clamp(self.min, self.max);
            }
        }
        self.max
    }

    /// How many values are at most each of these ascending bounds, which may be off by the width of a bucket.
    pub fn cumulative(&self, bounds: &[u64]) -> Vec<u64> {
        let mut counts = vec![0; bounds.len()];
        for (chunk, slot, n) in self.buckets() {
            let value = highest_equivalent(chunk, slot).clamp(self.min, self.max);
            if let Some(count) = counts.get_mut(bounds.partition_point(|bound| *bound < value)) {
                *count += n;
            }
        }
        let mut below = 0;
        for count in &mut counts {
            below += *count;
            *count = below;
        }
        counts
    }

    /// The sparse form: sum, min, max, then (distance to the previous bucket, count) pairs, all LEB128.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.sum);
        put_varint(&mut out, self.min.into());
        put_varint(&mut out, self.max.into());
        let mut previous = 0;
        for (chunk, slot, n) in self.buckets() {
            let index = chunk * CHUNK + slot;
            put_varint(&mut out, (index - previous) as u128);
            put_varint(&mut out, n.into());
            previous = index;
        }
        out
    }

    /// Reads the sparse form. Never panics and never allocates more than the layout's 440 KiB, whatever
    /// the bytes are.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, &'static str> {
        let mut histogram = Self::new();
        let sum = take_varint(&mut bytes)?;
        let min = u64::try_from(take_varint(&mut bytes)?).map_err(|_| "minimum out of range")?;
        let max = u64::try_from(take_varint(&mut bytes)?).map_err(|_| "maximum out of range")?;
        let mut index = 0usize;
        while !bytes.is_empty() {
            let distance = usize::try_from(take_varint(&mut bytes)?).map_err(|_| "bucket out of range")?;
            index =
                index.checked_add(distance).filter(|i| *i < CHUNKS * CHUNK).ok_or("bucket out of range")?;
            let n = u64::try_from(take_varint(&mut bytes)?).map_err(|_| "count out of range")?;
            // Checked first: no bucket holds more than the count, so none can overflow.
            histogram.count = histogram.count.checked_add(n).ok_or("count out of range")?;
            histogram.add_to_bucket(highest_equivalent(index / CHUNK, index % CHUNK), n);
        }
        (histogram.sum, histogram.min, histogram.max) = (sum, min, max);
        Ok(histogram)
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Result<u128, &'static str> {
    let mut value = 0u128;
    for shift in (0..128).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or("histogram cut short")?;
        *bytes = rest;
        value |= u128::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("number too long")
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.to_bytes())
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = serde_bytes::ByteBuf::deserialize(deserializer)?;
        Self::from_bytes(&bytes).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::new();
        for v in values {
            histogram.record(*v);
        }
        histogram
    }

    proptest! {
        #[test]
        fn quantiles_equal_those_of_hdrhistogram(values in prop::collection::vec(1u64..100_000_000_000, 1..300)) {
            let ours = of(&values);
            let mut theirs = hdrhistogram::Histogram::<u64>::new(3).unwrap();
            for v in &values { theirs.record(*v).unwrap(); }
            for q in [0.5, 0.9, 0.99, 0.999] {
                let expected = theirs.value_at_quantile(q).min(ours.max());
                prop_assert_eq!(ours.quantile(q), expected.max(ours.min()));
            }
        }

        #[test]
        fn merging_equals_recording_everything_in_one(a in prop::collection::vec(any::<u64>(), 0..100),
                                                      b in prop::collection::vec(any::<u64>(), 0..100)) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let all: Vec<u64> = a.iter().chain(&b).copied().collect();
            prop_assert_eq!(merged.to_bytes(), of(&all).to_bytes());
        }

        #[test]
        fn the_sparse_form_loses_nothing(values in prop::collection::vec(any::<u64>(), 0..200)) {
            let histogram = of(&values);
            let back = Histogram::from_bytes(&histogram.to_bytes()).unwrap();
            prop_assert_eq!(back.to_bytes(), histogram.to_bytes());
            prop_assert_eq!(back.count(), histogram.count());
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Histogram::from_bytes(&bytes);
        }
    }

    #[test]
    fn the_deviation_is_that_of_the_values() {
        assert!((of(&[2, 4, 4, 4, 5, 5, 7, 9]).deviation() - 2.0).abs() < 1e-12);
        assert!(of(&[90_000_001; 7]).deviation() < 1e-3 && of(&[]).deviation() == 0.0);
    }

    #[test]
    fn an_empty_histogram_answers_zero() {
        let empty = Histogram::new();
        assert_eq!((empty.quantile(0.99), empty.count(), empty.max()), (0, 0, 0));
    }

    #[test]
    fn values_are_counted_below_each_bound() {
        let histogram = of(&[500, 1_000, 1_000_000, 2_000_000, 90_000_000]);
        assert_eq!(histogram.cumulative(&[1_000, 1_000_000, 2_001_000, 5_000_000]), [2, 2, 4, 4]);
        assert_eq!(
            of(&[1_000_000]).cumulative(&[1_000_000]),
            [1],
            "alone in its bucket, it is known exactly"
        );
        assert_eq!(Histogram::new().cumulative(&[1, 2]), [0, 0]);
    }

    #[test]
    fn clearing_keeps_nothing_but_memory() {
        let mut histogram = of(&[1, 5_000, 7_000_000]);
        histogram.clear();
        histogram.record(9);
        assert_eq!(histogram.to_bytes(), of(&[9]).to_bytes());
    }
}
