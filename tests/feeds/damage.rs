//! What happens to feeds between their author and us: 34 kinds of damage, each done by a program
//! that meant well, and damage without a plan for the short run of the fuzz targets.

use std::fmt::Write as _;
use std::io::Write as _;

use encoding_rs::{EUC_JP, Encoding, SHIFT_JIS, WINDOWS_1252};

/// What must be left of a damaged feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Each entry, with its id and link.
    All,
    /// Each entry that is all there, and nothing of the others.
    Whole,
    /// Each entry but the last of the document.
    ButTheLast,
}

/// One kind of damage.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) does: fn(&str) -> Vec<u8>,
    pub(crate) left: Left,
    /// What each title must begin with then; empty where titles stay as they are.
    pub(crate) title: &'static str,
}

const fn kind(name: &'static str, does: fn(&str) -> Vec<u8>) -> Kind {
    Kind { name, does, left: Left::All, title: "" }
}

const fn titled(name: &'static str, does: fn(&str) -> Vec<u8>, title: &'static str) -> Kind {
    Kind { name, does, left: Left::All, title }
}

const fn leaves(name: &'static str, does: fn(&str) -> Vec<u8>, left: Left) -> Kind {
    Kind { name, does, left, title: "" }
}

const LATIN: &str = "Caf\u{e9} \u{2013} \u{fc}ber ";
const JAPANESE: &str = "\u{65e5}\u{672c}\u{8a9e}\u{306e}\u{8a18}\u{4e8b}\u{306e}\u{984c}\u{540d} ";

pub(crate) const KINDS: [Kind; 34] = [
    leaves("truncated at 70 %", |t| t.as_bytes()[..t.len() * 7 / 10].to_vec(), Left::Whole),
    titled("bare & in titles", |t| in_titles(t, "Q&A & more ").into(), "Q&A & more"),
    titled("&#x1F; &#0; in titles", |t| in_titles(t, "a&#x1F;&#0;b ").into(), "ab"),
    titled("control characters in titles", |t| in_titles(t, "a\u{1f}\u{8}b ").into(), "ab"),
    kind("a PHP warning before the declaration", |t| before(t, PHP)),
    titled("windows-1252 called UTF-8", |t| latin(t, Some("utf-8")), LATIN),
    titled("windows-1252, undeclared", |t| latin(t, None), LATIN),
    titled("ISO-8859-1, declared", |t| latin(t, Some("iso-8859-1")), LATIN),
    titled("Shift_JIS, undeclared", |t| encoded(t, JAPANESE, None, SHIFT_JIS), JAPANESE),
    titled("EUC-JP called UTF-8", |t| encoded(t, JAPANESE, Some("utf-8"), EUC_JP), JAPANESE),
    kind("UTF-16LE with a mark", |t| utf16(&format!("\u{feff}{t}"), u16::to_le_bytes)),
    kind("UTF-16BE without a mark", |t| utf16(t, u16::to_be_bytes)),
    titled(
        "UTF-8 called ISO-8859-1",
        |t| declared(&in_titles(t, LATIN), Some("iso-8859-1")).into(),
        LATIN,
    ),
    titled("a stray byte 0x92 in each title", stray_byte, "\u{e9}\u{fc}\u{e4} don\u{2019}t"),
    kind("an encoding that there is not", |t| declared(t, Some("x-mac-klingon")).into()),
    titled("unclosed <br><i> in titles", |t| in_titles(t, "one<br><i>two ").into(), "one two"),
    titled("a stray </p> in titles", |t| in_titles(t, "one</p> two ").into(), "one two"),
    titled("<b> in titles", |t| in_titles(t, "one <b>two</b> ").into(), "one two"),
    titled(
        "HTML's entities in titles",
        |t| in_titles(t, "x&nbsp;&eacute;&hellip; ").into(),
        "x \u{e9}\u{2026}",
    ),
    titled("an entity of the document's own", own_entity, "Ex & Co"),
    kind("the first </title> missing", |t| without(t, item_at(t), &["</title>"]).into()),
    kind("the first end of an item missing", |t| without(t, 0, &["</item>", "</entry>"]).into()),
    leaves("unterminated CDATA in the last item", open_cdata, Left::ButTheLast),
    kind("one invalid date", bad_date),
    kind("<rss> without a version", |t| without(t, 0, &[" version=\"2.0\""]).into()),
    kind("xmlns:* dropped", |t| attributes(t, dropped).into()),
    kind("attributes without quotes", |t| attributes(t, unquoted).into()),
    kind("attributes twice", |t| attributes(t, |n, v| format!(" {n}=\"{v}\" {n}=\"{v}\"")).into()),
    kind("a mark of UTF-8 before the declaration", |t| before(t, "\u{feff}")),
    kind("blank lines before the declaration", |t| before(t, "\r\n\r\n  ")),
    kind("junk after the end", |t| format!("{t}<script>x()</script><!-- 0.3 s --> 1 < 2").into()),
    kind("the end of the document missing", no_root_end),
    kind("capitals in tags", capitals),
    kind("gzip that no header tells of", gzip),
];

