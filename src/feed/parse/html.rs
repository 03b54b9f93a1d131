//! What an HTML page says of itself, where somebody gave its address instead of its feed's.

use url::Url;

use super::clean;
use super::tokens::{Token, Tokens};

/// The head of a page is read this far.
const HEAD_WITHIN: usize = 256 * 1024;
/// As many feeds are named.
const MAX_FEEDS: usize = 3;
/// The page's title is shown this far, in characters.
const TITLE_CHARS: usize = 80;

/// A page's title and the feeds that it names.
pub(super) fn page(text: &str, base: Option<&Url>) -> (Option<String>, Vec<String>) {
    let mut tokens = Tokens::new(text);
    let (mut title, mut in_title, mut feeds) = (None, false, Vec::new());
    while let Some(token) = tokens.next() {
        if tokens.start > HEAD_WITHIN || feeds.len() == MAX_FEEDS {
            break;
        }
        match token {
            Token::Start(tag) => {
                in_title = tag.name.eq_ignore_ascii_case("title") && title.is_none();
                let word = |name| tag.attribute(name).unwrap_or_default().to_ascii_lowercase();
                let is_feed =
                    ["application/rss+xml", "application/atom+xml", "application/feed+json"]
                        .contains(&word("type").trim());
                let alternate = word("rel").split_whitespace().any(|rel| rel == "alternate");
                if tag.name.eq_ignore_ascii_case("link") && alternate && is_feed {
                    let href = clean::attribute(tag.attribute("href").unwrap_or_default());
                    feeds.extend(clean::link(&href, base).filter(|feed| !feeds.contains(feed)));
                }
            }
            Token::Text(text) if in_title => {
                let text = clean::title_of_html(text);
                title = Some(text.chars().take(TITLE_CHARS).collect())
                    .filter(|t: &String| !t.is_empty());
            }
            Token::End(_) => in_title = false,
            _ => {}
        }
    }
    (title, feeds)
}
