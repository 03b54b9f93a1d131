//! Finding where a feed begins, behind whatever a server printed before it, or what stands there
//! instead of one.

use super::names::{Family, Meaning, Place, Spaces, meaning};
use super::tokens::{Tag, Token, Tokens};
use super::work::TooMuch;

/// The root element stands within this many bytes.
const ROOT_WITHIN: usize = 16 * 1024;

/// No feed in it: what stands there instead, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoot {
    pub(super) html: bool,
    pub(super) found: Option<String>,
}

/// Why a document is not repaired.
#[derive(Debug)]
pub(super) enum Unread {
    /// There is no feed in it.
    NoRoot(NoRoot),
    /// It makes too much work.
    TooMuch,
}

impl From<NoRoot> for Unread {
    fn from(none: NoRoot) -> Self {
        Self::NoRoot(none)
    }
}

impl From<TooMuch> for Unread {
    fn from(_: TooMuch) -> Self {
        Self::TooMuch
    }
}

/// An element's name without prefix, in lower case.
pub(super) fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or_default().to_ascii_lowercase()
}

/// Finds the root and leaves the tokens behind its opening tag; it is also told whether anything stands
/// before it that is no part of a document.
pub(super) fn find_root<'a>(tokens: &mut Tokens<'a>) -> Result<(Tag<'a>, Family, bool), NoRoot> {
    let (mut found, mut behind) = (None, false);
    while let Some(token) = tokens.next() {
        if tokens.start > ROOT_WITHIN {
            break;
        }
        let tag = match token {
            Token::Start(tag) => tag,
            Token::Text(text) | Token::Cdata(text) => {
                behind |= !text.trim().is_empty();
                continue;
            }
            Token::End(_) => continue,
        };
        let mut spaces = Spaces::default();
        spaces.declare(&tag.attributes);
        let space = spaces.resolve(tag.name);
        if let Meaning::Root(family) = meaning(Family::Rss, Place::Outside, space, tag.name) {
            return Ok((tag, family, behind || found.is_some()));
        }
        let name = local(tag.name);
        // OPML has a head and a body too.
        if name == "html" || (found.is_none() && matches!(name.as_str(), "head" | "body")) {
            return Err(NoRoot { html: true, found });
        }
        found.get_or_insert_with(|| tag.name.chars().take(40).collect());
    }
    Err(NoRoot { html: false, found })
}
