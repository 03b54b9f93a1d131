//! What a feed says of itself beyond its entries: when it wants to be asked again, who would call
//! when it changes, and where it stands.

use std::time::Duration;

use jiff::civil::Weekday;

/// Longest rest believed where a feed asks for one: `ttl` and `sy:updatePeriod` alike.
const LONGEST_REST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// More hubs than this are not taken.
const MAX_HUBS: usize = 4;

/// A feed's facts. Addresses are absolute, `http` or `https`, and carry no login.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// How long a copy may be kept (RSS `ttl`), from one minute to a week.
    pub ttl: Option<Duration>,
    /// How often it changes (`sy:updatePeriod` over `sy:updateFrequency`), from one minute to a week.
    pub update_every: Option<Duration>,
    /// Hours of the day in GMT, 0 to 23, in which nobody should ask (RSS `skipHours`); ascending.
    pub skip_hours: Vec<u8>,
    /// Days of the week in GMT on which nobody should ask (RSS `skipDays`); from Monday on.
    pub skip_days: Vec<Weekday>,
    /// WebSub hubs, in the feed's order.
    pub hubs: Vec<String>,
    /// The feed's own address (`rel="self"`, JSON Feed `feed_url`), which is a hub's topic.
    pub self_link: Option<String>,
    /// The site that it is the feed of (RSS `link`, `rel="alternate"`, `home_page_url`).
    pub home: Option<String>,
    /// Where older entries are (RFC 5005 `prev-archive`, or else `next`; JSON Feed `next_url`).
    pub older: Option<String>,
}

/// Facts while the document is read, since one may need another to mean anything.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    facts: Facts,
    period: Option<Duration>,
    frequency: Option<u32>,
    archive: bool,
}

/// The fields of a feed's head that are facts and nothing else.
pub(super) const TTL: &str = "ttl";
pub(super) const HOUR: &str = "hour";
pub(super) const DAY: &str = "day";
pub(super) const PERIOD: &str = "sy:updatePeriod";
pub(super) const FREQUENCY: &str = "sy:updateFrequency";

impl Gathering {
    /// Takes a field of the head; `false` where it is no fact.
    pub(super) fn field(&mut self, name: &str, value: &str) -> bool {
        let value = value.trim();
        match name {
            TTL => {
                let minutes = value.parse().ok().filter(|minutes: &u64| *minutes > 0);
                self.facts.ttl = minutes.map(|m| rest(m.saturating_mul(60))).or(self.facts.ttl);
            }
            HOUR => {
                // Some count the hours from 1 to 24.
                let hour = value.parse().ok().filter(|hour: &u8| *hour <= 24);
                self.facts.skip_hours.extend(hour.map(|hour| hour % 24));
            }
            DAY => self.facts.skip_days.extend(weekday(value)),
            PERIOD => self.period = period(value),
            FREQUENCY => self.frequency = value.parse().ok().filter(|times| *times > 0),
            _ => return false,
        }
        true
    }

    /// Takes a link of the head, which is absolute and of the web.
    pub(super) fn link(&mut self, rel: &str, href: &str) {
        let one = |place: &mut Option<String>| {
            place.get_or_insert_with(|| href.to_owned());
        };
        for rel in rel.to_ascii_lowercase().split_whitespace() {
            match rel {
                "self" => one(&mut self.facts.self_link),
                "alternate" => one(&mut self.facts.home),
                "hub" => {
                    let known = self.facts.hubs.iter().any(|hub| hub == href);
                    if !known && self.facts.hubs.len() < MAX_HUBS {
                        self.facts.hubs.push(href.to_owned());
                    }
                }
                "prev-archive" if !self.archive => {
                    self.archive = true;
                    self.facts.older = Some(href.to_owned());
                }
                "next" => one(&mut self.facts.older),
                _ => {}
            }
        }
    }

    pub(super) fn finish(self) -> Facts {
        let mut facts = self.facts;
        // One of the two alone means daily, or once: the module's own defaults.
        let said = self.period.is_some() || self.frequency.is_some();
        let period = self.period.unwrap_or(Duration::from_secs(24 * 60 * 60)).as_secs();
        let times = u64::from(self.frequency.unwrap_or(1));
        facts.update_every = said.then(|| rest(period / times));
        facts.skip_hours.sort_unstable();
        facts.skip_hours.dedup();
        facts.skip_days.sort_unstable_by_key(|day| day.to_monday_zero_offset());
        facts.skip_days.dedup();
        facts
    }
}

