//! Whole documents, sound and damaged, as a blog's readers would come to see them.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::Time;

mod meant;

const RSS: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:m="http://search.yahoo.com/mrss/">
<channel><title>A &amp; B</title><link>https://example.org/</link>
<language>en-GB</language><ttl>90</ttl>
<item><title>Third &lt;b&gt;post&lt;/b&gt;</title><link>/3</link>
 <guid isPermaLink="false">tag:3</guid><pubDate>Wed, 07 Jan 2026 10:00:00 GMT</pubDate>
 <description>Short &lt;i&gt;text&lt;/i&gt;</description><dc:creator>Ann</dc:creator>
 <content:encoded><![CDATA[<p>Long text</p>]]></content:encoded><category>One</category>
 <m:content url="https://example.org/3.png" type="image/png">
  <m:description>A cat</m:description></m:content></item>
<item><title>Second</title><guid>https://example.org/2</guid>
 <pubDate>Tue, 06 Jan 2026 10:00:00 GMT</pubDate><author>bob@example.org (Bob)</author></item>
<item><title>First</title><link>https://example.org/1</link><guid>g1</guid>
 <pubDate>Mon, 05 Jan 2026 10:00:00 GMT</pubDate>
 <enclosure url="https://example.org/1.mp3" type="audio/mpeg" length="1"/></item>
</channel></rss>"#;

const ATOM: &str = r#"<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de"
 xml:base="https://example.org/blog/">
<title type="html">Ann&amp;#39;s</title><id>urn:f</id><updated>2026-01-07T10:00:00Z</updated>
<entry><title type="text">Vec&lt;T&gt; &amp; more</title><id>urn:2</id><link href="2"/>
 <published>2026-01-07T10:00:00Z</published><updated>2026-01-08T10:00:00+02:00</updated>
 <author><name>Ann</name><email>a@example.org</email></author><category term="x" label="The X"/>
 <summary>1 &lt; 2</summary>
 <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>a &lt; b<br/>c</p></div>
 </content></entry>
<entry><title type="text/html">One &amp;amp; <b>two</b></title><id>https://example.org/1</id>
 <updated>2026-01-06T10:00:00Z</updated><content type="html">&lt;p&gt;x&lt;/p&gt;</content>
 <link rel="enclosure" type="image/png" href="/1.png"/></entry></feed>"#;

const JSON: &str = r#"{"version":"https://jsonfeed.org/version/1.1","title":"J","language":"fr",
"home_page_url":"https://example.org/","items":[
{"id":2,"url":"/2","title":"Two","content_text":"a < b\nc","date_published":"2026-01-07T10:00:00Z",
 "authors":[{"name":"Ann"}],"tags":["x",7],"image":"/2.png"},
{"id":"1","external_url":"https://other.example/1","content_html":"<p>one</p>","title":null,
 "date_published":"2026-01-06T10:00:00Z","attachments":[{"url":"/1.mp3","mime_type":"audio/mpeg"}]},
17]}"#;

fn read(text: &str) -> Document {
    parse(text.as_bytes(), &Hints::default()).unwrap()
}

fn titles(document: &Document) -> Vec<&str> {
    document.entries.iter().map(|entry| entry.title.as_str()).collect()
}

/// Two items, the second with `inside` in it.
fn rss_with(inside: &str) -> String {
    format!(
        "<rss><channel><item><title>Two</title><guid>2</guid>{inside}</item>\
         <item><title>One</title><guid>1</guid></item></channel></rss>"
    )
}

