//! What the house shows: health for machines, a page and a status for people, numbers for graphs. What
//! changes things goes through [`control`], or from the page with a session that it grants.

pub mod control;
mod hand;
mod health;
pub mod hub;
mod metrics;
mod page;
mod preview;
mod status;
mod visitors;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::adapter::{Known, registry};
use crate::clock::Clock;
use crate::config::{Config, Feed, Group, Integration};
use crate::desk::verb::{Answer, WAITING_MAX};
use crate::flow::deliver::login_of;
use crate::flow::{Bell, Parts, Pulse, Sessions};
use crate::ledger::{DeliveryView, Ledger, LedgerError, Overview};

use visitors::Visitors;

pub use health::{Health, judge};

/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// What is shown, and from what.
#[derive(Debug)]
pub struct Shared {
    ledger: Arc<dyn Ledger>,
    pulse: Arc<Pulse>,
    clock: Arc<dyn Clock>,
    config: RwLock<Facts>,
    ready: AtomicBool,
    stopping: AtomicBool,
    visitors: Visitors,
    /// Where the page is, once it is served.
    address: OnceLock<SocketAddr>,
    /// Rung after whatever a person does here.
    bell: Bell,
}

/// What of a config is shown.
#[derive(Debug, Clone, Default)]
struct Facts {
    feeds: Vec<Feed>,
    integrations: Vec<Integration>,
    groups: Vec<Group>,
    sessions: Option<Sessions>,
    listen: Option<IpAddr>,
    allow_remote: bool,
}

impl Facts {
    fn of(config: &Config) -> Self {
        Self {
            feeds: config.feeds.clone(),
            integrations: config.integrations.clone(),
            groups: config.groups.clone(),
            sessions: Some(Sessions::beside(&config.ledger.path)),
            listen: Some(config.serve.listen.ip()),
            allow_remote: config.serve.allow_remote,
        }
    }
}

impl Facts {
    /// Each group's guarantee in words: it depends on what its lane has learnt of its server, and on
    /// what the group wants where a post is not found.
    fn guarantees(&self) -> BTreeMap<String, String> {
        let known = |integration: &Integration| match &self.sessions {
            Some(sessions) => sessions.load(&integration.name, &login_of(integration)),
            None => Known::default(),
        };
        let words = |i: &Integration| registry::build(i).guarantee(&known(i)).in_words();
        let lanes: BTreeMap<&str, String> =
            self.integrations.iter().map(|i| (i.name.as_str(), words(i))).collect();
        let of = |group: &Group| {
            let lane = lanes.get(group.integration.as_str()).cloned().unwrap_or_default();
            (group.name.clone(), lane + group.when_absent.in_words())
        };
        self.groups.iter().map(of).collect()
    }
}

/// What each group of a config is promised, in words.
#[must_use]
pub fn guarantees(config: &Config) -> BTreeMap<String, String> {
    Facts::of(config).guarantees()
}

impl Shared {
    /// What a running house shows.
    #[must_use]
    pub fn new(config: &Config, parts: &Parts) -> Self {
        let (ledger, pulse) = (Arc::clone(&parts.ledger), Arc::clone(&parts.pulse));
        let bell = parts.bell.clone();
        Self { bell, ..Self::with(config, ledger, pulse, Arc::clone(&parts.clock)) }
    }

    /// What a ledger shows while no daemon runs.
    #[must_use]
    pub fn offline(config: &Config, clock: Arc<dyn Clock>, ledger: Arc<dyn Ledger>) -> Self {
        Self::with(config, ledger, Arc::default(), clock)
    }

    fn with(
        config: &Config,
        ledger: Arc<dyn Ledger>,
        pulse: Arc<Pulse>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (ready, stopping) = (AtomicBool::new(false), AtomicBool::new(false));
        let visitors =
            Visitors::with(config.ledger.path.with_file_name("sessions").join("page.key"));
        let (address, bell) = (OnceLock::new(), Bell::default());
        let config = RwLock::new(Facts::of(config));
        Self { ledger, pulse, clock, config, ready, stopping, visitors, address, bell }
    }

    /// Says where the page is.
    pub fn set_address(&self, address: SocketAddr) {
        // It is told once.
        self.address.set(address).ok();
    }

    fn address(&self) -> Option<SocketAddr> {
        self.address.get().copied()
    }

    fn ring(&self) {
        self.bell.ring();
    }

