//! The loops of one config: one for each feed, one for each lane. They start together, and they end
//! together, each after what it is doing.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::adapter::registry;
use crate::config::{Config, FeedSource, Integration};
use crate::flow::deliver::Lane;
use crate::flow::{Manners, Parts, Sessions, dispatch, gap, poll};

use super::alerts::Watch;

/// Running loops.
#[derive(Debug)]
pub struct Workers {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Workers {
    /// Starts the loops of a config.
    #[must_use]
    pub fn start(config: &Config, parts: &Parts, manners: &Arc<Manners>) -> Self {
        Self::start_among(TaskTracker::new(), config, parts, manners)
    }

    /// Starts the loops again beside those that have not ended in time; `end` then waits for all. What
    /// two loops of one lane may claim is the ledger's to say, and the older ends after its step.
    pub fn start_again(&mut self, config: &Config, parts: &Parts, manners: &Arc<Manners>) {
        self.tasks.reopen();
        *self = Self::start_among(self.tasks.clone(), config, parts, manners);
    }

    fn start_among(
        tasks: TaskTracker,
        config: &Config,
        parts: &Parts,
        manners: &Arc<Manners>,
    ) -> Self {
        let stop = CancellationToken::new();
        let gap = gap(&config.feeds);
        manners.keep_apart(gap);
        for (number, feed) in config.feeds.iter().enumerate() {
            let start = poll::Start::of(number, config.feeds.len(), feed.every, gap);
            let poller = poll::Poller::among(feed.clone(), parts.clone(), Arc::clone(manners));
            tasks.spawn(poller.work(start, stop.clone()));
        }
        for integration in &config.integrations {
            let lane = lane_of(config, integration, parts);
            tasks.spawn(dispatch::work(lane, stop.clone()));
        }
        if let Some(watch) = Watch::of(config, parts) {
            tasks.spawn(watch.work(stop.clone()));
        }
        tasks.close();
        Self { stop, tasks }
    }

    /// Lets every loop finish what it is doing, and comes back when all have.
    ///
    /// # Errors
    /// How many have not within `patience`; they go on.
    pub async fn end(&self, patience: Duration) -> Result<(), usize> {
        self.stop.cancel();
        tokio::time::timeout(patience, self.tasks.wait()).await.map_err(|_| self.tasks.len())
    }
}

/// One lane of a config.
#[must_use]
pub fn lane_of(config: &Config, integration: &Integration, parts: &Parts) -> Lane {
    let feeds = config.feeds.iter().filter_map(|feed| match &feed.source {
        FeedSource::Http(url) => Some(url.clone()),
        FeedSource::File(_) => None,
    });
    parts.wire.know_feeds(feeds.collect());
    let adapter = registry::build(integration);
    let sessions = Sessions::beside(&config.ledger.path);
    Lane::new(integration, &config.groups, adapter, sessions, parts.clone())
}
