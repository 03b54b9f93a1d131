//! Alerts: what waits for a person is told to whoever wants to hear it, once and bundled.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::{Alert, Config, Feed, Integration};
use crate::feed::schedule;
use crate::flow::{Parts, Sessions};
use crate::ledger::alert::Concern;
use crate::ledger::{DeliveryView, LedgerError, Overview};
use crate::model::{Status, StatusKind, Time};

/// How often it is looked for something to tell.
const LOOK: Duration = Duration::from_secs(60);
/// Far more deliveries than a person can look into.
const WAITING_MAX: usize = 1_000;

/// Looks for what waits for a person, and has the groups of the alerts told.
#[derive(Debug)]
pub struct Watch {
    alerts: Vec<Alert>,
    feeds: Vec<Feed>,
    integrations: Vec<Integration>,
    sessions: Sessions,
    parts: Parts,
}

impl Watch {
    /// The watch that a config wants, if it wants one.
    #[must_use]
    pub fn of(config: &Config, parts: &Parts) -> Option<Self> {
        let (alerts, feeds) = (config.alerts.clone(), config.feeds.clone());
        let integrations = config.integrations.clone();
        let sessions = Sessions::beside(&config.ledger.path);
        let watch = Self { alerts, feeds, integrations, sessions, parts: parts.clone() };
        (!watch.alerts.is_empty()).then_some(watch)
    }

    /// Looks again and again until it is told to stop.
    pub async fn work(self, stop: CancellationToken) {
        let beat = self.parts.pulse.voice("alerts");
        loop {
            beat.within(LOOK);
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.turn().await {
                tracing::warn!(%error, "nobody can be alerted now; trying again");
            }
        }
    }

    /// One look: what is new to a group is opened for it.
    ///
    /// # Errors
    /// Where the ledger cannot be used.
    pub async fn turn(&self) -> Result<(), LedgerError> {
        let overview = self.parts.ledger.overview().await?;
        let waiting = self.parts.ledger.waiting(WAITING_MAX).await?;
        let now = self.parts.clock.now();
        for alert in &self.alerts {
            let concerns = self.concerns(&overview, &waiting, alert.after, now);
            let told = self.parts.ledger.alert(&alert.group, alert.every, concerns).await?;
            if told > 0 {
                tracing::info!(group.name = %alert.group, things = told, "alerted");
                self.parts.bell.ring();
            }
        }
        Ok(())
    }

    /// All that waits for a person and has waited for so long. What concerns the alerts themselves is left
    /// out: it would be told by what it tells of.
    fn concerns(
        &self,
        overview: &Overview,
        waiting: &[DeliveryView],
        after: Duration,
        now: Time,
    ) -> Vec<Concern> {
        let mut concerns = Vec::new();
        let mut concern = |id: String, words: String| concerns.push(Concern { id, words });
        let hears_alerts = |group: &str| self.alerts.iter().any(|alert| alert.group == group);
        for lane in &overview.lanes {
            if let Some(why) = &lane.stopped {
                let (id, name) = (format!("lane/{}/{why}", lane.name), &lane.name);
                concern(
                    id,
                    format!("lane {name} has stopped: {why}; then: oncecast resume {name}"),
                );
            }
        }
        for integration in &self.integrations {
            let renewed = self.sessions.renewed(integration);
            let expires = integration.expires.or(renewed);
            if let (Some(expires), Some(words)) = (expires, integration.expiry(renewed, now)) {
                let stage = if expires <= now { "ran-out" } else { "runs-out" };
                concern(format!("{stage}/{}/{expires}", integration.name), words);
            }
        }
        for feed in &self.feeds {
            let state = overview.feeds.iter().find(|(name, _)| *name == feed.name);
            let ill = state.and_then(|(_, state)| schedule::unhealthy(state, feed.every, now));
            if let (Some((_, state)), Some(ill)) = (state, ill) {
                let since = state.failing_since.or(state.empty_since).or(state.gone);
                let since = since.map(|since| since.to_string()).unwrap_or_default();
                concern(
                    format!("feed/{}/{since}", feed.name),
                    format!("feed {} is {ill}", feed.name),
                );
            }
        }
        for group in &overview.groups {
            let refused = group.count(StatusKind::Refused);
            if refused > 0 && !hears_alerts(&group.name) {
                let (id, name) = (format!("refused/{}/{refused}", group.name), &group.name);
                concern(id, format!("{refused} posts were refused by {name}: oncecast status"));
            }
        }
        // An entry that waits for twelve groups is one thing.
        let mut several: BTreeMap<(u64, &str), (String, String, usize)> = BTreeMap::new();
        for view in waiting {
            let waits = now.since(view.since) >= after && !hears_alerts(&view.group);
            if !waits || view.settling || view.quiet_until.is_some() {
                continue;
            }
            let (kind, words) = match &view.status {
                Status::Held { reason } => ("held", format!("held: {} ({reason})", view.title)),
                Status::Due { not_before, .. } if view.by_hand && *not_before <= now => {
                    ("by-hand", format!("to be posted by hand: {}", view.title))
                }
                Status::InDoubt { .. } => {
                    let way = format!("oncecast resolve {}", view.name());
                    let words = format!("in doubt in {}: {}; {way}", view.group, view.title);
                    concern(format!("doubt/{}/{}", view.name(), view.since), words);
                    continue;
                }
                _ => continue,
            };
            let id = format!("{kind}/{}/{}", view.entry_id, view.since);
            several.entry((view.id.entry, kind)).or_insert((id, words, 0)).2 += 1;
        }
        for ((_, kind), (id, words, groups)) in several {
            let way = if kind == "held" { "oncecast release or withdraw" } else { "oncecast hand" };
            let groups = if groups > 1 { format!(", for {groups} groups") } else { String::new() };
            concern(id, format!("{words}{groups}; {way}"));
        }
        concerns
    }
}
