//! PDF objects (ISO 32000-2, 7.3).

use std::io::{self, Write};
use std::sync::Arc;

/// A value. Indirect objects are referenced by number. Generations are ignored because only one generation of each
/// object is in use.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Object {
    #[default]
    Null,
    Boolean(bool),
    Number(f64),
    Name(Box<[u8]>),
    String(Box<[u8]>),
    Array(Vec<Object>),
    Dictionary(Dictionary),
    Stream(Arc<Stream>),
    Reference(u32),
}

/// Keys and values in the order they appear in the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Dictionary(pub(super) Vec<(Box<[u8]>, Object)>);

/// Resolves references to objects.
pub(super) trait Resolve {
    /// Returns the object that a reference points to, or null if it's missing.
    fn resolve(&self, object: &Object) -> Object;
}

/// A stream whose data hasn't been read from the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stream {
    pub(super) dictionary: Dictionary,
    /// File offset of the data.
    pub(super) start: u64,
}

impl Object {
    pub(super) fn name(&self) -> Option<&[u8]> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }

    pub(super) fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// Returns the value as an integer, or `None` if it isn't a whole number or doesn't fit.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    pub(super) fn integer(&self) -> Option<i64> {
        const MAX: f64 = 9_007_199_254_740_992.0;
        self.number().filter(|number| number.trunc().abs() <= MAX).map(|number| number as i64)
    }

    pub(super) fn array(&self) -> Option<&[Object]> {
        if let Self::Array(array) = self { Some(array) } else { None }
    }

    pub(super) fn string(&self) -> Option<&[u8]> {
        if let Self::String(string) = self { Some(string) } else { None }
    }

    /// Returns the dictionary, including a stream's dictionary.
    pub(super) fn dictionary(&self) -> Option<&Dictionary> {
        match self {
            Self::Dictionary(dictionary) => Some(dictionary),
            Self::Stream(stream) => Some(&stream.dictionary),
            _ => None,
        }
    }

    pub(super) fn stream(&self) -> Option<&Arc<Stream>> {
        if let Self::Stream(stream) = self { Some(stream) } else { None }
    }

    pub(super) fn reference(&self) -> Option<u32> {
        if let Self::Reference(number) = self { Some(*number) } else { None }
    }

    /// Writes the object in PDF syntax. For streams, only writes the dictionary.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Null => write!(out, "null"),
            Self::Boolean(value) => write!(out, "{value}"),
            Self::Number(number) => write!(out, "{number}"),
            Self::Name(name) => write_name(name, out),
            Self::String(string) => write_string(string, out),
            Self::Array(array) => {
                write!(out, "[")?;
                array.iter().try_for_each(|item| item.write(out).and_then(|()| write!(out, " ")))?;
                write!(out, "]")
            }
            Self::Dictionary(dictionary) => dictionary.write(out),
            Self::Stream(stream) => stream.dictionary.write(out),
            Self::Reference(number) => write!(out, "{number} 0 R"),
        }
    }
}

impl Dictionary {
    /// Returns a value without resolving references.
    pub(super) fn raw(&self, key: &[u8]) -> Option<&Object> {
        self.0.iter().find(|(known, _)| **known == *key).map(|(_, value)| value)
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        self.0.retain(|(known, _)| **known != *key);
    }

    pub(super) fn set(&mut self, key: &[u8], value: Object) {
        self.remove(key);
        self.0.push((key.into(), value));
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "<<")?;
        for (key, value) in &self.0 {
            write_name(key, out)?;
            write!(out, " ")?;
            value.write(out)?;
        }
        write!(out, ">>")
    }
}

fn write_name(name: &[u8], out: &mut impl Write) -> io::Result<()> {
    write!(out, "/")?;
    name.iter().try_for_each(|byte| match byte {
        b'!'..=b'~' if !b"#()<>[]{}/%".contains(byte) => out.write_all(&[*byte]),
        byte => write!(out, "#{byte:02x}"),
    })
}

fn write_string(string: &[u8], out: &mut impl Write) -> io::Result<()> {
    write!(out, "<")?;
    string.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
    write!(out, ">")
}
