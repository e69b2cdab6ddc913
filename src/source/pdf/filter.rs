//! Decodes streams on demand (ISO 32000-2, 7.4).

use super::ascii::{Ascii85Reader, AsciiHexReader};
use super::object::{Dictionary, Object, Resolve};
use super::predictor::{Predictor, PredictorReader};
use super::run_length::RunLengthReader;
use crate::source::lzw::LzwReader;
use crate::source::{DecodeError, Input};
use flate2::bufread::ZlibDecoder;
use std::io::{BufReader, Read};

/// Maximum number of filters per stream. Real streams have one or two.
const MAX_FILTERS: usize = 4;

/// Maximum number of bytes that a filter may produce. A chain of filters can expand a few bytes to an arbitrary size,
/// which takes an arbitrary amount of time.
const MAX_FILTERED_BYTES: u64 = 1 << 36;

/// Size of the buffer between two filters, in bytes.
pub(super) const BUFFER_BYTES: usize = 16 << 10;

/// Decoded data.
pub(super) type Bytes = Box<dyn Read + Send>;

/// Compression that decodes to an image instead of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ImageCodec {
    Jpeg,
    Jpeg2000,
    Fax,
    Jbig2,
}

/// A stream with every filter undone except for an image codec.
pub(super) struct Decoded {
    pub(super) bytes: Bytes,
    /// Remaining image codec and its parameters.
    pub(super) codec: Option<(ImageCodec, Dictionary)>,
    /// The data in the file, if the codec is the only filter.
    pub(super) plain: Option<Input>,
}

/// Prepares to decode a stream's data.
///
/// # Errors
/// Returns an error if the stream is encrypted or uses unknown filters.
pub(super) fn decode(objects: &dyn Resolve, dictionary: &Dictionary, input: Input) -> Result<Decoded, DecodeError> {
    let (filters, parameters) = filters(objects, dictionary);
    if filters.len() > MAX_FILTERS {
        return Err(format!("one of its streams has {} filters", filters.len()).into());
    }
    let mut bytes: Bytes = Box::new(input.clone());
    for (at, filter) in filters.iter().enumerate() {
        let parameters = parameters.get(at).cloned().unwrap_or_default();
        if let Some(codec) = image_codec(filter) {
            if at + 1 < filters.len() {
                return Err("one of its streams is an image inside of another image".into());
            }
            return Ok(Decoded { bytes, codec: Some((codec, parameters)), plain: (at == 0).then_some(input) });
        }
        bytes = Box::new(apply(filter, bytes, objects, &parameters)?.take(MAX_FILTERED_BYTES));
    }
    Ok(Decoded { bytes, codec: None, plain: None })
}

fn image_codec(filter: &[u8]) -> Option<ImageCodec> {
    Some(match filter {
        b"DCTDecode" | b"DCT" => ImageCodec::Jpeg,
        b"JPXDecode" => ImageCodec::Jpeg2000,
        b"CCITTFaxDecode" | b"CCF" => ImageCodec::Fax,
        b"JBIG2Decode" => ImageCodec::Jbig2,
        _ => return None,
    })
}

fn apply(filter: &[u8], bytes: Bytes, objects: &dyn Resolve, parameters: &Dictionary) -> Result<Bytes, DecodeError> {
    let bytes = BufReader::with_capacity(BUFFER_BYTES, bytes);
    let number = |key: &[u8], default| number_of(objects, parameters, key, default);
    Ok(match filter {
        b"FlateDecode" | b"Fl" => predicted(Box::new(ZlibDecoder::new(bytes)), objects, parameters)?,
        b"LZWDecode" | b"LZW" => {
            let is_early = number(b"EarlyChange", 1) != 0;
            predicted(Box::new(LzwReader::of_pdf(bytes, is_early)), objects, parameters)?
        }
        b"RunLengthDecode" | b"RL" => Box::new(RunLengthReader::new(bytes)),
        b"ASCII85Decode" | b"A85" => Box::new(Ascii85Reader::new(bytes)),
        b"ASCIIHexDecode" | b"AHx" => Box::new(AsciiHexReader::new(bytes)),
        b"Crypt" => return Err("one of its streams is encrypted".into()),
        other => return Err(format!("one of its streams has the unknown filter {}", other.escape_ascii()).into()),
    })
}

/// Returns a value unless it's missing or null.
fn find(objects: &dyn Resolve, dictionary: &Dictionary, key: &[u8]) -> Option<Object> {
    dictionary.raw(key).map(|value| objects.resolve(value)).filter(|value| *value != Object::Null)
}

fn number_of(objects: &dyn Resolve, parameters: &Dictionary, key: &[u8], default: i64) -> i64 {
    find(objects, parameters, key).and_then(|value| value.integer()).unwrap_or(default)
}

fn predicted(bytes: Bytes, objects: &dyn Resolve, parameters: &Dictionary) -> Result<Bytes, DecodeError> {
    let number = |key: &[u8], default| number_of(objects, parameters, key, default);
    let predictor = number(b"Predictor", 1);
    if predictor < 2 {
        return Ok(bytes);
    }
    let predictor = if predictor == 2 { Predictor::Tiff } else { Predictor::Png };
    let (colors, bits, columns) = (number(b"Colors", 1), number(b"BitsPerComponent", 8), number(b"Columns", 1));
    Ok(Box::new(PredictorReader::new(bytes, predictor, colors, bits, columns)?))
}

/// Returns the names of a stream's filters and their parameters.
fn filters(objects: &dyn Resolve, dictionary: &Dictionary) -> (Vec<Box<[u8]>>, Vec<Dictionary>) {
    let list = |keys: [&[u8]; 2]| match keys.into_iter().find_map(|key| find(objects, dictionary, key)) {
        Some(Object::Array(array)) => array.iter().map(|item| objects.resolve(item)).collect(),
        Some(single) => vec![single],
        None => Vec::new(),
    };
    let names = list([b"Filter", b"F"]).iter().filter_map(|filter| filter.name().map(Into::into)).collect();
    let parameters = list([b"DecodeParms", b"DP"]);
    (names, parameters.iter().map(|item| item.dictionary().cloned().unwrap_or_default()).collect())
}
