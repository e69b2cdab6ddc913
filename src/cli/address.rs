//! Splits `--bucket`, which can be a name with a prefix, a URL or an ARN. Commands only see a bucket and a prefix.

use super::error::Fatal;
use super::exit::Exit;
use iiif_publish::store::{BucketAddress, Prefix};
use std::ffi::OsString;

const BUCKET: &str = "--bucket";
const PREFIX: &str = "--prefix";

/// Splits the `--bucket` value into a bucket and a prefix.
///
/// # Errors
/// Returns an error if the value isn't a valid bucket or its prefix conflicts with `--prefix`.
pub(super) fn divide_bucket(words: &mut Vec<OsString>) -> Result<(), Fatal> {
    let Some((index, address)) = value_of(words, BUCKET) else { return Ok(()) };
    let address: BucketAddress = address.parse()?;
    set_value(words, index, BUCKET, address.bucket());
    if address.prefix().is_empty() {
        return Ok(());
    }
    let Some((index, prefix)) = value_of(words, PREFIX) else {
        let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
        words.insert(end, format!("{PREFIX}={}", address.prefix()).into());
        return Ok(());
    };
    if prefix.parse::<Prefix>().is_ok_and(|prefix| prefix.is_empty()) {
        set_value(words, index, PREFIX, &address.prefix().to_string());
        return Ok(());
    }
    if prefix.parse::<Prefix>().is_ok_and(|prefix| prefix == *address.prefix()) {
        return Ok(());
    }
    let error = format!("`{BUCKET}` contains the prefix `{}`, but `{PREFIX}` is `{prefix}`", address.prefix());
    Err(Fatal::new(Exit::Usage, error, "omit one of them"))
}

/// Returns an option's last value and the index of its first word.
fn value_of(words: &[OsString], name: &str) -> Option<(usize, String)> {
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    (0..end).rev().find_map(|index| {
        let word = words[index].to_str()?;
        let value = match word.strip_prefix(name)? {
            "" => words.get(index + 1).filter(|_| index + 1 < end)?.to_str()?,
            rest => rest.strip_prefix('=')?,
        };
        // The parser reports empty values.
        (!value.is_empty()).then(|| (index, value.to_owned()))
    })
}

fn set_value(words: &mut [OsString], index: usize, name: &str, value: &str) {
    if words[index] == name {
        words[index + 1] = value.into();
    } else {
        words[index] = format!("{name}={value}").into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(line: &str) -> Option<String> {
        let mut words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        divide_bucket(&mut words).ok()?;
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Some(words.join(" "))
    }

    #[test]
    fn a_bucket_with_a_prefix_is_divided() {
        for (line, expected) in [
            ("p --bucket s3://b-1/maps a.jpg", "p --bucket b-1 a.jpg --prefix=maps"),
            ("p --bucket=b-1/maps/ -- a.jpg", "p --bucket=b-1 --prefix=maps -- a.jpg"),
            ("p --bucket b-1/ a.jpg", "p --bucket b-1 a.jpg"),
            ("p --bucket b-1/maps --prefix /maps/", "p --bucket b-1 --prefix /maps/"),
            ("p --prefix maps --bucket arn:aws:s3:::b-1", "p --prefix maps --bucket b-1"),
            ("p a.jpg -- --bucket b-1/maps", "p a.jpg -- --bucket b-1/maps"),
            ("p --bucket", "p --bucket"),
        ] {
            assert_eq!(divided(line).as_deref(), Some(expected));
        }
        assert_eq!(divided("p --bucket b-1/maps --prefix rome"), None);
        assert_eq!(divided("p --bucket https://b-1.example.org"), None);
    }
}
