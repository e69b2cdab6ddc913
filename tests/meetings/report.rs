//! The results of meetings.

use super::meeting::Kind;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub meetings: usize,
    /// Meetings in which one run wrote between two writes of the other.
    pub interleaved: usize,
    /// Meetings in which the older run was killed between its last image file and its commit.
    pub killed: usize,
    /// Meetings after which the next run of the same picture found the image damaged.
    pub repaired: usize,
}

#[derive(Debug, Default)]
pub struct Report {
    pub kinds: BTreeMap<Kind, Counts>,
    pub violations: Vec<String>,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.meetings += other.meetings;
        self.interleaved += other.interleaved;
        self.killed += other.killed;
        self.repaired += other.repaired;
    }
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        for (kind, counts) in other.kinds {
            *self.kinds.entry(kind).or_default() += counts;
        }
        self.violations.extend(other.violations);
    }
}

impl Report {
    pub fn all(&self) -> Counts {
        let mut all = Counts::default();
        self.kinds.values().for_each(|counts| all += *counts);
        all
    }

    /// Asserts that there are no violations and that enough runs interleaved.
    pub fn assert_good(&self) {
        let all = self.all();
        assert!(self.violations.is_empty(), "{} violations, see above", self.violations.len());
        let (interleaved, killed) =
            if all.meetings >= 1000 { (all.meetings * 3 / 5, all.meetings / 5) } else { (1, 1) };
        assert!(all.interleaved >= interleaved, "few interleaved: {all}");
        assert!(all.killed >= killed, "few kills before a commit: {all}");
        assert!(all.repaired > 0 || all.meetings < 100, "nothing to repair: {all}");
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { meetings, interleaved, killed, repaired } = self;
        write!(formatter, "{meetings} meetings, {interleaved} interleaved, ")?;
        write!(formatter, "{killed} killed between last picture and commit, {repaired} repaired")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, counts) in &self.kinds {
            writeln!(formatter, "  {kind:?}: {counts}")?;
        }
        write!(formatter, "  all: {}, {} violations", self.all(), self.violations.len())
    }
}
