//! `[[integration]]`: logins at platforms, each with its own keys, manners and law.

use std::time::Duration;

use secrecy::ExposeSecret;
use url::Url;

use super::address::{self, is_loopback};
use super::described;
use super::keys::{caps as c, integration as i, pace as p};
use super::problem::{Fault, Problems};
use super::rows::{Row, rows};
use super::secret::Vault;
use super::table::Table;
use super::{Caps, Integration, MatrixLogin, Pace, PingKind, Platform, Secret};

/// A short timeout only manufactures doubt.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The time in which a slow platform has finished what it began.
const DOUBT_AFTER: Duration = Duration::from_secs(2 * 60);
/// Where we choose the id, or the platform told it with the draft, asking soon harms nobody.
const DOUBT_AFTER_CHOSEN_ID: Duration = Duration::from_secs(10);
/// People read these: few, and well apart.
const PACE: Pace = Pace { every: Duration::from_secs(2 * 60), burst: 1 };
const CAPS: Caps = Caps { per_10m: 3, per_hour: 6, per_day: 20 };
/// A machine reads these.
const PACE_WEBHOOK: Pace = Pace { every: Duration::from_secs(1), burst: 10 };
const CAPS_WEBHOOK: Caps = Caps { per_10m: 60, per_hour: 300, per_day: 2000 };
/// A person reads the list, and moderators read the groups: twelve in about half an hour.
const PACE_BY_HAND: Pace = Pace { every: Duration::from_secs(3 * 60), burst: 1 };
const CAPS_BY_HAND: Caps = Caps { per_10m: 5, per_hour: 20, per_day: 40 };
/// Who has begun to post and says nothing for so long is asked.
const DOUBT_AFTER_BY_HAND: Duration = Duration::from_secs(30 * 60);
/// By hand nothing is called.
const NOWHERE: &str = "about:blank";
/// Where nearly every Bluesky account can log in.
const BLUESKY: &str = "https://bsky.social";
/// The one host of its API.
const THREADS: &str = "https://graph.threads.net";
/// Tells every search engine that takes part.
const INDEXNOW: &str = "https://api.indexnow.org/indexnow";
/// The version of the API whose documentation we follow.
const DISCORD: &str = "https://discord.com/api/v10";
/// A signing secret in bytes (Standard Webhooks, "Signature scheme").
const SIGNING_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Each `[[integration]]`.
pub(super) fn read<'t>(
    root: &Table<'t>,
    vault: Vault<'_>,
    out: &mut Problems<'_>,
) -> Vec<Row<'t, Integration>> {
    rows(root, "integration", &i::NAME, out, |table, name, out| {
        let kind = table.need(&i::KIND, out);
        known_keys(table, kind, out);
        let description = kind.and_then(|kind| described::read(table, kind, vault, out));
        let chosen_id = matches!(kind, Some("bluesky" | "matrix" | "wordpress" | "ghost"))
            || description.as_ref().is_some_and(|description| description.is_repeatable());
        let place = description.as_ref().and_then(|description| description.url.as_deref());
        let url = url(table, kind, place, out);
        let (its_pace, its_caps) = match kind {
            Some("webhook" | "websub" | "webmention" | "indexnow") => (PACE_WEBHOOK, CAPS_WEBHOOK),
            Some("by-hand") => (PACE_BY_HAND, CAPS_BY_HAND),
            _ => (PACE, CAPS),
        };
        let pace = pace(table, its_pace, out);
        let caps = caps(table, its_caps, out);
        let timeout = table.read(&i::TIMEOUT, out).unwrap_or(TIMEOUT);
        let doubt = match kind {
            Some("by-hand") => DOUBT_AFTER_BY_HAND,
            _ if chosen_id => DOUBT_AFTER_CHOSEN_ID,
            _ => DOUBT_AFTER,
        };
        let doubt_after = table.read(&i::DOUBT_AFTER, out).unwrap_or(doubt);
        let expires = table.read(&i::EXPIRES, out);
        let platform = match description {
            Some(description) => described::platform(table, kind?, description, vault, out),
            None if described::is_described(kind?) => None,
            None => platform(table, kind?, vault, out),
        };
        let (url, platform) = (url?, platform?);
        if url.scheme() == "http" && !is_loopback(&url) {
            let what = "http sends posts and secrets unencrypted; write https if the server has it";
            out.warn(&table.place(i::URL.name), &table.title(i::URL.name), what);
        }
        let name = name.to_owned();
        Some(Integration { name, url, platform, pace, caps, timeout, doubt_after, expires })
    })
}

