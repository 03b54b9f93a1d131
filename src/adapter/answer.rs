//! Reading what platforms answer: waits in every dialect, and what a failed harmless call means.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{Amending, Prepare, Unfit};
use crate::model::{DeferCause, Outcome, Reference, Response, Time, retry_after_seconds};

/// The longest wait taken from a platform: a clock that is wrong there must not stop us for weeks.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How far clocks may be apart, beyond what the answer's `Date` tells, when the age of a post is
/// compared with the moment of our call.
const CLOCK_MARGIN: Duration = Duration::from_secs(5 * 60);

/// How long a platform asks us to wait, in whatever way it says so. Moments are compared with the
/// answer's own `Date`, since the platform's clock and ours may differ.
pub(super) fn wait(response: &Response) -> Option<Duration> {
    let now = date(response);
    let until = |moment: Timestamp| Some(seconds_between(now?, moment));
    let header = |name| response.header(name).map(str::trim);
    let seconds = |wait: f64| Duration::try_from_secs_f64(wait.ceil()).ok();
    retry_after_seconds(response)
        .or_else(|| until(http_date(header("retry-after")?)?))
        // Matrix, deprecated but all that older servers send.
        .or_else(|| Some(Duration::from_millis(response.json()["retry_after_ms"].as_u64()?)))
        // Discord, more exactly than in its headers, and in one of them.
        .or_else(|| seconds(response.json()["retry_after"].as_f64()?))
        .or_else(|| seconds(header("x-ratelimit-reset-after")?.parse().ok()?))
        // Mastodon writes ISO 8601 with microseconds, others Unix seconds.
        .or_else(|| until(moment(header("x-ratelimit-reset")?)?))
        // AT Protocol writes Unix seconds.
        .or_else(|| until(moment(header("ratelimit-reset")?)?))
        .map(|wait| wait.min(WAIT_MAX))
}

/// An answer of 429, with the wait in the platform's own dialect.
pub(super) fn rate_limited(response: &Response) -> Outcome {
    Outcome::Deferred {
        wait: wait(response),
        cause: DeferCause::RateLimited,
        reason: words(response),
    }
}

/// A publish call that was not performed and can be repeated once something else is mended.
pub(super) fn deferred(cause: DeferCause, response: &Response) -> Outcome {
    Outcome::Deferred { wait: None, cause, reason: words(response) }
}

/// What a 2xx from a JSON API proves: its own answer, even without an id, says that the post is
/// there; a page of HTML is the answer of something in between that may have heard nothing.
pub(super) fn success(response: &Response, reference: Reference) -> Outcome {
    let html = response.header("content-type").is_some_and(|kind| kind.contains("html"))
        || response.body.trim_ascii_start().starts_with(b"<");
    if html {
        Outcome::Unknown { reason: format!("a page instead of an answer: {}", words(response)) }
    } else {
        Outcome::Published { reference }
    }
}

/// What a harmless call that brought nothing means for a preparation that needs it.
pub(super) fn later(response: &Response, what: &str) -> Prepare {
    Prepare::Later { wait: wait(response), reason: format!("{what}: {}", words(response)) }
}

/// A question on the way to a change that brought nothing; `judged` is what its answer would prove of a
/// publish call. What is refused for this one post says nothing of the lane.
pub(super) fn not_now(response: &Response, what: &str, judged: Outcome) -> Amending {
    let reason = format!("{what}: {}", words(response));
    let cause = match (response.status, judged) {
        (429, _) => DeferCause::RateLimited,
        (403, _) => return Amending::Cannot(reason),
        (
            _,
            Outcome::Deferred {
                cause: cause @ (DeferCause::SessionExpired | DeferCause::Credentials),
                ..
            },
        ) => cause,
        // A timeout, and too early.
        (408 | 425, _) => DeferCause::Overloaded,
        (400..=499, _) => return Amending::Cannot(reason),
        _ => DeferCause::Overloaded,
    };
    Amending::Later { wait: wait(response), cause, reason }
}

/// A change that cannot be made, in words.
pub(super) fn cannot(why: Unfit) -> Amending {
    Amending::Cannot(why.0)
}

/// The credentials were refused, in words that name them and the way out.
pub(super) fn denied(response: &Response, credential: &str) -> Prepare {
    Prepare::Denied(format!("{credential} is not accepted ({}); replace it", words(response)))
}

/// Status and the start of the body, for people.
pub(super) fn words(response: &Response) -> String {
    let excerpt = response.excerpt();
    if excerpt.is_empty() {
        format!("status {}", response.status)
    } else {
        format!("status {}: {excerpt}", response.status)
    }
}

/// The body of a 200 as a JSON object.
pub(super) fn object(response: &Response) -> Option<Value> {
    (response.status == 200).then(|| response.json()).filter(Value::is_object)
}

