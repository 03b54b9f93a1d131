//! What may stand as the value of a key. Each rule reads a TOML value and says in words what it
//! takes, so that a message and a check can never disagree.
//!
//! A rule never repeats the value: only [`super::table::Table`] knows whether it may be shown.

use std::net::SocketAddr;
use std::time::Duration;

use toml::de::DeValue;

use super::units::{parse_duration, show_duration};
use crate::model::Time;

/// One kind of value.
pub(super) trait Rule {
    /// What it becomes.
    type Out;

    /// What may stand there, in words.
    fn allowed(&self) -> String;

    /// The value, or what is wrong with it, as the end of a sentence whose subject is the value.
    fn read(&self, value: &DeValue<'_>) -> Result<Self::Out, String>;
}

/// A duration within bounds.
#[derive(Clone, Copy)]
pub(super) struct Period {
    pub(super) min: Duration,
    pub(super) max: Duration,
}

impl Rule for Period {
    type Out = Duration;

    fn allowed(&self) -> String {
        let (min, max) = (show_duration(self.min), show_duration(self.max));
        format!("\"{min}\" to \"{max}\", in the units ms, s, m, h, d, w, such as \"2h30m\"")
    }

    fn read(&self, value: &DeValue<'_>) -> Result<Duration, String> {
        let duration = parse_duration(string(value)?).map_err(|e| e.to_string())?;
        within(&duration, &self.min, &self.max)?;
        Ok(duration)
    }
}

/// A whole number within bounds.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub(super) min: u32,
    pub(super) max: u32,
}

impl Rule for Count {
    type Out = u32;

    fn allowed(&self) -> String {
        format!("a whole number from {} to {}", self.min, self.max)
    }

    fn read(&self, value: &DeValue<'_>) -> Result<u32, String> {
        let DeValue::Integer(number) = value else { return Err(mismatch(value)) };
        let number = i64::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| "is too large".to_owned())?;
        within(&number, &i64::from(self.min), &i64::from(self.max))?;
        u32::try_from(number).map_err(|_| "is too large".to_owned())
    }
}

/// A part of a whole: more than 0, at most 1.
#[derive(Clone, Copy)]
pub(super) struct Share;

impl Rule for Share {
    type Out = f64;

    fn allowed(&self) -> String {
        "a number greater than 0, up to 1.0".to_owned()
    }

    fn read(&self, value: &DeValue<'_>) -> Result<f64, String> {
        let text = match value {
            DeValue::Float(number) => number.as_str(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            _ => return Err(mismatch(value)),
        };
        match text.parse::<f64>() {
            Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
            _ => Err("is out of range".to_owned()),
        }
    }
}

/// `true` or `false`.
#[derive(Clone, Copy)]
pub(super) struct Flag;

impl Rule for Flag {
    type Out = bool;

    fn allowed(&self) -> String {
        "true or false".to_owned()
    }

    fn read(&self, value: &DeValue<'_>) -> Result<bool, String> {
        value.as_bool().ok_or_else(|| mismatch(value))
    }
}

/// Text that is not empty.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) allowed: &'static str,
    /// In bytes.
    pub(super) max: usize,
    /// Whether it may run over several lines.
    pub(super) lines: bool,
}

impl Rule for Text {
    type Out = String;

    fn allowed(&self) -> String {
        self.allowed.to_owned()
    }

    fn read(&self, value: &DeValue<'_>) -> Result<String, String> {
        let text = string(value)?;
        if text.trim().is_empty() {
            return Err("is empty".to_owned());
        }
        if text.len() > self.max {
            return Err(format!("is {} bytes long, at most {} can be used", text.len(), self.max));
        }
        if !self.lines && text.chars().any(char::is_control) {
            return Err("has a line break or a control character in it".to_owned());
        }
        Ok(text.to_owned())
    }
}

/// A name of ours: it becomes an identity in the ledger, a log field and a metric label.
#[derive(Clone, Copy)]
pub(super) struct Name;

/// The longest name.
const NAME_MAX: usize = 64;

impl Rule for Name {
    type Out = String;

    fn allowed(&self) -> String {
        "lower-case letters, digits, - and _, up to 64, a letter or digit first".to_owned()
    }