/// Reports unknown keys, and those of another kind.
fn known_keys(table: &Table<'_>, kind: Option<&'static str>, out: &mut Problems<'_>) {
    table.only(i::ALL, out);
    let Some(kind) = kind else { return };
    let own = i::OWN.iter().filter(|(_, kinds)| kinds.contains(&kind)).map(|(key, _)| *key);
    let allowed = own.collect::<Vec<_>>().join(", ");
    for (key, kinds) in i::OWN {
        if table.has(key) && !kinds.contains(&kind) {
            let theirs: Vec<String> = kinds.iter().map(|kind| format!("{kind:?}")).collect();
            let theirs = theirs.join(" or ");
            let what = format!("this key belongs to kind = {theirs}, not to {kind:?}");
            let fix = format!("delete it, or change the kind; {kind:?} has {allowed} of its own");
            table.fault(key, out, Fault::new(what, allowed.clone(), fix));
        }
    }
}

fn url(
    table: &Table<'_>,
    kind: Option<&str>,
    place: Option<&str>,
    out: &mut Problems<'_>,
) -> Option<Url> {
    let usual = match kind {
        Some("bluesky") => Some(BLUESKY),
        Some("discord" | "discord-webhook") => Some(DISCORD),
        Some("indexnow") => Some(INDEXNOW),
        Some("threads") => Some(THREADS),
        _ => place,
    };
    if let Some(usual) = usual.filter(|_| !table.has(i::URL.name)) {
        return address::base(usual).ok();
    }
    if kind == Some("by-hand") {
        for key in [i::URL.name, i::TIMEOUT.name] {
            if table.has(key) {
                let what = "by hand nothing is called: each group has a link of its own";
                table.fault(key, out, Fault::new(what, "", "delete it"));
            }
        }
        return Url::parse(NOWHERE).ok();
    }
    let text = table.need(&i::URL, out)?;
    // An endpoint's address is whole: a slash or a query in it may be what makes it work.
    let whole = matches!(kind, Some("webhook" | "websub" | "webmention" | "indexnow"));
    let read = if whole { address::web(&text) } else { address::base(&text) };
    let bad = match read {
        Ok(url) => return Some(url),
        Err(bad) => bad,
    };
    table.fault(i::URL.name, out, Fault::new(bad.what, address::WEB, bad.fix));
    None
}

fn pace(table: &Table<'_>, default: Pace, out: &mut Problems<'_>) -> Pace {
    let example = "{ every = \"2m\", burst = 1 }";
    let Some(table) = table.within(i::PACE, example, out) else { return default };
    table.only(p::ALL, out);
    Pace {
        every: table.read(&p::EVERY, out).unwrap_or(default.every),
        burst: table.read(&p::BURST, out).unwrap_or(default.burst),
    }
}

/// What is written has to agree with itself; what is left out follows what is written.
fn caps(table: &Table<'_>, default: Caps, out: &mut Problems<'_>) -> Caps {
    let example = "{ per_10m = 3, per_hour = 6, per_day = 20 }";
    let Some(table) = table.within(i::CAPS, example, out) else { return default };
    table.only(c::ALL, out);
    let short = table.read(&c::PER_10M, out);
    let hour = table.read(&c::PER_HOUR, out);
    let day = table.read(&c::PER_DAY, out);
    let in_order = [
        (c::PER_10M.name, short, c::PER_HOUR.name, hour),
        (c::PER_HOUR.name, hour, c::PER_DAY.name, day),
        (c::PER_10M.name, short, c::PER_DAY.name, day.filter(|_| hour.is_none())),
    ];
    for (lesser, few, greater, many) in in_order {
        if let (Some(few), Some(many)) = (few, many)
            && few > many
        {
            let what = format!("{lesser} is {few}, more than {greater}, which is {many}");
            let fix = format!("write {lesser} = {many}, or raise {greater} to {few}");
            let allowed = "per_10m at most per_hour, per_hour at most per_day";
            table.fault(lesser, out, Fault::new(what, allowed, fix));
        }
    }
    let least = [short, hour].into_iter().flatten().max().unwrap_or(0);
    let per_day = day.unwrap_or(default.per_day.max(least));
    let per_hour = hour.unwrap_or(default.per_hour.max(short.unwrap_or(0)).min(per_day));
    let per_10m = short.unwrap_or(default.per_10m.min(per_hour));
    Caps { per_10m, per_hour, per_day }
}

