//! Where a link leads: its host, the path beneath it, and whether that is the feed's own site.

use url::Url;

use super::link::{canonical_link, is_home};
use crate::model::Entry;

/// A shorter last part of a path, or one of digits alone, is no name of a post.
const SLUG_CHARS: usize = 8;

/// Addresses that only lead on to another: the host or its end, the path, and where the other stands.
const WRAPPERS: [(&str, &str, Wrapped); 9] = [
    ("google.com", "/url", Wrapped::Parameter("url")),
    ("google.com", "/url", Wrapped::Parameter("q")),
    ("l.facebook.com", "/l.php", Wrapped::Parameter("u")),
    ("lm.facebook.com", "/l.php", Wrapped::Parameter("u")),
    ("t.umblr.com", "/redirect", Wrapped::Parameter("z")),
    ("out.reddit.com", "/", Wrapped::Parameter("url")),
    ("google.com", "/amp/s/", Wrapped::Path),
    ("google.com", "/amp/", Wrapped::Path),
    ("cdn.ampproject.org", "/c/s/", Wrapped::Path),
];

/// Where an address stands inside another.
enum Wrapped {
    /// In a parameter of the query.
    Parameter(&'static str),
    /// In the rest of the path, without its scheme.
    Path,
}

/// The address that a click counter or an AMP cache leads to, where its own address tells.
pub(super) fn unwrapped(link: &str) -> Option<String> {
    let url = Url::parse(link.trim()).ok()?;
    let host = url.host_str()?;
    WRAPPERS.iter().find_map(|(end, path, wrapped)| {
        let before = host.strip_suffix(end)?;
        let rest = url.path().strip_prefix(path)?;
        if !before.is_empty() && !before.ends_with('.') {
            return None;
        }
        match wrapped {
            Wrapped::Parameter(name) => {
                let (_, inner) = url.query_pairs().find(|(key, _)| key == name)?;
                canonical_link(&inner)
            }
            Wrapped::Path => {
                let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
                canonical_link(&format!("https://{rest}{query}"))
            }
        }
    })
}

/// A canonical link apart: its host with port, and what follows.
fn parts(canonical: &str) -> (&str, &str) {
    let rest = &canonical["https://".len()..];
    rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()))
}

/// The host of a link in its canonical form, with its port.
#[must_use]
pub fn host_of(link: &str) -> Option<String> {
    canonical_link(link).map(|canonical| parts(&canonical).0.to_owned())
}

/// Where an entry stands: its link, or its guid where that is one.
#[must_use]
pub fn address_of(entry: &Entry) -> Option<String> {
    let link = entry.link.as_deref().and_then(canonical_link).filter(|link| !is_home(link));
    link.or_else(|| entry.guid.as_deref().and_then(canonical_link).filter(|link| !is_home(link)))
}

/// The same address on another host; `None` where it is not on the first.
#[must_use]
pub fn moved(link: &str, from: &str, to: &str) -> Option<String> {
    let canonical = canonical_link(link)?;
    let (host, rest) = parts(&canonical);
    (host == from).then(|| format!("https://{to}{rest}"))
}

/// Path, query and fragment of an entry's address, whatever its host.
pub(super) fn path_of(entry: &Entry) -> Option<String> {
    address_of(entry).map(|address| parts(&address).1.to_owned())
}

/// The last part of an entry's path, where it is long enough to name a post.
pub(super) fn slug_of(entry: &Entry) -> Option<String> {
    let address = address_of(entry)?;
    let path = parts(&address).1.split('#').next().unwrap_or_default().to_owned();
    if path.contains('?') {
        return None;
    }
    let slug = path.rsplit('/').next().unwrap_or_default();
    let names = slug.chars().count() >= SLUG_CHARS && !slug.chars().all(|c| c.is_ascii_digit());
    names.then(|| slug.to_lowercase())
}

/// The host on which a guid says that its entry is at home: of a web address, or of a `tag:`.
fn home_of(guid: &str) -> Option<String> {
    if let Some(host) = host_of(guid) {
        return Some(host);
    }
    let authority = guid.trim().strip_prefix("tag:")?.split([',', ':']).next()?;
    host_of(&format!("https://{authority}/"))
}

/// Whether an entry's link leads away from the site that its guid names, as those of link blogs do.
/// `None` where the guid names none.
#[must_use]
pub fn leads_away(entry: &Entry) -> Option<bool> {
    let link = entry.link.as_deref().and_then(host_of)?;
    let home = home_of(entry.guid.as_deref()?)?;
    Some(!is_near(&link, &home))
}

/// Whether two hosts are one site: equal, or one inside the other, or beside each other in one domain.
fn is_near(a: &str, b: &str) -> bool {
    let last = |host: &str| -> String {
        let labels: Vec<&str> = host.rsplit('.').take(2).collect();
        labels.join(".")
    };
    a == b || a.ends_with(&format!(".{b}")) || b.ends_with(&format!(".{a}")) || last(a) == last(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(guid: &str, link: &str) -> Entry {
        Entry { guid: Some(guid.to_owned()), link: Some(link.to_owned()), ..Entry::default() }
    }

    #[test]
    fn a_counted_or_cached_address_is_the_one_it_leads_to() {
        for link in [
            "https://www.google.com/url?rct=j&sa=t&url=https://www.example.org/a%3Fp%3D1&ct=ga&cd=CAEY",
            "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.org%2Fa%3Fp%3D1&h=AT",
            "https://example-org.cdn.ampproject.org/c/s/example.org/a?p=1",
        ] {
            let wanted = "https://example.org/a?p=1";
            assert_eq!(unwrapped(link).as_deref(), Some(wanted), "{link}");
        }
        for link in
            ["https://example.org/a?url=https://other.example/", "https://google.com/maps?q=a"]
        {
            assert_eq!(unwrapped(link), None, "{link}");
        }
    }

    #[test]
    fn a_link_blog_leads_away_and_a_blog_does_not() {
        let away = |guid, link| leads_away(&entry(guid, link));
        assert_eq!(away("https://df.example/linked/1", "https://news.example.org/x"), Some(true));
        assert_eq!(away("tag:df.example,2026:1", "https://news.example.org/x"), Some(true));
        assert_eq!(away("https://blog.df.example/1", "https://www.df.example/a"), Some(false));
        assert_eq!(away("tag:df.example,2026:1", "https://df.example/a"), Some(false));
        assert_eq!(away("8fa3", "https://df.example/a"), None);
    }

    #[test]
    fn an_address_moves_from_one_host_to_another_and_a_slug_names_a_post() {
        let moved = |link| moved(link, "new.example", "old.example");
        assert_eq!(
            moved("http://www.new.example/a/?b=1").as_deref(),
            Some("https://old.example/a?b=1")
        );
        assert_eq!(moved("https://other.example/a"), None);
        let slug = |link: &str| slug_of(&entry("x", link));
        assert_eq!(slug("https://a.example/2026/01/On-Harbours/").as_deref(), Some("on-harbours"));
        assert_eq!(slug("https://a.example/2026/20260102"), None);
        assert_eq!(slug("https://a.example/new"), None);
    }
}
