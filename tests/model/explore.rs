//! Explores all schedules within limits and checks the results.

use super::GRACE;
use super::runs::{Scenario, publish};
use super::schedule::{RunStore, Scheduler};
use iiif_publish::store::{MemoryStore, Object, Store};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

/// Maximum number of violations in a report.
const MAX_VIOLATIONS: usize = 3;

/// Number of image files of a run after which the scheduler may switch to another run. Later switches are equivalent.
const PICTURES_WITH_CHOICE: usize = 2;

/// Limits on the deviation of schedules from sequential execution.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum number of preemptions.
    pub preemptions: usize,
    /// Maximum number of killed runs.
    pub kills: usize,
}

/// Statistics of an exploration.
#[derive(Debug, Default)]
pub struct Report {
    pub schedules: usize,
    pub operations: usize,
    pub kills: usize,
    pub violations: Vec<String>,
    time: Duration,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.operations += other.operations;
        self.kills += other.kills;
        self.violations.extend(other.violations);
        self.time += other.time;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schedules, operations, kills, violations, time } = self;
        let (violations, seconds) = (violations.len(), time.as_secs_f64());
        write!(
            formatter,
            "{schedules} schedules, {operations} operations, {kills} kills, {violations} violations, {seconds:.1} s"
        )
    }
}

/// The choices of the current schedule, from which the next one is derived.
#[derive(Debug, Default)]
struct Path {
    /// The selected index and the number of options of each choice.
    choices: Vec<(usize, usize)>,
    next: usize,
}

impl Path {
    /// Repeats the previous choice, or selects the first unexplored one.
    fn choose(&mut self, count: usize) -> usize {
        if self.next == self.choices.len() {
            self.choices.push((0, count));
        }
        let (chosen, known) = self.choices[self.next];
        self.next += 1;
        // The order of image files varies between runs, but the number of operations does not.
        assert!(chosen < count.max(known));
        chosen.min(count - 1)
    }

    /// Advances to the next schedule. Returns `false` after the last one.
    fn advance(&mut self) -> bool {
        self.next = 0;
        while let Some((chosen, count)) = self.choices.pop() {
            if chosen + 1 < count {
                self.choices.push((chosen + 1, count));
                return true;
            }
        }
        false
    }
}

/// Explores all schedules of a scenario.
pub fn explore(scenario: &Scenario, limits: Limits) -> Report {
    let (began, mut path, mut report) = (Instant::now(), Path::default(), Report::default());
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let oracle = runtime.block_on(Scenario::oracle());
    loop {
        let mut trace = Vec::new();
        let found = runtime.block_on(async {
            let store = scenario.store().await;
            let kills = run(scenario, limits, &store, &mut path, &mut trace).await;
            report.kills += kills;
            check(scenario, &store, &oracle).await
        });
        report.schedules += 1;
        report.operations += trace.len();
        if let Err(violation) = found {
            report.violations.push(format!("{scenario:?}: {violation}\n{}", trace.join("\n")));
        }
        if report.violations.len() >= MAX_VIOLATIONS || !path.advance() {
            report.time = began.elapsed();
            return report;
        }
    }
}

/// A scheduling decision: the run to continue or to kill.
#[derive(Clone, Copy, Debug)]
struct Choice {
    run: usize,
    is_kill: bool,
}

/// Executes one schedule and returns the number of kills.
async fn run(
    scenario: &Scenario,
    limits: Limits,
    store: &Arc<MemoryStore>,
    path: &mut Path,
    trace: &mut Vec<String>,
) -> usize {
    let scheduler = Scheduler::new(scenario.runs.len());
    let spawn = |(number, run): (usize, &super::runs::Run)| {
        let (scheduler, run) = (Arc::clone(&scheduler), *run);
        let run_store = RunStore { run: number, scheduler: Arc::clone(&scheduler), inner: Arc::clone(store) };
        let settle_after = scenario.settle_after;
        tokio::spawn(async move {
            run.go(run_store, settle_after).await;
            scheduler.done(number);
        })
    };
    let mut tasks: Vec<_> = scenario.runs.iter().enumerate().map(spawn).map(Some).collect();
    let (mut left, mut present, mut pictures) = (limits, 0, vec![0; scenario.runs.len()]);
    loop {
        scheduler.quiet().await;
        let next = scheduler.next();
        if next.is_empty() {
            break;
        }
        let choices = choices(&next, present, left, &pictures);
        let Choice { run, is_kill } = choices[path.choose(choices.len())];
        let is_going_on = next.iter().any(|(number, _)| *number == present);
        left.preemptions -= usize::from(is_going_on && run != present);
        present = run;
        let name = next.iter().find(|(number, _)| *number == run).map(|(_, name)| name.clone()).unwrap_or_default();
        trace.push(format!("  run {run}: {}{name}", if is_kill { "killed before " } else { "" }));
        if is_kill {
            left.kills -= 1;
            if let Some(task) = tasks[run].take() {
                task.abort();
                let _ = task.await;
            }
            scheduler.done(run);
        } else {
            pictures[run] = if name.ends_with(".jpg") && name.starts_with("put") { pictures[run] + 1 } else { 0 };
            scheduler.grant(run, store);
        }
    }
    for task in tasks.into_iter().flatten() {
        task.await.expect("a run does not panic");
    }
    limits.kills - left.kills
}

