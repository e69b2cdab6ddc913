//! Reads configuration files. Refuses a file in the current folder that another user might have planted.

use super::ConfigurationError;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Maximum size of a configuration file in bytes. The complete file that `init` writes is about 20 kB.
const MAX_BYTES: u64 = 1 << 20;

/// Origin of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Passed with `--config`.
    Named,
    /// Found in the current folder.
    Found,
}

/// Reads a configuration file. A file found in the current folder must belong to the user, because its options can
/// redirect credentials and write files.
pub(super) fn read(path: &Path, origin: Origin) -> Result<String, ConfigurationError> {
    let failed = |error| ConfigurationError::Read(path.to_owned(), error);
    let file = File::open(path).map_err(failed)?;
    if origin == Origin::Found {
        check_owner(path, &file)?;
    }
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(ConfigurationError::TooLarge { path: path.to_owned(), max_bytes: MAX_BYTES });
    }
    Ok(text)
}

/// Checks that only the user or root could have written the file and any link to it.
#[cfg(unix)]
fn check_owner(path: &Path, file: &File) -> Result<(), ConfigurationError> {
    use std::os::unix::fs::MetadataExt;
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    let failed = |error| ConfigurationError::Read(path.to_owned(), error);
    let opened = file.metadata().map_err(failed)?;
    // Check the open file instead of the path, because the file at the path could be swapped in the meantime. Check the
    // link too, because in a folder such as `/tmp`, another user could create a link to one of the victim's files.
    let linked = path.symlink_metadata().map_err(failed)?;
    let user = rustix::process::geteuid().as_raw();
    // Under `sudo`, also trust the calling user, as Git does.
    let caller = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok()).filter(|_| user == 0);
    let is_trusted = |owner: u32| owner == 0 || owner == user || Some(owner) == caller;
    if let Some(owner) = [opened.uid(), linked.uid()].into_iter().find(|owner| !is_trusted(*owner)) {
        return Err(ConfigurationError::Owner { path: path.to_owned(), owner });
    }
    if opened.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(ConfigurationError::Writable(path.to_owned()));
    }
    Ok(())
}

/// Accepts any file. Access control lists aren't checked, because folders that others can write to are rare on these
/// systems.
#[cfg(not(unix))]
fn check_owner(_: &Path, _: &File) -> Result<(), ConfigurationError> {
    Ok(())
}
