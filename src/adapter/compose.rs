//! From an entry to the text of a post: the group's template, then the platform's limit.

use super::{Piece, Post, Unfit};
use crate::post::fit::{Limit, fit};
use crate::post::picture;
use crate::post::template::{DEFAULT_TEMPLATE, Fields, Mentions, render};
use crate::post::text::is_noncharacter;

/// The longest language tag taken: longer ones are legal and never meant (RFC 5646, 4.4.1).
const LANGUAGE_MAX: usize = 35;

/// What a post says below a title of its own, where the config names no template.
pub(super) const BELOW_TITLE: &str = "{{ summary }}\n\n{{ link }}";

/// The post of a piece, shortened until it fits.
pub(super) fn post(piece: &Piece<'_>, mentions: Mentions, limit: &Limit) -> Result<Post, Unfit> {
    by(DEFAULT_TEMPLATE, piece, mentions, limit)
}

/// The same with a template of the platform's own.
pub(super) fn by(
    usual: &str,
    piece: &Piece<'_>,
    mentions: Mentions,
    limit: &Limit,
) -> Result<Post, Unfit> {
    let fields = Fields::of(piece.entry, mentions);
    let template = piece.group.template.as_deref().unwrap_or(usual);
    let text = render(template, &fields)
        .map_err(|e| Unfit(format!("the template of group {:?} fails: {e}", piece.group.name)))?;
    // What an operator writes passes through no reader of feeds.
    let text: String = text.chars().filter(|c| !is_noncharacter(*c)).collect();
    let fitted = fit(&text, limit).map_err(|e| Unfit(e.to_string()))?;
    if fitted.text.is_empty() {
        return Err(Unfit("nothing is left to say: it has no title, no text and no link".into()));
    }
    Ok(Post {
        title: None,
        text: fitted.text,
        length: fitted.length,
        limit: limit.max,
        language: language(piece),
        picture: picture::of(piece.entry),
        audio: picture::audio(piece.entry).map(str::to_owned),
    })
}

/// The entry's language, or else the group's, if it is a tag that a platform will not choke on.
fn language(piece: &Piece<'_>) -> Option<String> {
    let tags = [piece.entry.language.as_deref(), piece.group.language.as_deref()];
    tags.into_iter().flatten().map(str::trim).find(|tag| is_language_tag(tag)).map(str::to_owned)
}

fn is_language_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    tag.len() <= LANGUAGE_MAX
        && (2..=3).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_language_never_costs_a_post() {
        for good in ["en", "pt-BR", "zh-Hant-TW", "gsw"] {
            assert!(is_language_tag(good), "{good}");
        }
        for bad in ["", "english", "en_US", "e", "en-", "x-klingon", "d\u{e9}", "en-abcdefghi"] {
            assert!(!is_language_tag(bad), "{bad}");
        }
    }
}