    /// Shows another config.
    pub fn set_config(&self, config: &Config) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Facts::of(config);
    }

    /// Everything is open.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::SeqCst);
    }

    /// What is under way is being finished.
    pub fn set_stopping(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// The feeds of the config.
    #[must_use]
    pub fn feeds(&self) -> Vec<Feed> {
        self.facts().feeds
    }

    fn facts(&self) -> Facts {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How things stand: as JSON, as text, and in one word.
    #[must_use]
    pub fn status(
        &self,
        overview: &Result<Overview, LedgerError>,
        waiting: &[DeliveryView],
    ) -> Answer {
        let facts = self.facts();
        let health = self.health(overview, &facts);
        let now = self.clock.now();
        Answer::Status {
            status: status::value(overview, waiting, &facts, &health, now),
            text: status::text(overview, waiting, &facts, &health, now),
            healthy: health.is_healthy(),
        }
    }

    fn health(&self, overview: &Result<Overview, LedgerError>, facts: &Facts) -> Health {
        let (stalled, mut remarks) = (self.pulse.stalled(), self.pulse.remarks());
        let now = self.clock.now();
        let expiry = |i: &Integration| {
            let renewed = facts.sessions.as_ref().and_then(|kept| kept.renewed(i));
            i.expiry(renewed, now)
        };
        remarks.extend(facts.integrations.iter().filter_map(expiry));
        judge(overview, &facts.feeds, &stalled, remarks, now)
    }

    async fn look(&self) -> (Result<Overview, LedgerError>, Vec<DeliveryView>) {
        let overview = self.ledger.overview().await;
        let waiting = self.ledger.waiting(WAITING_MAX).await.unwrap_or_default();
        (overview, waiting)
    }
}

/// Answers until told to stop.
pub async fn run(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let app = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/healthz", get(healthz))
        .route("/status", get(status_page))
        .route("/metrics", get(metrics_page))
        .merge(page::routes())
        .fallback(nothing_here)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&shared), guard))
        .with_state(shared);
    let served = axum::serve(listener, app).with_graceful_shutdown(async move {
        stop.cancelled().await;
    });
    if let Err(error) = served.await {
        tracing::error!(%error, "health cannot be served any more");
    }
}

/// Lets in who names this host as it is, and nobody for longer than an answer takes. A page elsewhere
/// that has its own name resolved to our address is turned away (DNS rebinding).
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    if !is_ours(host, &shared.facts()) {
        let words = "this host goes by no such name; use its address or localhost\n";
        return (StatusCode::MISDIRECTED_REQUEST, words).into_response();
    }
    match tokio::time::timeout(ANSWER_MAX, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the ledger does not answer\n").into_response(),
    }
}

fn is_ours(host: &str, facts: &Facts) -> bool {
    let Ok(uri) = format!("http://{host}/").parse::<Uri>() else { return false };
    let Some(name) = uri.host() else { return false };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    // An address cannot be rebound; which ones may come here is decided by where we listen.
    match name.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || facts.allow_remote || Some(ip) == facts.listen,
        Err(_) => false,
    }
}

async fn nothing_here() -> impl IntoResponse {
    let words = "there are / /livez /readyz /healthz /status /metrics\n";
    (StatusCode::NOT_FOUND, words)
}

async fn livez(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    match shared.pulse.stalled().first() {
        None => (StatusCode::OK, "alive\n".to_owned()),
        Some((name, over)) => {
            let words = format!("{name} has not moved for {} s beyond its word\n", over.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, words)
        }
    }
}

async fn readyz(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    if shared.stopping.load(Ordering::SeqCst) {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    if !shared.ready.load(Ordering::SeqCst) {
        return (StatusCode::SERVICE_UNAVAILABLE, "starting\n".to_owned());
    }
    // Whether the ledger answers at all: of thousands of feeds nothing is read for it.
    match shared.ledger.waiting(0).await {
        Ok(_) => (StatusCode::OK, "ready\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    let overview = shared.ledger.overview().await;
    let health = shared.health(&overview, &shared.facts());
    let code = if health.is_healthy() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "status": if health.is_healthy() { "pass" } else { "fail" },
        "version": env!("CARGO_PKG_VERSION"),
        "serviceId": "oncecast",
        "output": health.reasons.join("; "),
        "reasons": health.reasons,
        "notes": health.notes,
    });
    (code, [(CONTENT_TYPE, "application/health+json")], body.to_string()).into_response()
}

async fn status_page(State(shared): State<Arc<Shared>>) -> Response {
    let (overview, waiting) = shared.look().await;
    let value = match shared.status(&overview, &waiting) {
        Answer::Status { status, .. } => status,
        _ => Value::Null,
    };
    ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

async fn metrics_page(State(shared): State<Arc<Shared>>) -> Response {
    let overview = shared.ledger.overview().await;
    let ready = shared.ready.load(Ordering::SeqCst) && !shared.stopping.load(Ordering::SeqCst);
    let ready = ready && overview.is_ok();
    let guarantees = shared.facts().guarantees();
    match metrics::text(&overview, &shared.pulse.stalled(), ready, &guarantees, shared.clock.now())
    {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_elsewhere_cannot_read_what_is_said_here() {
        let local = Facts { listen: "127.0.0.1".parse().ok(), ..Facts::default() };
        for host in ["localhost", "localhost:8787", "127.0.0.1:8787", "[::1]:8787", "LOCALHOST"] {
            assert!(is_ours(host, &local), "{host}");
        }
        for host in
            ["evil.example", "evil.example:8787", "", "192.168.1.5", "localhost.evil.example"]
        {
            assert!(!is_ours(host, &local), "{host}");
        }
        let remote = Facts { allow_remote: true, ..local };
        assert!(is_ours("192.168.1.5:8787", &remote));
        assert!(!is_ours("evil.example", &remote));
    }
}
