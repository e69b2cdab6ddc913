//! Selection of the faults of a request.

use super::call::Request;
use super::fault::{Fault, Scope};
use std::time::Instant;

/// Seed of the pseudo-random numbers. Any constant makes runs reproducible.
const SEED: u64 = 3;

/// The active faults, in the order in which they were added.
pub(super) struct Rules {
    rules: Vec<Rule>,
    random: Random,
}

impl Default for Rules {
    fn default() -> Self {
        Self { rules: Vec::new(), random: Random(SEED) }
    }
}

struct Rule {
    fault: Fault,
    scope: Scope,
    /// The time of the first matching request.
    began: Option<Instant>,
}

impl Rules {
    pub(super) fn add(&mut self, fault: Fault, scope: Scope) {
        self.rules.push(Rule { fault, scope, began: None });
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Returns the faults of a request: any number that only modify it, and at most one that ends it.
    pub(super) fn befalling(&mut self, request: &Request, now: Instant) -> Vec<Fault> {
        let mut faults: Vec<Fault> = Vec::new();
        for rule in &mut self.rules {
            let is_ended = faults.iter().any(|fault| fault.is_end());
            if !(is_ended && rule.fault.is_end()) && rule.meets(request, now, &mut self.random) {
                faults.push(rule.fault);
            }
        }
        faults
    }
}

impl Rule {
    fn meets(&mut self, request: &Request, now: Instant, random: &mut Random) -> bool {
        self.scope.fits(request)
            && self.scope.spares_no_more()
            && self.is_in_time(now)
            && self.scope.one_in.is_none_or(|one_in| random.next().is_multiple_of(one_in))
            && self.scope.takes_one()
    }

    fn is_in_time(&mut self, now: Instant) -> bool {
        let began = *self.began.get_or_insert(now);
        self.scope.time.is_none_or(|time| now.saturating_duration_since(began) < time)
    }
}

impl Scope {
    fn fits(&self, request: &Request) -> bool {
        self.method.as_ref().is_none_or(|method| *method == request.method)
            && self.key_part.as_ref().is_none_or(|part| request.path.contains(part))
            && (!self.only_signed || request.aws_region.is_some())
            && (!self.only_copies || request.is_copy)
    }

    fn spares_no_more(&mut self) -> bool {
        let is_over = self.spared == 0;
        self.spared = self.spared.saturating_sub(1);
        is_over
    }

    fn takes_one(&mut self) -> bool {
        let Some(left) = self.left else { return true };
        self.left = Some(left.saturating_sub(1));
        left > 0
    }
}

/// [SplitMix64](https://prng.di.unimi.it/splitmix64.c).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
