//! Memory, pixel and object limits.

use bytesize::ByteSize;
use clap::Args;
use iiif_publish::source::ReadOptions;
use sysinfo::{Process, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
#[expect(clippy::struct_field_names, reason = "the names of the options")]
pub(crate) struct LimitArguments {
    /// Limit the total memory for all images, such as `2GiB` [default: half of the available memory]
    ///
    /// An image that needs more is refused before any work starts. In a container or service, the available memory is
    /// its own limit instead of the machine's memory.
    #[arg(long, value_name = "SIZE")]
    max_memory: Option<ByteSize>,
    /// Refuse images with more than N pixels
    #[arg(long, value_name = "N", default_value_t = ReadOptions::MAX_PIXELS, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_pixels: u64,
    /// Refuse images that need more than N objects, before storing any [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_objects: Option<u64>,
}

impl LimitArguments {
    /// Returns the memory limit in bytes, or `None` if it isn't set and the machine's memory is unknown.
    pub(crate) fn max_memory_bytes(&self) -> Option<u64> {
        self.max_memory.map(|size| size.as_u64()).or_else(|| machine_memory_bytes().map(|bytes| bytes / 2))
    }
}

/// Returns the machine's memory or this process's cgroup limit in bytes, whichever is smaller.
fn machine_memory_bytes() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    let process = get_current_pid().ok()?;
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[process]), false, ProcessRefreshKind::nothing());
    let of_cgroup = system.process(process).and_then(Process::cgroup_limits).map(|limits| limits.total_memory);
    let of_machine = Some(system.total_memory()).filter(|bytes| *bytes > 0);
    of_machine.into_iter().chain(of_cgroup).min()
}
