//! The moment that templates take for now, and its formats. Knows nothing about clocks: a prompt that
//! changed with the day could not be repeated.

use std::fmt;
use std::str::FromStr;

use minijinja::ErrorKind;

use crate::error::{Error, Result};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A day of the Gregorian calendar, from year 1 to 9999, and a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    year: u32,
    /// From 1.
    month: u32,
    /// From 1.
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl Default for Date {
    /// 1 January 2026, midnight: fixed, so that a prompt is the same on every day.
    fn default() -> Self {
        Self { year: 2026, month: 1, day: 1, hour: 0, minute: 0, second: 0 }
    }
}

impl FromStr for Date {
    type Err = Error;

    /// Reads `YYYY-MM-DD`, or `YYYY-MM-DDTHH:MM:SS`.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::input(format!("`{text}` is not a date"))
                .hint("the form is `2026-01-31` or `2026-01-31T23:59:00`")
        };
        let (day, time) = text.split_once('T').unwrap_or((text, "00:00:00"));
        let [year, month, day] = numbers(day, '-', [4, 2, 2]).ok_or_else(wrong)?;
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2]).ok_or_else(wrong)?;
        let date = Self { year, month, day, hour, minute, second };
        let real_day =
            year > 0 && (1..=12).contains(&month) && (1..=date.month_days(month)).contains(&day);
        if real_day && hour < 24 && minute < 60 && second < 60 { Ok(date) } else { Err(wrong()) }
    }
}

/// Three numbers with so many digits each.
fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[u32; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts
            .next()
            .filter(|part| part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = self.iso();
        if time == "00:00:00" { f.write_str(&date) } else { write!(f, "{date}T{time}") }
    }
}

impl Date {
    fn iso(self) -> (String, String) {
        let date = format!("{:04}-{:02}-{:02}", self.year, self.month, self.day);
        (date, format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second))
    }

    fn month_days(self, month: u32) -> u32 {
        let leap = self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        match month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// From 1.
    fn day_of_year(self) -> u32 {
        (1..self.month).map(|month| self.month_days(month)).sum::<u32>() + self.day
    }

    /// Days since Sunday: 31 December of year 0 was one, counted back by the same rules.
    fn weekday(self) -> usize {
        let before = self.year - 1;
        (before * 365 + before / 4 - before / 100 + before / 400 + self.day_of_year()) as usize % 7
    }

    /// Python's `strftime` of this moment, in the C locale and without a time zone.
    pub(super) fn strftime(self, format: &str) -> Result<String, minijinja::Error> {
        let unknown = |directive: &str| {
            let message = format!("strftime_now: the format `{directive}` is not supported");
            minijinja::Error::new(ErrorKind::InvalidOperation, message)
        };
        let (month, weekday) = (MONTHS[self.month as usize - 1], WEEKDAYS[self.weekday()]);
        let (date, time) = self.iso();
        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let mut directive = chars.next();
            // `%-d` leaves the leading zero away.
            let padded = directive != Some('-');
            if !padded {
                directive = chars.next();
            }
            let number = |value: u32, width: usize| {
                if padded { format!("{value:0width$}") } else { value.to_string() }
            };
            out.push_str(&match directive {
                Some('Y') => self.year.to_string(),
                Some('y') => number(self.year % 100, 2),
                Some('m') => number(self.month, 2),
                Some('d') => number(self.day, 2),
                Some('e') if padded => format!("{:2}", self.day),
                Some('j') => number(self.day_of_year(), 3),
                Some('H') => number(self.hour, 2),
                Some('M') => number(self.minute, 2),
                Some('S') => number(self.second, 2),
                // Midnight and noon are 12.
                Some('I') => number((self.hour + 11) % 12 + 1, 2),
                Some('f') if padded => "000000".to_owned(),
                Some('B') if padded => month.to_owned(),
                Some('b' | 'h') if padded => month[..3].to_owned(),
                Some('A') if padded => weekday.to_owned(),
                Some('a') if padded => weekday[..3].to_owned(),
                Some('p') if padded => if self.hour < 12 { "AM" } else { "PM" }.to_owned(),
                Some('F') if padded => date.clone(),
                Some('T' | 'X') if padded => time.clone(),
                Some('R') if padded => time[..5].to_owned(),
                Some('w') if padded => self.weekday().to_string(),
                Some('z' | 'Z') if padded => String::new(),
                Some('%') if padded => "%".to_owned(),
                Some(other) => {
                    return Err(unknown(&format!("%{}{other}", if padded { "" } else { "-" })));
                }
                None => return Err(unknown("%")),
            });
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(date: &str, format: &str) -> String {
        date.parse::<Date>().unwrap().strftime(format).unwrap()
    }

    // Expected values are what Python 3.11 prints.
    #[test]
    fn formats_are_those_of_python() {
        assert_eq!(format("2024-07-26", "%d %b %Y"), "26 Jul 2024");
        assert_eq!(
            format("2024-02-29", "%A, %B %-d, %Y (%a %j)"),
            "Thursday, February 29, 2024 (Thu 060)"
        );
        assert_eq!(
            format("2026-01-01", "%F %H:%M:%S %I %p %y %e %w %%"),
            "2026-01-01 00:00:00 12 AM 26  1 4 %"
        );
        assert_eq!(format("2000-12-31", "%a %j"), "Sun 366");
        assert_eq!(format("1900-03-01", "%a %j"), "Thu 060");
        assert_eq!(
            format("2026-01-02T13:04:05", "%H %I %p %M %S %T %R"),
            "13 01 PM 04 05 13:04:05 13:04"
        );
        for unknown in ["%Q", "%", "%-", "%-B"] {
            assert!(Date::default().strftime(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn only_real_days_are_dates() {
        assert_eq!("2026-01-01".parse::<Date>().unwrap(), Date::default());
        for text in ["2026-01-01", "2024-02-29T23:59:59"] {
            assert_eq!(text.parse::<Date>().unwrap().to_string(), text);
        }
        for wrong in [
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-1-1",
            "0000-01-01",
            "+026-01-01",
            "2026-01-01-01",
            "",
            "today",
        ] {
            assert!(wrong.parse::<Date>().is_err(), "{wrong}");
        }
    }
}
