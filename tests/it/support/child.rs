//! Tests of the library that need an environment of their own: that of a process cannot be changed safely while other
//! tests run in it.

use super::program::program;
use std::any::type_name;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

/// Set in the processes that are started here.
const CHILD_VARIABLE: &str = "IIIF_PUBLISH_TEST_CHILD";

/// Set to 1 for loads, storms and outages of full length.
const LONG_VARIABLE: &str = "IIIF_PUBLISH_TEST_LONG";

/// Held while a child runs. They measure rates, and would slow each other down.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Returns `true` if tests run at full length.
pub fn is_long() -> bool {
    std::env::var_os(LONG_VARIABLE).is_some_and(|value| value == "1")
}

/// Returns the short or the long variant.
pub fn short_or_long<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// Runs the test that this is called in once more, by itself and with the environment of [`program`], and `test` there.
/// `test` must be a closure, because its name tells the name of the test.
pub fn in_child<F: FnOnce() -> T, T: Future<Output = ()>>(test: F) {
    if std::env::var_os(CHILD_VARIABLE).is_some() {
        return tokio::runtime::Runtime::new().expect("threads").block_on(test());
    }
    let name = type_name::<F>().trim_end_matches("::{{closure}}");
    let name = name.split_once("::").map_or(name, |(_, within_crate)| within_crate);
    let output = run_again(name);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprint!("{stderr}");
    assert!(output.status.success(), "{name} failed in its own process, see above");
    assert!(stdout.contains("1 passed"), "`{name}` is not the name of a test:\n{stdout}");
}

fn run_again(name: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("tests have a path"));
    command.args(["--exact", name, "--nocapture"]).env(CHILD_VARIABLE, "1");
    for (name, value) in program().get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    command.output().expect("tests can be run again")
}
