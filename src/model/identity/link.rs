//! The canonical form of a link, so that https, a slash or a tracking parameter makes no new post.

use std::borrow::Cow;

use url::{Host, Url};

/// Host prefixes that lead to the same page. Taken off while a dot is left in what follows.
const HOST_PREFIXES: [&str; 3] = ["www.", "m.", "amp."];

/// Names of an index page, which is the same as its folder.
const INDEX_PAGES: [&str; 3] = ["/index.html", "/index.htm", "/index.php"];

/// File extensions that come and go with a site's generator: `/001`, `/001/`, `/001.html`.
const EXTENSIONS: [&str; 2] = [".html", ".htm"];

/// Query parameters that say where a reader came from, never which post it is, by prefix.
const TRACKING_PREFIXES: [&str; 8] =
    ["utm_", "hsa_", "_hs", "mc_", "pk_", "mtm_", "matomo_", "oly_"];

/// The same, by whole name.
const TRACKING: [&str; 28] = [
    "__twitter_impression",
    "_ga",
    "_gl",
    "dclid",
    "fbclid",
    "gbraid",
    "gclid",
    "gclsrc",
    "igsh",
    "igshid",
    "jsessionid",
    "li_fat_id",
    "mkt_tok",
    "msclkid",
    "ncid",
    "ocid",
    "phpsessid",
    "ref",
    "ref_src",
    "ref_url",
    "s_cid",
    "source",
    "ttclid",
    "twclid",
    "vero_id",
    "wbraid",
    "wickedid",
    "yclid",
];

/// The canonical form of a link: what stays the same when a site moves to https, adds a slash or a
/// tracking parameter. `None` for anything that is not http or https. Never sent to anybody.
///
/// It is written with `https` whatever the scheme was, and is its own canonical form. The recipe is
/// part of every alias that was ever written and must not change: a better one is a new function
/// under a new alias version.
#[must_use]
pub fn canonical_link(link: &str) -> Option<String> {
    let url = Url::parse(link.trim()).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let mut out = String::with_capacity(link.len());
    out.push_str("https://");
    match url.host()? {
        Host::Domain(domain) => out.push_str(bare_host(domain)?),
        address => out.push_str(&address.to_string()),
    }
    // 443 over http or 80 over https is nobody's address, and dropping both keeps this idempotent.
    if let Some(port) = url.port().filter(|port| !matches!(port, 80 | 443)) {
        out.push(':');
        out.push_str(&port.to_string());
    }
    out.push_str(&bare_path(url.path()));
    if let Some(query) = url.query().map(bare_query).filter(|query| !query.is_empty()) {
        out.push('?');
        out.push_str(&query);
    }
    if let Some(fragment) = url.fragment().and_then(bare_fragment) {
        out.push('#');
        out.push_str(&fragment);
    }
    Some(out)
}

/// Whether a canonical link is a site's front page, which is the link of no post in particular.
pub(super) fn is_home(canonical: &str) -> bool {
    !canonical["https://".len()..].contains(['/', '?', '#'])
}

/// Whether its canonical form has lost parameters that, on some sites, tell one post from another.
#[must_use]
pub fn loses_parameters(link: &str) -> bool {
    let Ok(url) = Url::parse(link.trim()) else { return false };
    let Some(query) = url.query() else { return false };
    let query = query.replace('+', "%20");
    query.split('&').any(|pair| !pair.is_empty() && is_tracking(&decode_unreserved(pair)))
}

fn bare_host(domain: &str) -> Option<&str> {
    let mut host = domain.strip_suffix('.').unwrap_or(domain);
    while let Some(rest) = HOST_PREFIXES
        .iter()
        .find_map(|prefix| host.strip_prefix(prefix))
        .filter(|rest| rest.contains('.') && !rest.starts_with('.'))
    {
        host = rest;
    }
    (!host.is_empty() && !host.ends_with('.')).then_some(host)
}

fn bare_path(path: &str) -> String {
    let decoded = decode_unreserved(path);
    let mut path = String::with_capacity(decoded.len());
    for c in decoded.chars() {
        if c != '/' || !path.ends_with('/') {
            path.push(c);
        }
    }
    // To a fixed point: taking one thing off may bare another.
    loop {
        let shorter = path
            .strip_suffix('/')
            .or_else(|| INDEX_PAGES.iter().find_map(|page| path.strip_suffix(page)))
            .or_else(|| path.strip_suffix("/amp").filter(|rest| !rest.is_empty()))
            .or_else(|| {
                let stem = EXTENSIONS.iter().find_map(|ext| path.strip_suffix(ext))?;
                (!stem.ends_with(['/', '.'])).then_some(stem)
            });
        match shorter.map(str::len) {
            Some(length) => path.truncate(length),
            None => return path,
        }
    }
}

fn bare_query(query: &str) -> String {
    let query = query.replace('+', "%20");
    let mut pairs: Vec<Cow<'_, str>> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(decode_unreserved)
        .filter(|pair| !is_tracking(pair))
        .collect();
    pairs.sort_unstable();
    pairs.join("&")
}

fn is_tracking(pair: &str) -> bool {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let name = name.to_ascii_lowercase();
    TRACKING.contains(&name.as_str())
        || TRACKING_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        // WordPress serves the same post for mobiles under `?amp` or `?amp=1`.
        || (name == "amp" && matches!(value, "" | "1"))
}

/// A fragment may be the whole identity (changelogs: `#1.12.160`), so it stays, but for what only
/// highlights a text or counts a visit.
fn bare_fragment(fragment: &str) -> Option<String> {
    let fragment = decode_unreserved(fragment);
    let kept = fragment.split(":~:").next().unwrap_or_default();
    let counted = kept.starts_with("utm_") || kept.starts_with("xtor=");
    (!kept.is_empty() && !counted).then(|| kept.to_owned())
}

