//! When a scheduled rule fires: whether an expression is one that EventBridge takes. Pure.
//!
//! The rules are those of the EventBridge user guide ("Using cron and rate expressions"). Where the guide is silent (ranges
//! that wrap around, steps without a start, lower-case names) the expression is let through and AWS decides: a refusal here
//! must never stand in the way of what would have worked.

#[cfg(test)]
mod tests;

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSchedule {
    /// It is neither a rate nor a cron expression.
    #[error(
        "`{0}` is neither `rate(VALUE UNIT)` nor `cron(MINUTES HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK YEAR)`"
    )]
    Neither(String),
    /// It names one point in time.
    #[error("`{0}`: a rule repeats; `at(...)` is known to EventBridge Scheduler only")]
    Once(String),
    /// A rate that is not of a number and a unit.
    #[error("`{0}` is not a whole number and a unit, such as `rate(5 minutes)`")]
    Rate(String),
    /// A rate of nothing.
    #[error("`{0}`: the number must be greater than 0")]
    Never(String),
    /// A unit that no rate has, or that does not agree with its number.
    #[error("`{text}`: {why}")]
    Unit {
        /// The expression.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// A cron expression of another number of fields.
    #[error(
        "`{text}` has {count} field{}, and a cron expression has six: minutes, hours, day-of-month, month, day-of-week, year",
        if *.count == 1 { "" } else { "s" }
    )]
    Fields {
        /// The expression.
        text: String,
        /// How many it has.
        count: usize,
    },
    /// A field that cannot be.
    #[error("{field} `{part}`: {why}")]
    Field {
        /// Which of the six.
        field: &'static str,
        /// The part of it that is wrong.
        part: String,
        /// What is wrong.
        why: String,
    },
    /// Neither day is left open.
    #[error("`{0}` says both day-of-month and day-of-week: one of them must be `?`")]
    BothDays(String),
    /// Both days are left open.
    #[error("`{0}` says neither day-of-month nor day-of-week: only one of them can be `?`")]
    NoDay(String),
}

/// Whether `text` is a schedule of EventBridge.
///
/// # Errors
/// Why it is none.
pub fn check(text: &str) -> Result<(), NoSchedule> {
    let inside = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(rate) = inside("rate") {
        return check_rate(text, rate);
    }
    if let Some(cron) = inside("cron") {
        return check_cron(text, cron);
    }
    Err(match inside("at") {
        Some(_) => NoSchedule::Once(text.to_owned()),
        None => NoSchedule::Neither(text.to_owned()),
    })
}

fn check_rate(text: &str, rate: &str) -> Result<(), NoSchedule> {
    let no_rate = || NoSchedule::Rate(text.to_owned());
    let mut words = rate.split_whitespace();
    let (Some(number), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return Err(no_rate());
    };
    if !is_number(number) {
        return Err(no_rate());
    }
    let single = match number.trim_start_matches('0') {
        "" => return Err(NoSchedule::Never(text.to_owned())),
        digits => digits == "1",
    };
    let singular = unit.strip_suffix('s').unwrap_or(unit);
    let why = match (singular, single, unit == singular) {
        ("minute" | "hour" | "day", true, true) | ("minute" | "hour" | "day", false, false) => return Ok(()),
        ("minute" | "hour" | "day", true, false) => format!("after 1 the unit is `{singular}`"),
        ("minute" | "hour" | "day", false, true) => format!("after {number} the unit is `{singular}s`"),
        _ => format!("`{unit}` is no unit of a rate: minutes, hours and days are"),
    };
    Err(NoSchedule::Unit {
        text: text.to_owned(),
        why,
    })
}

/// One of the six fields: its name, its limits, the names that stand for its numbers from the lowest on, and its longest
/// step.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
    step: u32,
}

const MONTHS: &[&str] = &[
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const fn field(
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
    step: u32,
) -> Field {
    Field {
        name,
        least,
        most,
        names,
        step,
    }
}

const FIELDS: [Field; 6] = [
    field("minutes", 0, 59, &[], 59),
    field("hours", 0, 23, &[], 23),
    field("day-of-month", 1, 31, &[], 31),
    field("month", 1, 12, MONTHS, 12),
    field("day-of-week", 1, 7, DAYS, 7),
    field("year", 1970, 2199, &[], 229),
];
/// The places of the two days among the fields.
const DAY_OF_MONTH: usize = 2;
const DAY_OF_WEEK: usize = 4;

fn check_cron(text: &str, cron: &str) -> Result<(), NoSchedule> {
    let parts: Vec<_> = cron.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        return Err(NoSchedule::Fields {
            text: text.to_owned(),
            count: parts.len(),
        });
    }
    for (place, (field, part)) in FIELDS.iter().zip(&parts).enumerate() {
        let open = matches!(place, DAY_OF_MONTH | DAY_OF_WEEK) && *part == "?";
        if !open {
            field.check(part)?;
        }
    }
    match (
        parts.get(DAY_OF_MONTH) == Some(&"?"),
        parts.get(DAY_OF_WEEK) == Some(&"?"),
    ) {
        (true, true) => Err(NoSchedule::NoDay(text.to_owned())),
        (false, false) => Err(NoSchedule::BothDays(text.to_owned())),
        _ => Ok(()),
    }
}

