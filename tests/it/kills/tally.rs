//! Counts the effects of kills. Kills that all come too late would prove nothing.

use crate::support::child::is_long;

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Killed,
    /// Before it was to be killed.
    ByItself,
}

/// The number of killed runs, by their progress.
#[derive(Debug, Default)]
pub struct Tally {
    before_pictures: usize,
    among_pictures: usize,
    after_pictures: usize,
    after_promise: usize,
    ended_by_itself: usize,
}

impl Tally {
    /// Adds a run, with the number of stored pictures, and `true` if `info.json` was there.
    pub fn enter(&mut self, end: End, finished: usize, planned: usize, is_promised: bool) {
        *match (end, is_promised) {
            (End::ByItself, _) => &mut self.ended_by_itself,
            (End::Killed, true) => &mut self.after_promise,
            (End::Killed, false) if finished == planned => &mut self.after_pictures,
            (End::Killed, false) if finished == 0 => &mut self.before_pictures,
            (End::Killed, false) => &mut self.among_pictures,
        } += 1;
    }

    /// Asserts that the kills were at all sorts of moments.
    pub fn assert_spread(&self) {
        let without_promise = self.before_pictures + self.among_pictures + self.after_pictures;
        let with_promise = self.after_promise + self.ended_by_itself;
        let between = self.among_pictures + self.after_pictures;
        let share = between as f64 / (without_promise + with_promise) as f64;
        assert!(share >= 0.3, "few kills came between the first picture and the promise: {self:?}");
        assert!(!is_long() || (without_promise > 0 && with_promise > 0), "{self:?}");
    }
}
