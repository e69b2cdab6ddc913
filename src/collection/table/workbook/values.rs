//! Formats cell values as text, matching their appearance in a spreadsheet program.

use calamine::{Data, DataRef, ExcelDateTime, Style};

/// Returns the number of digits to pad numbers to. The format `000`, for example, displays 7 as `007`.
pub(super) fn zero_padding(style: &Style) -> usize {
    let format = style.number_format.as_ref().map_or("", |format| format.format_code.as_str());
    if format.bytes().all(|digit| digit == b'0') { format.len() } else { 0 }
}

/// Returns a value's text, or the error name as `Err`.
pub(super) fn text(value: &DataRef<'_>, width: usize) -> Result<String, String> {
    Ok(match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => format!("{number:0width$}"),
        DataRef::Float(number) => self::number(*number, width),
        DataRef::String(text) => text.trim().to_owned(),
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Bool(answer) => answer.to_string(),
        DataRef::DateTime(date) => self::date(date),
        DataRef::DateTimeIso(text) => text.strip_suffix("T00:00:00").unwrap_or(text).to_owned(),
        DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => return Err(error.to_string()),
    })
}

/// Converts from `calamine`'s owned value type to its borrowed one.
pub(super) fn borrowed(value: &Data) -> DataRef<'_> {
    match value {
        Data::Empty => DataRef::Empty,
        Data::Int(number) => DataRef::Int(*number),
        Data::Float(number) => DataRef::Float(*number),
        Data::String(text) => DataRef::SharedString(text),
        Data::Bool(answer) => DataRef::Bool(*answer),
        Data::DateTime(date) => DataRef::DateTime(*date),
        Data::DateTimeIso(text) => DataRef::DateTimeIso(text.clone()),
        Data::DurationIso(text) => DataRef::DurationIso(text.clone()),
        Data::Error(error) => DataRef::Error(error.clone()),
    }
}

/// Formats a number with 15 significant digits, like spreadsheet programs do.
fn number(number: f64, width: usize) -> String {
    let shown: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    format!("{shown:0width$}")
}

/// Formats a date as ISO 8601, including the time unless it is midnight. Values without a date are formatted as a time
/// of day.
fn date(date: &ExcelDateTime) -> String {
    let serial = date.as_f64();
    if serial < 0.0 && !date.is_duration() {
        return before_1900(serial);
    }
    let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    if date.is_duration() || serial < 1.0 {
        return time;
    }
    let day = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second) == (0, 0, 0) { day } else { format!("{day}T{time}") }
}

/// Formats a date before 1900, which only some programs write, as ISO 8601. `serial` is the number of days since December
/// 30, 1899, which is negative.
#[expect(clippy::cast_possible_truncation, reason = "the number of days is limited")]
fn before_1900(serial: f64) -> String {
    /// Days from March 1 of year 0 to December 30, 1899, in the Gregorian calendar.
    const START_DAYS: i64 = 693_899;
    const DAY_SECONDS: i64 = 86_400;
    // Round first, because a time just before midnight could become 24:00:00.
    let seconds = (serial.max(-1e6) * 86_400.0).round() as i64;
    let (days, second) = (START_DAYS + seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
    if days < 0 {
        return number(serial, 0);
    }
    // Years start in March here, so leap days come last, and months alternate between 31 and 30 days in groups of five.
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    let date = format!("{:04}-{month:02}-{day:02}", era * 400 + year);
    match second {
        0 => date,
        second => format!("{date}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60),
    }
}

/// Parses a cell name into a zero-based row and column index.
pub(super) fn position(name: &str) -> Option<(u32, u32)> {
    let digits = name.find(|c: char| c.is_ascii_digit())?;
    let (letters, row) = name.split_at(digits);
    let value = |column: u32, letter: u8| {
        let digit = letter.to_ascii_uppercase().checked_sub(b'A').filter(|digit| *digit < 26)?;
        column.checked_mul(26)?.checked_add(u32::from(digit) + 1)
    };
    let column = letters.bytes().try_fold(0, value)?.checked_sub(1)?;
    Some((row.parse::<u32>().ok()?.checked_sub(1)?, column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_before_1900_are_dates() {
        for (serial, text) in [
            (-3530.0, "1890-05-01"),
            (-1.0, "1899-12-29"),
            (-0.25, "1899-12-29T18:00:00"),
            (-0.000_001, "1899-12-30"),
            (-36_463.0, "1800-03-01"),
            (-36_464.0, "1800-02-28"),
            (-109_205.0, "1601-01-01"),
            (-693_899.0, "0000-03-01"),
            (-700_000.0, "-700000"),
        ] {
            assert_eq!(before_1900(serial), text, "{serial}");
        }
        let date = ExcelDateTime::new(-3530.0, calamine::ExcelDateTimeType::DateTime, false);
        assert_eq!(super::date(&date), "1890-05-01");
    }
}
