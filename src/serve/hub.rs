//! Where hubs call: on an address of its own, which a proxy makes public. It answers nothing else, and
//! whoever asks for anything else learns nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::flow::{Called, Manners};

/// What a hub may send: a feed, of which only the signature is of use.
const BODY_MAX: usize = 8 << 20;
/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Calls that are being read at once.
const CALLS_MAX: usize = 4;

struct Desk {
    manners: Arc<Manners>,
    clock: Arc<dyn Clock>,
    room: tokio::sync::Semaphore,
}

/// What a hub asks when it was asked to call.
#[derive(Debug, Deserialize)]
struct Question {
    #[serde(rename = "hub.mode")]
    mode: String,
    #[serde(rename = "hub.topic", default)]
    topic: String,
    #[serde(rename = "hub.challenge", default)]
    challenge: String,
    #[serde(rename = "hub.lease_seconds", default)]
    lease: Option<u64>,
    #[serde(rename = "hub.reason", default)]
    reason: String,
}

/// Answers hubs until told to stop.
pub async fn run(
    listener: TcpListener,
    manners: Arc<Manners>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let room = tokio::sync::Semaphore::new(CALLS_MAX);
    let desk = Arc::new(Desk { manners, clock, room });
    let app = Router::new()
        .route("/{*path}", get(question).post(call))
        .layer(axum::middleware::from_fn(in_time))
        .with_state(desk);
    let served = axum::serve(listener, app).with_graceful_shutdown(async move {
        stop.cancelled().await;
    });
    if let Err(error) = served.await {
        tracing::error!(%error, "hubs cannot call any more");
    }
}

async fn in_time(
    request: Request,
    next: axum::middleware::Next,
) -> Result<axum::response::Response, StatusCode> {
    let answer = tokio::time::timeout(ANSWER_MAX, next.run(request)).await;
    answer.map_err(|_| StatusCode::REQUEST_TIMEOUT)
}

/// The last part of the path: what stands before it is the proxy's.
fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

async fn question(
    State(desk): State<Arc<Desk>>,
    Path(path): Path<String>,
    Query(question): Query<Question>,
) -> Result<String, StatusCode> {
    let Question { mode, topic, challenge, lease, reason } = question;
    let hubs = desk.manners.hubs();
    match mode.as_str() {
        "subscribe" if hubs.confirms(name(&path), &topic, lease, desk.clock.now()) => Ok(challenge),
        "denied" => {
            hubs.denied(name(&path), &topic, &reason);
            Ok(String::new())
        }
        // We never ask to be let go.
        _ => Err(StatusCode::NOT_FOUND),
    }
}

async fn call(
    State(desk): State<Arc<Desk>>,
    Path(path): Path<String>,
    request: Request,
) -> StatusCode {
    // Of a stranger's call nothing is read, and of all calls only so many at once.
    if !desk.manners.hubs().is_known(name(&path)) {
        return StatusCode::GONE;
    }
    let Ok(_room) = desk.room.try_acquire() else { return StatusCode::SERVICE_UNAVAILABLE };
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE;
    };
    let signature = head.headers.get("x-hub-signature").and_then(|value| value.to_str().ok());
    match desk.manners.hubs().called(name(&path), signature, &body, desk.clock.now()) {
        Called::Nobody => StatusCode::GONE,
        // It learns nothing of what was wrong.
        Called::Forged => StatusCode::ACCEPTED,
        Called::Polls(feed, rest) => {
            let manners = Arc::clone(&desk.manners);
            tokio::spawn(async move {
                tokio::time::sleep(rest).await;
                manners.call(&feed);
            });
            StatusCode::ACCEPTED
        }
    }
}