    fn read(&self, value: &DeValue<'_>) -> Result<String, String> {
        let text = string(value)?;
        Self::check(text)?;
        Ok(text.to_owned())
    }
}

impl Name {
    /// What is wrong with a text as a name.
    pub(super) fn check(text: &str) -> Result<(), String> {
        let (first, rest) = match text.as_bytes() {
            [] => return Err("is empty".to_owned()),
            [first, rest @ ..] => (first, rest),
        };
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !plain(first) || !rest.iter().all(|b| plain(b) || matches!(b, b'-' | b'_')) {
            return Err("is not a name".to_owned());
        }
        if text.len() > NAME_MAX {
            return Err("is too long for a name".to_owned());
        }
        Ok(())
    }
}

/// One of a few words.
#[derive(Clone, Copy)]
pub(super) struct Choice(pub(super) &'static [&'static str]);

impl Rule for Choice {
    type Out = &'static str;

    fn allowed(&self) -> String {
        self.0.join(", ")
    }

    fn read(&self, value: &DeValue<'_>) -> Result<&'static str, String> {
        let text = string(value)?;
        self.0.iter().find(|word| **word == text).copied().ok_or_else(|| {
            let near = super::keys::nearest(text, self.0);
            near.map_or("is none of them".to_owned(), |near| {
                format!("is none of them; did you mean {near:?}?")
            })
        })
    }
}

/// Whom to ask: a mail address or a page. It stands in a header of every request.
#[derive(Clone, Copy)]
pub(super) struct Contact;

/// The longest contact.
const CONTACT_MAX: usize = 200;

impl Rule for Contact {
    type Out = String;

    fn allowed(&self) -> String {
        format!("a mail address or an https address, up to {CONTACT_MAX} plain characters")
    }

    fn read(&self, value: &DeValue<'_>) -> Result<String, String> {
        let text = string(value)?;
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '(' | ')' | '\\' | '"');
        if text.is_empty() || text.len() > CONTACT_MAX || !text.chars().all(plain) {
            return Err("cannot stand in a header".to_owned());
        }
        let is_page = text.starts_with("https://") || text.starts_with("http://");
        if !is_page && !text.contains('@') {
            return Err("is neither a mail address nor a page".to_owned());
        }
        Ok(text.to_owned())
    }
}

/// A day, which begins in Greenwich.
#[derive(Clone, Copy)]
pub(super) struct Day;

impl Rule for Day {
    type Out = Time;

    fn allowed(&self) -> String {
        "a day as YYYY-MM-DD, in quotes".to_owned()
    }

    fn read(&self, value: &DeValue<'_>) -> Result<Time, String> {
        let bad = || "is no day".to_owned();
        let day: jiff::civil::Date = string(value)?.parse().map_err(|_| bad())?;
        let begins = jiff::tz::TimeZone::UTC.to_timestamp(day.into()).map_err(|_| bad())?;
        Ok(Time::from_timestamp(begins))
    }
}

/// An address and a port to listen on.
#[derive(Clone, Copy)]
pub(super) struct Listen;

impl Rule for Listen {
    type Out = SocketAddr;

    fn allowed(&self) -> String {
        "an IP address and a port".to_owned()
    }

    fn read(&self, value: &DeValue<'_>) -> Result<SocketAddr, String> {
        let text = string(value)?;
        text.parse().map_err(|_| {
            if text.starts_with("localhost") {
                "is a name, and names can resolve to anything".to_owned()
            } else {
                "is not an IP address with a port".to_owned()
            }
        })
    }
}

/// The text of a string.
pub(super) fn string<'v>(value: &'v DeValue<'_>) -> Result<&'v str, String> {
    value.as_str().ok_or_else(|| mismatch(value))
}

/// What a value of the wrong type is called.
pub(super) fn mismatch(value: &DeValue<'_>) -> String {
    let word = match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    format!("is {word}, which cannot stand here")
}

fn within<T: PartialOrd>(value: &T, min: &T, max: &T) -> Result<(), String> {
    if value < min {
        Err("is too small".to_owned())
    } else if value > max {
        Err("is too large".to_owned())
    } else {
        Ok(())
    }
}
