//! Reads a configuration file, and refuses one that somebody else may have planted in the present folder.

use super::ConfigurationError;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Maximum size of a configuration file: the one with every option that `init` writes has 20 kB.
const MAX_BYTES: u64 = 1 << 20;

/// How a configuration file came to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Named with `--config`.
    Named,
    /// Found in the present folder.
    Found,
}

/// Reads a configuration file. One that was found must belong to the user, because its options redirect credentials and
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

/// Checks that only the user and root can have written the file, and made the link that leads to it.
#[cfg(unix)]
fn check_owner(path: &Path, file: &File) -> Result<(), ConfigurationError> {
    use std::os::unix::fs::MetadataExt;
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    let failed = |error| ConfigurationError::Read(path.to_owned(), error);
    let opened = file.metadata().map_err(failed)?;
    let linked = path.symlink_metadata().map_err(failed)?;
    let user = rustix::process::geteuid().as_raw();
    // `sudo` in a folder of one's own, as Git sees it.
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

/// Access control lists are not read: a folder that others may write to is rarer here.
#[cfg(not(unix))]
fn check_owner(_: &Path, _: &File) -> Result<(), ConfigurationError> {
    Ok(())
}
