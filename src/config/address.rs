//! Addresses that the operator wrote: http or https, no password inside, nothing left to guess.
//! No message repeats one, since some are secrets themselves.

use std::path::{Path, PathBuf};

use url::Url;

use super::FeedSource;

/// What an address may be.
pub(super) const WEB: &str = "an http or https address without a user, a password or a # part";

/// What is wrong with an address, and the way out.
pub(super) struct BadAddress {
    pub(super) what: &'static str,
    pub(super) fix: String,
}

const fn bad(what: &'static str, fix: String) -> BadAddress {
    BadAddress { what, fix }
}

/// An http or https address.
pub(super) fn web(text: &str) -> Result<Url, BadAddress> {
    let example = || "write, for example, url = \"https://example.org\"".to_owned();
    let Ok(url) = Url::parse(text.trim()) else {
        let what = if text.contains("://") {
            "the address is malformed"
        } else {
            "the address has no https:// in front"
        };
        return Err(bad(what, example()));
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("the address is neither http nor https", example()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let fix = "take everything up to the @ out of it, and give the integration its secret by \
                   credential, env or file";
        return Err(bad("the address has a user or a password in it", fix.to_owned()));
    }
    if url.fragment().is_some() {
        let fix = "cut it off from the # on".to_owned();
        return Err(bad("the address has a # part, which is never sent", fix));
    }
    Ok(url)
}

/// The base address of a platform, without trailing slashes.
pub(super) fn base(text: &str) -> Result<Url, BadAddress> {
    let mut url = web(text)?;
    if url.query().is_some() {
        let fix = "cut it off from the ? on".to_owned();
        return Err(bad("the address of a platform has no ? part", fix));
    }
    if url.path().starts_with("/@") {
        let fix = "write only https:// and the server's name".to_owned();
        return Err(bad("the address is one of a profile, not of the server", fix));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Where a feed is: an address, or a file beside the config.
pub(super) fn feed(text: &str, folder: &Path) -> Result<FeedSource, BadAddress> {
    let text = text.trim();
    if text.contains("://") || ["http:", "https:"].iter().any(|scheme| text.starts_with(scheme)) {
        if text.starts_with("file:") {
            return Err(bad("a file is named by its path alone", "cut off the file://".to_owned()));
        }
        return web(text).map(FeedSource::Http);
    }
    let path = Path::new(text);
    let mut parts = path.components();
    let first = parts.next().map(|part| part.as_os_str().to_string_lossy().into_owned());
    let host = first.is_some_and(|first| {
        let dotted = first.trim_matches('.').contains('.');
        dotted && (parts.next().is_some() || first.starts_with("www."))
    });
    if host {
        let fix = "put https:// in front, or ./ if it is a file".to_owned();
        return Err(bad("the address has no https:// in front", fix));
    }
    Ok(FeedSource::File(tidy(&folder.join(path))))
}

/// The same path without `.` parts, so that one file has one name here.
pub(super) fn tidy(path: &Path) -> PathBuf {
    path.components().collect()
}

/// One text for all spellings of an address that lead to the same feed: with http or https, with or
/// without a trailing slash.
pub(super) fn sameness(source: &FeedSource) -> String {
    match source {
        FeedSource::File(path) => path.display().to_string(),
        FeedSource::Http(url) => same_url(url),
    }
}

/// See [`sameness`].
pub(super) fn same_url(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{host}{port}{}{query}", url.path().trim_end_matches('/'))
}

impl FeedSource {
    /// Whether it is on this machine, where nobody else is bothered.
    #[must_use]
    pub fn is_here(&self) -> bool {
        match self {
            Self::Http(url) => is_loopback(url),
            Self::File(_) => true,
        }
    }
}

/// Whether what is sent there stays on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_address_ends_without_a_slash() {
        for (text, url) in [
            ("https://a.example", "https://a.example/"),
            ("https://a.example/", "https://a.example/"),
            ("https://a.example/sub//", "https://a.example/sub"),
            (" http://127.0.0.1:8080/x/ ", "http://127.0.0.1:8080/x"),
        ] {
            assert_eq!(base(text).map_err(|e| e.what).unwrap().as_str(), url);
        }
    }

    #[test]
    fn an_address_that_could_mislead_is_refused() {
        for text in [
            "",
            "example.org",
            "https://",
            "ftp://example.org",
            "https://me@example.org",
            "https://:hunter2@example.org",
            "https://me:hunter2@example.org",
            "https://example.org/#x",
            "https://example.org/?a=b",
            "https://example.org/@me",
        ] {
            let refused = base(text).unwrap_err();
            assert!(!refused.what.contains("hunter2") && !refused.fix.contains("hunter2"));
        }
    }

    #[test]
    fn a_feed_is_an_address_or_a_file_beside_the_config() {
        let of = |text| feed(text, Path::new("/etc/oncecast")).map_err(|e| e.what);
        let file = |path: &str| Ok(FeedSource::File(path.into()));
        assert_eq!(of("feed.xml"), file("/etc/oncecast/feed.xml"));
        assert_eq!(of("./example.org/feed"), file("/etc/oncecast/example.org/feed"));
        assert_eq!(of("/srv/feed.xml"), file("/srv/feed.xml"));
        assert_eq!(of("sub/feed.xml"), file("/etc/oncecast/sub/feed.xml"));
        let http = Url::parse("https://example.org/feed/?x=1").unwrap();
        assert_eq!(of("https://example.org/feed/?x=1"), Ok(FeedSource::Http(http)));
        for text in ["example.org/feed", "www.example.org", "file:///x", "gopher://x", "http:"] {
            assert!(of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn two_spellings_of_one_feed_are_known_as_one() {
        let of = |text| feed(text, Path::new("/etc")).map_err(|e| e.what).map(|s| sameness(&s));
        assert_eq!(of("http://Example.org/feed"), of("https://example.org:443/feed/"));
        assert_eq!(of("./a.xml"), of("/etc/a.xml"));
        assert_ne!(of("https://example.org/feed?cat=1"), of("https://example.org/feed?cat=2"));
        assert_ne!(of("https://example.org/a"), of("https://example.org/b"));
    }
}
