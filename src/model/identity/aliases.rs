//! The recipes by which an entry is recognised, each under a name with a version.
//!
//! They are part of the ledger's format: an alias once written must be found for ever, so a recipe
//! here never changes. A better one is written beside it under the next version, and both are
//! looked up.

use super::likeness::{day_source, long_text};
use super::link::{canonical_link, is_home};
use super::site::{moved, unwrapped};
use super::text::normal_form;
use super::{Alias, AliasKind, Fingerprint};
use crate::model::Entry;

/// Every alias of an entry, strongest first; at most one of each kind. Empty for an entry without
/// guid, link, title and text, which therefore cannot be recognised and is dropped with a report.
///
/// - *Guid*: feed and guid. A web address is taken in its [canonical form](canonical_link), so that
///   a move to https is no new post; any other guid verbatim, but trimmed.
/// - *Link*: the canonical link, whatever feed it came in. A front page (no path, query or
///   fragment) is the link of no post in particular and gives no alias, even to an entry
///   without a guid: all such entries of a feed would be one, and the later ones lost.
/// - *Title and date*: feed, normal form of the title, and the UTC day on which it was
///   published, or else changed. Needs all three.
/// - *Text*: the normal form of the content, or else of the summary, of 200 characters or more,
///   whatever feed it came in.
///
/// An entry that none of these fits, such as a bare line without guid, link or date, is recognised
/// within its feed by title and text together, as a text alias.
#[must_use]
pub fn aliases(feed: &str, entry: &Entry) -> Vec<Alias> {
    let mut aliases = Vec::with_capacity(4);
    if let Some(guid) = entry.guid.as_deref().map(str::trim).filter(|guid| !guid.is_empty()) {
        let canonical = canonical_link(guid);
        let form = canonical.as_deref().unwrap_or(guid);
        let fingerprint = Fingerprint::of("oncecast/guid/1", &[feed, form]);
        aliases.push(Alias { kind: AliasKind::Guid, fingerprint });
    }
    aliases.extend(entry.link.as_deref().and_then(link_alias));
    let mut add = |kind, recipe, parts: &[&str]| {
        aliases.push(Alias { kind, fingerprint: Fingerprint::of(recipe, parts) });
    };
    let title = normal_form(&entry.title);
    if let Some(date) = day_source(entry).filter(|_| !title.is_empty()) {
        let day = date.to_timestamp().strftime("%Y-%m-%d").to_string();
        add(AliasKind::TitleDate, "oncecast/title-date/1", &[feed, &title, &day]);
    }
    if let Some(text) = long_text(entry) {
        add(AliasKind::Text, "oncecast/text/1", &[&text]);
    }
    if aliases.is_empty() {
        let body = if entry.content.is_empty() { &entry.summary } else { &entry.content };
        let body = normal_form(body);
        if !title.is_empty() || !body.is_empty() {
            let fingerprint = Fingerprint::of("oncecast/bare/1", &[feed, &title, &body]);
            aliases.push(Alias { kind: AliasKind::Text, fingerprint });
        }
    }
    aliases
}

/// Further aliases of an entry, strong like its guid and its link but to be believed only with some
/// second evidence: its link taken out of a click counter's or an AMP cache's, and guid and link on
/// another host that the feed has had. `hosts` says which host stands for which.
#[must_use]
pub fn side_aliases(feed: &str, entry: &Entry, hosts: &[(String, String)]) -> Vec<Alias> {
    let mut found = Vec::new();
    let link = entry.link.as_deref();
    let mut add = |kind, recipe, parts: &[&str]| {
        let alias = Alias { kind, fingerprint: Fingerprint::of(recipe, parts) };
        if !found.contains(&alias) {
            found.push(alias);
        }
    };
    for form in link.into_iter().filter_map(unwrapped).filter(|form| !is_home(form)) {
        add(AliasKind::Link, "oncecast/link/1", &[&form]);
    }
    for (from, to) in hosts {
        if let Some(form) = entry.guid.as_deref().and_then(|guid| moved(guid, from, to)) {
            add(AliasKind::Guid, "oncecast/guid/1", &[feed, &form]);
        }
        if let Some(form) = link.and_then(|link| moved(link, from, to)).filter(|f| !is_home(f)) {
            add(AliasKind::Link, "oncecast/link/1", &[&form]);
        }
    }
    found
}

/// The alias that a link gives; none where it is a front page, or no address of the web.
#[must_use]
pub fn link_alias(link: &str) -> Option<Alias> {
    let link = canonical_link(link).filter(|link| !is_home(link))?;
    Some(Alias { kind: AliasKind::Link, fingerprint: Fingerprint::of("oncecast/link/1", &[&link]) })
}

/// Every alias that a link may give, its own first: also what a click counter or an AMP cache has wrapped.
#[must_use]
pub fn link_aliases(link: &str) -> Vec<Alias> {
    let entry = Entry { link: Some(link.to_owned()), ..Entry::default() };
    let mut found: Vec<Alias> = link_alias(link).into_iter().collect();
    for side in side_aliases("", &entry, &[]) {
        if !found.contains(&side) {
            found.push(side);
        }
    }
    found
}

/// Under what a link is remembered that stood on an account (`adopt`) before any feed of ours showed it.
#[must_use]
pub fn adopted_mark(alias: &Fingerprint) -> Fingerprint {
    Fingerprint::of("oncecast/adopted-mark/1", &[&format!("{alias:?}")])
}

