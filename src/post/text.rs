//! HTML to text that reads well.
//!
//! It works on html5ever's tokens and keeps no tree, so that a million unclosed elements cost no more
//! than their bytes.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, CharacterTokens, EndTag, StartTag, Tag, TagToken, Token, TokenSink,
    TokenSinkResult, Tokenizer, TokenizerOpts,
};
use unicode_segmentation::UnicodeSegmentation as _;

/// The most HTML that is read of one entry, in bytes; no group reads more of it.
const HTML_MAX: usize = 1 << 20;
/// The deepest list or quote that is shown as such.
const DEPTH_MAX: usize = 8;

/// The text of an HTML fragment: paragraphs apart, lists as lists, quotes marked, code as it stands.
#[must_use]
pub fn plain(html: &str) -> String {
    let mut end = html.len().min(HTML_MAX);
    while !html.is_char_boundary(end) {
        end -= 1;
    }
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(&html[..end]));
    // Only scripts would make it stop, and none is run.
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    tokenizer.sink.page.take().finish()
}

#[derive(Default)]
struct Sink {
    page: RefCell<Page>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut page = self.page.borrow_mut();
        match token {
            CharacterTokens(text) => page.text(&text),
            TagToken(tag) => return page.tag(&tag),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// What is between two words when the next one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
    Paragraph,
}

#[derive(Debug, Clone, Copy)]
enum List {
    Bullets,
    Numbers(u32),
}

#[derive(Default)]
struct Page {
    out: String,
    gap: Gap,
    lists: Vec<List>,
    quotes: usize,
    preformatted: usize,
    /// Elements whose content is not for reading: how many are open.
    hidden: usize,
    bullet: Option<String>,
}

impl Page {
    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let opens = tag.kind == StartTag;
        match name {
            "script" | "style" if opens => {
                let kind = if name == "script" { RawKind::ScriptData } else { RawKind::Rawtext };
                self.hidden += 1;
                return TokenSinkResult::RawData(kind);
            }
            "script" | "style" | "template" | "svg" | "math" | "iframe" | "object" | "noscript"
            | "select" | "textarea" | "title" => {
                if tag.kind == EndTag {
                    self.hidden = self.hidden.saturating_sub(1);
                } else if !tag.self_closing {
                    self.hidden += 1;
                }
            }
            "br" => self.want(Gap::Line),
            "hr" | "p" | "div" | "section" | "article" | "header" | "footer" | "figure"
            | "figcaption" | "table" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "dl" | "aside"
            | "main" | "nav" | "details" | "summary" | "address" => self.want(Gap::Paragraph),
            "tr" | "dt" | "dd" => self.want(Gap::Line),
            "td" | "th" => self.want(Gap::Space),
            "pre" => {
                self.want(Gap::Paragraph);
                self.preformatted = step(self.preformatted, opens);
            }
            "blockquote" => {
                self.want(Gap::Paragraph);
                self.quotes = step(self.quotes, opens);
            }
            "ul" | "ol" => {
                let gap =
                    if self.lists.len() > usize::from(!opens) { Gap::Line } else { Gap::Paragraph };
                self.want(gap);
                if !opens {
                    self.lists.pop();
                } else if self.lists.len() < DEPTH_MAX {
                    let list = if name == "ol" { List::Numbers(0) } else { List::Bullets };
                    self.lists.push(list);
                }
            }
            "li" if opens => {
                self.want(Gap::Line);
                let indent = "  ".repeat(self.lists.len().saturating_sub(1));
                let mark = match self.lists.last_mut() {
                    Some(List::Numbers(n)) => {
                        *n += 1;
                        format!("{n}. ")
                    }
                    _ => "- ".to_owned(),
                };
                self.bullet = Some(indent + &mark);
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }

    fn want(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    fn text(&mut self, text: &str) {
        if self.hidden > 0 {
            return;
        }
        if self.preformatted > 0 {
            for (n, line) in text.split('\n').enumerate() {
                if n > 0 {
                    self.want(Gap::Line);
                }
                if !line.trim().is_empty() {
                    self.put(line.trim_end());
                }
            }
            return;
        }
        if text.starts_with(char::is_whitespace) {
            self.want(Gap::Space);
        }
        for (n, word) in text.split_whitespace().enumerate() {
            if n > 0 {
                self.want(Gap::Space);
            }
            self.put(word);
        }
        if text.ends_with(char::is_whitespace) {
            self.want(Gap::Space);
        }
    }

    fn put(&mut self, word: &str) {
        let word: String = word.chars().filter(|c| is_shown(*c)).collect();
        if word.is_empty() {
            return;
        }
        let gap = std::mem::take(&mut self.gap);
        let fresh_line = self.out.is_empty() || gap >= Gap::Line;
        if !self.out.is_empty() {
            self.out.push_str(match gap {
                Gap::None => "",
                Gap::Space => " ",
                Gap::Line => "\n",
                Gap::Paragraph => "\n\n",
            });
        }
        if fresh_line {
            self.out.push_str(&"> ".repeat(self.quotes));
        }
        if let Some(bullet) = self.bullet.take() {
            self.out.push_str(&bullet);
        }
        self.out.push_str(&word);
    }

    fn finish(self) -> String {
        self.out
    }
}

/// A nesting count after one more start or end tag; end tags that close nothing are passed over.
fn step(depth: usize, opens: bool) -> usize {
    if opens { (depth + 1).min(DEPTH_MAX) } else { depth.saturating_sub(1) }
}

/// Whether a character is for reading: controls and overrides of the reading direction are not, since
/// they can make one text look like another. Joiners stay: emoji and Persian need them.
pub(super) fn is_shown(c: char) -> bool {
    !(c.is_control() && c != '\n' && c != '\t'
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{FFFE}'))
}

/// The beginning of a text: as many whole sentences as fit into `max` graphemes, else as many whole
/// words, with an ellipsis.
#[must_use]
pub fn excerpt(text: &str, max: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((end, _)) = flat.grapheme_indices(true).nth(max) else { return flat };
    let mut sentence = 0;
    for (at, part) in flat.split_sentence_bound_indices() {
        let stop = at + part.trim_end().len();
        if stop > end {
            break;
        }
        sentence = stop;
    }
    // A sentence that leaves most of the room empty says less than a cut one.
    if sentence * 2 >= end {
        return flat[..sentence].to_owned();
    }
    cut_at_word(&flat, max)
}

/// As many whole words as fit into `max` graphemes with an ellipsis.
pub(super) fn cut_at_word(text: &str, max: usize) -> String {
    let Some(room) = max.checked_sub(1) else { return String::new() };
    let Some((end, _)) = text.grapheme_indices(true).nth(room) else { return text.to_owned() };
    if text.grapheme_indices(true).nth(max).is_none() {
        return text.to_owned();
    }
    let head = &text[..end];
    let words = match head.rfind(char::is_whitespace) {
        Some(at) if at > 0 && !text[end..].starts_with(char::is_whitespace) => &head[..at],
        _ => head,
    };
    let words = words.trim_end_matches(|c: char| c.is_whitespace() || ",;:-".contains(c));
    format!("{words}\u{2026}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_reads_well_without_its_markup() {
        let html = "<h1>Hello</h1><p>One &amp; <b>two</b>,<br>three.</p><ul><li>red</li>\
                    <li>green<ol><li>leaf</li><li>tree</li></ol></li></ul>\
                    <blockquote><p>So it goes.</p></blockquote>\
                    <pre>if a {\n    b\n}</pre><p><a href=\"https://x.example\">a link</a>!</p>";
        assert_eq!(
            plain(html),
            "Hello\n\nOne & two,\nthree.\n\n- red\n- green\n  1. leaf\n  2. tree\n\n> So it goes.\
             \n\nif a {\n    b\n}\n\na link!"
        );
    }

    #[test]
    fn what_is_not_for_reading_is_left_out() {
        let html = "<p>a<script>alert('<p>x</p>')</script>b<style>p{}</style>\u{202E}c\u{0}</p>\
                    <iframe>no</iframe><!-- no -->d";
        assert_eq!(plain(html), "abc\n\nd");
    }

    #[test]
    fn a_million_unclosed_elements_are_only_bytes() {
        let html = "<blockquote><ul><li>".repeat(60_000) + "x";
        assert!(plain(&html).ends_with('x') || plain(&html).is_empty());
        let tags = "<svg>".repeat(200_000);
        assert_eq!(plain(&tags), "");
    }

    #[test]
    fn an_excerpt_ends_with_a_sentence_or_else_with_a_word() {
        let text = "The first sentence. The second one is longer. Third.";
        assert_eq!(excerpt(text, 100), text);
        assert_eq!(excerpt(text, 30), "The first sentence.");
        assert_eq!(
            excerpt("One sentence that has no end in sight", 20),
            "One sentence that\u{2026}"
        );
        let family = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}";
        assert_eq!(excerpt(&family.repeat(3), 2), format!("{family}\u{2026}"));
    }

    proptest::proptest! {
        #[test]
        fn no_html_is_too_much(html in ".{0,400}") {
            let text = plain(&html);
            proptest::prop_assert!(text.chars().all(is_shown));
        }

        #[test]
        fn an_excerpt_is_never_longer(text in "\\PC{0,200}", max in 1usize..80) {
            let short = excerpt(&text, max);
            proptest::prop_assert!(short.graphemes(true).count() <= max, "{short:?}");
        }
    }
}