impl Field {
    fn is(&self, place: usize) -> bool {
        FIELDS.get(place).is_some_and(|field| field.name == self.name)
    }

    fn wrong(&self, part: &str, why: impl Into<String>) -> NoSchedule {
        NoSchedule::Field {
            field: self.name,
            part: part.to_owned(),
            why: why.into(),
        }
    }

    fn check(&self, text: &str) -> Result<(), NoSchedule> {
        if self.is(DAY_OF_WEEK) && text.contains('#') && text.contains(',') {
            return Err(self.wrong(text, "with `#` there can be one day only"));
        }
        text.split(',').try_for_each(|part| self.check_part(part))
    }

    fn check_part(&self, part: &str) -> Result<(), NoSchedule> {
        if part.is_empty() {
            return Err(self.wrong(part, "there is nothing before or after a comma"));
        }
        if part.contains('?') {
            let why = "`?` stands alone, and for day-of-month or day-of-week only";
            return Err(self.wrong(part, why));
        }
        if (self.is(DAY_OF_MONTH) && self.is_special_day(part)?)
            || (self.is(DAY_OF_WEEK) && self.is_special_weekday(part)?)
        {
            return Ok(());
        }
        let range = match part.split_once('/') {
            Some((range, step)) => {
                self.check_step(part, step)?;
                range
            }
            None => part,
        };
        match range.split_once('-') {
            _ if range == "*" || (range.is_empty() && part.starts_with('/')) => Ok(()),
            Some((from, to)) => {
                let (from, to) = (self.value(part, from)?, self.value(part, to)?);
                // Hours and days may wrap around midnight or the week's end; years cannot.
                if self.names.is_empty() && self.most > 1000 && from > to {
                    return Err(self.wrong(part, "ends before it begins"));
                }
                Ok(())
            }
            None => self.value(part, range).map(|_| ()),
        }
    }

    fn check_step(&self, part: &str, step: &str) -> Result<(), NoSchedule> {
        let number = is_number(step).then(|| step.parse::<u32>().unwrap_or(u32::MAX));
        match number {
            Some(number) if (1..=self.step).contains(&number) => Ok(()),
            _ => Err(self.wrong(part, format!("a step is a number from 1 to {}", self.step))),
        }
    }

    /// A number within the limits, or a name.
    fn value(&self, part: &str, text: &str) -> Result<u32, NoSchedule> {
        let name = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        if let Some(place) = name.and_then(|place| u32::try_from(place).ok()) {
            return Ok(self.least + place);
        }
        let number = is_number(text).then(|| text.parse::<u32>().unwrap_or(u32::MAX));
        match number {
            Some(number) if (self.least..=self.most).contains(&number) => Ok(number),
            _ => {
                let names = match (self.names.first(), self.names.last()) {
                    (Some(first), Some(last)) => format!(" or {first} to {last}"),
                    _ => String::new(),
                };
                let why = format!("must be {} to {}{names}", self.least, self.most);
                Err(self.wrong(part, why))
            }
        }
    }

    /// `L`, `LW`, `L-3`, `15W`.
    fn is_special_day(&self, part: &str) -> Result<bool, NoSchedule> {
        if part == "L" || part == "LW" {
            return Ok(true);
        }
        if let Some(before) = part.strip_prefix("L-") {
            let days = before.parse::<u32>().ok().filter(|days| (1..=30).contains(days));
            let why = "a number from 1 to 30 follows `L-`";
            return days.map(|_| true).ok_or_else(|| self.wrong(part, why));
        }
        match part.strip_suffix('W') {
            Some(day) => self.value(part, day).map(|_| true),
            None => Ok(false),
        }
    }

    /// `L`, `6L`, `FRIL`, `3#2`.
    fn is_special_weekday(&self, part: &str) -> Result<bool, NoSchedule> {
        if part == "L" {
            return Ok(true);
        }
        if let Some((day, which)) = part.split_once('#') {
            self.value(part, day)?;
            return match which {
                "1" | "2" | "3" | "4" | "5" => Ok(true),
                _ => Err(self.wrong(part, "a number from 1 to 5 follows `#`")),
            };
        }
        match part.strip_suffix('L') {
            Some(day) => self.value(part, day).map(|_| true),
            None => Ok(false),
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())
}