const PHP: &str = "<br />\n<b>Warning</b>: Cannot modify header information - headers already sent \
    by (output started at /srv/wp-config.php:1) in <b>/srv/pluggable.php</b> on line <b>3</b><br />\n";

fn before(text: &str, what: &str) -> Vec<u8> {
    format!("{what}{text}").into()
}

/// The text with something at the start of each title.
fn in_titles(text: &str, what: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    let open = |rest: &str| {
        let found =
            ["<title", "<dc:title"].into_iter().filter_map(|o| Some(rest.find(o)? + o.len()));
        found.min()
    };
    while let Some(named) = open(rest) {
        let end = rest[named..].find('>').map_or(rest.len(), |end| named + end + 1);
        out.push_str(&rest[..end]);
        let opens = rest[named..].starts_with([' ', '>', '\n']) && !rest[..end].ends_with("/>");
        if opens {
            out.push_str(what);
        }
        rest = &rest[end..];
    }
    out + rest
}

/// The text with another declaration, or without one.
fn declared(text: &str, encoding: Option<&str>) -> String {
    let body = match text.trim_start().strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or("", |(_, body)| body),
        None => text,
    };
    match encoding {
        Some(encoding) => format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>{body}"),
        None => body.trim_start().to_owned(),
    }
}

/// Something in each title, and all of it in that encoding, whatever is said of it.
fn encoded(text: &str, what: &str, says: Option<&str>, is: &'static Encoding) -> Vec<u8> {
    is.encode(&declared(&in_titles(text, what), says)).0.into_owned()
}

fn latin(text: &str, says: Option<&str>) -> Vec<u8> {
    encoded(text, LATIN, says, WINDOWS_1252)
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

fn stray_byte(text: &str) -> Vec<u8> {
    let text = declared(&in_titles(text, "\u{e9}\u{fc}\u{e4} don\u{1}t "), Some("utf-8"));
    text.bytes().map(|byte| if byte == 1 { 0x92 } else { byte }).collect()
}

fn own_entity(text: &str) -> Vec<u8> {
    let text = in_titles(&declared(text, None), "&corp; ");
    let doctype = "<!DOCTYPE rss [<!ENTITY corp \"Ex &amp; Co\">]>";
    format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>{doctype}{text}").into()
}

/// Where the first item begins.
fn item_at(text: &str) -> usize {
    ["<item", "<entry"].iter().filter_map(|tag| text.find(tag)).min().unwrap_or_default()
}

/// The text without the first of these behind a place.
fn without(text: &str, from: usize, what: &[&str]) -> String {
    let found = what.iter().filter_map(|w| Some((text[from..].find(w)? + from, w.len()))).min();
    match found {
        Some((at, length)) => format!("{}{}", &text[..at], &text[at + length..]),
        None => text.to_owned(),
    }
}

fn open_cdata(text: &str) -> Vec<u8> {
    let last = ["<item", "<entry"].iter().filter_map(|tag| text.rfind(tag)).max();
    let end = last.and_then(|at| Some(at + text[at..].find('>')? + 1)).expect("it has an item");
    let open = "<description><![CDATA[and so on";
    format!("{}{open}{}", &text[..end], text[end..].replace("]]>", "")).into()
}

fn bad_date(text: &str) -> Vec<u8> {
    let from = item_at(text);
    for tag in ["<pubDate>", "<updated>", "<published>", "<dc:date>", "<issued>"] {
        if let Some(at) = text[from..].find(tag).map(|at| from + at + tag.len()) {
            let end = text[at..].find('<').map_or(text.len(), |end| at + end);
            return format!("{}0000-00-00 99:99{}", &text[..at], &text[end..]).into();
        }
    }
    text.into()
}

fn no_root_end(text: &str) -> Vec<u8> {
    let end = ["</item>", "</entry>"].iter().filter_map(|end| Some(text.rfind(end)? + end.len()));
    text[..end.max().unwrap_or(text.len())].into()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("written");
    encoder.finish().expect("finished")
}

fn capitals(text: &str) -> Vec<u8> {
    let mut text = text.to_owned();
    for name in ["item", "entry", "title", "guid", "link", "id", "pubDate"] {
        let capital = name.to_uppercase();
        for (open, close) in [("<", ">"), ("</", ">"), ("<", " ")] {
            text =
                text.replace(&format!("{open}{name}{close}"), &format!("{open}{capital}{close}"));
        }
    }
    text.into()
}

fn dropped(name: &str, value: &str) -> String {
    if name.starts_with("xmlns:") { String::new() } else { format!(" {name}=\"{value}\"") }
}

fn unquoted(name: &str, value: &str) -> String {
    let plain =
        !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || "<>'\"".contains(c));
    if plain { format!(" {name}={value} ") } else { format!(" {name}=\"{value}\" ") }
}

