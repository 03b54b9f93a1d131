//! Feeds of our own writing, one of each format: what a post is made of, to the letter.

use std::path::Path;

use oncecast::feed::parse::{Document, Format, Hints, parse};
use oncecast::model::Entry;
use oncecast::post::{picture, text};

fn fixture(name: &str) -> Document {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/feeds/fixtures");
    let bytes = std::fs::read(folder.join(name)).expect("a fixture");
    parse(&bytes, &Hints::default()).expect("a feed")
}

/// Title, link, id of each entry, oldest first.
fn lines(document: &Document) -> Vec<String> {
    let line = |entry: &Entry| {
        let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".to_owned());
        format!("{} | {} | {}", entry.title, word(&entry.link), word(&entry.guid))
    };
    document.entries.iter().map(line).collect()
}

/// Each of these is somebody's whole archive: what is not read is never said.
#[test]
fn each_format_gives_its_posts() {
    for (name, format, whole, last) in [
        ("rss090.rdf", Format::Rdf, true, "Two | http://ninety.example/2 | -"),
        (
            "rss091.xml",
            Format::Rss,
            true,
            "Caf\u{e9} and \u{201c}tea\u{201d} | http://ninetyone.example/2 | -",
        ),
        (
            "rss10.rdf",
            Format::Rdf,
            true,
            "Une carte | https://maps.example/2?from=rss | https://maps.example/2",
        ),
        (
            "rss20.xml",
            Format::Rss,
            true,
            "Sowing in the rain & after it | https://garden.example/2026/01/sowing/ | https://garden.example/?p=6",
        ),
        (
            "atom03.xml",
            Format::Atom03,
            true,
            "Caf\u{e9} noir | https://old.example/2 | tag:old.example,2004:2",
        ),
        (
            "atom10.xml",
            Format::Atom,
            true,
            "Leim & Holz | https://werkstatt.example/blog/leim | tag:werkstatt.example,2026:/blog/6",
        ),
        ("podcast.xml", Format::Rss, true, "Two: bells | - | tin-2"),
        ("jsonfeed1.json", Format::Json, true, " | https://words.example/2 | 2"),
        ("jsonfeed11.json", Format::Json, true, "Zwei | https://woerter.example/2 | 2"),
        (
            "broken.xml",
            Format::Rss,
            false,
            "Three bold words | https://broken.example/3?a=1&b=2 | b3",
        ),
    ] {
        let document = fixture(name);
        assert_eq!((document.format, document.complete), (format, whole), "{name}");
        let found = lines(&document);
        assert_eq!(found.last().map(String::as_str), Some(last), "{name}: {found:?}");
    }
    let broken = fixture("broken.xml");
    let ids: Vec<&str> = broken.entries.iter().filter_map(|entry| entry.guid.as_deref()).collect();
    assert_eq!(ids, ["b1", "b2", "b3"], "half a post is none: {:?}", broken.problems);
}

/// The texts of Atom 0.3 come in base64 and as markup; both are words for people.
#[test]
fn old_atom_says_what_it_said_then() {
    let feed = fixture("atom03.xml");
    let texts: Vec<String> = feed.entries.iter().map(|e| text::from_html(&e.content)).collect();
    assert_eq!(feed.entries[0].title, "The first");
    assert_eq!(texts, ["Hello.", "Still here."]);
    assert_eq!(feed.language.as_deref(), Some("en"));
}

