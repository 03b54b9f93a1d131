//! Looks at the pages of entries that have left their feed. Only a page that says that it is gone, at several
//! looks well apart, beside a neighbour that is there, counts as deleted.

use std::time::Duration;

use url::Url;

use crate::ledger::LedgerError;
use crate::ledger::upkeep::{Missing, Page};
use crate::model::Response;
use crate::wire::{Get, Getter, Reach};

use super::poll::Poller;

/// Pages of one feed that are looked at in one turn.
const AT_ONCE: usize = 2;
/// The most of a page that is read: only its status is of interest.
const PAGE_MAX: usize = 2 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);
const REDIRECTS_MAX: usize = 5;

impl Poller {
    /// Looks at what is due; how long until there is more to look at, if there is.
    pub(super) async fn look_at_missing(&self) -> Result<Option<Duration>, LedgerError> {
        if !self.may_miss() {
            return Ok(None);
        }
        let mut missing = self.parts.ledger.missing(&self.feed.name).await?;
        self.misses(!missing.is_empty());
        let due = missing.iter().filter(|missing| missing.wait.is_zero()).take(AT_ONCE);
        for gone in due {
            let page = self.page(gone).await;
            let goes = self.parts.ledger.looked(&self.feed.name, gone.entry, page).await?;
            if goes {
                tracing::warn!(feed.name = %self.feed.name, page = %gone.page,
                    "an entry is deleted: its posts are taken away (on_delete)");
                self.parts.bell.ring();
            }
        }
        missing.retain(|missing| !missing.wait.is_zero());
        Ok(missing.iter().map(|missing| missing.wait).min())
    }

    async fn page(&self, missing: &Missing) -> Page {
        let polite = self.manners.polite(self.parts.wire.as_ref());
        let unsure = |why: &str| Page::Unsure(why.to_owned());
        let status = match self.status(&polite, &missing.page).await {
            Ok(status) => status,
            Err(why) => return Page::Unsure(why),
        };
        match status {
            404 | 410 => {}
            200..=299 => return Page::There,
            300..=399 => return unsure("its page leads elsewhere"),
            other => return Page::Unsure(format!("its page says {other}")),
        }
        let Some(beside) = &missing.beside else {
            return unsure("there is no other page to compare it with");
        };
        match self.status(&polite, beside).await {
            Ok(200..=299) => Page::Gone(status),
            Ok(other) => Page::Unsure(format!("{beside} says {other} too")),
            Err(why) => Page::Unsure(why),
        }
    }

    /// What a page says in the end: where it leads elsewhere on its own site it is followed there.
    async fn status(&self, getter: &dyn Getter, page: &str) -> Result<u16, String> {
        let mut url = Url::parse(page).map_err(|e| format!("{page} is no address: {e}"))?;
        let reach = if self.rules.is_here { Reach::Anywhere } else { Reach::PublicOnly };
        for _ in 0..=REDIRECTS_MAX {
            let get = Get {
                url: &url,
                headers: Vec::new(),
                reach,
                max_body: PAGE_MAX,
                max_wire: PAGE_MAX,
                timeout: TIMEOUT,
            };
            let answer = getter.get(get).await.map_err(|e| e.to_string())?;
            match next(&url, &answer) {
                Some(next) => url = next,
                None => return Ok(answer.status),
            }
        }
        Err("its page leads on and on".to_owned())
    }
}

/// Where an answer leads on the same site, if it does; there, `https` may stand for `http`.
fn next(url: &Url, answer: &Response) -> Option<Url> {
    if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let next = url.join(answer.header("location")?).ok()?;
    let is_secured = url.scheme() == "http" && url.port().is_none() && next.scheme() == "https";
    let same = next.host_str() == url.host_str()
        && (next.scheme() == url.scheme() && next.port() == url.port()
            || is_secured && next.port().is_none());
    same.then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A blog that adds a slash to its addresses never came to say that a page is gone, and readers kept
    /// what its author had deleted; one that sends its lost visitors to another site says nothing of itself.
    #[test]
    fn a_page_is_followed_on_its_own_site_and_no_further() {
        let url = Url::parse("http://blog.example/post").expect("an address");
        let at = |status, to: &str| {
            let headers = vec![("location".to_owned(), to.to_owned())];
            let answer = Response { status, headers, ..Response::default() };
            next(&url, &answer).map(String::from)
        };
        assert_eq!(at(301, "/post/").as_deref(), Some("http://blog.example/post/"));
        let secured = "https://blog.example/post";
        assert_eq!(at(308, secured).as_deref(), Some(secured));
        for to in [
            "http://blog.example:8080/",
            "https://blog.example:22/",
            "//else.example/",
            "ftp://blog.example/",
        ] {
            assert_eq!(at(302, to), None, "{to}");
        }
        assert_eq!(at(200, "/post/"), None);
    }
}
