//! Numbers for graphs and alerts, in the OpenMetrics text form. Labels come from the config alone, so
//! that they are few.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::ledger::{LedgerError, Overview};
use crate::model::{Standing, StatusKind, Time};

/// The content type of OpenMetrics.
pub(super) const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByFeed {
    feed: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStanding {
    standing: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLane {
    lane: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByGroup {
    group: String,
    status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Promise {
    group: String,
    guarantee: String,
}

/// Everything there is to count, now.
pub(super) fn text(
    overview: &Result<Overview, LedgerError>,
    stalled: &[(String, Duration)],
    ready: bool,
    guarantees: &BTreeMap<String, String>,
    now: Time,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("oncecast");
    registry.register(
        "build",
        "The release",
        Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
    );
    let mut gauge = |name: &str, help: &str, value: i64| {
        let gauge: Gauge = Gauge::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    gauge("ready", "1 while posts are carried", i64::from(ready));
    gauge("stalled_loops", "Loops that do not keep their word", count(stalled.len()));
    gauge("ledger_usable", "1 while the ledger can be read", i64::from(overview.is_ok()));
    if let Ok(overview) = overview {
        let sends = overview.stopped.is_none();
        gauge(
            "sending",
            "0 while everything is stopped, the ledger is not trusted, or too many starts were unclean",
            i64::from(sends),
        );
        gauge(
            "unclean_starts_10m",
            "Starts of the last ten minutes after a daemon that did not end as it should",
            i64::from(overview.unclean_starts),
        );
        gauge("ledger_size_bytes", "Bytes in the ledger's file", signed(overview.bytes));
        gauge("entries", "Entries known", signed(overview.entries));
        gauge("claims", "Publish calls claimed since the ledger was made", signed(overview.claims));
        gauge("journal_lines", "Lines of evidence", signed(overview.journal));
        details(&mut registry, overview, now);
    }
    let promised = Family::<Promise, Gauge>::default();
    for (group, guarantee) in guarantees {
        let label = Promise { group: group.clone(), guarantee: guarantee.clone() };
        promised.get_or_create(&label).set(1);
    }
    registry.register("group_guarantee", "What a group is promised, in words", promised);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn details(registry: &mut Registry, overview: &Overview, now: Time) {
    let deliveries = Family::<ByGroup, Gauge>::default();
    for group in &overview.groups {
        for kind in StatusKind::ALL {
            let label =
                ByGroup { group: group.name.clone(), status: kind.word().replace(' ', "_") };
            deliveries.get_or_create(&label).set(signed(group.count(kind)));
        }
    }
    registry.register("deliveries", "Deliveries by group and status", deliveries);
    let lane = |pick: fn(&crate::ledger::LaneView) -> i64| {
        let family = Family::<ByLane, Gauge>::default();
        for view in &overview.lanes {
            family.get_or_create(&ByLane { lane: view.name.clone() }).set(pick(view));
        }
        family
    };
    let stopped = lane(|l| i64::from(l.stopped.is_some()));
    registry.register("lane_stopped", "1 while a lane waits for a person", stopped);
    registry.register(
        "lane_paused",
        "1 while a lane is paused",
        lane(|l| i64::from(l.paused.is_some())),
    );
    registry.register(
        "lane_resting",
        "1 while a lane rests",
        lane(|l| i64::from(l.rests_until.is_some())),
    );
    registry.register(
        "lane_claims_1d",
        "Publish calls of the last day",
        lane(|l| i64::from(l.claimed[2])),
    );
    let success = Family::<ByFeed, Gauge>::default();
    let failures = Family::<ByFeed, Gauge>::default();
    let next = Family::<ByFeed, Gauge>::default();
    let standings = Family::<ByStanding, Gauge>::default();
    for standing in Standing::ALL {
        standings.get_or_create(&ByStanding { standing: standing.word() }).set(0);
    }
    for (name, state) in &overview.feeds {
        let label = ByFeed { feed: name.clone() };
        let at = state.last_success.map_or(0, |t| signed(t.as_millis() / 1_000));
        success.get_or_create(&label).set(at);
        failures.get_or_create(&label).set(i64::from(state.failures));
        if !state.is_gone() {
            next.get_or_create(&label).set(signed(state.next_poll.as_millis() / 1_000));
        }
        let standing = ByStanding { standing: state.standing(now).word() };
        standings.get_or_create(&standing).inc();
    }
    registry.register("feeds", "Feeds by where they stand", standings);
    registry.register("feed_next_poll_timestamp_seconds", "When a feed is asked next", next);
    registry.register("feed_last_success_timestamp_seconds", "When a feed was last read", success);
    registry.register("feed_failures", "Failed polls in a row", failures);
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
