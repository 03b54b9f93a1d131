//! What the tests of the real binary share: the daemon as a child, and groups that count what their
//! readers see.

pub mod blog;
pub mod daemon;
pub mod receiver;

use std::time::Duration;

/// How long a test waits for something before it says what it waited for.
const PATIENCE: Duration = Duration::from_secs(180);
/// The first pause between two looks, and the longest.
const LOOK_FIRST: Duration = Duration::from_millis(2);
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Waits for something to be so, by looking again and again.
#[expect(clippy::disallowed_methods, reason = "tests of real processes live on the real clock")]
pub async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let began = std::time::Instant::now();
    let mut pause = LOOK_FIRST;
    while !so().await {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LOOK_EVERY);
    }
}
