//! What stands in a feed otherwise than it was meant, and is read as it was.

use super::*;

/// A link that is read otherwise tomorrow is a post that is sent twice.
#[test]
fn of_several_addresses_the_one_for_readers_is_taken() {
    let atom = |links: &str| read(&format!("<feed><entry><id>1</id>{links}</entry></feed>"));
    for (links, link) in [
        (
            "<link href='http://e.org/a'/><link rel='alternate' type='text/html' href='http://e.org/b'/>",
            "b",
        ),
        (
            "<link type='text/html' href='http://e.org/a'/><link type='text/html' href='http://e.org/b'/>",
            "a",
        ),
        ("<link type='application/json' href='http://e.org/a'/><link href='http://e.org/b'/>", "b"),
        (
            "<link rel='edit' href='http://e.org/a'/><link type='text/plain' href='http://e.org/b'/>",
            "b",
        ),
    ] {
        let wanted = format!("http://e.org/{link}");
        assert_eq!(atom(links).entries[0].link, Some(wanted), "{links}");
    }
    let twice = rss_with("<link><![CDATA[http://e.org/?a=1&amp;b=2]]></link>");
    let one = read(&twice);
    let found = one.entries.iter().zip(&one.origins).find(|(entry, _)| entry.link.is_some());
    let (entry, origin) = found.unwrap();
    assert_eq!(entry.link.as_deref(), Some("http://e.org/?a=1&b=2"));
    assert_eq!(origin.link, entry.link);
    let counted = rss_with(
        "<link>http://feedproxy.google.com/~r/x/1</link>\
         <feedburner:origLink>http://e.org/1</feedburner:origLink>",
    );
    let feed = read(&counted);
    let found = feed.entries.iter().zip(&feed.origins).find(|(entry, _)| entry.link.is_some());
    let (entry, origin) = found.unwrap();
    assert_eq!(entry.link.as_deref(), Some("http://e.org/1"), "nobody is counted");
    assert_eq!(origin.link.as_deref(), Some("http://feedproxy.google.com/~r/x/1"));
}

/// Some servers take UTF-8 for Latin-1 and encode it once more; readers see rubbish.
#[test]
fn what_was_encoded_twice_is_read_as_it_was_meant() {
    let twice = |text: &str| text.bytes().map(char::from).collect::<String>();
    let (title, text) = ("Be\u{10d}, das Herz", "Gr\u{fc}\u{df}e aus \u{10c}");
    let feed = read(&format!(
        "<rss><channel><item><title>{}</title><guid>1</guid>\
         <description><![CDATA[<p>{}</p>]]></description></item></channel></rss>",
        twice(title),
        twice(text)
    ));
    assert_eq!(titles(&feed), [title]);
    assert_eq!(feed.entries[0].summary, format!("<p>{text}</p>"));
}

/// The title of a drawing in a post is not the post's.
#[test]
fn what_a_drawing_says_of_itself_is_not_said_of_its_post() {
    let feed = read(
        "<feed><entry><id>1</id><content type='xhtml'><div><svg><metadata><dc:title>Tree</dc:title>\
         </metadata></svg>after</div></content></entry></feed>",
    );
    assert_eq!(feed.entries[0].title, "");
    assert!(feed.entries[0].content.contains("after"));
}

/// Somebody's message before a feed costs nobody a post.
#[test]
fn a_message_in_brackets_may_stand_before_a_feed() {
    for junk in ["{\"notice\": deprecated}", "[Mon Jan 05] warning: x", "{{ front }}"] {
        assert_eq!(titles(&read(&format!("{junk}\n{RSS}"))).len(), 3, "{junk}");
    }
    let error = parse(b"{\"a\": b}", &Hints::default()).unwrap_err();
    assert!(error.to_string().contains("broken JSON"), "{error}");
}

/// Whoever looks at a broken feed with `try` wants to know what was made of it: what is mended silently is
/// never mended at its source.
#[test]
fn what_was_mended_is_told_and_what_is_sound_tells_nothing() {
    let sound = feed_of("<title>Tea &amp; milk &#233;</title><guid>a</guid>");
    assert_eq!(told(sound.as_bytes()), [""; 0]);
    let broken = format!(
        "<b>Warning</b>: no such file\n{}",
        feed_of("<title>Tea & milk\u{1}&nbsp;&eacute; &amp; & Aqu\u{c3}\u{ad}<guid>a</guid>")
    );
    assert_eq!(
        told(broken.as_bytes()),
        [
            "a control character that no text has is left out",
            "what a server printed before the feed is left out",
            "a field that nobody ended ends where the next begins",
            "an & that nobody escaped is one (2 times)",
            "a character's name that nobody declares is HTML's (2 times)",
            "a text in UTF-8 that was encoded twice is read as it was meant",
        ]
    );
}

fn feed_of(item: &str) -> String {
    format!("<rss version=\"2.0\"><channel><title>b</title><item>{item}</item></channel></rss>")
}

fn told(bytes: &[u8]) -> Vec<String> {
    let hints = Hints { content_type: None, base_url: None };
    let document = parse(bytes, &hints).expect("a feed");
    document.problems.iter().map(ToString::to_string).collect()
}
