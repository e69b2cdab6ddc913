//! Splits a collection into shards, so several machines can publish it without coordination.

use crate::destination::Identifier;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// One of several roughly equal parts of a collection. For example, `2/8` is the third of eight parts.
///
/// ```
/// use iiif_publish::collection::Shard;
/// let shard: Shard = "2/8".parse()?;
/// assert_eq!(shard.to_string(), "2/8");
/// assert!("8/8".parse::<Shard>().is_err());
/// # Ok::<(), iiif_publish::collection::ShardError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
}

/// Error returned when parsing a shard or reading it from environment variables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// Not a valid index and count.
    #[error("expected the index and the number of parts, counted from 0: 0/8, 1/8, …, 7/8; or `auto`")]
    Text,
    /// A batch engine's environment variables are invalid or inconsistent.
    #[error("{0} reports task {1} of {2}")]
    Environment(&'static str, String, String),
}

impl Shard {
    /// The whole collection.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Creates the shard with zero-based index `index` out of `count` shards.
    ///
    /// # Errors
    /// Returns an error unless `index` is less than `count`.
    pub fn new(index: u32, count: u32) -> Result<Self, ShardError> {
        if index < count { Ok(Self { index, count }) } else { Err(ShardError::Text) }
    }

    /// Returns `true` if this is the only shard.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.count == 1
    }

    /// Returns `true` if an object belongs to this shard. Only depends on the object's identifier, not on input order.
    #[must_use]
    pub(crate) fn has(self, object: &Identifier) -> bool {
        // Use a hash instead of the position. Adding or removing files then doesn't move other objects to different
        // shards, and each machine finds its own images unchanged. Hash the object instead of the image because a
        // manifest must be written by a shard that has all of its pages.
        let hash = Sha256::digest(object.to_string().as_bytes());
        let start: [u8; 8] = hash[..8].try_into().expect("SHA-256 has 32 bytes");
        u64::from_be_bytes(start) % u64::from(self.count) == u64::from(self.index)
    }

    /// Reads the shard from a batch engine's environment variables and returns it with the engine's name. Returns
    /// `None` if no known engine is detected.
    ///
    /// # Errors
    /// Returns an error if the variables are invalid or inconsistent.
    pub fn of_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<(Self, &'static str)>, ShardError> {
        for Engine { name, index, count, first } in ENGINES {
            let (Some(task), Some(tasks)) = (variable(index), variable(count)) else { continue };
            let number = |text: &str| text.parse::<u32>().ok();
            let first = first.and_then(&variable).map_or(Some(0), |first| number(&first));
            let task_from_0 = number(&task).zip(first).and_then(|(task, first)| task.checked_sub(first));
            let shard = task_from_0.zip(number(&tasks)).and_then(|(index, count)| Self::new(index, count).ok());
            return shard.map(|shard| Some((shard, name))).ok_or(ShardError::Environment(name, task, tasks));
        }
        Ok(None)
    }
}

/// Names of the environment variables that a batch engine uses to number its tasks.
struct Engine {
    name: &'static str,
    index: &'static str,
    count: &'static str,
    /// Variable holding the index of the first task, for engines that don't always start at 0.
    first: Option<&'static str>,
}

/// Variables taken from each engine's documentation. Kubernetes Indexed Jobs don't provide a variable for the count, so
/// `JOB_COMPLETION_COUNT` must be set in the job's manifest.
const ENGINES: [Engine; 4] = [
    Engine { name: "AWS Batch", index: "AWS_BATCH_JOB_ARRAY_INDEX", count: "AWS_BATCH_JOB_ARRAY_SIZE", first: None },
    Engine { name: "Kubernetes", index: "JOB_COMPLETION_INDEX", count: "JOB_COMPLETION_COUNT", first: None },
    Engine {
        name: "Slurm",
        index: "SLURM_ARRAY_TASK_ID",
        count: "SLURM_ARRAY_TASK_COUNT",
        first: Some("SLURM_ARRAY_TASK_MIN"),
    },
    Engine { name: "Cloud Run", index: "CLOUD_RUN_TASK_INDEX", count: "CLOUD_RUN_TASK_COUNT", first: None },
];

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (index, count) = text.split_once('/').ok_or(ShardError::Text)?;
        let number = |text: &str| text.parse().map_err(|_| ShardError::Text);
        Self::new(number(index)?, number(count)?)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_is_in_exactly_one_part_and_parts_are_about_equal() {
        let mut sizes = [0; 8];
        for number in 0..4000 {
            let object: Identifier = format!("object-{number}").parse().expect("an identifier");
            let parts: Vec<usize> = (0..8)
                .filter(|index| Shard::new(*index, 8).is_ok_and(|shard| shard.has(&object)))
                .map(|it| it as usize)
                .collect();
            assert_eq!(parts.len(), 1);
            sizes[parts[0]] += 1;
        }
        assert!(sizes.iter().all(|size| (400..600).contains(size)), "{sizes:?}");
        assert!(Shard::WHOLE.has(&"anything".parse().expect("an identifier")));
    }

    #[test]
    fn the_part_of_an_object_never_changes() {
        let part = |object: &str| {
            (0..8).find(|index| Shard::new(*index, 8).is_ok_and(|it| it.has(&object.parse().expect("one"))))
        };
        assert_eq!([part("atlas"), part("ms-1/f.2r"), part("Ünïcode")], [Some(6), Some(7), Some(1)]);
    }

    #[test]
    fn the_shard_is_read_from_the_variables_of_batch_engines() {
        let parse = |variables: &'static [(&str, &str)]| {
            Shard::of_environment(|name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let slurm =
            parse(&[("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_COUNT", "4"), ("SLURM_ARRAY_TASK_MIN", "1")]);
        assert_eq!(slurm, Ok(Some((Shard { index: 2, count: 4 }, "Slurm"))));
        let batch = parse(&[("AWS_BATCH_JOB_ARRAY_INDEX", "0"), ("AWS_BATCH_JOB_ARRAY_SIZE", "2")]);
        assert_eq!(batch, Ok(Some((Shard { index: 0, count: 2 }, "AWS Batch"))));
        assert_eq!(parse(&[("SLURM_ARRAY_TASK_ID", "3")]), Ok(None));
        assert!(parse(&[("CLOUD_RUN_TASK_INDEX", "5"), ("CLOUD_RUN_TASK_COUNT", "5")]).is_err());
    }
}