/// Every attribute of the XML itself written otherwise.
fn attributes(text: &str, write: impl Fn(&str, &str) -> String) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let whole = [("<![CDATA[", "]]>"), ("<!--", "-->"), ("<?", "?>"), ("<!", ">"), ("</", ">")];
        let skipped = whole.iter().find(|(open, _)| rest.starts_with(open));
        let end = rest.find(skipped.map_or(">", |(_, close)| close)).unwrap_or(rest.len() - 1);
        let end = end + skipped.map_or(1, |(_, close)| close.len());
        let (tag, after) = rest.split_at(end.min(rest.len()));
        match skipped {
            Some(_) => out.push_str(tag),
            None => tag_written(tag, &write, &mut out),
        }
        rest = after;
    }
    out + rest
}

fn tag_written(tag: &str, write: impl Fn(&str, &str) -> String, out: &mut String) {
    let mut rest = tag;
    while let Some(equals) = rest.find("=\"").or_else(|| rest.find("='")) {
        let (before, value) = (&rest[..equals], &rest[equals + 2..]);
        let quote = rest[equals + 1..].chars().next().unwrap_or('"');
        let Some(end) = value.find(quote) else { break };
        let name = before.trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
        let space = before.trim_end();
        out.push_str(space[..space.len() - name.len()].trim_end());
        let _ = write!(out, "{}", write(name, &value[..end].replace('"', "&quot;")));
        rest = &value[end + 1..];
    }
    out.push_str(rest);
}

/// Numbers that look like chance and are the same each time.
pub(crate) struct Random(fastrand::Rng);

impl Random {
    pub(crate) fn new(name: &str) -> Self {
        let seed = name.bytes().fold(14_695_981_039_346_656_037, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211)
        });
        Self(fastrand::Rng::with_seed(seed))
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.0.usize(..end) }
    }
}

/// A seed with a few changes: bytes turned, stretches cut out, doubled, moved or taken from another.
pub(crate) fn at_random(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    const ODD: [&[u8]; 12] = [
        b"<",
        b">",
        b"&",
        b"]]>",
        b"<![CDATA[",
        b"&#0;",
        b"\0",
        b"\xFF",
        b"\xE2\x80",
        b"'",
        b"\"",
        b"{",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let to = (at + random.below(64)).min(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..to)),
            2 => {
                let again = bytes[at..to].repeat(1 + random.below(40));
                bytes.splice(at..at, again);
            }
            3 => {
                let from = random.below(other.len());
                let end = (from + random.below(64)).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
            4 => drop(bytes.splice(at..at, ODD[random.below(ODD.len())].iter().copied())),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    bytes
}
