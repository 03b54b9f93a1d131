//! `[ledger]`, `[serve]` and `[guard]`: where the truth is, who may look, and the walls.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::{self, tidy};
use super::keys::{guard as g, ledger as l, poll as p, serve as s, websub as h};
use super::problem::{Fault, Problems};
use super::search::folders;
use super::secret::Vault;
use super::table::Table;
use super::units::show_duration;
use super::{Guard, Ledger, Poll, Serve, WebSub};

/// Health and status, unless another address is given.
const LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8787));
/// Where hubs call, unless another address is given.
const HUBS_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8788));
/// The host is known by its machine id.
pub(crate) const MACHINE_ID: &str = "machine-id";
/// Ten minutes: an author who has just published corrects the title in the first of them.
const SETTLE: Duration = Duration::from_secs(10 * 60);
/// Nobody writes more posts than this between two polls, and every relaunch of a blog does.
const BURST: u32 = 3;
/// Half of a feed new at once is a feed that has changed its ids.
const SHARE: f64 = 0.5;
/// A week: what is older has been read already.
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Three times in ten minutes is no accident.
const CRASH_LOOP: u32 = 3;

/// `[ledger]`
pub(super) fn ledger(root: &Table<'_>, vault: Vault<'_>, out: &mut Problems<'_>) -> Ledger {
    let path = of_systemd(vault, "STATE_DIRECTORY", "/var/lib/oncecast").join("ledger.redb");
    let beside = |path: &Path| path.with_extension("witness");
    let (witness, host) = (beside(&path), MACHINE_ID.to_owned());
    let mut ledger = Ledger { path, witness, expect: false, host };
    let Some(table) = root.single("ledger", out) else { return ledger };
    table.only(l::ALL, out);
    if let Some(path) = table.read(&l::PATH, out) {
        ledger.path = tidy(&vault.base.join(path));
        ledger.witness = beside(&ledger.path);
    }
    if let Some(witness) = table.read(&l::WITNESS, out) {
        ledger.witness = tidy(&vault.base.join(witness));
    }
    if let Some(expect) = table.read(&l::EXPECT, out) {
        ledger.expect = expect;
    }
    if let Some(host) = table.read(&l::HOST, out) {
        ledger.host = host;
    }
    ledger
}

/// `[serve]`
pub(super) fn serve(root: &Table<'_>, vault: Vault<'_>, out: &mut Problems<'_>) -> Serve {
    let folder = of_systemd(vault, "RUNTIME_DIRECTORY", "/run/oncecast");
    let mut serve =
        Serve { listen: LISTEN, allow_remote: false, control: folder.join("control.sock") };
    let Some(table) = root.single("serve", out) else { return serve };
    table.only(s::ALL, out);
    if let Some(allow) = table.read(&s::ALLOW_REMOTE, out) {
        serve.allow_remote = allow;
    }
    if let Some(listen) = table.read(&s::LISTEN, out) {
        serve.listen = listen;
        if !listen.ip().is_loopback() && !serve.allow_remote {
            let what = format!("{listen} can be reached from other machines");
            let allowed = "127.0.0.1 or [::1] with a port; others with allow_remote = true";
            let fix = format!(
                "write listen = \"127.0.0.1:{}\", or add allow_remote = true if all who reach it \
                 may see what you post",
                listen.port()
            );
            table.fault(s::LISTEN.name, out, Fault::new(what, allowed, fix));
        }
    }
    if let Some(control) = table.read(&s::CONTROL, out) {
        serve.control = tidy(&vault.base.join(control));
    }
    serve
}

/// `[guard]`
pub(super) fn guard(root: &Table<'_>, out: &mut Problems<'_>) -> Guard {
    let defaults = Guard {
        settle: SETTLE,
        burst: BURST,
        share: SHARE,
        max_age: MAX_AGE,
        crash_loop: CRASH_LOOP,
        stagger: Duration::ZERO,
    };
    let Some(table) = root.single("guard", out) else { return defaults };
    let before = out.count();
    table.only(g::ALL, out);
    let guard = Guard {
        settle: table.read(&g::SETTLE, out).unwrap_or(SETTLE),
        burst: table.read(&g::BURST, out).unwrap_or(BURST),
        share: table.read(&g::SHARE, out).unwrap_or(SHARE),
        max_age: table.read(&g::MAX_AGE, out).unwrap_or(MAX_AGE),
        crash_loop: table.read(&g::CRASH_LOOP, out).unwrap_or(CRASH_LOOP),
        stagger: table.read(&g::STAGGER, out).unwrap_or_default(),
    };
    if out.count() == before && guard.max_age <= guard.settle {
        let (age, settle) = (show_duration(guard.max_age), show_duration(guard.settle));
        let key = if table.has(g::MAX_AGE.name) { g::MAX_AGE.name } else { g::SETTLE.name };
        let what = format!(
            "max_age ({age}) is not longer than settle ({settle}), so every entry would be held as \
             too old before it could be sent"
        );
        let fix = format!("write a longer max_age, such as \"{}\"", show_duration(MAX_AGE));
        table.fault(key, out, Fault::new(what, "a max_age longer than settle", fix));
    }
    guard
}

/// `[poll]`
pub(super) fn poll(root: &Table<'_>, out: &mut Problems<'_>) -> Poll {
    let Some(table) = root.single("poll", out) else { return Poll::default() };
    table.only(p::ALL, out);
    Poll { contact: table.read(&p::CONTACT, out) }
}

/// `[websub]`
pub(super) fn websub(root: &Table<'_>, out: &mut Problems<'_>) -> Option<WebSub> {
    let table = root.single("websub", out)?;
    table.only(h::ALL, out);
    let callback = table.need(&h::CALLBACK, out);
    let listen = table.read(&h::LISTEN, out).unwrap_or(HUBS_LISTEN);
    match address::web(&callback?) {
        Ok(callback) => Some(WebSub { callback, listen }),
        Err(bad) => {
            let fault = Fault::new(bad.what, address::WEB, bad.fix);
            table.fault(h::CALLBACK.name, out, fault);
            None
        }
    }
}

/// The folder that systemd made for us, or the one it would have made.
fn of_systemd(vault: Vault<'_>, variable: &str, default: &str) -> PathBuf {
    folders(vault.env, variable).into_iter().next().unwrap_or_else(|| default.into())
}