#[test]
fn an_rss_feed_gives_its_posts_oldest_first() {
    let feed = read(RSS);
    assert_eq!((feed.format, feed.complete, feed.problems.len()), (Format::Rss, true, 0));
    assert_eq!(feed.title.as_deref(), Some("A & B"));
    assert_eq!(feed.facts.ttl, Some(Duration::from_secs(90 * 60)));
    assert_eq!(feed.facts.home.as_deref(), Some("https://example.org/"));
    assert_eq!(titles(&feed), ["First", "Second", "Third post"]);
    let [first, second, third] = feed.entries.as_slice() else { panic!("{feed:?}") };
    assert_eq!(first.enclosures[0].media_type.as_deref(), Some("audio/mpeg"));
    assert_eq!(second.link.as_deref(), Some("https://example.org/2"), "a guid is a permalink");
    assert_eq!(second.author.as_deref(), Some("Bob"));
    assert_eq!(third.guid.as_deref(), Some("tag:3"));
    assert_eq!(third.link.as_deref(), Some("https://example.org/3"));
    assert_eq!(third.published, Some(Time::from_millis(1_767_780_000_000)));
    assert_eq!(
        (third.summary.as_str(), third.content.as_str()),
        ("Short <i>text</i>", "<p>Long text</p>")
    );
    assert_eq!(third.author.as_deref(), Some("Ann"));
    assert_eq!(third.categories, ["One"]);
    assert_eq!(third.enclosures[0].alt.as_deref(), Some("A cat"));
    assert!(feed.entries.iter().all(|entry| entry.language.as_deref() == Some("en-GB")));
}

#[test]
fn an_atom_feed_gives_its_posts_oldest_first() {
    let feed = read(ATOM);
    assert_eq!((feed.format, feed.complete), (Format::Atom, true));
    assert_eq!(feed.title.as_deref(), Some("Ann's"));
    let [one, two] = feed.entries.as_slice() else { panic!("{feed:?}") };
    assert_eq!(two.title, "Vec<T> & more", "plain text says what it says");
    assert_eq!(two.link.as_deref(), Some("https://example.org/blog/2"));
    assert_eq!(two.summary, "1 &lt; 2", "plain text as HTML");
    assert_eq!(two.content, "<div><p>a &lt; b<br/>c</p></div>");
    assert_eq!((two.author.as_deref(), two.language.as_deref()), (Some("Ann"), Some("de")));
    assert_eq!(two.categories, ["The X"]);
    assert_eq!(two.updated, Some(Time::from_millis(1_767_859_200_000)));
    assert_eq!(one.title, "One & two", "a media type for a text type is no reason to refuse");
    assert_eq!(one.link.as_deref(), Some("https://example.org/1"));
    assert_eq!((one.published, one.content.as_str()), (None, "<p>x</p>"));
    assert_eq!(one.enclosures[0].url, "https://example.org/1.png");
}

#[test]
fn a_json_feed_gives_its_posts_oldest_first() {
    let feed = read(JSON);
    assert_eq!((feed.format, feed.complete), (Format::Json, true));
    let [one, two] = feed.entries.as_slice() else { panic!("{feed:?}") };
    assert_eq!(two.guid.as_deref(), Some("2"), "a number is an id too");
    assert_eq!(two.link.as_deref(), Some("https://example.org/2"));
    assert_eq!(two.content, "a &lt; b<br>c");
    assert_eq!(two.categories, ["x", "7"]);
    assert_eq!(two.enclosures[0].url, "https://example.org/2.png");
    assert_eq!(one.link.as_deref(), Some("https://other.example/1"));
    assert_eq!(one.enclosures[0].url, "https://example.org/1.mp3");
    assert_eq!(feed.problems[0].to_string(), "item 3: it is no object");
}

#[test]
fn older_dialects_keep_their_identity() {
    let rdf = read(
        r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
        xmlns="http://purl.org/rss/1.0/">
        <channel rdf:about="x"><title>R</title>
        <items><rdf:Seq><rdf:li resource="a"/></rdf:Seq></items></channel>
        <item rdf:about="https://example.org/a"><title>A</title><link>https://example.org/a</link>
        <dc:date>2026-01-07T10:00+01:00</dc:date></item></rdf:RDF>"#,
    );
    assert_eq!(rdf.format, Format::Rdf);
    assert_eq!(rdf.entries[0].guid.as_deref(), Some("https://example.org/a"));
    assert!(rdf.entries[0].published.is_some());
    let atom = read(
        r#"<feed version="0.3" xmlns="http://purl.org/atom/ns#"><entry><title mode="escaped"
        type="text/html">A &lt;i&gt;b&lt;/i&gt;</title><id>i</id>
        <issued>2026-01-07T10:00:00Z</issued>
        <link rel="alternate" type="text/html" href="https://example.org/a"/></entry></feed>"#,
    );
    assert_eq!(atom.format, Format::Atom03);
    assert_eq!(titles(&atom), ["A b"]);
    assert!(atom.entries[0].published.is_some());
}

