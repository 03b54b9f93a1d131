//! Feeds that mean harm, of any size: what a server can send to take a reader's time or memory, or to
//! end its process.

use std::fmt::Write as _;

/// A hostile feed of about so many bytes.
pub(crate) struct Storm {
    pub(crate) name: &'static str,
    pub(crate) make: fn(usize) -> Vec<u8>,
}

const fn storm(name: &'static str, make: fn(usize) -> Vec<u8>) -> Storm {
    Storm { name, make }
}

pub(crate) const STORMS: [Storm; 23] = [
    storm("elements that never close", |n| in_item("", "<x:a>", "", n)),
    storm("elements inside a text", |n| in_item("<description>", "<b>", "", n)),
    storm("end tags of nothing", |n| in_item("<description>", "</x>", "", n)),
    storm("namespaces on the root", |n| {
        let names: String = (0..n / 24).map(|i| format!(" xmlns:n{i}='urn:{i}'")).collect();
        format!("<rss{names}><channel>{ITEM}</channel></rss>").into()
    }),
    storm("namespaces on each element", |n| {
        let names: String = (0..64).map(|i| format!(" xmlns:n{i}='u:{i}'")).collect();
        let deep = format!("<x{names}>").repeat(4);
        in_item(&deep, "<a/>", "", n)
    }),
    storm("attributes without end", |n| in_item("<x ", "a='1' ", "/>", n)),
    storm("tags that hide tags", |n| in_item("<a ", "b='<a ' ", "", n)),
    storm("tags that hide tags before a long one", |n| {
        in_item(&format!("<a {}", "c='<a ' ".repeat(n / 32)), "a", "", n / 2)
    }),
    storm("quotes that never close", |n| in_item("", "<a b=\"<c d='", "", n)),
    storm("document types", |n| format!("{}<rss>{ITEM}</rss>", "<!DOCTYPE>".repeat(n / 10)).into()),
    storm("a thousand million laughs", laughs),
    storm("bases", |n| {
        let base = format!("<x xml:base='https://a.example/{}'>", "b/".repeat(1_000));
        in_item(&base, "<guid xml:base='c'/>", "", n)
    }),
    storm("items of nothing", |n| in_channel(&"<item/>".repeat(n / 7))),
    storm("100,000 items and more", |n| {
        in_channel(&numbered(n, |i| format!("<item><guid>{i}</guid><title>t</title></item>")))
    }),
    storm("quotes in every item", |n| {
        let text = "\"".repeat(8_000);
        let item = |i| {
            format!("<item><guid>{i}</guid><description><![CDATA[{text}]]></description></item>")
        };
        in_channel(&numbered(n, item))
    }),
    storm("one text", |n| in_item("<description>", "&lt;p&gt;a &amp;amp; b", "</description>", n)),
    storm("one title", |n| in_item("</title><title>", "title ", "</title>", n)),
    storm("marks on one letter", |n| {
        let marks = "\u{301}\u{323}".repeat(n / 4);
        format!("{{\"version\":\"jsonfeed\",\"items\":[{{\"id\":1,\"title\":\"a{marks}\"}}]}}")
            .into()
    }),
    storm("categories and pictures", |n| {
        let one = "<category>c</category><media:content url='https://a.example/b'/>";
        in_item("", one, "", n)
    }),
    storm("formats that ask for one text again and again", |n| {
        let text = "<b>".repeat(n / 6);
        let format = "{{summary}}".repeat(1_000);
        let open = format!("<description><![CDATA[{text}]]></description>");
        let one = format!("<posse:post>{{\"format_string\":\"{format}\"}}</posse:post>");
        in_item(&open, &one, "", n)
    }),
    storm("relative addresses", |n| {
        let link = format!("<link>https://a.example/{}</link>", "a".repeat(1_900));
        in_item(&format!("{link}<description><![CDATA["), "<a href=b>", "]]></description>", n)
    }),
    storm("JSON without depth", |n| {
        format!("{{\"version\":\"jsonfeed\",\"items\":[{}", "[".repeat(n)).into()
    }),
    storm("JSON items of nothing", |n| {
        format!("{{\"version\":\"jsonfeed\",\"items\":[{}{{}}]}}", "{},".repeat(n / 3)).into()
    }),
];

const ITEM: &str = "<item><guid>1</guid><title>One</title></item>";

fn in_channel(items: &str) -> Vec<u8> {
    format!("<rss><channel>{items}</channel></rss>").into()
}

/// One item with so much of the same in it, behind another that is sound.
fn in_item(open: &str, unit: &str, close: &str, bytes: usize) -> Vec<u8> {
    let inside = unit.repeat(bytes.saturating_sub(open.len()) / unit.len());
    in_channel(&format!("{ITEM}<item><guid>2</guid><title>Two</title>{open}{inside}{close}</item>"))
}

fn numbered(bytes: usize, one: impl Fn(usize) -> String) -> String {
    let mut out = String::with_capacity(bytes);
    for number in 0.. {
        if out.len() >= bytes {
            break;
        }
        out.push_str(&one(number));
    }
    out
}

/// Entities inside entities, and one that is as long as may be, called as often as may be.
fn laughs(bytes: usize) -> Vec<u8> {
    let mut dtd = format!("<!DOCTYPE rss [<!ENTITY a0 \"{}\">", "ha ".repeat(80));
    for level in 1..20 {
        let inside = format!("&a{};", level - 1).repeat(10);
        let _ = write!(dtd, "<!ENTITY a{level} \"{inside}\">");
    }
    let _ = write!(dtd, "<!ENTITY file SYSTEM \"file:///etc/hostname\">]>");
    let item = format!("<item><guid>&a9;</guid><title>{}</title></item>", "&a0;".repeat(64));
    let mut all = dtd.into_bytes();
    all.extend(in_channel(&item.repeat(bytes / item.len())));
    all
}
