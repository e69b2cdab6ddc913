//! Dates as readers of a site see them.

use super::texts::SiteLanguage;
use crate::iiif::NavDate;

/// Time that isn't shown.
const MIDNIGHT: &str = "00:00:00Z";

/// A date with the precision that it was given with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShownDate {
    pub(super) text: String,
    /// Value for the `datetime` attribute. HTML doesn't have years before the year 1.
    pub(super) machine: Option<String>,
}

impl ShownDate {
    pub(super) fn new(date: &NavDate, language: SiteLanguage) -> Self {
        let given = date.given();
        let (day, time) = given.split_once('T').map_or((given, None), |(day, time)| (day, Some(time)));
        let (sign, digits) = day.strip_prefix('-').map_or((1, day), |digits| (-1, digits));
        let mut numbers = digits.split('-').map(|number| number.parse::<i32>().unwrap_or(1));
        // As in ISO 8601, 1 BCE is the year 0.
        let year = sign * numbers.next().unwrap_or(1);
        let year_text = if year > 0 { year.to_string() } else { before_the_common_era(language, 1 - year) };
        let month = numbers.next().and_then(|month| month_name(language, month));
        let text = match (month, numbers.next()) {
            (Some(month), Some(day)) => day_text(language, &year_text, month, day),
            (Some(month), None) => month_text(language, &year_text, month),
            (None, _) => year_text,
        };
        // Tables that need a time for every date have midnight.
        let text = match time.filter(|time| *time != MIDNIGHT) {
            Some(time) => format!("{text}, {}", time_text(time)),
            None => text,
        };
        Self { text, machine: (year > 0).then(|| given.to_owned()) }
    }
}

fn month_name(language: SiteLanguage, month: i32) -> Option<&'static str> {
    let names = match language {
        SiteLanguage::English => {
            "January February March April May June July August September October November December"
        }
        SiteLanguage::French => "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        SiteLanguage::German => "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        SiteLanguage::Spanish => {
            "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
        }
    };
    names.split(' ').nth(usize::try_from(month).ok()?.checked_sub(1)?)
}

fn month_text(language: SiteLanguage, year: &str, month: &str) -> String {
    match language {
        SiteLanguage::Spanish => format!("{month} de {year}"),
        _ => format!("{month} {year}"),
    }
}

fn day_text(language: SiteLanguage, year: &str, month: &str, day: i32) -> String {
    match (language, day) {
        (SiteLanguage::English, _) => format!("{month} {day}, {year}"),
        (SiteLanguage::French, 1) => format!("1er {month} {year}"),
        (SiteLanguage::French, _) => format!("{day} {month} {year}"),
        (SiteLanguage::German, _) => format!("{day}. {month} {year}"),
        (SiteLanguage::Spanish, _) => format!("{day} de {month} de {year}"),
    }
}

fn before_the_common_era(language: SiteLanguage, year: i32) -> String {
    let era = match language {
        SiteLanguage::English => "BCE",
        SiteLanguage::French => "av. J.-C.",
        SiteLanguage::German => "v. Chr.",
        SiteLanguage::Spanish => "a. C.",
    };
    format!("{year} {era}")
}

/// Returns a time such as `12:30 UTC+01:00`. Seconds are only shown if there are any.
fn time_text(time: &str) -> String {
    let zone_start = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_start);
    format!("{} UTC{}", clock.strip_suffix(":00").unwrap_or(clock), zone.trim_start_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(date: &str, language: SiteLanguage) -> String {
        ShownDate::new(&date.parse().expect("a date"), language).text
    }

    #[test]
    fn dates_are_as_exact_as_in_the_table_and_in_the_language_of_the_site() {
        for (date, texts) in [
            ("1595", ["1595"; 4]),
            ("0079-08", ["August 79", "August 79", "agosto de 79", "août 79"]),
            ("1595-03-31", ["31. März 1595", "March 31, 1595", "31 de marzo de 1595", "31 mars 1595"]),
            ("1595-12-01", ["1. Dezember 1595", "December 1, 1595", "1 de diciembre de 1595", "1er décembre 1595"]),
            (
                "-0043-03-15",
                ["15. März 44 v. Chr.", "March 15, 44 BCE", "15 de marzo de 44 a. C.", "15 mars 44 av. J.-C."],
            ),
            ("0000", ["1 v. Chr.", "1 BCE", "1 a. C.", "1 av. J.-C."]),
        ] {
            assert_eq!(SiteLanguage::ALL.map(|language| shown(date, language)), texts, "{date}");
        }
    }

    #[test]
    fn times_have_their_zone_and_seconds_only_if_there_are_any() {
        let english = |date: &str| shown(date, SiteLanguage::English);
        assert_eq!(english("2024-02-29 00:00"), "February 29, 2024");
        assert_eq!(english("2024-02-29T00:00:00+01:00"), "February 29, 2024, 00:00 UTC+01:00");
        assert_eq!(english("2024-02-29 12:30"), "February 29, 2024, 12:30 UTC");
        assert_eq!(english("2024-02-29T12:30:05+01:00"), "February 29, 2024, 12:30:05 UTC+01:00");
    }

    #[test]
    fn machines_read_the_given_date_unless_html_has_no_such_year() {
        let machine = |date: &str| ShownDate::new(&date.parse().expect("a date"), SiteLanguage::German).machine;
        assert_eq!(machine("1595-03").as_deref(), Some("1595-03"));
        assert_eq!(machine("2024-02-29 12:30").as_deref(), Some("2024-02-29T12:30:00Z"));
        assert_eq!((machine("-0043"), machine("0000")), (None, None));
    }
}
