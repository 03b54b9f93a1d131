//! The next poll of a feed for real, with nothing sent and nothing written.

use crate::config::Feed;
use crate::feed::schedule::{self, Rules};
use crate::ledger::{Foresight, Intake, LedgerError};
use crate::model::{FeedState, Time};

use super::bring::{About, bring};
use super::poll::host_of;
use super::{Manners, Parts};

/// What the next poll of a feed would bring, and do.
#[derive(Debug)]
pub struct Rehearsal {
    /// What is remembered before it.
    pub before: FeedState,
    /// What would be remembered after it; `None` where the feed is not asked.
    pub after: Option<FeedState>,
    /// Why it is not asked, in words.
    pub not_asked: Option<String>,
    /// What the document is like, where one came.
    pub about: Option<About>,
    /// What the ledger would do with it.
    pub foresight: Foresight,
    /// When this was.
    pub now: Time,
}

/// Asks for a feed as its next poll would, and says what would come of it.
///
/// # Errors
/// Where the ledger cannot be used.
pub async fn rehearse(
    feed: &Feed,
    parts: &Parts,
    manners: &Manners,
) -> Result<Rehearsal, LedgerError> {
    let (state, settles) = parts.ledger.feed(&feed.name).await?;
    let rules = Rules::of(feed);
    let before = schedule::taken_up(state.unwrap_or_default(), &rules);
    let hub = manners.hubs().known(&feed.name, before.hub.clone(), rules.is_here);
    let before = FeedState { hub, ..before };
    let now = parts.clock.now();
    let alone = host_of(feed, &before).and_then(|host| manners.left_alone(&host, now));
    let not_asked = match alone {
        _ if before.is_gone() => Some("its server said that it is gone for good".to_owned()),
        Some(until) => Some(format!("its server wants to be left alone until {until}")),
        None => None,
    };
    if not_asked.is_some() {
        let foresight = Foresight::default();
        return Ok(Rehearsal { before, after: None, not_asked, about: None, foresight, now });
    }
    let polite = manners.polite(parts.wire.as_ref());
    let (asking, seed) = (before.clone(), fastrand::u64(..));
    let brought = bring(&polite, &feed.source, &rules, asking, settles.is_some(), now, seed).await;
    let after = Some(brought.state.clone());
    let intake = Intake { feed: feed.name.clone(), sight: brought.sight, state: brought.state };
    let foresight = parts.ledger.foresee(intake).await?;
    Ok(Rehearsal { before, after, not_asked, about: brought.document, foresight, now })
}
