//! From an entry to the text of a post: the author's own words or the group's template, then the platform's
//! limit.

use super::{Piece, Post, Unfit};
use crate::model::Override;
use crate::post::fit::{Limit, fit};
use crate::post::template::{DEFAULT_TEMPLATE, Fields, Mentions, render};
use crate::post::text::{is_noncharacter, line, paragraphs, truncate};
use crate::post::{link, picture};

/// The longest language tag taken: longer ones are legal and never meant (RFC 5646, 4.4.1).
const LANGUAGE_MAX: usize = 35;

/// The longest warning, in graphemes: it stands before the text, and is no text.
const WARNING_MAX: usize = 100;

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
    let asked = asked(piece)?;
    let warning = warning(piece, &asked).map(|warning| format!("CW: {}", mentions.safe(warning)));
    let said = said(usual, piece, &asked, mentions)?;
    let text = [warning, Some(said)].into_iter().flatten().collect::<Vec<_>>().join("\n\n");
    finished(piece, &asked, &text, limit)
}

/// The post of a piece for a platform that has a place of its own for a warning, and counts it.
pub(super) fn apart(piece: &Piece<'_>, mentions: Mentions, limit: &Limit) -> Result<Post, Unfit> {
    let asked = asked(piece)?;
    let warning = warning(piece, &asked).map(|warning| mentions.safe(warning));
    let text = said(DEFAULT_TEMPLATE, piece, &asked, mentions)?;
    let counted = warning.as_ref().map_or(0, |warning| limit.measure(warning));
    let within = Limit { max: limit.max.saturating_sub(counted), ..*limit };
    let post = finished(piece, &asked, &text, &within)?;
    let (length, whole) = (post.length + counted, post.whole + counted);
    Ok(Post { length, whole, limit: limit.max, warning, ..post })
}

/// What the author asks for of this audience.
fn asked(piece: &Piece<'_>) -> Result<Override, Unfit> {
    let asked = piece.entry.asked(&piece.group.rules.called);
    match asked.unreadable {
        // It may ask not to go there.
        Some(why) => Err(Unfit(why)),
        None => Ok(asked),
    }
}

/// What readers are warned of, in one line.
fn warning(piece: &Piece<'_>, asked: &Override) -> Option<String> {
    let warning = asked.warning.as_ref().or(piece.group.warning.as_ref())?;
    let warning = truncate(&line(warning), WARNING_MAX);
    (!warning.is_empty()).then_some(warning)
}

/// The author's own words with the entry's link, or else what the template makes of it.
fn said(
    usual: &str,
    piece: &Piece<'_>,
    asked: &Override,
    mentions: Mentions,
) -> Result<String, Unfit> {
    let fields = Fields::of(piece.entry, mentions);
    if let Some(own) = &asked.text {
        let own = mentions.safe(paragraphs(own));
        let has_link = link::find(&own).into_iter().any(|at| link::same(&own[at], &fields.link));
        // Readers find the post by it, and so do we where its fate is not known.
        let link = if has_link || fields.link.is_empty() { "" } else { fields.link.as_str() };
        return Ok([own.as_str(), link].join("\n\n").trim_end().to_owned());
    }
    let template = piece.group.template.as_deref().unwrap_or(usual);
    render(template, &fields)
        .map_err(|e| Unfit(format!("the template of group {:?} fails: {e}", piece.group.name)))
}

fn finished(piece: &Piece<'_>, asked: &Override, text: &str, limit: &Limit) -> Result<Post, Unfit> {
    // What an operator writes passes through no reader of feeds.
    let text: String = text.chars().filter(|c| !is_noncharacter(*c)).collect();
    let whole = limit.measure(text.trim());
    let fitted = fit(&text, limit).map_err(|e| Unfit(e.to_string()))?;
    if fitted.text.is_empty() {
        return Err(Unfit("nothing is left to say: it has no title, no text and no link".into()));
    }
    Ok(Post {
        text: fitted.text,
        length: fitted.length,
        limit: limit.max,
        whole,
        language: language(piece, asked),
        visibility: narrower(piece.group.visibility.as_deref(), asked.visibility.as_deref()),
        picture: picture::of(piece.entry).filter(|_| piece.group.pictures != Some(false)),
        audio: picture::audio(piece.entry).map(str::to_owned),
        ..Post::default()
    })
}

/// Whichever of the two fewer people see: an author may keep a post from readers, and not open a group to
/// more of them than the config does.
fn narrower(config: Option<&str>, author: Option<&str>) -> Option<String> {
    const NARROWING: [&str; 3] = ["public", "unlisted", "private"];
    let place = |word: &&str| NARROWING.iter().position(|known| known == word);
    [config, author].into_iter().flatten().max_by_key(place).map(str::to_owned)
}

/// What the author names, the entry's language, or else the group's, if it is a tag that a platform will
/// not choke on.
fn language(piece: &Piece<'_>, asked: &Override) -> Option<String> {
    let entry = piece.entry.language.as_deref();
    let tags = [asked.language.as_deref(), entry, piece.group.language.as_deref()];
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

    /// A feed that could open a group to everybody would decide what its operator has decided.
    #[test]
    fn an_author_narrows_who_sees_it_and_never_widens() {
        let sees = |config, author| narrower(config, author);
        assert_eq!(sees(Some("unlisted"), Some("public")).as_deref(), Some("unlisted"));
        assert_eq!(sees(Some("public"), Some("private")).as_deref(), Some("private"));
        assert_eq!(sees(None, Some("unlisted")).as_deref(), Some("unlisted"));
        assert_eq!(sees(Some("private"), None).as_deref(), Some("private"));
        assert_eq!(sees(None, None), None);
    }

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