/// Decodes what needs no encoding, writes the rest in capitals (RFC 3986, 6.2.2), and encodes a `%`
/// that encodes nothing, so that a second pass finds nothing to do.
fn decode_unreserved(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let digits = rest.get(at + 1..at + 3);
        let byte = digits
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(b) if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => out.push(char::from(b)),
            Some(b) => out.push_str(&format!("%{b:02X}")),
            None => out.push_str("%25"),
        }
        rest = &rest[at + if byte.is_some() { 3 } else { 1 }..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// These pairs must never change: aliases written by an older oncecast are found by them.
    const VECTORS: [(&str, &str); 34] = [
        ("https://example.org/a", "https://example.org/a"),
        ("http://example.org/a", "https://example.org/a"),
        ("HTTP://WWW.Example.ORG:80/a/", "https://example.org/a"),
        ("https://m.example.org:443//a//b/", "https://example.org/a/b"),
        ("https://amp.www.example.org/a", "https://example.org/a"),
        ("https://example.org./a", "https://example.org/a"),
        ("https://www.org/a", "https://www.org/a"),
        ("https://user:secret@example.org/a", "https://example.org/a"),
        ("https://example.org:8443/a", "https://example.org:8443/a"),
        ("http://[::1]:8080/a", "https://[::1]:8080/a"),
        ("http://127.0.0.1/a", "https://127.0.0.1/a"),
        ("https://example.org", "https://example.org"),
        ("https://example.org/index.php?p=7", "https://example.org?p=7"),
        ("https://example.org/?p=7", "https://example.org?p=7"),
        ("https://example.org/001", "https://example.org/001"),
        ("https://example.org/001/", "https://example.org/001"),
        ("https://example.org/001.html", "https://example.org/001"),
        ("https://example.org/001/index.html", "https://example.org/001"),
        ("https://example.org/001/amp/", "https://example.org/001"),
        ("https://example.org/amp", "https://example.org/amp"),
        ("https://example.org/.html", "https://example.org/.html"),
        ("https://example.org/a?utm_source=rss&utm_medium=x", "https://example.org/a"),
        ("https://example.org/a?b=2&a=1&fbclid=zz", "https://example.org/a?a=1&b=2"),
        ("https://example.org/a?source=rss----1&Ref=x", "https://example.org/a"),
        ("https://example.org/a?amp=1", "https://example.org/a"),
        ("https://example.org/a?q=b+c", "https://example.org/a?q=b%20c"),
        ("https://example.org/log#1.12.160", "https://example.org/log#1.12.160"),
        ("https://example.org/a#:~:text=hello", "https://example.org/a"),
        ("https://example.org/%7Ebob/%e4%b8%ad", "https://example.org/~bob/%E4%B8%AD"),
        ("https://example.org/~bob/\u{4e2d}", "https://example.org/~bob/%E4%B8%AD"),
        ("https://example.org/%%34%31", "https://example.org/%2541"),
        ("https://b\u{fc}cher.example/a", "https://xn--bcher-kva.example/a"),
        ("https://example.org/a/../b/./c", "https://example.org/b/c"),
        (" https://example.org/A ", "https://example.org/A"),
    ];

    #[test]
    fn a_site_that_moves_to_https_or_adds_a_slash_makes_no_new_post() {
        for (link, canonical) in VECTORS {
            assert_eq!(canonical_link(link).as_deref(), Some(canonical), "{link}");
        }
    }

    #[test]
    fn two_posts_keep_two_links() {
        let apart = [
            ("https://example.org/?p=1", "https://example.org/?p=2"),
            ("https://example.org/log#1", "https://example.org/log#2"),
            ("https://example.org/a?page=1", "https://example.org/a"),
            ("https://a.example.org/x", "https://b.example.org/x"),
            ("https://example.org/A", "https://example.org/a"),
            ("https://example.org/a%2Fb", "https://example.org/a/b"),
        ];
        for (one, other) in apart {
            assert_ne!(canonical_link(one), canonical_link(other), "{one} {other}");
        }
    }

    #[test]
    fn only_web_links_have_a_canonical_form() {
        for link in ["", "mailto:a@b", "urn:uuid:1", "javascript:alert(1)", "/a", "tag:a,b:c"] {
            assert_eq!(canonical_link(link), None, "{link}");
        }
    }

    #[test]
    fn a_front_page_is_known_as_one() {
        let is_home = |link| is_home(&canonical_link(link).unwrap());
        for home in ["https://www.example.org/", "http://example.org/index.html?utm_source=x"] {
            assert!(is_home(home), "{home}");
        }
        for post in ["https://example.org/a", "https://example.org/?p=1", "https://example.org/#1"]
        {
            assert!(!is_home(post), "{post}");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_link_is_its_own_canonical_form(
            scheme in "https?", host in "[a-zA-Z0-9.%-]{1,20}", port in "(:[0-9]{1,5})?",
            tail in prop::collection::vec(
                prop_oneof![
                    "[/?#&=.%+~:a-zA-Z0-9 \u{e9}-]",
                    "/amp|/index\\.html|\\.html|%[0-9a-f]{2}",
                ],
                0..30,
            ),
        ) {
            let link = format!("{scheme}://{host}{port}/{}", tail.concat());
            if let Some(canonical) = canonical_link(&link) {
                prop_assert_eq!(canonical_link(&canonical), Some(canonical.clone()), "{}", link);
            }
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,60}") {
            let _ = canonical_link(&text);
            let _ = canonical_link(&format!("http://{text}"));
        }
    }
}
