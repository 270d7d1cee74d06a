//! The seconds that criteria with a time frame look at, and which of them are complete.

use std::collections::BTreeMap;

use loads_wire::criteria::{Frame, Subject};
use loads_wire::{Criterion, Window};
use serde::{Deserialize, Serialize};

use super::figures::Figures;

/// Seconds after which a second is judged although a lane may have more to say of it.
const LATE: u32 = 5;

/// One second's figures, by selection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Second {
    figures: Vec<Figures>,
    /// Most users of each (agent, lane).
    users: BTreeMap<(u32, u32), u32>,
}

/// Seconds that are not judged yet, and as many judged ones as the longest window needs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    by_number: BTreeMap<u32, Second>,
    /// Newest second of each (agent, epoch, lane) that delivered lately.
    lanes: BTreeMap<(u32, u64, u32), u32>,
    /// The first second that is not judged.
    next: u32,
}

impl Seconds {
    /// Adds a window, unless nobody will look at its second again. `selections` says what is summed up.
    pub fn add(&mut self, index: u32, epoch: u64, window: &Window, selections: &[Criterion], kept: u32) {
        let newest = self.lanes.entry((index, epoch, window.lane)).or_default();
        *newest = window.second.max(*newest);
        if window.second.saturating_add(kept) < self.next {
            return;
        }
        let second = self.by_number.entry(window.second).or_default();
        second.figures.resize_with(selections.len(), Figures::default);
        for (figures, selection) in second.figures.iter_mut().zip(selections) {
            figures.add(selection, window);
        }
        let users = second.users.entry((index, window.lane)).or_default();
        *users = window.users.max(*users);
    }

    /// The newest second that anybody told of.
    pub fn newest(&self) -> u32 {
        self.lanes.values().copied().max().unwrap_or(0)
    }

    /// The first second of which more may come: every lane is past those before, or silent for too long.
    pub fn open(&mut self) -> u32 {
        let newest = self.newest();
        self.lanes.retain(|_, seen| seen.saturating_add(LATE) >= newest);
        self.lanes.values().copied().min().unwrap_or(0)
    }

    /// The first second that was not judged.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// Seconds with figures from the first that was not judged up to `end`.
    pub fn to_judge(&self, end: u32) -> Vec<u32> {
        if end <= self.next {
            return Vec::new();
        }
        self.by_number.range(self.next..end).map(|(number, _)| *number).collect()
    }

    /// Marks a second as judged, and forgets those that no window reaches back to.
    pub fn judged(&mut self, number: u32, kept: u32) {
        self.next = self.next.max(number.saturating_add(1));
        if let Some(second) = self.by_number.get_mut(&number).filter(|_| kept > 0) {
            second.figures.iter_mut().for_each(Figures::pack);
        }
        let first = self.next.saturating_sub(kept);
        self.by_number = self.by_number.split_off(&first);
    }

    /// What `criterion` measures in a second, or over the window of its time frame that ends with it; seconds
    /// before `from` are not looked at.
    pub fn measure(&self, criterion: &Criterion, selection: usize, number: u32, from: u32) -> Option<f64> {
        let length = match criterion.frame? {
            Frame::For(_) => 1,
            Frame::Within(seconds) | Frame::Over(seconds) => seconds,
        };
        let first = (number + 1).saturating_sub(length).max(from);
        let seconds = self.by_number.range(first..=number).map(|(_, second)| second);
        let count = f64::from(number + 1 - first);
        if criterion.subject == Subject::Users {
            return Some(seconds.map(Second::users).sum::<f64>() / count);
        }
        let mut sum = Figures::default();
        seconds.filter_map(|second| second.figures.get(selection)).for_each(|figures| sum.merge(figures));
        sum.measure(&criterion.subject, count)
    }

    /// Users that were active at once in a second.
    pub fn users(&self, number: u32) -> f64 {
        self.by_number.get(&number).map_or(0.0, Second::users)
    }
}

impl Second {
    fn users(&self) -> f64 {
        self.users.values().map(|users| f64::from(*users)).sum()
    }
}
