//! Dates and places for timelines and maps.

use serde_json::Number;
use std::str::FromStr;

/// A point in time for use in timelines ([navDate](https://iiif.io/api/presentation/3.0/#navdate)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NavDate {
    /// Date and time with a time zone.
    text: String,
    /// Number of bytes at the start of `text` that aren't filled in.
    given: usize,
}

/// Error returned for an invalid [`NavDate`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date such as 1595, 1595-03, 1595-03-31, 31.3.1595 or 1595-03-31T12:00:00Z")]
pub struct NavDateError(String);

impl FromStr for NavDate {
    type Err = NavDateError;

    /// Parses a year, month, day or time. The time zone defaults to UTC. Days can also be written as in Central Europe,
    /// such as `31.3.1595`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || NavDateError(text.to_owned());
        let (date, time) = text.split_once(['T', ' ']).map_or((text, None), |(date, time)| (date, Some(time)));
        let dotted = dotted_date(date);
        let date = dotted.as_deref().unwrap_or(date);
        let full = full_date(date).ok_or_else(refused)?;
        let full_time = time.map_or(Some("00:00:00Z".to_owned()), full_time).ok_or_else(refused)?;
        let text = format!("{full}T{full_time}");
        let given = if time.is_some() { text.len() } else { date.len() };
        Ok(Self { text, given })
    }
}

impl NavDate {
    /// Returns the date and time with a time zone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the year, month, day or time as given, such as `1595-03`. Only times have a time zone.
    pub(crate) fn given(&self) -> &str {
        &self.text[..self.given]
    }
}

/// Returns a date with the month and day filled in if they're missing.
fn full_date(date: &str) -> Option<String> {
    let (sign, digits) = date.strip_prefix('-').map_or(("", date), |rest| ("-", rest));
    let mut parts = digits.split('-');
    let year = digits_of(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |month| digits_of(month, 2))?;
    let day = parts.next().map_or(Some(1), |day| digits_of(day, 2))?;
    let is_date = parts.next().is_none() && (1..=12).contains(&month) && (1..=days(year, month)).contains(&day);
    is_date.then(|| format!("{sign}{year:04}-{month:02}-{day:02}"))
}

/// Returns a date such as `31.3.1595` with hyphens. Dates with slashes have no order that everyone agrees on.
fn dotted_date(date: &str) -> Option<String> {
    let mut parts = date.split('.').map(str::trim);
    let mut number = || parts.next().and_then(|part| digits_of(part, part.len().clamp(1, 2)));
    let (day, month) = (number()?, number()?);
    let year = digits_of(parts.next()?, 4)?;
    parts.next().is_none().then(|| format!("{year:04}-{month:02}-{day:02}"))
}

fn days(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns a time with seconds and a time zone added if they're missing.
fn full_time(time: &str) -> Option<String> {
    let zone_start = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_start);
    let mut parts = clock.split(':');
    let hour = digits_of(parts.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = digits_of(parts.next()?, 2).filter(|minute| *minute < 60)?;
    let second = parts.next().map_or(Some(0), |second| digits_of(second, 2)).filter(|second| *second < 60)?;
    let zone = match zone {
        "" | "Z" => "Z".to_owned(),
        zone => {
            let (hours, minutes) = zone[1..].split_once(':')?;
            let is_zone = digits_of(hours, 2)? < 15 && digits_of(minutes, 2)? < 60;
            is_zone.then(|| zone.to_owned())?
        }
    };
    parts.next().is_none().then(|| format!("{hour:02}:{minute:02}:{second:02}{zone}"))
}

fn digits_of(text: &str, count: usize) -> Option<u32> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// A point on Earth ([navPlace](https://iiif.io/api/extension/navplace/)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Degrees north.
    pub(super) latitude: Number,
    /// Degrees east.
    pub(super) longitude: Number,
}

impl Place {
    /// Returns the degrees north and the degrees east.
    pub(crate) fn degrees(&self) -> (&Number, &Number) {
        (&self.latitude, &self.longitude)
    }
}

