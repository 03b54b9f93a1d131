//! `run`: the daemon, and the signals that it obeys.

use std::path::Path;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::adapter::registry;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::daemon::{self, House, Running};
use crate::post::template::check_template;

use super::{Failure, Outcome, exit, whole};

/// Loads a config for sending: with its secrets, and with templates that work.
pub(super) fn load(path: &Path) -> Result<Config, Failure> {
    let config = whole(path)?;
    for group in &config.groups {
        if let Some(template) = &group.template
            && let Err(error) = check_template(template)
        {
            return Err(Failure::new(
                exit::CONFIG,
                format!(
                    "failed to use {}: the template of group {:?}: {error}",
                    path.display(),
                    group.name
                ),
            ));
        }
        let integration = config.integrations.iter().find(|i| i.name == group.integration);
        if let Some(integration) = integration
            && let Err(error) = registry::check(integration, group)
        {
            return Err(Failure::new(
                exit::CONFIG,
                format!(
                    "failed to use {}: the description of integration {:?}, for group {:?}: {error}",
                    path.display(),
                    integration.name,
                    group.name
                ),
            ));
        }
    }
    Ok(config)
}

pub(super) async fn run(path: &Path) -> Outcome {
    let config = load(path)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let again = path.to_owned();
    let reload = Box::new(move || load(&again));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (tell, mut told) = House::channel();
    let signals = tokio::spawn(obey(tell.clone()));
    let Some(ledger) = daemon::ledger(&config, &clock, &mut told).await? else {
        return Ok(exit::OK);
    };
    let house = House::open(config, clock, ledger, reload).await?;
    if let Ok(started) = house.started() {
        tracing::info!(
            config = %path.display(),
            listen = %started.listen,
            control = %started.control.display(),
            "oncecast {}",
            env!("CARGO_PKG_VERSION")
        );
    }
    let ended = house.run(tell, told).await;
    signals.abort();
    ended.map(|()| exit::OK)
}

/// SIGHUP reloads, SIGTERM and SIGINT end, and a second of these ends at once: the ledger then says
/// what was under way.
async fn obey(tell: tokio::sync::mpsc::Sender<Running>) {
    let hear = |kind| signal(kind).map_err(|e| tracing::error!(error = %e, "cannot hear signals"));
    let (Ok(mut hup), Ok(mut term), Ok(mut int)) =
        (hear(SignalKind::hangup()), hear(SignalKind::terminate()), hear(SignalKind::interrupt()))
    else {
        return;
    };
    let mut ending = false;
    loop {
        tokio::select! {
            _ = hup.recv() => {
                tell.send(Running::Reload(None)).await.ok();
                continue;
            }
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        if ending {
            tracing::warn!("ending at once; what was being sent is in doubt");
            std::process::exit(i32::from(exit::STOPPED));
        }
        ending = true;
        tell.send(Running::End).await.ok();
    }
}