/// Without these a site is asked more often than it wants, or a hub is never told where to call.
#[test]
fn what_a_feed_says_of_itself_is_read_in_every_format() {
    let rss = read(
        r#"<rss xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"
        xmlns:atom="http://www.w3.org/2005/Atom"><channel>
        <atom:link rel="hub" href="https://hub.example/"/>
        <atom:link rel="self" href="https://example.org/feed"/>
        <link>https://example.org/</link><ttl>60</ttl>
        <sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>
        <skipHours><hour>0</hour><hour>1</hour></skipHours><skipDays><day>Sunday</day></skipDays>
        <item><guid>1</guid><hour>5</hour></item></channel></rss>"#,
    );
    let minutes = |n: u64| Some(Duration::from_secs(n * 60));
    assert_eq!((rss.facts.ttl, rss.facts.update_every), (minutes(60), minutes(30)));
    assert_eq!(rss.facts.skip_hours, [0, 1]);
    assert_eq!(rss.facts.skip_days, [jiff::civil::Weekday::Sunday]);
    let rdf = read(
        r#"<rdf:RDF xmlns="http://purl.org/rss/1.0/"><channel><link>https://example.org/</link>
        <sy:updatePeriod>daily</sy:updatePeriod></channel><item><link>https://example.org/1</link>
        </item></rdf:RDF>"#,
    );
    assert_eq!(rdf.facts.update_every, minutes(24 * 60));
    let atom = read(
        r#"<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://example.org/">
        <link rel="self" href="feed"/><link rel="hub" href="https://hub.example/"/>
        <link href="/"/><link rel="next" href="feed?2"/><link rel="hub" href="javascript:1"/>
        <entry><id>1</id><link rel="self" href="no"/><link rel="hub" href="/no"/></entry></feed>"#,
    );
    assert_eq!(atom.facts.older.as_deref(), Some("https://example.org/feed?2"));
    let json = read(
        r#"{"version":"https://jsonfeed.org/version/1.1","feed_url":"https://example.org/feed",
        "home_page_url":"https://example.org/","items":[],
        "hubs":[{"type":"rssCloud","url":"https://no.example/"},
        {"type":"WebSub","url":"https://hub.example/"}]}"#,
    );
    for feed in [&rss, &rdf, &atom, &json] {
        assert_eq!(feed.facts.home.as_deref(), Some("https://example.org/"), "{:?}", feed.format);
    }
    for feed in [rss, atom, json] {
        assert_eq!(feed.facts.hubs, ["https://hub.example/"], "{:?}", feed.format);
        let own = feed.facts.self_link.as_deref();
        assert_eq!(own, Some("https://example.org/feed"), "{:?}", feed.format);
    }
}

