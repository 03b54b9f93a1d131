//! For how long an answer is fresh by its own headers, as a private cache reckons it (RFC 9111, 4.2):
//! until then, asking again is asking in vain.

use std::time::Duration;

use super::validators::date_of;
use crate::feed::parse::dates;
use crate::model::{Response, Time};

/// How long the answer is fresh from now on; `None` where it does not say.
pub(super) fn fresh(response: &Response, now: Time) -> Option<Duration> {
    let mut max_age = None;
    for (_, value) in response.headers.iter().filter(|(name, _)| name == "cache-control") {
        for directive in value.split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                // To be asked about each time.
                "no-cache" | "no-store" => return None,
                "max-age" => {
                    let seconds = value.trim().trim_matches('"').parse().ok();
                    max_age = max_age.or(seconds.map(Duration::from_secs));
                }
                _ => {}
            }
        }
    }
    let lifetime = max_age.or_else(|| {
        // What is no date, such as 0, says that it has expired.
        let expires = dates::read(response.header("expires")?).map(Time::from_timestamp);
        expires.map(|expires| expires.since(date_of(response, now)))
    })?;
    let age = response.header("age").and_then(|age| age.trim().parse().ok());
    let left = lifetime.saturating_sub(age.map_or(Duration::ZERO, Duration::from_secs));
    Some(left).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_767_323_045_000);
    const DATE: &str = "Fri, 02 Jan 2026 03:04:05 GMT";

    #[test]
    fn an_answer_says_how_long_it_is_good() {
        let of = |headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            fresh(&Response { headers, ..Response::default() }, NOW).map(|d| d.as_secs())
        };
        for (headers, seconds) in [
            (&[][..], None),
            (&[("cache-control", "max-age=600")], Some(600)),
            (&[("cache-control", "public, Max-Age=\"600\", s-maxage=9")], Some(600)),
            (&[("cache-control", "s-maxage=9")], None),
            (&[("cache-control", "max-age=0")], None),
            (&[("cache-control", "max-age=600, no-cache")], None),
            (&[("cache-control", "max-age=600"), ("cache-control", "no-store")], None),
            (&[("cache-control", "max-age=600"), ("age", "100")], Some(500)),
            (&[("cache-control", "max-age=600"), ("age", "700")], None),
            (&[("expires", "Fri, 02 Jan 2026 04:04:05 GMT"), ("date", DATE)], Some(3_600)),
            (&[("expires", "Fri, 02 Jan 2026 04:04:05 GMT")], Some(3_600)),
            (&[("expires", "0")], None),
            (&[("expires", "Thu, 01 Jan 1970 00:00:00 GMT")], None),
            (
                &[("cache-control", "max-age=60"), ("expires", "Fri, 02 Jan 2026 04:04:05 GMT")],
                Some(60),
            ),
            (&[("cache-control", "max-age=-1")], None),
            (&[("cache-control", "max-age=soon")], None),
        ] {
            assert_eq!(of(headers), seconds, "{headers:?}");
        }
    }
}
