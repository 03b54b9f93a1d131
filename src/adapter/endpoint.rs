//! Where a page is told that another answers to it, and a feed's hub that it has changed: both say so
//! themselves, in a header or in their text.

use serde_json::Value;
use url::Url;

use crate::config::PingKind;
use crate::model::{Response, links};
use crate::post::html;

/// The endpoints that an answer names for a kind of ping, absolute, the one that counts first; `page` is
/// where the answer came from in the end.
///
/// A `Link` header goes before the text, and in the text what stands first, `<link>` or `<a>`.
/// <https://www.w3.org/TR/webmention/#sender-discovers-receiver-webmention-endpoint>,
/// <https://www.w3.org/TR/websub/#discovery>
#[must_use]
pub fn named(kind: &PingKind, answer: &Response, page: &Url) -> Vec<Url> {
    let relation = match kind {
        PingKind::WebSub => "hub",
        PingKind::Webmention => "webmention",
        PingKind::IndexNow { .. } => return Vec::new(),
    };
    let mut found: Vec<Url> = Vec::new();
    let mut add = |href: &str| {
        let url = page.join(href).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        if let Some(url) = url.filter(|url| url.username().is_empty() && !found.contains(url)) {
            found.push(url);
        }
    };
    links::named(answer, page, relation).iter().for_each(|href| add(href));
    let text = String::from_utf8_lossy(&answer.body);
    match (kind, serde_json::from_str::<Value>(&text)) {
        // A JSON Feed says it in a list of its own. <https://www.jsonfeed.org/version/1.1/>
        (PingKind::WebSub, Ok(feed)) => {
            let hubs = feed["hubs"].as_array().map(Vec::as_slice).unwrap_or_default();
            hubs.iter().filter_map(|hub| hub["url"].as_str()).for_each(add);
        }
        _ => html::related(&text, relation).iter().for_each(|href| add(href)),
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &PingKind, headers: &[&str], body: &str) -> Vec<String> {
        let headers =
            headers.iter().map(|value| ("link".to_owned(), (*value).to_owned())).collect();
        let body = body.as_bytes().to_vec();
        let answer = Response { status: 200, headers, body, whole: true };
        let page = Url::parse("https://page.example/a/b?c").unwrap();
        named(kind, &answer, &page).into_iter().map(String::from).collect()
    }

    /// The ways of naming an endpoint that webmention.rocks tries on senders.
    #[test]
    fn a_page_is_told_where_it_says_however_it_says_it() {
        let of = |headers: &[&str], body: &str| of(&PingKind::Webmention, headers, body);
        let here = "https://page.example/wm";
        for (headers, body, first) in [
            (&["</wm>; rel=webmention"][..], "", here),
            (&["<https://page.example/wm>; rel=\"webmention\""], "", here),
            (&["</x>; rel=other", "<../wm>; rel=\"webmention somethingelse\""], "", here),
            (&[], "<link rel=\"webmention\" href=\"/wm\">", here),
            (&[], "<a href=\"https://page.example/wm\" rel=\"webmention\">w</a>", here),
            (&[], "<LINK REL=\"Webmention other\" HREF=/wm />", here),
            (&["</wm>; rel=webmention"], "<link rel=webmention href=/no>", here),
            (&[], "<a rel=webmention href=/wm>1</a><link rel=webmention href=/no>", here),
            (&[], "<!-- <link rel=webmention href=/no> --><a rel=webmention href=/wm>w</a>", here),
            (&[], "&lt;link rel=webmention href=/no&gt;<a rel=webmention href=/wm>w</a>", here),
            (&[], "<link rel=webmention><a rel=webmention href=/wm>w</a>", here),
            (&[], "<link rel=webmention href=\"\">", "https://page.example/a/b?c"),
            (
                &[],
                "<link rel=webmention href=\"/wm?d=e&amp;f=g\">",
                "https://page.example/wm?d=e&f=g",
            ),
            (
                &[],
                "<script>'<link rel=webmention href=/no>'</script><a rel=webmention href=/wm>w</a>",
                here,
            ),
        ] {
            assert_eq!(
                of(headers, body).first().map(String::as_str),
                Some(first),
                "{headers:?} {body}"
            );
        }
        for body in
            ["<a rel=webmention href=\"javascript:x\">", "<a rel=not-webmention href=/wm>", "{}"]
        {
            assert_eq!(of(&[], body), [""; 0], "{body}");
        }
    }

    #[test]
    fn a_feed_names_its_hubs_in_every_format() {
        let of = |headers: &[&str], body: &str| of(&PingKind::WebSub, headers, body);
        let hub = "https://hub.example/";
        for (headers, body) in [
            (&["<https://hub.example/>; rel=hub, <x>; rel=self"][..], "<rss/>"),
            (
                &[],
                "<feed><link rel=\"self\" href=\"x\"/><link rel=\"hub\" href=\"https://hub.example/\"/></feed>",
            ),
            (
                &[],
                "<rss><channel><title>t</title><atom:link rel=\"hub\" href=\"https://hub.example\"/></channel></rss>",
            ),
            (&[], "{\"hubs\":[{\"type\":\"WebSub\",\"url\":\"https://hub.example/\"}]}"),
        ] {
            assert_eq!(of(headers, body), [hub], "{body}");
        }
    }
}