/// A German post read out by an English voice, and the other way round.
#[test]
fn each_entry_has_the_language_that_is_nearest_to_it() {
    let feed = fixture("atom10.xml");
    let languages = |feed: &Document| {
        feed.entries.iter().map(|e| e.language.clone().unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!(languages(&feed), ["de", "de", "en", "de", "de"]);
    assert_eq!(languages(&fixture("jsonfeed11.json")), ["en", "de-AT"]);
    assert_eq!(languages(&fixture("rss10.rdf")), ["fr", "fr"]);
}

/// A picture without its place, or without its words; an episode that nobody can hear.
#[test]
fn pictures_words_for_them_and_sounds_stay_with_their_post() {
    let of = |name: &str, id: &str| {
        let feed = fixture(name);
        let is = |entry: &&Entry| entry.guid.as_deref() == Some(id);
        let entry = feed.entries.iter().find(is).expect("it is there").clone();
        let picture = picture::of(&entry).map(|p| (p.url, p.alt.unwrap_or_default()));
        (picture, picture::audio(&entry).map(str::to_owned))
    };
    let pair = |url: &str, alt: &str| Some((url.to_owned(), alt.to_owned()));
    let url = |url: &str| Some(url.to_owned());
    for (name, id, picture, audio) in [
        ("podcast.xml", "tin-2", None, url("https://cdn.tin.example/2.mp3?t=1&u=2")),
        ("podcast.xml", "tin-1", pair("https://cdn.tin.example/1.jpg", "A gong in the fog"), None),
        // In the text, beside the page that the document says is its base.
        (
            "atom10.xml",
            "tag:werkstatt.example,2026:/blog/6",
            pair("https://werkstatt.example/blog/leim.jpg", "Leim"),
            None,
        ),
        (
            "atom10.xml",
            "tag:werkstatt.example,2026:/blog/3",
            pair("https://werkstatt.example/blog/spaene.jpg", ""),
            None,
        ),
        (
            "jsonfeed1.json",
            "https://words.example/1",
            pair("https://words.example/1.png", ""),
            None,
        ),
        ("jsonfeed11.json", "2", None, url("https://woerter.example/2.mp3")),
    ] {
        assert_eq!(of(name, id), (picture, audio), "{name} {id}");
    }
}

/// `/tools/` leads nowhere from a reader's timeline.
#[test]
fn what_an_entry_links_to_is_where_its_page_would_lead() {
    let garden = fixture("rss20.xml");
    let content = &garden.entries.last().expect("an entry").content;
    assert!(content.contains("<a href=\"https://garden.example/tools/\">"), "{content}");
    // `xml:base` before the page; the page before nothing at all.
    let feed = |inside: &str| {
        let text = format!("<feed xmlns='http://www.w3.org/2005/Atom'>{inside}</feed>");
        parse(text.as_bytes(), &Hints::default()).expect("a feed").entries[0].content.clone()
    };
    let content = "<content type='html'>&lt;img src=\"b.png\"&gt;</content>";
    let link = "<link href='https://a.example/page/'/>";
    for (entry, src) in [
        (format!("<entry>{link}{content}</entry>"), "https://a.example/page/b.png"),
        (
            format!("<entry xml:base='https://b.example/x/'>{link}{content}</entry>"),
            "https://b.example/x/b.png",
        ),
        (
            format!(
                "<entry xml:base='https://b.example/x/'>{}</entry>",
                content.replace("type", "xml:base='y/' type")
            ),
            "https://b.example/x/y/b.png",
        ),
        (format!("<entry>{content}</entry>"), "b.png"),
    ] {
        assert_eq!(feed(&entry), format!("<img src=\"{src}\">"), "{entry}");
    }
}

/// RFC 5005: what is further back is told of, not asked for.
#[test]
fn a_paged_feed_says_where_its_older_entries_are() {
    let feed = |link: &str| {
        let text = format!(
            "<feed xmlns='http://www.w3.org/2005/Atom'>{link}<entry><id>1</id></entry></feed>"
        );
        parse(text.as_bytes(), &Hints::default()).expect("a feed").facts.older
    };
    let archive = "<link rel='prev-archive' href='https://a.example/2025'/>";
    let next = "<link rel='next' href='https://a.example/?page=2'/>";
    assert_eq!(feed(archive).as_deref(), Some("https://a.example/2025"));
    assert_eq!(feed(next).as_deref(), Some("https://a.example/?page=2"));
    assert_eq!(feed(&format!("{next}{archive}")).as_deref(), Some("https://a.example/2025"));
    assert_eq!(feed(""), None);
}
