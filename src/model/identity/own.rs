//! Our own posts, as they come back in a feed of the account that we post to: what is told there must not be
//! told again, and again from there.

use super::Fingerprint;
use super::link::canonical_link;
use crate::model::{Entry, Reference};

/// What shows that an entry is one of our own posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// Under what it is remembered.
    pub mark: Fingerprint,
    /// In words.
    pub because: &'static str,
}

/// Under what a post that is out is remembered: where it is, what the platform calls it where that is an
/// address too, and the account under which it stands.
#[must_use]
pub fn own_marks(reference: &Reference) -> Vec<Fingerprint> {
    let url = reference.url.as_deref().and_then(canonical_link);
    let mut marks = post_marks(reference);
    marks.extend(url.as_deref().and_then(account_of).map(|account| of_account(&account)));
    marks
}

/// Of those, under what the post itself is remembered.
#[must_use]
pub fn post_marks(reference: &Reference) -> Vec<Fingerprint> {
    let url = reference.url.as_deref().and_then(canonical_link);
    let mut marks: Vec<_> = url.iter().map(|url| post(url)).collect();
    marks.extend(reference.id.as_deref().and_then(address).map(|id| post(&id)));
    marks
}

/// What would show that an entry is one of our own posts, the surest first.
#[must_use]
pub fn own_signs(entry: &Entry) -> Vec<Sign> {
    let names = [entry.link.as_deref(), entry.guid.as_deref()];
    let addresses: Vec<String> = names.into_iter().flatten().filter_map(address).collect();
    let posts = addresses.iter().map(|a| Sign { mark: post(a), because: "it is that post" });
    let accounts = addresses.iter().filter_map(|a| account_of(a)).map(|account| Sign {
        mark: of_account(&account),
        because: "it stands under the same account",
    });
    posts.chain(accounts).collect()
}

fn post(address: &str) -> Fingerprint {
    Fingerprint::of("oncecast/own-post/1", &[address])
}

fn of_account(account: &str) -> Fingerprint {
    Fingerprint::of("oncecast/own-account/1", &[account])
}

/// An address in its canonical form, or one that is none of the web, such as `at://`.
fn address(name: &str) -> Option<String> {
    let name = name.trim();
    canonical_link(name).or_else(|| name.contains("://").then(|| name.to_owned()))
}

/// The account under which a post stands, where its address names one: `/@me/1`, `/users/me/statuses/1`,
/// `/profile/me/post/1`. Any other site may be the blog itself.
fn account_of(canonical: &str) -> Option<String> {
    let (host, path) = canonical.strip_prefix("https://")?.split_once('/')?;
    let mut parts = path.split(['/', '?', '#']);
    let first = parts.next()?;
    let name = match first {
        "users" | "profile" => parts.next()?,
        _ => first.strip_prefix('@')?,
    };
    // What follows is the post.
    parts.next().filter(|_| !name.is_empty()).map(|_| format!("{host}/{}", name.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shows(url: &str, id: Option<&str>, link: &str, guid: &str) -> Option<&'static str> {
        let id = id.map(str::to_owned);
        let marks = own_marks(&Reference { url: Some(url.to_owned()), id, ..Reference::default() });
        let [link, guid] = [link, guid].map(|name| Some(name.to_owned()));
        let signs = own_signs(&Entry { link, guid, ..Entry::default() });
        signs.into_iter().find(|sign| marks.contains(&sign.mark)).map(|sign| sign.because)
    }

    #[test]
    fn what_we_have_posted_is_known_when_it_comes_back() {
        let (post, account) = (Some("it is that post"), Some("it stands under the same account"));
        let toot = "https://fedi.example/@me/109";
        for (url, id, link, guid, sign) in [
            (toot, None, "http://fedi.example/@me/109/", "x", post),
            (toot, None, "https://blog.example/a", toot, post),
            (toot, None, "https://fedi.example/@Me/110", "x", account),
            (toot, None, "https://fedi.example/users/me/statuses/110", "x", account),
            (toot, None, "https://fedi.example/@you/110", "x", None),
            (toot, None, "https://fedi.example/about", "x", None),
            (toot, None, "https://fedi.example/@me", "x", None),
            ("https://blog.example/posts/1", None, "https://blog.example/posts/2", "x", None),
            ("https://blog.example/posts/1", None, "https://blog.example/posts/1", "x", post),
            (
                "https://bsky.app/profile/did:plc:a/post/3k",
                Some("at://did:plc:a/app.bsky.feed.post/3k"),
                "https://bsky.app/profile/me.example/post/3k",
                "at://did:plc:a/app.bsky.feed.post/3k",
                post,
            ),
            (toot, Some("109"), "https://other.example/a", "109", None),
        ] {
            assert_eq!(shows(url, id, link, guid), sign, "{url} {link} {guid}");
        }
    }
}
