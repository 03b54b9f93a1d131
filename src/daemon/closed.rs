//! A house whose ledger cannot be opened yet: it sends nothing, polls nothing, and says why to whoever
//! asks, until a person or the disk mends it.
//!
//! A daemon that ended instead would be silence unseen: a supervisor gives up after a few starts, and
//! what asks for its health hears nothing at all.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::desk::Failure;
use crate::desk::verb::{Answer, Verb};
use crate::ledger::closed::Closed;
use crate::ledger::embedded::Embedded;
use crate::ledger::{Ledger, LedgerError};
use crate::serve::control::Answers;
use crate::serve::{self, Shared};

use super::house::{Doors, Running};
use super::{place_of, systemd};

/// Between two tries to open it.
const RETRY: Duration = Duration::from_secs(5);
/// A ledger that takes longer than this to open is large, and is told of.
const QUIET: Duration = Duration::from_millis(500);

/// Opens the ledger, in a house that tells what is wrong as long as that fails. `None` where the house
/// is told to end first.
///
/// # Errors
/// Where another process has the ledger, or the house cannot tell anybody.
pub async fn ledger(
    config: &Config,
    clock: &Arc<dyn Clock>,
    told: &mut mpsc::Receiver<Running>,
) -> Result<Option<Arc<dyn Ledger>>, Failure> {
    let mut opening = Box::pin(Embedded::open(place_of(config), Arc::clone(clock)));
    let error = match tokio::time::timeout(QUIET, &mut opening).await {
        Ok(Ok(ledger)) => return Ok(Some(ledger)),
        Ok(Err(error @ LedgerError::InUse { .. })) => return Err(error.into()),
        Ok(Err(error)) => Some(error),
        Err(_) => None,
    };
    let reading = LedgerError::Unusable("it is being read through after a start".to_owned());
    if let Some(error) = &error {
        tracing::error!(%error, "nothing is sent and nothing is polled until this is mended");
    }
    let closed = Arc::new(Closed::new(error.clone().unwrap_or(reading)));
    let stop = CancellationToken::new();
    let Doors { listener, control } = Doors::open(config).await?;
    let shared = Shared::offline(config, Arc::clone(clock), Arc::<Closed>::clone(&closed));
    let shared = Arc::new(shared);
    shared.set_ready(true);
    let http = tokio::spawn(serve::run(listener, Arc::clone(&shared), stop.clone()));
    let desk = Arc::new(Desk { closed: Arc::clone(&closed), shared });
    let talks = tokio::spawn(control.serve(desk, stop.clone()));
    let watchdog = tokio::spawn(systemd::watchdog(Arc::default(), stop.clone()));
    systemd::ready("nothing is sent: the ledger is not open");
    let opened = wait(config, clock, told, &closed, error.is_none().then_some(opening)).await;
    stop.cancel();
    for task in [http, talks, watchdog] {
        task.await.ok();
    }
    opened
}

type Opening = std::pin::Pin<Box<dyn Future<Output = Result<Arc<Embedded>, LedgerError>> + Send>>;

async fn wait(
    config: &Config,
    clock: &Arc<dyn Clock>,
    told: &mut mpsc::Receiver<Running>,
    closed: &Closed,
    mut opening: Option<Opening>,
) -> Result<Option<Arc<dyn Ledger>>, Failure> {
    loop {
        let open = opening.take();
        let attempt = async {
            match open {
                Some(opening) => opening.await,
                None => {
                    tokio::time::sleep(RETRY).await;
                    Embedded::open(place_of(config), Arc::clone(clock)).await
                }
            }
        };
        tokio::select! {
            result = attempt => match result {
                Ok(ledger) => {
                    tracing::info!("the ledger is open");
                    return Ok(Some(ledger));
                }
                // A person's command has it for a moment.
                Err(LedgerError::InUse { .. }) => {}
                Err(error) => {
                    if error.to_string() != closed.why().to_string() {
                        tracing::error!(%error, "the ledger cannot be opened");
                    }
                    closed.set(error);
                }
            },
            running = told.recv() => match running {
                Some(Running::Reload(answer)) => {
                    if let Some(answer) = answer {
                        answer.send(Err(closed.why().into())).ok();
                    }
                }
                Some(Running::End) | None => return Ok(None),
            },
        }
    }
}

/// Answers what comes through the control socket: how things stand, and why nothing can be done.
struct Desk {
    closed: Arc<Closed>,
    shared: Arc<Shared>,
}

impl Answers for Desk {
    type Verb = Verb;
    type Answer = Result<Answer, Failure>;

    async fn answer(&self, verb: Verb, _who: String) -> Result<Answer, Failure> {
        match verb {
            Verb::Status => Ok(self.shared.status(&Err(self.closed.why()), &[])),
            _ => Err(self.closed.why().into()),
        }
    }
}
