//! The judge: which of the run's criteria hold, second by second and at the end.
//!
//! Pure: it knows windows and seconds since T, no clock and no socket. A second is judged once it is complete,
//! and never again; what comes later still counts in the figures of the whole run. Memory grows with the labels
//! that criteria name and with the longest time frame, not with the run.

mod figures;
mod seconds;
mod story;
#[cfg(test)]
mod tests;

use loads_wire::criteria::{CriterionError, Frame, Subject};
use loads_wire::{Criterion, Window};
use serde::{Deserialize, Serialize};

use self::figures::Figures;
use self::seconds::Seconds;
pub use self::story::Judgement;

/// How one criterion stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Standing {
    /// What it was last judged by; not judged again once it was caught.
    measured: Option<f64>,
    /// First second of those in a row that are on the wrong side.
    since: Option<u32>,
    caught: Option<Caught>,
}

/// A criterion that was not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Caught {
    /// When; none: over the whole run.
    second: Option<u32>,
    /// Whether that ended the run.
    stopped: bool,
}

/// What happened in the seconds that were just judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ruling {
    /// A criterion was not met: worth remembering.
    pub caught: bool,
    /// The run is to end.
    pub stop: bool,
}

/// The criteria of a run and what they are judged by. Serialised without the criteria: those are the plan's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    #[serde(skip)]
    criteria: Vec<Criterion>,
    /// One criterion for each label that any has, and the place of each criterion's one.
    #[serde(skip)]
    selections: Vec<Criterion>,
    #[serde(skip)]
    selected: Vec<usize>,
    standings: Vec<Standing>,
    seconds: Seconds,
    /// By selection: the figures of all seconds.
    run: Vec<Figures>,
    /// Sum of the users of judged seconds, and their number.
    users: (f64, u32),
    /// First second of the present stretch of load; none before the first one.
    stretch: Option<u32>,
    /// Whether any window came at all.
    begun: bool,
    finished: bool,
}

impl Judge {
    /// Goes on with what was kept, by the plan's criteria.
    pub fn resume(mut self, texts: &[String]) -> Result<Self, CriterionError> {
        self.criteria = texts.iter().map(|text| Criterion::parse(text)).collect::<Result<_, _>>()?;
        self.standings.resize_with(self.criteria.len(), Standing::default);
        (self.selections, self.selected) = (Vec::new(), Vec::new());
        for criterion in &self.criteria {
            let known = self.selections.iter().position(|other| other.label == criterion.label);
            self.selected.push(known.unwrap_or(self.selections.len()));
            if known.is_none() {
                self.selections.push(criterion.clone());
            }
        }
        self.run.resize_with(self.selections.len(), Figures::default);
        Ok(self)
    }

    /// Adds what the process `epoch` of agent `index` counted.
    pub fn add(&mut self, index: u32, epoch: u64, window: &Window) {
        if self.criteria.is_empty() {
            return;
        }
        self.begun = true;
        if self.criteria.iter().any(|criterion| criterion.frame.is_none()) {
            for (figures, selection) in self.run.iter_mut().zip(&self.selections) {
                figures.add(selection, window);
            }
        }
        self.seconds.add(index, epoch, window, &self.selections, self.kept());
    }

    /// Judges the seconds that are complete; `is_whole` says whether load was on all through one.
    pub fn judge(&mut self, is_whole: impl Fn(u32) -> bool) -> Ruling {
        let open = self.seconds.open();
        self.judge_until(open, is_whole)
    }

    /// The run ends as a [`Ruling`] said.
    pub fn stopped(&mut self) {
        for (standing, criterion) in self.standings.iter_mut().zip(&self.criteria) {
            if let Some(caught) = &mut standing.caught {
                caught.stopped |= criterion.stop;
            }
        }
    }

    /// Judges the seconds that are left, and the whole run.
    pub fn finish(&mut self, is_whole: impl Fn(u32) -> bool) {
        self.judge_until(u32::MAX, is_whole);
        self.finished = true;
        if !self.begun {
            return;
        }
        for place in 0..self.criteria.len() {
            let criterion = &self.criteria[place];
            if criterion.frame.is_some() {
                continue;
            }
            let (sum, seconds) = self.users;
            let measured = match criterion.subject {
                Subject::Users => (seconds > 0).then(|| sum / f64::from(seconds)),
                _ => self.run[self.selected[place]].measure(&criterion.subject, 1.0),
            };
            let caught = measured.is_some_and(|measured| criterion.catches(measured));
            self.standings[place] = Standing {
                measured,
                since: None,
                caught: caught.then_some(Caught { second: None, stopped: false }),
            };
        }
    }

    /// The newest second that was told of.
    pub fn newest(&self) -> u32 {
        self.seconds.newest()
    }

    fn judge_until(&mut self, end: u32, is_whole: impl Fn(u32) -> bool) -> Ruling {
        let (mut ruling, kept) = (Ruling::default(), self.kept());
        for number in self.seconds.to_judge(end) {
            // A pause leaves no figures; it may be all that lies between.
            if !(self.seconds.next()..=number).all(&is_whole) {
                self.stretch = None;
                self.standings.iter_mut().for_each(|standing| standing.since = None);
            }
            if is_whole(number) {
                let from = *self.stretch.get_or_insert(number);
                self.users = (self.users.0 + self.seconds.users(number), self.users.1 + 1);
                for place in 0..self.criteria.len() {
                    let caught = self.judge_second(place, number, from);
                    ruling.caught |= caught;
                    ruling.stop |= caught && self.criteria[place].stop;
                }
            }
            self.seconds.judged(number, kept);
        }
        ruling
    }

    /// Whether a criterion is caught by this second.
    fn judge_second(&mut self, place: usize, number: u32, from: u32) -> bool {
        let (criterion, standing) = (&self.criteria[place], &mut self.standings[place]);
        let Some(frame) = criterion.frame.filter(|_| standing.caught.is_none()) else { return false };
        if matches!(frame, Frame::Over(seconds) if number + 1 - from < seconds) {
            return false;
        }
        // Without a request there is no time and no share: such a second changes nothing.
        let Some(measured) = self.seconds.measure(criterion, self.selected[place], number, from) else {
            return false;
        };
        standing.measured = Some(measured);
        if !criterion.catches(measured) {
            standing.since = None;
            return false;
        }
        let since = *standing.since.get_or_insert(number);
        let caught = match frame {
            Frame::For(seconds) => number + 1 - since >= seconds,
            Frame::Within(_) | Frame::Over(_) => true,
        };
        standing.caught = caught.then_some(Caught { second: Some(number), stopped: false });
        caught
    }

    /// Seconds that windows look back on.
    fn kept(&self) -> u32 {
        let lengths = self.criteria.iter().filter_map(|criterion| match criterion.frame? {
            Frame::For(_) => None,
            Frame::Within(seconds) | Frame::Over(seconds) => Some(seconds),
        });
        lengths.max().unwrap_or(0)
    }
}