fn rest(seconds: u64) -> Duration {
    Duration::from_secs(seconds.max(60)).min(LONGEST_REST)
}

fn period(word: &str) -> Option<Duration> {
    const HOUR: u64 = 60 * 60;
    let hours = match word.to_ascii_lowercase().as_str() {
        "hourly" => 1,
        "daily" => 24,
        "weekly" => 7 * 24,
        "monthly" => 30 * 24,
        "yearly" => 365 * 24,
        _ => return None,
    };
    Some(Duration::from_secs(hours * HOUR))
}

fn weekday(word: &str) -> Option<Weekday> {
    const DAYS: [(&str, Weekday); 7] = [
        ("mon", Weekday::Monday),
        ("tue", Weekday::Tuesday),
        ("wed", Weekday::Wednesday),
        ("thu", Weekday::Thursday),
        ("fri", Weekday::Friday),
        ("sat", Weekday::Saturday),
        ("sun", Weekday::Sunday),
    ];
    let start = word.get(..3)?;
    DAYS.iter().find(|(name, _)| name.eq_ignore_ascii_case(start)).map(|(_, day)| *day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(fields: &[(&str, &str)]) -> Facts {
        let mut gathering = Gathering::default();
        for (name, value) in fields {
            assert!(gathering.field(name, value), "{name}");
        }
        gathering.finish()
    }

    #[test]
    fn a_site_that_asks_for_rest_is_understood_and_one_that_asks_for_ever_is_not_believed() {
        let hours = |n: u64| Some(Duration::from_secs(n * 3_600));
        for (fields, ttl, every) in [
            (vec![(TTL, "60")], hours(1), None),
            (vec![(TTL, "0")], None, None),
            (vec![(TTL, "-5"), (TTL, "soon")], None, None),
            (vec![(TTL, "18446744073709551615")], hours(7 * 24), None),
            (vec![(PERIOD, "hourly")], None, hours(1)),
            (vec![(PERIOD, " Daily "), (FREQUENCY, "4")], None, hours(6)),
            (vec![(FREQUENCY, "2")], None, hours(12)),
            (vec![(PERIOD, "yearly")], None, hours(7 * 24)),
            (vec![(PERIOD, "hourly"), (FREQUENCY, "0")], None, hours(1)),
            (vec![(PERIOD, "hourly"), (FREQUENCY, "4000000")], None, Some(Duration::from_secs(60))),
            (vec![(PERIOD, "never")], None, None),
        ] {
            let facts = facts(&fields);
            assert_eq!((facts.ttl, facts.update_every), (ttl, every), "{fields:?}");
        }
        let skips = facts(&[
            (HOUR, "24"),
            (HOUR, "7"),
            (HOUR, "7"),
            (HOUR, "25"),
            (DAY, "Sunday"),
            (DAY, "mon"),
            (DAY, "\u{fc}"),
        ]);
        assert_eq!(skips.skip_hours, [0, 7]);
        assert_eq!(skips.skip_days, [Weekday::Monday, Weekday::Sunday]);
    }

    #[test]
    fn links_of_the_head_are_told_apart() {
        let mut gathering = Gathering::default();
        for (rel, href) in [
            ("self", "https://a.example/feed"),
            ("SELF", "https://b.example/feed"),
            ("alternate", "https://a.example/"),
            ("next", "https://a.example/feed?2"),
            ("prev-archive", "https://a.example/2025"),
            ("next prev-archive", "https://a.example/2024"),
            ("hub self", "https://hub.example/"),
            ("hub", "https://hub.example/"),
        ] {
            gathering.link(rel, href);
        }
        let facts = gathering.finish();
        assert_eq!(facts.self_link.as_deref(), Some("https://a.example/feed"));
        assert_eq!(facts.home.as_deref(), Some("https://a.example/"));
        assert_eq!(facts.older.as_deref(), Some("https://a.example/2025"));
        assert_eq!(facts.hubs, ["https://hub.example/"]);
    }
}