/// Error returned for an invalid [`Place`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a latitude and a longitude such as `48.2082, 16.3738`")]
pub struct PlaceError(String);

impl FromStr for Place {
    type Err = PlaceError;

    /// Parses a latitude and longitude in decimal degrees. Commas count as decimal separators if only a semicolon or
    /// space separates the numbers.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || PlaceError(text.to_owned());
        let commas = text.matches(',').count();
        let (latitude, longitude) = match text.split_once(';') {
            Some(numbers) => numbers,
            None if commas == 1 => text.split_once(',').ok_or_else(refused)?,
            None => text.split_once(", ").or_else(|| text.split_once(' ')).ok_or_else(refused)?,
        };
        let degrees = |number: &str, max: f64| {
            let number = number.trim().replace(',', ".");
            let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || b".-+".contains(&byte));
            let number: f64 = number.parse().ok().filter(|_| is_plain)?;
            Number::from_f64(number).filter(|_| number.abs() <= max)
        };
        let place = degrees(latitude, 90.0).zip(degrees(longitude, 180.0));
        let (latitude, longitude) = place.ok_or_else(refused)?;
        Ok(Self { latitude, longitude })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_points_in_time() {
        for (text, date) in [
            ("1595", Some("1595-01-01T00:00:00Z")),
            ("1595-03", Some("1595-03-01T00:00:00Z")),
            ("2024-02-29", Some("2024-02-29T00:00:00Z")),
            ("-0043-03-15", Some("-0043-03-15T00:00:00Z")),
            ("2024-02-29 12:30", Some("2024-02-29T12:30:00Z")),
            ("2024-02-29T12:30:05+01:00", Some("2024-02-29T12:30:05+01:00")),
            ("1900-02-29", None),
            ("1595-13", None),
            ("95", None),
            ("31.3.1595", Some("1595-03-31T00:00:00Z")),
            ("01.02.1595", Some("1595-02-01T00:00:00Z")),
            ("31.4.1595", None),
            ("3.1595", None),
            ("1.2.95", None),
            ("1.2.3.1595", None),
            ("123.4.1595", None),
            ("31/3/1595", None),
            ("c. 1595", None),
            ("1595-03-31T25:00", None),
            ("1595-03-31T12:00:00+1", None),
            ("1595-3-1", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<NavDate>().ok().as_ref().map(NavDate::as_str), date, "{text}");
        }
    }

    #[test]
    fn a_date_knows_how_exactly_it_was_given() {
        for (text, given) in [
            ("1595", "1595"),
            ("31.3.1595", "1595-03-31"),
            ("-0043-03", "-0043-03"),
            ("1595-03-31", "1595-03-31"),
            ("2024-02-29 12:30", "2024-02-29T12:30:00Z"),
        ] {
            assert_eq!(text.parse::<NavDate>().as_ref().map(NavDate::given), Ok(given), "{text}");
        }
    }

    #[test]
    fn places_have_decimal_points_or_commas() {
        let place = |latitude: f64, longitude: f64| {
            let number = |number| Number::from_f64(number).expect("finite");
            Some(Place { latitude: number(latitude), longitude: number(longitude) })
        };
        for (text, expected) in [
            ("48.2082, 16.3738", place(48.2082, 16.3738)),
            ("48.2082,16.3738", place(48.2082, 16.3738)),
            ("48.2082 -16.3738", place(48.2082, -16.3738)),
            ("48,2082; 16,3738", place(48.2082, 16.3738)),
            ("48,2082, 16,3738", place(48.2082, 16.3738)),
            ("-33; 151", place(-33.0, 151.0)),
            ("91, 0", None),
            ("0, 181", None),
            ("nan, inf", None),
            ("Vienna", None),
            ("48.2082", None),
        ] {
            assert_eq!(text.parse::<Place>().ok(), expected, "{text}");
        }
    }
}
