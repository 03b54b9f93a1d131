//! HTML to plain text that reads well. A tokenizer and no tree: nothing here can overflow a stack,
//! whatever a feed nests.

use std::cell::{Cell, RefCell};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::text::{floor, is_allowed};

/// How much of a text is read. Nothing longer becomes a post.
const INPUT_MAX: usize = 1024 * 1024;
/// How much is fed to the tokenizer at a time.
const CHUNK: usize = 1024;
/// The longest tag taken. The tokenizer compares each attribute of a tag with all before it, so a
/// tag of a megabyte would take minutes.
const TAG_MAX: usize = 8 * 1024;
/// Deeper lists are written at this depth.
const LISTS_MAX: usize = 8;
/// Deeper quotes are written at this depth.
const QUOTES_SHOWN: usize = 3;
/// More pictures than this are not looked at.
const IMAGES_MAX: usize = 64;
/// More links with a relation are not looked at: what a page says of itself stands first.
const RELATED_MAX: usize = 512;
/// A picture is a dot or an icon up to this side, in pixels.
const TINY: u32 = 32;
/// The longest `alt` text that can be an emoji, in bytes.
const EMOJI_MAX: usize = 32;

/// The text of an HTML fragment: paragraphs apart by an empty line, list items with their marks,
/// quotes with `>`, scripts and styles dropped, entities resolved.
#[must_use]
pub fn from_html(html: &str) -> String {
    read(html).finish()
}

/// Where the links of an HTML fragment lead, as they are written there, in order.
#[must_use]
pub fn hrefs(html: &str) -> Vec<String> {
    read(html).hrefs
}

/// Where the links of a page or a feed lead that bear a relation, as they are written there, in order.
#[must_use]
pub fn related(html: &str, relation: &str) -> Vec<String> {
    let is_it = |rel: &str| rel.split_whitespace().any(|rel| rel.eq_ignore_ascii_case(relation));
    let related = read(html).related.into_iter();
    related.filter(|(rel, _)| is_it(rel)).map(|(_, href)| href).collect()
}

/// A picture in a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its address, as it is written there.
    pub src: String,
    /// What it shows, as it is written there.
    pub alt: String,
    /// Whether it is an emoji or too small to see.
    pub is_small: bool,
}

/// The pictures of an HTML fragment, in order.
#[must_use]
pub fn images(html: &str) -> Vec<Image> {
    read(html).images
}

fn read(html: &str) -> Writer {
    let mut rest = &html[..floor(html, INPUT_MAX)];
    let sink = Sink::default();
    while !rest.is_empty() {
        rest = tokenize(&sink, rest);
    }
    sink.writer.into_inner()
}

/// Feeds `html` to one tokenizer and returns what is left when a tag of it had to be abandoned.
fn tokenize<'a>(sink: &Sink, html: &'a str) -> &'a str {
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let queue = BufferQueue::default();
    let mut at = 0;
    let mut silent_since = 0;
    while at < html.len() {
        let end = floor(html, at + CHUNK);
        sink.heard.set(false);
        queue.push_back(StrTendril::from_slice(&html[at..end]));
        let _ = tokenizer.feed(&queue);
        if sink.heard.get() {
            silent_since = at;
        } else if end - silent_since > TAG_MAX && !in_comment(&html[silent_since..end]) {
            return html[end..].split_once('>').map_or("", |(_, after)| after);
        }
        at = end;
    }
    tokenizer.end();
    ""
}

/// Whether text without a token is silent since it is a comment; those may be long.
fn in_comment(silent: &str) -> bool {
    silent.rfind("<!--").is_some_and(|start| !silent[start..].contains("-->"))
}

#[derive(Default)]
struct Sink {
    writer: RefCell<Writer>,
    /// Whether a token came since this was last cleared.
    heard: Cell<bool>,
}

impl TokenSink for &Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        if matches!(token, Token::ParseError(_)) {
            return TokenSinkResult::Continue;
        }
        self.heard.set(true);
        let mut writer = self.writer.borrow_mut();
        match token {
            Token::CharacterTokens(text) => writer.text(&text),
            Token::TagToken(tag) => match tag.kind {
                TagKind::StartTag => return writer.start(&tag),
                TagKind::EndTag => writer.end(&tag.name),
            },
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// What must stand between what is written and what comes next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
    Paragraph,
}

#[derive(Debug, Default)]
struct Writer {
    out: String,
    gap: Gap,
    /// Written before the next character: the mark of a list item.
    mark: String,
    /// Open lists: `None` for dots, or else the next number.
    lists: Vec<Option<u32>>,
    /// Lists open beyond [`LISTS_MAX`].
    lists_beyond: usize,
    quotes: usize,
    pre: usize,
    hrefs: Vec<String>,
    /// Relation and address of each link that has both.
    related: Vec<(String, String)>,
    images: Vec<Image>,
    /// The element whose content is dropped and how often it is open.
    skipped: Option<(String, usize)>,
}