/// What is remembered of an alias that several posts were seen to share: it proves nothing any more.
#[must_use]
pub fn shared_mark(alias: &Fingerprint) -> Fingerprint {
    Fingerprint::of("oncecast/shared-mark/1", &[&format!("{alias:?}")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;

    fn entry() -> Entry {
        Entry {
            guid: Some("http://www.example.org/?p=7".to_owned()),
            link: Some("http://www.example.org/hello/?utm_source=rss".to_owned()),
            title: "Hello, World".to_owned(),
            content: format!("<p>{}</p>", "A text long enough to be told apart. ".repeat(6)),
            published: Some(Time::from_millis(1_767_323_045_000)),
            ..Entry::default()
        }
    }

    fn hex(feed: &str, entry: &Entry) -> Vec<(AliasKind, String)> {
        let aliases = aliases(feed, entry);
        aliases.into_iter().map(|a| (a.kind, format!("{:?}", a.fingerprint))).collect()
    }

    /// These must never change: a ledger written by an older oncecast is full of them.
    const VECTORS: [(AliasKind, &str); 4] = [
        (AliasKind::Guid, "f74f6917a96b32beee47595b8121522649b53f382ab7d3bd232605db92335b2e"),
        (AliasKind::Link, "c31f77574d8453e683d2cfbb4a991b63d2ddc25a260ff19cd3c516320cb5a7f8"),
        (AliasKind::TitleDate, "f07e1c8101b6b6abdbc7821b0d48397ff61f70cc5ef12346b1f5fc4af62ac39d"),
        (AliasKind::Text, "2a2849b2c5bdf6a523e770343e32184f83c44ca098ed17a33344c3c2997f2a64"),
    ];
    const BARE_VECTOR: &str = "3a6217466a360f2fc47f4ea2ccd8ec329cfd74723acf31321edf1bf41fb2fdce";
    const OPAQUE_GUID_VECTOR: &str =
        "1d721e9192a55aa41b518867ac392d44d74c856f295c6fd88595a775b136bd43";

    #[test]
    fn a_newer_oncecast_recognises_every_post_of_an_older_ledger() {
        let vectors: Vec<_> = VECTORS.map(|(kind, hex)| (kind, hex.to_owned())).into();
        assert_eq!(hex("blog", &entry()), vectors);
        let bare = Entry { title: "Only a line".to_owned(), ..Entry::default() };
        assert_eq!(hex("blog", &bare), [(AliasKind::Text, BARE_VECTOR.to_owned())]);
        let opaque = Entry { guid: Some(" urn:x:A1 ".to_owned()), ..Entry::default() };
        assert_eq!(hex("blog", &opaque), [(AliasKind::Guid, OPAQUE_GUID_VECTOR.to_owned())]);
    }

    /// Where this recipe changed, what was adopted would be sent once more.
    const ADOPTED_VECTOR: &str = "283aaf8cfc5b8c785e3cadea5da55a1957544792b8b667fbb220e94ca9bd5a97";

    #[test]
    fn what_was_adopted_under_an_older_oncecast_is_found_under_a_newer() {
        let link = link_alias("http://www.example.org/hello/?utm_source=x").expect("a link");
        assert_eq!(format!("{:?}", link.fingerprint), VECTORS[1].1);
        assert_eq!(format!("{:?}", adopted_mark(&link.fingerprint)), ADOPTED_VECTOR);
        assert_eq!(link_aliases("https://example.org/hello"), [link]);
        assert!(link_aliases("https://example.org/").is_empty());
    }

    #[test]
    fn b3_b4_the_move_of_a_site_to_https_sends_nothing_again() {
        let secure = Entry {
            guid: Some("https://example.org/?p=7".to_owned()),
            link: Some("https://example.org/hello".to_owned()),
            ..entry()
        };
        assert_eq!(aliases("blog", &secure), aliases("blog", &entry()));
    }

    #[test]
    fn a_guid_is_known_in_its_own_feed_and_a_link_in_all() {
        let (here, there) = (aliases("blog", &entry()), aliases("other", &entry()));
        let same: Vec<_> = here.iter().zip(&there).map(|(a, b)| a == b).collect();
        assert_eq!(same, [false, true, false, true]);
    }

    #[test]
    fn posts_that_all_link_to_the_front_page_are_not_one_post() {
        let post = |title: &str| Entry {
            link: Some("https://example.org/".to_owned()),
            title: title.to_owned(),
            ..Entry::default()
        };
        let (one, two) = (aliases("blog", &post("one")), aliases("blog", &post("two")));
        assert_eq!(one.len(), 1);
        assert_ne!(one, two);
    }

    #[test]
    fn an_edit_of_title_and_text_leaves_the_strong_aliases_as_they_are() {
        let edited = Entry {
            title: "Hello again".to_owned(),
            content: "gone".to_owned(),
            published: None,
            ..entry()
        };
        assert_eq!(aliases("blog", &edited), aliases("blog", &entry())[..2]);
    }

    #[test]
    fn nothing_recognises_an_empty_entry() {
        assert!(aliases("blog", &Entry::default()).is_empty());
        let blank =
            Entry { guid: Some(" ".to_owned()), title: "...".to_owned(), ..Entry::default() };
        assert!(aliases("blog", &blank).is_empty());
    }

    #[test]
    fn aliases_of_every_entry_are_strongest_first_and_one_of_each_kind() {
        let kinds: Vec<_> = aliases("blog", &entry()).iter().map(|alias| alias.kind).collect();
        let mut sorted = kinds.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(kinds, sorted);
        assert!(kinds[0].is_strong());
    }
}