/// A string in a JSON object; empty counts as absent.
pub(super) fn string(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The moment on the platform's clock before which a post cannot be ours.
///
/// The earlier of two readings is taken, ours and the one corrected by the answer's `Date`: a list
/// that does not reach back that far proves nothing.
pub(super) fn cutoff(first_sent: Time, now: Time, response: &Response) -> Time {
    let server = date(response).map_or(now, Time::from_timestamp);
    first_sent.minus(now.since(server)).minus(CLOCK_MARGIN)
}

/// Whether the server itself says that something was made well before its answer.
pub(super) fn is_earlier(made: Timestamp, response: &Response) -> bool {
    date(response).is_some_and(|now| seconds_between(made, now) > EARLIER)
}

/// The answer's `Date`.
pub(super) fn date(response: &Response) -> Option<Timestamp> {
    http_date(response.header("date")?)
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

fn moment(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => text.parse().ok(),
    }
}

/// The slowest server makes a status and answers within this.
const EARLIER: Duration = Duration::from_secs(5 * 60);

fn seconds_between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(later.as_second() - earlier.as_second()).unwrap_or(0))
}

/// One segment of a path or one value of a query, with all that could end it encoded.
pub(super) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Response { status: 429, headers, body: body.into(), whole: true }
    }

    #[test]
    fn every_dialect_of_wait_is_understood() {
        let date = ("date", "Fri, 02 Jan 2026 03:04:05 GMT");
        let seconds = |headers: &[_], body| wait(&answer(headers, body)).map(|w| w.as_secs());
        assert_eq!(seconds(&[("retry-after", "7"), date], ""), Some(7));
        assert_eq!(
            seconds(&[("retry-after", "Fri, 02 Jan 2026 03:05:05 GMT"), date], ""),
            Some(60)
        );
        assert_eq!(
            seconds(&[("x-ratelimit-reset", "2026-01-02T03:09:05.123456Z"), date], ""),
            Some(300)
        );
        assert_eq!(seconds(&[("ratelimit-reset", "1767323055"), date], ""), Some(10));
        assert_eq!(seconds(&[], "{\"retry_after_ms\":4311}"), Some(4));
        assert_eq!(seconds(&[], "{\"retry_after\":64.57,\"global\":false}"), Some(65));
        assert_eq!(seconds(&[("x-ratelimit-reset-after", "1.02")], ""), Some(2));
        assert_eq!(seconds(&[], "{\"retry_after\":-1}"), None);
        assert_eq!(seconds(&[("x-ratelimit-reset", "9999999999"), date], ""), Some(86_400));
        assert_eq!(seconds(&[("x-ratelimit-reset", "1767323055")], ""), None);
        assert_eq!(seconds(&[("ratelimit-reset", "soon"), date], "<p>"), None);
    }

    /// One post that its account may not look at any more stopped everything that went out after it.
    #[test]
    fn only_limits_and_logins_are_the_trouble_of_more_than_one_post() {
        let of = |status, judged: Outcome| {
            let response = Response { status, ..Response::default() };
            match not_now(&response, "cannot look", judged) {
                Amending::Cannot(_) => "cannot",
                Amending::Later { cause: DeferCause::SessionExpired, .. } => "session",
                Amending::Later { cause: DeferCause::Credentials, .. } => "credentials",
                Amending::Later { cause: DeferCause::RateLimited, .. } => "limits",
                Amending::Later { cause: DeferCause::Overloaded, .. } => "later",
                other => panic!("{other:?}"),
            }
        };
        let refused = || Outcome::Refused { reason: String::new() };
        let deferred = |cause| Outcome::Deferred { wait: None, cause, reason: String::new() };
        assert_eq!(of(403, deferred(DeferCause::Credentials)), "cannot");
        assert_eq!(of(422, refused()), "cannot");
        assert_eq!(of(401, deferred(DeferCause::SessionExpired)), "session");
        assert_eq!(of(401, deferred(DeferCause::Credentials)), "credentials");
        assert_eq!(of(400, deferred(DeferCause::SessionExpired)), "session");
        assert_eq!(of(429, deferred(DeferCause::RateLimited)), "limits");
        for status in [0, 200, 301, 408, 425, 500, 502, 503, 504] {
            assert_eq!(of(status, Outcome::Unknown { reason: String::new() }), "later", "{status}");
        }
    }

    #[test]
    fn a_slow_clock_there_does_not_make_our_post_too_old_to_be_ours() {
        let now = Time::from_millis(1_767_323_045_000);
        let slow = answer(&[("date", "Fri, 02 Jan 2026 02:04:05 GMT")], "");
        assert_eq!(now.since(cutoff(now, now, &slow)).as_secs(), 3900);
        let fast = answer(&[("date", "Fri, 02 Jan 2026 04:04:05 GMT")], "");
        assert_eq!(now.since(cutoff(now, now, &fast)).as_secs(), 300);
    }
}