/// Returns the possible decisions: continue the current run, switch to another one, or kill the run that would
/// continue.
fn choices(next: &[(usize, String)], present: usize, left: Limits, pictures: &[usize]) -> Vec<Choice> {
    let is_going_on = next.iter().any(|(run, _)| *run == present);
    let is_among_pictures = |run: usize, name: &str| name.ends_with(".jpg") && pictures[run] >= PICTURES_WITH_CHOICE;
    if let Some((run, _)) = next.iter().find(|(run, name)| *run == present && is_among_pictures(*run, name)) {
        return vec![Choice { run: *run, is_kill: false }];
    }
    let others = next.iter().map(|(run, _)| *run).filter(|run| *run != present);
    let may_switch = !is_going_on || left.preemptions > 0;
    let runs: Vec<usize> = is_going_on.then_some(present).into_iter().chain(others.filter(|_| may_switch)).collect();
    let go_on = runs.iter().map(|run| Choice { run: *run, is_kill: false });
    let kills = runs.iter().filter(|_| left.kills > 0).map(|run| Choice { run: *run, is_kill: true });
    go_on.chain(kills).collect()
}

/// The expected objects of each source.
#[derive(Debug, Default)]
pub struct Oracle {
    sources: BTreeMap<char, (String, BTreeMap<String, Vec<u8>>)>,
}

impl Oracle {
    pub fn learn(&mut self, name: char, store: &MemoryStore) {
        let objects = objects(store);
        let pixels = pixels(&objects["image/info.json"]).expect("a mark");
        self.sources.insert(name, (pixels, bodies(&objects)));
    }

    /// Returns the source that a mark belongs to.
    fn source_of(&self, info: &Object) -> Option<char> {
        let pixels = pixels(info)?;
        self.sources.iter().find(|(_, (known, _))| *known == pixels).map(|(name, _)| *name)
    }

    /// Returns an error unless the objects are exactly those of a source.
    fn compare(&self, name: char, objects: &BTreeMap<String, Object>) -> Result<(), String> {
        let (found, expected) = (bodies(objects), &self.sources[&name].1);
        let differing = expected.iter().filter(|(key, body)| found.get(*key) != Some(body)).count();
        let surplus = found.keys().filter(|key| !expected.contains_key(*key)).count();
        if (differing, surplus) == (0, 0) {
            return Ok(());
        }
        Err(format!("{differing} objects of `{name}` are missing or wrong, {surplus} are not part of it"))
    }
}

fn objects(store: &MemoryStore) -> BTreeMap<String, Object> {
    store.puts().into_iter().map(|put| (put.key.to_string(), put)).collect()
}

fn bodies(objects: &BTreeMap<String, Object>) -> BTreeMap<String, Vec<u8>> {
    objects.iter().map(|(key, object)| (key.clone(), object.body.to_vec())).collect()
}

fn field(info: &Object, name: &str) -> Option<String> {
    let mark = info.mark.as_deref()?;
    mark.split(';').find_map(|field| field.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

fn pixels(info: &Object) -> Option<String> {
    field(info, "pixels")
}

/// Checks that an image marked current matches its mark.
fn check_current(oracle: &Oracle, objects: &BTreeMap<String, Object>) -> Result<Option<char>, String> {
    let Some(info) = objects.get("image/info.json") else { return Ok(None) };
    let name = oracle.source_of(info);
    if field(info, "state").as_deref() == Some("current") {
        let name = name.ok_or("current, and of no source")?;
        oracle.compare(name, objects).map_err(|error| format!("marked current, but {error}"))?;
    }
    Ok(name)
}

/// Checks the objects after all runs have ended or were killed, and again after more runs.
async fn check(scenario: &Scenario, store: &Arc<MemoryStore>, oracle: &Oracle) -> Result<(), String> {
    let name = check_current(oracle, &objects(store))?;
    let again = async |name| {
        store.advance(2 * GRACE);
        publish(Arc::clone(store) as Arc<dyn Store>, scenario.settle_after, name)
            .await
            .map_err(|error| error.to_string())
    };
    // The run that is most likely to consider the image unchanged.
    let name = name.unwrap_or('a');
    again(name).await?;
    check_current(oracle, &objects(store))?;
    again(name).await?;
    let objects = objects(store);
    oracle.compare(name, &objects)?;
    match field(&objects["image/info.json"], "state").as_deref() {
        Some("current") => Ok(()),
        state => Err(format!("it is {state:?} after two more runs")),
    }
}
