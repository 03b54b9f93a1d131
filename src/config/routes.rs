//! `only`, `except`, `max_age`, `approve` and `quiet` of a group: which entries it hears, and when.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use toml::de::DeValue;

use super::keys::{choice, group as g, quiet as q};
use super::problem::{Fault, Problems};
use super::rules::{mismatch, string};
use super::table::Table;
use crate::model::route::{Choice, Quiet, Rules};

/// Nobody writes a longer list by hand, and each entry is held against it.
const WORDS_MAX: usize = 100;
const CHOICE: &str = "{ categories = [\"rust\", \"web*\"] }";
const QUIET: &str = "{ from = \"22:00\", to = \"07:00\", zone = \"Europe/Berlin\" }";
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// The rules of one group.
pub(super) fn read(table: &Table<'_>, out: &mut Problems<'_>) -> Rules {
    Rules {
        only: chosen(table, g::ONLY, out),
        except: chosen(table, g::EXCEPT, out),
        max_age: table.read(&g::MAX_AGE, out),
        approve: table.read(&g::APPROVE, out).unwrap_or(false),
        quiet: peace(table, out),
        called: Vec::new(),
    }
}

fn chosen(table: &Table<'_>, name: &'static str, out: &mut Problems<'_>) -> Choice {
    let Some(table) = table.within(name, CHOICE, out) else { return Choice::default() };
    table.only(choice::ALL, out);
    let mut list = |key| words(&table, key, "[\"rust\", \"web*\"]", out);
    Choice {
        categories: list("categories"),
        authors: list("authors"),
        languages: list("languages"),
        titles: list("titles"),
    }
}

/// A list of words.
fn words(
    table: &Table<'_>,
    key: &'static str,
    example: &str,
    out: &mut Problems<'_>,
) -> Vec<String> {
    let Some(value) = table.value(key) else { return Vec::new() };
    let fix = format!("write, for example, {key} = {example}");
    let allowed = "a list of words, in each of which * stands for anything";
    let DeValue::Array(items) = value.get_ref() else {
        let what = format!("the value {}", mismatch(value.get_ref()));
        table.fault(key, out, Fault::new(what, allowed, fix));
        return Vec::new();
    };
    if items.is_empty() || items.len() > WORDS_MAX {
        let what = format!("the list has {} words", items.len());
        let allowed = format!("1 to {WORDS_MAX} words; leave it out for all");
        table.fault(key, out, Fault::new(what, allowed, fix.clone()));
    }
    let mut words = Vec::new();
    for item in items.iter() {
        match string(item.get_ref()) {
            Ok(word) if !word.trim().is_empty() => words.push(word.trim().to_owned()),
            Ok(_) => {
                let fault = Fault::new("a word is empty", allowed, fix.clone());
                out.push(&item.span(), table.title(key), Some(key), fault);
            }
            Err(what) => {
                let what = format!("{} {what}", table.quoted(item.get_ref()));
                let fault = Fault::new(what, allowed, fix.clone());
                out.push(&item.span(), table.title(key), Some(key), fault);
            }
        }
    }
    words
}

fn peace(table: &Table<'_>, out: &mut Problems<'_>) -> Option<Quiet> {
    let table = table.within(g::QUIET, QUIET, out)?;
    table.only(q::ALL, out);
    let zone = table.need(&q::ZONE, out).and_then(|name| match TimeZone::get(&name) {
        Ok(zone) => Some(zone),
        Err(_) => {
            let what = format!("{name:?} is not a time zone that this machine knows");
            let fix = "write, for example, zone = \"Europe/Berlin\" or \"UTC\"; on a machine without \
                       any, install tzdata";
            let fault = Fault::new(what, "a name of the tz database", fix);
            table.fault(q::ZONE.name, out, fault);
            None
        }
    });
    let (from, to) = (time(&table, &q::FROM, out), time(&table, &q::TO, out));
    let before = out.count();
    let days = days(&table, out);
    let hours = match (table.has(q::FROM.name), table.has(q::TO.name)) {
        (true, true) => from.zip(to),
        (false, false) => {
            if days.is_empty() && out.count() == before {
                let what = "it names neither hours nor days, so it is never quiet";
                let fault = Fault::new(what, "from and to, or days, or all", "add from and to");
                table.fault(q::FROM.name, out, fault);
            }
            None
        }
        (has_from, _) => {
            let (key, other) = if has_from { (q::TO, q::FROM) } else { (q::FROM, q::TO) };
            let what = format!("{} stands alone", other.name);
            let fix = format!("add {} = {}", key.name, key.example);
            table.fault(other.name, out, Fault::new(what, "from and to together", fix));
            None
        }
    };
    if let Some((from, to)) = hours
        && from == to
    {
        let what = "from and to are the same time, so nothing would be quiet, or everything";
        let fault = Fault::new(what, "two times of day", "write another time");
        table.fault(q::TO.name, out, fault);
    }
    if days.len() == DAYS.len() {
        let what = "every day is quiet, so this group would never hear anything";
        let fault = Fault::new(what, "at most six days", "leave one out");
        table.fault(q::DAYS, out, fault);
    }
    Some(Quiet { zone: zone?, hours, days })
}

fn time(
    table: &Table<'_>,
    key: &super::keys::Key<super::rules::Text>,
    out: &mut Problems<'_>,
) -> Option<Time> {
    let text = table.read(key, out)?;
    let parts = text.trim().split_once(':').and_then(|(hour, minute)| {
        let two = |part: &str| (part.len() == 2).then(|| part.parse::<i8>().ok()).flatten();
        Time::new(two(hour)?, two(minute)?, 0, 0).ok()
    });
    if parts.is_none() {
        table.fault(key.name, out, key.fault(&format!("{text:?} is not a time of day")));
    }
    parts
}

fn days(table: &Table<'_>, out: &mut Problems<'_>) -> Vec<Weekday> {
    let mut days = Vec::new();
    for word in words(table, q::DAYS, "[\"sat\", \"sun\"]", out) {
        match DAYS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)) {
            Some((_, day)) if !days.contains(day) => days.push(*day),
            Some(_) => {}
            None => {
                let what = format!("{word:?} is not a day of the week");
                let fix = "write, for example, days = [\"sat\", \"sun\"]";
                let fault = Fault::new(what, "mon, tue, wed, thu, fri, sat, sun", fix);
                table.fault(q::DAYS, out, fault);
            }
        }
    }
    days
}
