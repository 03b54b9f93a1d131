//! Reading an answer as a description says: conditions that hold, do not, or cannot be told, and where ids,
//! links and waits stand.

use std::time::Duration;

use jiff::Timestamp;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use serde_json::Value;
use url::Url;

use crate::adapter::answer;
use crate::config::describe::{Means, Unit, Wait, When};
use crate::model::{Reference, Response};

/// Stands before the name of a header where else a JSON pointer stands.
const HEADER: &str = "header:";
/// A longer wait is a mistake of somebody's.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What the first line that fits says. One that may fit, and cannot be told for want of a body that can be
/// read, says that nothing is known: a lower line may not decide in its place.
pub(super) fn means(answers: &[When], response: &Response) -> Option<Means> {
    for when in answers {
        match holds(when, response) {
            Some(true) => return when.means,
            Some(false) => {}
            None => return None,
        }
    }
    None
}

/// Whether one of several conditions holds; nothing where that cannot be told.
pub(super) fn any(conditions: &[When], response: &Response) -> Option<bool> {
    for when in conditions {
        match holds(when, response) {
            Some(false) => {}
            told => return told,
        }
    }
    Some(false)
}

/// Whether a condition holds; nothing where that cannot be told.
pub(super) fn holds(when: &When, response: &Response) -> Option<bool> {
    if !when.status.is_empty() && !when.status.contains(&response.status) {
        return Some(false);
    }
    if when.at.is_none() && when.is.is_none() && when.contains.is_empty() && when.lacks.is_empty() {
        return Some(true);
    }
    let value = match when.at.as_deref() {
        Some(at) if at.starts_with(HEADER) => match field(response, at) {
            Some(value) => value,
            None => return Some(false),
        },
        // Half a body, or none, says neither yes nor no.
        _ if !response.whole || response.body.is_empty() => return None,
        Some(at) => {
            let json: Value = serde_json::from_slice(&response.body).ok()?;
            json.pointer(at).cloned().unwrap_or(Value::Null)
        }
        None => Value::from(String::from_utf8_lossy(&response.body).into_owned()),
    };
    let text = as_text(&value).to_lowercase();
    let stands = |word: &String| text.contains(&word.to_lowercase());
    let is = match &when.is {
        // Said alone, it must be there.
        None if when.contains.is_empty() && when.lacks.is_empty() => !value.is_null(),
        None => true,
        // One of several.
        Some(Value::Array(several)) => several.contains(&value),
        // TOML has no null.
        Some(Value::String(none)) if none.is_empty() => {
            value.is_null() || value.as_str() == Some("")
        }
        Some(one) => *one == value,
    };
    Some(
        is && (when.contains.is_empty() || when.contains.iter().any(stands))
            && !when.lacks.iter().any(stands),
    )
}

fn field(response: &Response, at: &str) -> Option<Value> {
    match at.strip_prefix(HEADER) {
        Some(name) => response.header(&name.to_ascii_lowercase()).map(Value::from),
        None => response.json().pointer(at).cloned(),
    }
}

/// A text or a number of an answer.
pub(super) fn text(response: &Response, at: &str) -> Option<String> {
    field(response, at).as_ref().and_then(scalar)
}

/// A text or a number of a post in a list.
pub(super) fn text_in(item: &Value, at: &str) -> Option<String> {
    item.pointer(at).and_then(scalar)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// How long it asks us to wait.
pub(super) fn wait(wait: &Wait, response: &Response) -> Option<Duration> {
    let value = text(response, &wait.at)?;
    let number = || value.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    let seconds = match wait.unit {
        Unit::S => number()?,
        Unit::Ms => number()? / 1_000.0,
        Unit::Unix | Unit::Iso => {
            let until = moment(&value, wait.unit)?;
            let now = answer::date(response)?;
            until.duration_since(now).as_secs_f64().max(0.0)
        }
    };
    // Rounded up: who comes a moment too early is sent away again.
    Some(Duration::from_secs(seconds.ceil().min(WAIT_MAX.as_secs_f64()) as u64))
}

/// A moment that is written in this unit.
pub(super) fn moment(value: &str, unit: Unit) -> Option<Timestamp> {
    let value = value.trim();
    match unit {
        Unit::S | Unit::Unix => {
            let whole = value.split('.').next().unwrap_or_default();
            Timestamp::from_second(whole.parse().ok()?).ok()
        }
        Unit::Ms => Timestamp::from_millisecond(value.parse().ok()?).ok(),
        // Some write no zone and mean UTC.
        Unit::Iso => value.parse().ok().or_else(|| format!("{value}Z").parse().ok()),
    }
}

/// What an answer calls the post: where its id and its URL stand, or how the URL is made.
pub(super) fn reference(
    base: &Url,
    (id, url): (Option<&str>, Option<&str>),
    response: &Response,
) -> Reference {
    let id = id.and_then(|at| text(response, at));
    let url = url.and_then(|url| match is_place(url) {
        true => text(response, url),
        false => made(base, url, id.as_deref(), &response.json()),
    });
    Reference { id, url: url.and_then(|url| absolute(base, &url)), ..Reference::default() }
}

/// The same of a post in a list.
pub(super) fn reference_in(
    base: &Url,
    (id, url): (Option<&str>, Option<&str>),
    item: &Value,
) -> Reference {
    let id = id.and_then(|at| text_in(item, at));
    let url = url.and_then(|url| match is_place(url) {
        true => text_in(item, url),
        false => made(base, url, id.as_deref(), item),
    });
    Reference { id, url: url.and_then(|url| absolute(base, &url)), ..Reference::default() }
}

/// Whether this says where something stands, and is not a template.
pub(super) fn is_place(text: &str) -> bool {
    text.is_empty() || text.starts_with('/') || text.starts_with(HEADER)
}

/// A URL from a template; nothing where it needs something that is not there.
pub(super) fn made(base: &Url, template: &str, id: Option<&str>, answer: &Value) -> Option<String> {
    if template.contains("id") && id.is_none() {
        return None;
    }
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(10_000));
    let scope = context! {
        base => base.as_str().trim_end_matches('/'),
        id => id.unwrap_or_default(),
        answer => minijinja::Value::from(Serde(answer)),
    };
    environment.template_from_str(template).ok()?.render(scope).ok()
}

/// Only what a browser opens is shown as a link.
fn absolute(base: &Url, url: &str) -> Option<String> {
    let url = base.join(url.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.to_string())
}