/// A person who looks up a post by the link in the feed must find it as it is written there.
#[test]
fn a_link_is_kept_as_the_feed_has_it_beside_the_one_for_readers() {
    let feed = |inside: &str| format!("<feed xmlns='http://www.w3.org/2005/Atom'>{inside}</feed>");
    let base = Url::parse("https://example.org/feed/").unwrap();
    let with_base = "<entry xml:base='https://other.example/'><id>1</id><link href='a'/></entry>";
    let (x, none) = (Some("https://example.org/x"), None);
    for (text, written, used) in [
        (rss_with("<link>/x</link>"), Some("/x"), x),
        (
            rss_with("<link>https://bob:pw@example.org/x</link>"),
            Some("https://bob:pw@example.org/x"),
            x,
        ),
        (rss_with("<link>javascript:x</link>"), Some("javascript:x"), none),
        (rss_with(""), Some("2"), none),
        (rss_with("").replace("<guid>", "<guid isPermaLink='false'>"), none, none),
        (feed("<entry><id>tag:1</id></entry>"), Some("tag:1"), none),
        (feed("<entry><id>1</id><link href='/x'/></entry>"), Some("/x"), x),
        (
            feed("<entry><id>1</id><link rel='self' href='/y'/><link>/x</link></entry>"),
            Some("/x"),
            x,
        ),
        (feed(with_base), Some("https://other.example/a"), Some("https://other.example/a")),
        (r#"{"version":"jsonfeed","items":[{"id":1,"url":"/x"}]}"#.to_owned(), Some("/x"), x),
    ] {
        let hints = Hints { base_url: Some(&base), ..Hints::default() };
        let document = parse(text.as_bytes(), &hints).unwrap();
        let (entry, origin) = (document.entries.last().unwrap(), document.origins.last().unwrap());
        assert_eq!((origin.link.as_deref(), entry.link.as_deref()), (written, used), "{text}");
    }
    let document = read(RSS);
    let items: Vec<usize> = document.origins.iter().map(|origin| origin.item).collect();
    assert_eq!(items, [3, 2, 1]);
}

#[test]
fn names_of_one_format_are_understood_in_the_other() {
    let rss = read(
        "<rss><channel><entry><id>1</id><title>One</title><summary>s</summary>\
         <updated>2026-01-07T10:00:00Z</updated></entry></channel></rss>",
    );
    let atom = read(
        "<feed><item><guid>1</guid><title>One</title><description>s</description>\
         <pubDate>Wed, 07 Jan 2026 10:00:00 GMT</pubDate></item></feed>",
    );
    for feed in [rss, atom] {
        let entry = &feed.entries[0];
        assert_eq!((entry.guid.as_deref(), entry.summary.as_str()), (Some("1"), "s"));
        assert_eq!(entry.published.or(entry.updated), Some(Time::from_millis(1_767_780_000_000)));
    }
}

#[test]
fn items_that_nothing_tells_apart_are_one_but_empty_ones_are_counted() {
    let twice = "<item><title>One</title><link>https://example.org/1</link></item>".repeat(2);
    let feed = read(&format!("<rss><channel>{twice}<item/><item/></channel></rss>"));
    assert_eq!(feed.entries.len(), 4, "as it stands");
    let feed = feed.distinct();
    assert_eq!(titles(&feed).iter().filter(|title| **title == "One").count(), 1);
    assert_eq!(feed.entries.len(), 3);
    assert_eq!(feed.problems[0].to_string(), "item 2: it repeats another item and is left out");
}

#[test]
fn damage_of_one_item_costs_the_readers_no_other_post() {
    for (name, inside) in [
        ("bare ampersand", "<description>a & b</description>"),
        ("control reference", "<description>a&#x1F;&#0;b</description>"),
        ("html entity", "<description>a&nbsp;&eacute;&nope;b</description>"),
        ("unclosed markup", "<description>a<br><i>b</description>"),
        ("stray end tag", "<description>a</p>b</description></b>"),
        ("unclosed description", "<description>a <b>c<guid>2</guid>"),
        ("unclosed enclosure", "<enclosure url='/x.png' type='image/png'><guid>2</guid>"),
        ("bad date", "<pubDate>yesterday</pubDate>"),
        ("unknown prefix", "<x:y><x:title>no</x:title></x:y>"),
        ("unquoted attribute", "<enclosure url=https://example.org/x.png type=image/png>"),
        ("bad link", "<link>javascript:alert(1)</link>"),
        ("an end of its own missing", "<description>a</description><category>x"),
        ("item in an extension", "<x:list><item><title>no</title></item></x:list>"),
    ] {
        let feed = read(&rss_with(inside));
        assert_eq!(titles(&feed), ["One", "Two"], "{name}: {feed:?}");
        let guids: Vec<_> = feed.entries.iter().map(|entry| entry.guid.as_deref()).collect();
        assert_eq!(guids, [Some("1"), Some("2")], "{name}");
        assert!(feed.complete, "{name}");
    }
}

#[test]
fn damage_of_the_whole_document_costs_the_readers_nothing() {
    let sound = rss_with("");
    for (name, text) in [
        ("warning before", format!("<br />\n<b>Warning</b>: x in y.php on line 1\n{sound}")),
        ("blank lines before", format!("\n\n  <?xml version='1.0'?>{sound}")),
        ("junk after", format!("{sound}<script>x</script><!-- 0.3s -->")),
        ("no title end", sound.replacen("</title>", "", 1)),
        ("no item end", sound.replacen("</item>", "", 1)),
        (
            "no end at all",
            "<rss><channel><item><guid>2</guid><title>Two\
            <item><guid>1</guid><title>One</item></channel></rss>"
                .to_owned(),
        ),
        ("capitals", sound.replace("item>", "ITEM>").replace("title>", "Title>")),
        ("foreign default namespace", sound.replace("<rss>", "<rss xmlns='urn:x'>")),
        ("atom as default", sound.replace("<rss>", "<rss xmlns='http://www.w3.org/2005/Atom'>")),
        ("no end of a file", sound.replace("</guid></item>", "</guid><enclosure url='/x'></item>")),
        (
            "no end of a file nor of its item",
            sound.replacen("</guid></item>", "</guid><enclosure url='/x'>", 1),
        ),
        ("title twice", sound.replace("</title>", "</title><title>other</title>")),
        ("title in an image", sound.replace("<guid>", "<image><title>no</title></image><guid>")),
    ] {
        assert_eq!(titles(&read(&text)), ["One", "Two"], "{name}");
    }
}

#[test]
fn a_feed_that_breaks_off_gives_whole_posts_only() {
    for whole in [RSS, ATOM, JSON] {
        let all = read(whole).entries;
        for end in 0..whole.trim_end().len() - 1 {
            let Ok(cut) = parse(&whole.as_bytes()[..end], &Hints::default()) else { continue };
            assert!(!cut.complete, "cut at {end}");
            for entry in &cut.entries {
                let same = all.iter().find(|e| e.guid == entry.guid && e.content == entry.content);
                let same = same.unwrap_or_else(|| panic!("cut at {end}: {entry:?}"));
                assert_eq!((&same.title, &same.link), (&entry.title, &entry.link), "cut at {end}");
            }
        }
    }
    let cdata = RSS.replace("]]>", "");
    assert!(read(&cdata).entries.is_empty(), "the first item never ends");
}

#[test]
fn a_page_where_a_feed_should_be_is_named_with_its_feed() {
    let page = "<!DOCTYPE html><html><head><title>My &amp; blog</title>\
        <link rel=alternate type=application/rss+xml href=/feed/></head><body>x</body></html>";
    let base = Url::parse("https://example.org/").unwrap();
    let hints = Hints { base_url: Some(&base), ..Hints::default() };
    let error = parse(page.as_bytes(), &hints).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an HTML page (\"My & blog\") stands where a feed should be; \
         the page names its feed: https://example.org/feed/"
    );
    for (text, what) in [
        ("", "the answer is empty where a feed should be"),
        (" \n", "the answer is empty where a feed should be"),
        ("<opml><body/></opml>", "no feed: a document that starts with <opml>"),
        ("Not found", "no feed: text that starts with \"Not found\""),
        ("{\"a\":1}", "no feed: JSON, but no JSON Feed"),
        ("\u{1f}\u{8b}", "no feed: text that starts with \"\""),
    ] {
        let error = parse(text.as_bytes(), &Hints::default()).unwrap_err();
        assert_eq!(error.to_string(), what);
    }
    assert!(parse(&[0x1F, 0x8B, 8, 0], &Hints::default()).is_err());
}

#[test]
fn nested_elements_do_not_end_the_process() {
    for levels in [2_650, 200_000] {
        let nest = "<x:a>".repeat(levels);
        let unnest = "</x:a>".repeat(levels);
        let strays = "</x:b>".repeat(levels);
        for inside in [
            nest.clone(),
            format!("{nest}{unnest}"),
            format!("<description>{nest}x"),
            format!("<description>{nest}{strays}"),
            format!("{nest}{strays}"),
        ] {
            assert_eq!(titles(&read(&rss_with(&inside))), ["One", "Two"]);
        }
        let json = format!("{{\"version\":\"jsonfeed\",\"items\":[{}", "[".repeat(levels));
        assert!(parse(json.as_bytes(), &Hints::default()).is_err());
        let items = "<item>".repeat(levels);
        assert!(read(&format!("<rss><channel>{items}")).entries.len() <= order::MAX_ITEMS);
    }
}

#[test]
fn storms_and_bombs_stay_small() {
    let namespaces: String = (0..20_000).map(|n| format!(" xmlns:n{n}='urn:{n}'")).collect();
    let storm = rss_with(&format!("<description{namespaces}>x</description>"));
    assert_eq!(
        titles(&read(&storm.replace("<rss>", &format!("<rss{namespaces}>")))),
        ["One", "Two"]
    );
    let bomb = r#"<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>"#;
    let feed = read(&format!("{bomb}{}", rss_with("<description>&a; &c;</description>")));
    assert_eq!(feed.entries[1].summary, "ha &b;&b;&b;");
    let long = "x".repeat(20_000_000);
    let feed = read(&rss_with("").replace("Two", &long));
    assert_eq!(feed.entries[1].title.len(), 1_000);
    assert!(!feed.problems.is_empty());
    let many: String = (0..50_000).map(|n| format!("<item><guid>{n}</guid></item>")).collect();
    let feed = read(&format!("<rss><channel>{many}</channel></rss>"));
    assert_eq!(feed.entries.len(), order::MAX_ITEMS);
    assert_eq!(feed.entries.last().unwrap().guid.as_deref(), Some("0"), "the newest stand first");
}

#[test]
fn an_endless_feed_in_old_order_gives_its_newest_items() {
    let date = |n: u64| Time::from_millis(1_700_000_000_000 + n * 1_000).to_string();
    let rss: String = (0..3_000)
        .map(|n| format!("<item><guid>{n}</guid><dc:date>{}</dc:date></item>", date(n)))
        .collect();
    let json: Vec<String> =
        (0..3_000).map(|n| format!("{{\"id\":{n},\"date_published\":\"{}\"}}", date(n))).collect();
    let json = format!("{{\"version\":\"jsonfeed\",\"items\":[{}]}}", json.join(","));
    for text in [format!("<rss><channel>{rss}</channel></rss>"), json] {
        let feed = read(&text);
        assert_eq!(feed.entries.len(), order::MAX_ITEMS);
        assert_eq!(feed.entries.last().unwrap().guid.as_deref(), Some("2999"));
    }
}

#[tokio::test]
async fn the_thread_for_it_gives_the_same_but_for_repeats() {
    let feed = parse_off_thread(RSS.into(), None, None).await.unwrap();
    assert_eq!(feed, read(RSS));
    let twice = RSS.replace("<item>", "<item><guid>0</guid></item><item>");
    let feed = parse_off_thread(twice.clone().into(), None, None).await.unwrap();
    assert_eq!((feed.entries.len(), read(&twice).entries.len()), (4, 6));
}

const SOUP: &[&str] = &[
    "<rss>",
    "<channel>",
    "<item>",
    "<title>",
    "</title>",
    "</item>",
    "<feed>",
    "<entry>",
    "<x:y ",
    "a='",
    "'>",
    "/>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "&#x",
    "&amp;",
    ";",
    "<link href=x>",
    "<",
    ">",
    "<content type=xhtml>",
    "text",
    "\"",
    "</",
    "=",
    "<guid>",
    "<media:content>",
    "xmlns='",
];

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let cut = (0..3_usize, prop::collection::vec((any::<u16>(), any::<u16>(), ".{0,6}"), 1..6));
    cut.prop_map(|(which, cuts)| {
        let mut bytes = [RSS, ATOM, JSON][which].as_bytes().to_vec();
        for (from, length, with) in cuts {
            let from = usize::from(from) % bytes.len().max(1);
            let to = (from + usize::from(length) % 40).min(bytes.len());
            bytes.splice(from..to, with.into_bytes());
        }
        bytes
    })
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes, &Hints::default());
    }

    #[test]
    fn no_damage_breaks_it(bytes in mutated()) {
        if let Ok(feed) = parse(&bytes, &Hints::default()) {
            for entry in &feed.entries {
                prop_assert!(entry.title.chars().count() <= 1_000);
                let link = entry.link.as_deref().unwrap_or("https://");
                let web = link.starts_with("http://") || link.starts_with("https://");
                prop_assert!(web, "{}", link);
            }
        }
    }

    #[test]
    fn no_soup_of_tags_breaks_it(
        soup in prop::collection::vec(prop::sample::select(SOUP), 0..40),
    ) {
        for root in ["<rss>", "<feed>", ""] {
            let _ = parse(format!("{root}{}", soup.concat()).as_bytes(), &Hints::default());
        }
    }
}
