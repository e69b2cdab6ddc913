//! When to kill: at random, but the same moments in every run of the tests.

use std::time::Duration;

/// Any number; another one gives other moments.
const SEED: u64 = 0x1f5e_ed0f_4a11;

/// The maximum time between a request and the kill that waits for it.
const LATER: Duration = Duration::from_millis(6);

/// Requests at the end of a run, from the promise on.
const LAST: f64 = 4.0;

/// The course of an undisturbed run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    pub lasts: Duration,
    pub requests: usize,
}

/// When a run is to be killed.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// So long after its beginning.
    After(Duration),
    /// After a number of requests and a delay. A clock alone says little about the progress of a run on a busy machine.
    AtRequest(usize, Duration),
}

/// So many moments of a run, one half by the clock and one half by its requests. Both are spread evenly, but for one in four:
/// those are near its beginning, or among its last requests, where promises are made and orphans deleted.
pub fn moments(count: u32, course: Course) -> Vec<Moment> {
    let mut dice = Dice(SEED);
    (0..count).map(|number| moment(number, count, course, &mut dice)).collect()
}

fn moment(number: u32, count: u32, course: Course, dice: &mut Dice) -> Moment {
    let share = (f64::from(number) + dice.roll()) / f64::from(count);
    let later = LATER.mul_f64(dice.roll());
    match number % 8 {
        0 => Moment::After(course.lasts.mul_f64(0.1 * dice.roll())),
        2 | 4 | 6 => Moment::After(course.lasts.mul_f64(share)),
        5 | 7 => Moment::AtRequest(course.requests - (LAST * dice.roll()) as usize, later),
        _ => Moment::AtRequest((share * course.requests as f64).ceil() as usize, later),
    }
}

/// [SplitMix64](https://prng.di.unimi.it/splitmix64.c)
struct Dice(u64);

impl Dice {
    /// From 0 to 1.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64
    }
}
