//! Collects findings as responses arrive out of order.

use super::fetch::Answer;
use super::finding::{Finding, Problem};
use crate::iiif::Plan;

/// Maximum number of findings to keep per image. This bounds memory use if every object is missing.
const MAX_FINDINGS: usize = 100_000;

/// Number of consecutive objects without a response before the host is considered unreachable.
const SILENCE: u32 = 32;

/// Result of checking a single image file.
pub(super) struct Checked {
    index: u64,
    path: String,
    problems: Vec<Problem>,
    headers: Option<Headers>,
    silence: Option<String>,
}

struct Headers {
    has_cache_control: bool,
    allows_any_page: bool,
}

impl Checked {
    pub(super) fn answered(index: u64, path: String, answer: &Answer, problems: Vec<Problem>) -> Self {
        let headers = Headers { has_cache_control: answer.has_cache_control, allows_any_page: answer.allows_any_page };
        Self { index, path, problems, headers: Some(headers), silence: None }
    }

    pub(super) fn failed(index: u64, path: String, problem: Problem) -> Self {
        Self { index, path, problems: vec![problem], headers: None, silence: None }
    }

    pub(super) fn silent(index: u64, path: String, reason: String) -> Self {
        let problems = vec![Problem::Unanswered { reason: reason.clone() }];
        Self { index, path, problems, headers: None, silence: Some(reason) }
    }
}

/// Findings collected so far for one image.
#[derive(Default)]
pub(super) struct Tally {
    /// Each finding, along with its object's position in publishing order.
    findings: Vec<(u64, Finding)>,
    unlisted: u64,
    found: u64,
    without_cors: u64,
    without_cache_control: u64,
    silent_in_a_row: u32,
}

impl Tally {
    pub(super) fn finding(&mut self, index: u64, path: &str, problem: Problem) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push((index, Finding { path: Some(path.to_owned()), problem }));
        } else {
            self.unlisted += 1;
        }
    }

    /// Reassigns all findings so far to the parent folder, because its `info.json` turned out to point to a version.
    ///
    /// Drops findings about the document's contents, because it refers to a different folder on purpose.
    pub(super) fn move_to_version(&mut self) {
        self.findings.retain(|(_, finding)| !matches!(finding.problem, Problem::Information(_)));
        for (_, finding) in &mut self.findings {
            finding.path = Some(format!("../{}", Plan::INFO_JSON));
        }
    }

    /// Adds an error found in `info.json`.
    pub(super) fn information(&mut self, words: String) {
        self.finding(0, Plan::INFO_JSON, Problem::Information(words));
    }

    /// Adds the result for one image file. If the host has stopped responding, returns the reason.
    pub(super) fn add(&mut self, checked: Checked) -> Option<String> {
        let Checked { index, path, problems, headers, silence } = checked;
        // A single lost response is just a finding. After 32 in a row, the host is gone, and checking millions of
        // other objects would only mean waiting for that many timeouts.
        self.silent_in_a_row = if silence.is_some() { self.silent_in_a_row + 1 } else { 0 };
        for problem in problems {
            self.finding(index, &path, problem);
        }
        if let Some(headers) = headers {
            self.found += 1;
            self.without_cors += u64::from(!headers.allows_any_page);
            if !headers.has_cache_control {
                self.without_cache_control += 1;
                self.finding(index, &path, Problem::CacheControl);
            }
        }
        silence.filter(|_| self.silent_in_a_row >= SILENCE)
    }

    /// Returns the sorted findings, along with how many were omitted.
    pub(super) fn into_findings(mut self) -> (Vec<Finding>, u64) {
        if self.without_cors > 0 {
            let problem = Problem::Cors { objects: self.without_cors, checked: self.found };
            self.findings.push((0, Finding { path: None, problem }));
        }
        // A server without `Cache-Control` doesn't send it for any tile. Report that once instead of a million times.
        if self.without_cache_control > 1 && self.without_cache_control == self.found {
            self.without_cache_control_at_all();
        }
        self.findings.sort_by_key(|(index, finding)| (finding.problem.rank(), *index));
        (self.findings.into_iter().map(|(_, finding)| finding).collect(), self.unlisted)
    }

    /// Replaces the findings for individual image files with a single one for the whole image.
    fn without_cache_control_at_all(&mut self) {
        let listed = self.findings.len();
        self.findings.retain(|(index, finding)| *index == 0 || finding.problem != Problem::CacheControl);
        let removed = (listed - self.findings.len()) as u64;
        self.unlisted -= self.without_cache_control - removed;
        let problem = Problem::NoCacheControl { checked: self.found };
        self.findings.push((0, Finding { path: None, problem }));
    }
}
