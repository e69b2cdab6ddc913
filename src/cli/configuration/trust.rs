//! Reads a configuration file, and refuses a file in the current folder that another user may have planted.

use super::ConfigurationError;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Maximum size of a configuration file: the one with every option that `init` writes has 20 kB.
const MAX_BYTES: u64 = 1 << 20;

/// The origin of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Passed with `--config`.
    Named,
    /// Found in the current folder.
    Found,
}

/// Reads a configuration file. A file that was found must belong to the user, because its options can redirect credentials and
/// write files.
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

/// Checks that only the user and root can have written the file and the link to it.
#[cfg(unix)]
fn check_owner(path: &Path, file: &File) -> Result<(), ConfigurationError> {
    use std::os::unix::fs::MetadataExt;
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    let failed = |error| ConfigurationError::Read(path.to_owned(), error);
    let opened = file.metadata().map_err(failed)?;
    // The open file is checked and not the path, or another file could be moved there in between. The link is checked
    // too: in a folder such as `/tmp`, another user could create one to a file of the victim.
    let linked = path.symlink_metadata().map_err(failed)?;
    let user = rustix::process::geteuid().as_raw();
    // With `sudo`, the calling user is trusted too, as in Git.
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

/// Accepts any file: access control lists are not read, because folders that others can write to are rare on these systems.
#[cfg(not(unix))]
fn check_owner(_: &Path, _: &File) -> Result<(), ConfigurationError> {
    Ok(())
}