impl Writer {
    fn text(&mut self, text: &str) {
        if self.skipped.is_some() {
            return;
        }
        for c in text.chars() {
            if self.pre > 0 && c == '\n' {
                let next = if self.gap >= Gap::Line { Gap::Paragraph } else { Gap::Line };
                self.ask(next);
            } else if self.pre > 0 && c.is_whitespace() {
                self.push(' ');
            } else if c.is_whitespace() {
                self.ask(Gap::Space);
            } else if is_allowed(c) {
                self.push(c);
            }
        }
    }

    fn ask(&mut self, gap: Gap) {
        // A paragraph inside a list item starts right behind its mark.
        if self.mark.is_empty() {
            self.gap = self.gap.max(gap);
        }
    }

    fn push(&mut self, c: char) {
        let starts_line = match std::mem::take(&mut self.gap) {
            _ if self.out.is_empty() => true,
            Gap::None => false,
            Gap::Space => {
                self.out.push(' ');
                false
            }
            Gap::Line => {
                self.out.push('\n');
                true
            }
            Gap::Paragraph => {
                self.out.push_str("\n\n");
                true
            }
        };
        if starts_line {
            self.out.extend(std::iter::repeat_n("> ", self.quotes.min(QUOTES_SHOWN)));
        }
        self.out.push_str(&std::mem::take(&mut self.mark));
        self.out.push(c);
    }

    fn start(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        if let Some((skipped, depth)) = &mut self.skipped {
            if name == skipped {
                *depth += 1;
            }
            return TokenSinkResult::Continue;
        }
        if matches!(name, "a" | "link" | "atom:link" | "atom10:link")
            && let (Some(rel), Some(href)) = (attribute(tag, "rel"), attribute(tag, "href"))
            && self.related.len() < RELATED_MAX
        {
            self.related.push((rel.to_owned(), href.to_owned()));
        }
        match name {
            "script" | "style" | "iframe" | "noframes" | "noembed" | "title" | "textarea" => {
                self.skipped = Some((name.to_owned(), 1));
                return TokenSinkResult::RawData(match name {
                    "script" => RawKind::ScriptData,
                    "title" | "textarea" => RawKind::Rcdata,
                    _ => RawKind::Rawtext,
                });
            }
            "svg" | "template" | "select" | "audio" | "video" | "object" if !tag.self_closing => {
                self.skipped = Some((name.to_owned(), 1));
            }
            "img" => {
                self.emoji(tag);
                self.images.extend(image(tag).filter(|_| self.images.len() < IMAGES_MAX));
            }
            "a" => self.hrefs.extend(attribute(tag, "href").map(str::to_owned)),
            "ul" | "ol" => {
                self.ask(if self.lists.is_empty() { Gap::Paragraph } else { Gap::Line });
                if self.lists.len() < LISTS_MAX {
                    self.lists.push((name == "ol").then_some(1));
                } else {
                    self.lists_beyond += 1;
                }
            }
            "li" => self.item(),
            "blockquote" => {
                self.ask(Gap::Paragraph);
                self.quotes += 1;
            }
            "q" => self.push('\u{201c}'),
            "pre" => {
                self.ask(Gap::Paragraph);
                self.pre += 1;
            }
            other => self.ask(gap_around(other)),
        }
        TokenSinkResult::Continue
    }

    fn end(&mut self, name: &str) {
        if let Some((skipped, depth)) = &mut self.skipped {
            if name == skipped {
                *depth -= 1;
                if *depth == 0 {
                    self.skipped = None;
                }
            }
            return;
        }
        match name {
            "ul" | "ol" => {
                if self.lists_beyond > 0 {
                    self.lists_beyond -= 1;
                } else {
                    self.lists.pop();
                }
                self.ask(if self.lists.is_empty() { Gap::Paragraph } else { Gap::Line });
            }
            "blockquote" => {
                self.ask(Gap::Paragraph);
                self.quotes = self.quotes.saturating_sub(1);
            }
            "q" => self.push('\u{201d}'),
            "pre" => {
                self.ask(Gap::Paragraph);
                self.pre = self.pre.saturating_sub(1);
            }
            // An end tag of a void element is none, but `</br>` breaks and `</p>` alone is a
            // paragraph, as in browsers.
            other => self.ask(gap_around(other)),
        }
    }

    fn item(&mut self) {
        self.mark.clear();
        self.ask(Gap::Line);
        self.mark = "  ".repeat(self.lists.len().saturating_sub(1));
        match self.lists.last_mut() {
            Some(Some(number)) => {
                self.mark.push_str(&number.to_string());
                self.mark.push_str(". ");
                *number = number.saturating_add(1);
            }
            _ => self.mark.push_str("- "),
        }
    }

    /// WordPress turns emoji into pictures whose `alt` is the emoji; a reader would miss those.
    fn emoji(&mut self, tag: &Tag) {
        if let Some(alt) = attribute(tag, "alt").map(str::trim)
            && alt.len() <= EMOJI_MAX
            && !alt.chars().any(|c| c.is_ascii() || c.is_alphabetic())
        {
            self.text(alt);
        }
    }

