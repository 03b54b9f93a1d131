//! Looks at the pages of entries that have left their feed. Only a page that says that it is gone, at several
//! looks well apart, beside a neighbour that is there, counts as deleted.

use std::time::Duration;

use url::Url;

use crate::ledger::LedgerError;
use crate::ledger::upkeep::{Missing, Page};
use crate::wire::{Get, Getter, Reach};

use super::poll::Poller;

/// Pages of one feed that are looked at in one turn.
const AT_ONCE: usize = 2;
/// The most of a page that is read: only its status is of interest.
const PAGE_MAX: usize = 2 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);

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

    async fn status(&self, getter: &dyn Getter, page: &str) -> Result<u16, String> {
        let url = Url::parse(page).map_err(|e| format!("{page} is no address: {e}"))?;
        let reach = if self.rules.is_here { Reach::Anywhere } else { Reach::PublicOnly };
        let get = Get {
            url: &url,
            headers: Vec::new(),
            reach,
            max_body: PAGE_MAX,
            max_wire: PAGE_MAX,
            timeout: TIMEOUT,
        };
        getter.get(get).await.map(|answer| answer.status).map_err(|e| e.to_string())
    }
}
