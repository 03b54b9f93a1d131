//! Which entries a group hears, and when: pure, and the same whoever asks.

use std::time::Duration;

use jiff::civil::{Time as Clock, Weekday};
use jiff::tz::TimeZone;

use super::{Entry, Time};

/// A wall clock is looked at each minute.
const MINUTE: Duration = Duration::from_secs(60);
/// No silence that can be written lasts longer: a week, and the changes of the clock in it.
const MINUTES_MAX: u64 = 8 * 24 * 60;

/// The rules of one group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// It hears what all of these choose.
    pub only: Choice,
    /// Of that, it does not hear what one of these chooses.
    pub except: Choice,
    /// It does not hear what is older.
    pub max_age: Option<Duration>,
    /// A person lets each entry go.
    pub approve: bool,
    /// When nothing is sent to it.
    pub quiet: Option<Quiet>,
    /// What authors may call it: its name, then its platform's kind, then the family of that.
    pub called: Vec<String>,
}

/// What is chosen: for each list that is not empty, one of its words. Capital letters are small ones, and
/// a `*` stands for anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    /// One of the entry's categories.
    pub categories: Vec<String>,
    /// Its author.
    pub authors: Vec<String>,
    /// Its language: `en` is also `en-GB`.
    pub languages: Vec<String>,
    /// Its title.
    pub titles: Vec<String>,
}

impl Choice {
    /// The lists, by what they are of.
    fn lists(&self) -> [(&'static str, &[String]); 4] {
        [
            ("category", &self.categories),
            ("author", &self.authors),
            ("language", &self.languages),
            ("title", &self.titles),
        ]
    }
}

impl Rules {
    /// Whether there is anything to decide of an entry.
    #[must_use]
    pub fn choose(&self) -> bool {
        *self != Self { quiet: self.quiet.clone(), ..Self::default() }
    }

    /// Why the group does not hear an entry, in words; `None` where it does.
    #[must_use]
    pub fn refuses(&self, entry: &Entry, first_seen: Time, now: Time) -> Option<String> {
        if entry.asked(&self.called).skip == Some(true) {
            return Some("its author asks in the feed that it does not go there".to_owned());
        }
        for (of, words) in self.only.lists() {
            if !words.is_empty() && named(of, entry, words).is_none() {
                let has = had(of, entry);
                return Some(format!("{of} {has}, and it hears only {}", words.join(", ")));
            }
        }
        for (of, words) in self.except.lists() {
            if let Some(word) = named(of, entry, words) {
                return Some(format!("{of} {}, and it does not hear {word}", had(of, entry)));
            }
        }
        let age = now.since(entry.published.unwrap_or(first_seen));
        let max = self.max_age.filter(|max| age > *max)?;
        let hours = |span: Duration| span.as_secs().div_ceil(3_600);
        Some(format!(
            "it is {} h old, and it hears nothing older than {} h",
            hours(age),
            hours(max)
        ))
    }
}

/// The first of the words that fits what an entry is of.
fn named<'w>(of: &str, entry: &Entry, words: &'w [String]) -> Option<&'w String> {
    let fits = |word: &&String| match of {
        "category" => entry.categories.iter().any(|category| is_like(category, word)),
        "author" => entry.author.as_deref().is_some_and(|author| is_like(author, word)),
        "language" => entry.language.as_deref().is_some_and(|tag| {
            let tag = tag.to_lowercase().replace('_', "-");
            let word = word.to_lowercase();
            tag == word || tag.strip_prefix(&word).is_some_and(|rest| rest.starts_with('-'))
        }),
        _ => is_like(&entry.title, word),
    };
    words.iter().find(fits)
}

/// What an entry has of that, for people.
fn had(of: &str, entry: &Entry) -> String {
    match of {
        "category" if !entry.categories.is_empty() => entry.categories.join(", "),
        "author" if entry.author.is_some() => entry.author.clone().unwrap_or_default(),
        "language" if entry.language.is_some() => entry.language.clone().unwrap_or_default(),
        "title" => format!("{:?}", entry.title),
        _ => "none".to_owned(),
    }
}

/// Whether a text is like a pattern, in which `*` stands for anything. Linear in both.
fn is_like(text: &str, pattern: &str) -> bool {
    let text = text.trim().to_lowercase();
    let pattern = pattern.to_lowercase();
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = &parts[..] else { return text == pattern };
    let Some(rest) = text.strip_prefix(first) else { return false };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// When a group is left in peace, by the wall clock of its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// Whose clock.
    pub zone: TimeZone,
    /// From when to when, each day; past midnight where the first is the later.
    pub hours: Option<(Clock, Clock)>,
    /// Whole days.
    pub days: Vec<Weekday>,
}

impl Quiet {
    /// Whether nothing is sent at this moment.
    #[must_use]
    pub fn holds(&self, at: Time) -> bool {
        let here = at.to_timestamp().to_zoned_datetime(self.zone.clone());
        let inside = |(from, to): (Clock, Clock)| {
            let time = here.time();
            if from <= to { from <= time && time < to } else { from <= time || time < to }
        };
        self.days.contains(&here.weekday()) || self.hours.is_some_and(inside)
    }

    /// The first moment from `now` on at which something may be sent; `now` itself where it may be now.
    ///
    /// Each minute is asked what its wall clock says, so that a clock that is changed in the night, to
    /// summer or back, can surprise nobody.
    #[must_use]
    pub fn ends(&self, now: Time) -> Time {
        if !self.holds(now) {
            return now;
        }
        let minute = 60_000;
        let next = Time::from_millis((now.as_millis() / minute + 1) * minute);
        (0..MINUTES_MAX)
            .map(|n| next.plus(MINUTE.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX))))
            .find(|at| !self.holds(*at))
            .unwrap_or_else(|| next.plus(MINUTE * u32::try_from(MINUTES_MAX).unwrap_or(u32::MAX)))
    }
}

#[cfg(test)]
mod tests;