fn platform(
    table: &Table<'_>,
    kind: &str,
    vault: Vault<'_>,
    out: &mut Problems<'_>,
) -> Option<Platform> {
    Some(match kind {
        "webhook" => {
            let before = out.count();
            let secret = vault.read(table, "secret", out);
            let receiver_dedupes = table.read(&i::RECEIVER_DEDUPES, out).unwrap_or(false);
            if let Some(secret) = &secret {
                signing(table, secret, out);
            }
            if out.count() > before {
                return None;
            }
            Platform::Webhook { secret, receiver_dedupes }
        }
        "mastodon" => Platform::Mastodon { token: vault.need(table, "token", out)? },
        "bluesky" => {
            let identifier = table.need(&i::IDENTIFIER, out);
            let password = vault.need(table, "password", out);
            let identifier = identifier?.trim().trim_start_matches('@').to_owned();
            Platform::Bluesky { identifier, password: password? }
        }
        "discord" => Platform::Discord { token: vault.need(table, "token", out)? },
        "discord-webhook" => {
            let user = table.read(&i::USER, out).map(|user| user.trim().to_owned());
            Platform::DiscordWebhook { address: vault.need(table, "secret", out)?, user }
        }
        "wordpress" => {
            let user = table.need(&i::USER, out);
            let password = vault.need(table, "password", out);
            Platform::WordPress { user: user?.trim().to_owned(), password: password? }
        }
        "ghost" => Platform::Ghost { token: vault.need(table, "token", out)? },
        "threads" => Platform::Threads { token: vault.need(table, "token", out)? },
        "websub" => Platform::Ping { kind: PingKind::WebSub },
        "webmention" => Platform::Ping { kind: PingKind::Webmention },
        "indexnow" => {
            Platform::Ping { kind: PingKind::IndexNow { key: vault.need(table, "token", out)? } }
        }
        "by-hand" => Platform::ByHand,
        _ => Platform::Matrix { login: matrix(table, vault, out)? },
    })
}

fn matrix(table: &Table<'_>, vault: Vault<'_>, out: &mut Problems<'_>) -> Option<MatrixLogin> {
    let allowed = "token, or user and password";
    let password = ["user", "password"].into_iter().find(|key| table.has(key));
    match (table.has("token"), password) {
        (true, None) => vault.need(table, "token", out).map(MatrixLogin::Token),
        (true, Some(key)) => {
            let what = format!("{key} stands beside token, and one of them logs in");
            let fix = "delete token, or both user and password";
            table.fault(key, out, Fault::new(what, allowed, fix));
            None
        }
        (false, Some(_)) => {
            let user = table.need(&i::USER, out);
            let password = vault.need(table, "password", out);
            Some(MatrixLogin::Password { user: user?.trim().to_owned(), password: password? })
        }
        (false, None) => {
            let fix = "add a line token = { credential = \"my-token\" }";
            table.fault("token", out, Fault::new("there is no login", allowed, fix));
            None
        }
    }
}

/// A signing secret that no receiver could check is found now, not at the first post.
fn signing(table: &Table<'_>, secret: &Secret, out: &mut Problems<'_>) {
    use data_encoding::{BASE64, BASE64_NOPAD};
    if !secret.is_resolved() {
        return;
    }
    let encoded = secret.value.expose_secret().strip_prefix("whsec_");
    let decoded = encoded.and_then(|text| {
        let bytes = text.as_bytes();
        BASE64.decode(bytes).or_else(|_| BASE64_NOPAD.decode(bytes)).ok()
    });
    if decoded.is_some_and(|bytes| SIGNING_BYTES.contains(&bytes.len())) {
        return;
    }
    let what = format!("{} is not a signing secret", secret.source);
    let allowed = "whsec_ and 24 to 64 bytes in base64 (Standard Webhooks)";
    let fix =
        "make one: echo \"whsec_$(openssl rand -base64 32)\", and give it to the receiver too";
    table.fault("secret", out, Fault::new(what, allowed, fix));
}