    fn finish(mut self) -> String {
        self.out.truncate(self.out.trim_end().len());
        self.out
    }
}

fn image(tag: &Tag) -> Option<Image> {
    let side =
        |name| attribute(tag, name).and_then(|n| n.trim().trim_end_matches("px").parse().ok());
    let tiny = |name| side(name).is_some_and(|pixels: u32| pixels <= TINY);
    let class = attribute(tag, "class").unwrap_or_default().to_ascii_lowercase();
    let emoji = class.contains("emoji") || class.contains("smiley");
    Some(Image {
        src: attribute(tag, "src")?.trim().to_owned(),
        alt: attribute(tag, "alt").unwrap_or_default().to_owned(),
        is_small: emoji || tiny("width") || tiny("height"),
    })
}

fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    tag.attrs.iter().find(|a| &*a.name.local == name).map(|a| &*a.value)
}

/// What stands around an element: nothing around the inline ones and the unknown.
fn gap_around(name: &str) -> Gap {
    match name {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "hr" | "figure" | "table" | "dl" => {
            Gap::Paragraph
        }
        "br" | "div" | "section" | "article" | "aside" | "header" | "footer" | "main" | "nav"
        | "tr" | "dt" | "dd" | "figcaption" | "caption" | "address" | "details" | "summary"
        | "fieldset" | "form" | "center" => Gap::Line,
        "td" | "th" => Gap::Space,
        _ => Gap::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_reads_as_it_was_written() {
        let html = "<h1>Title</h1><p>First &amp; <b>bold</b>,<br>next\n line&nbsp;here.</p>\
            <ul><li><p>one</p></li><li>two<ol><li>a</li><li>b</li></ol></li></ul>\
            <blockquote><p>Quoted.</p><p>Twice.</p></blockquote>\
            <p>See <a href=\"https://example.org/\">there</a>.</p>";
        assert_eq!(
            from_html(html),
            "Title\n\nFirst & bold,\nnext line here.\n\n- one\n\n- two\n  1. a\n  2. b\n\n\
             > Quoted.\n\n> Twice.\n\nSee there."
        );
    }

    #[test]
    fn no_reader_is_shown_a_script() {
        let html = "a<script>if (1 < 2) { alert('<b>x</b>') }</script>b<style>p{}</style>\
            <svg><title>no</title><text>no</text></svg>c<!-- no <p> -->d<title>no</title>";
        assert_eq!(from_html(html), "abcd");
        assert_eq!(from_html("x<script>never closed"), "x");
    }

    #[test]
    fn links_are_read_as_they_lead() {
        let html = "<a href=\"https://a.example/?a=1&amp;b=2\">x</a><a name=y>z</a>";
        assert_eq!(hrefs(html), ["https://a.example/?a=1&b=2"]);
    }

    #[test]
    fn code_keeps_its_lines() {
        assert_eq!(
            from_html("<pre><code>\nfn a() {\n    b();\n}\n</code></pre><p>after</p>"),
            "fn a() {\n    b();\n}\n\nafter"
        );
    }

    #[test]
    fn entities_and_hidden_characters_come_out_as_text() {
        assert_eq!(
            from_html("&lt;b&gt; &#8217;&euro; &bogus; &#0;&#x202e;x"),
            "<b> \u{2019}\u{20ac} &bogus; \u{fffd}x"
        );
        assert_eq!(from_html("a &lt;script&gt;"), "a <script>");
    }

    #[test]
    fn an_emoji_picture_is_an_emoji() {
        let html =
            "Hi <img class=\"wp-smiley\" alt=\"\u{1f642}\" src=x> <img alt=\"a cat\" src=y>!";
        assert_eq!(from_html(html), "Hi \u{1f642} !");
    }

    #[test]
    fn a_hostile_megabyte_neither_overflows_nor_hangs_the_daemon() {
        let deep = "<blockquote><ul><li><div>".repeat(INPUT_MAX / 25) + "x";
        assert!(from_html(&deep).len() < 2 * INPUT_MAX);
        let mut attributes = String::from("a<b ");
        while attributes.len() < INPUT_MAX {
            attributes.push_str(&format!("a{} ", attributes.len()));
        }
        attributes.insert_str(INPUT_MAX / 2, ">middle");
        assert!(from_html(&attributes).starts_with('a'));
        assert_eq!(from_html(&"<".repeat(5000)).len(), 5000);
    }

    #[test]
    fn a_picture_in_the_text_does_not_hide_what_follows() {
        let html = format!("a<img src=\"data:image/png;base64,{}\">b", "QUJD".repeat(10_000));
        assert_eq!(from_html(&html), "ab");
        let html = format!("a<!--{}-->b", "<x> ".repeat(10_000));
        assert_eq!(from_html(&html), "ab");
    }
}
