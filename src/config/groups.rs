//! `[[group]]`: audiences, each bound to one integration and to the feeds that it hears.

use std::collections::BTreeSet;

use toml::de::DeValue;
use url::Url;

use super::address;
use super::describe::{Description, Find};
use super::described;
use super::keys::{Key, group as g};
use super::problem::{Fault, Problems};
use super::routes;
use super::rows::{Row, no_such, rows};
use super::rules::{Choice, Rule, mismatch, string};
use super::table::Table;
use super::{Feed, Group, Integration, Platform};
use crate::model::{Upkeep, WhenAbsent};

/// Keys that one kind of integration gives a meaning.
const OF_KIND: [(&str, &[&str]); 4] = [
    ("room", &["matrix", "discord", "discord-webhook"]),
    ("visibility", &["mastodon"]),
    ("link", &["by-hand", "websub", "webmention"]),
    ("limit", &["by-hand"]),
];

/// Each `[[group]]`.
pub(super) fn read<'t>(
    root: &Table<'t>,
    feeds: &[Row<'_, Feed>],
    integrations: &[Row<'_, Integration>],
    alerted: &BTreeSet<String>,
    out: &mut Problems<'_>,
) -> Vec<Row<'t, Group>> {
    let groups = rows(root, "group", &g::NAME, out, |table, name, out| {
        table.only(g::ALL, out);
        let integration = table.need(&g::INTEGRATION, out);
        let found = integration.as_ref().and_then(|integration| {
            let found = integrations.iter().find(|row| row.name.as_ref() == Some(integration));
            if found.is_none() {
                let fault = no_such("integration", integration, integrations);
                table.fault(g::INTEGRATION.name, out, fault);
            }
            found
        });
        let kind = found.and_then(|row| row.made.as_ref()).map(|made| made.platform.kind());
        let feeds = heard(table, feeds, alerted.contains(name), out);
        let template = table.read(&g::TEMPLATE, out);
        let platform = found.and_then(|row| row.made.as_ref()).map(|made| &made.platform);
        let described = match platform {
            Some(Platform::Described { kind, description, .. }) => Some((*kind, &**description)),
            _ => None,
        };
        let room = match described {
            Some((kind, description)) => described::room(table, kind, description, out),
            // An integration that is wrong is told of, and what its rooms are like is not known.
            None if kind.is_none() => table.read(&g::ROOM, out),
            None => room(table, kind, out),
        };
        let set = described::of_group(table, platform, out);
        let visibility = visibility(table, out);
        let language = language(table, out);
        let warning = table.read(&g::WARNING, out);
        let pictures = table.read(&g::PICTURES, out);
        let mute = described.is_some_and(|(_, description)| description.find.is_none());
        let when_absent = when_absent(table, kind, mute, out);
        let preflight = preflight(table, kind, described.map(|(_, description)| description), out);
        let upkeep = upkeep(table, kind, described.map(|(_, description)| description), out);
        let (link, limit) = (link(table, kind, out), table.read(&g::LIMIT, out));
        for (key, owners) in OF_KIND {
            let of_described = key == "room" && described.is_some();
            let stray = |kind: &&str| table.has(key) && !owners.contains(kind) && !of_described;
            if let Some(kind) = kind.filter(stray) {
                let owners: Vec<String> = owners.iter().map(|owner| format!("{owner:?}")).collect();
                let owners = owners.join(" or ");
                let what = format!(
                    "this key belongs to groups of kind {owners}, and this group's integration \
                     is of kind {kind:?}"
                );
                table.fault(key, out, Fault::new(what, "", "delete it"));
            }
        }
        let mut rules = routes::read(table, out);
        rules.called = called(name, kind);
        let (name, integration) = (name.to_owned(), integration?);
        Some(Group {
            name,
            integration,
            feeds,
            template,
            room,
            set,
            visibility,
            language,
            warning,
            pictures,
            when_absent,
            preflight,
            upkeep,
            rules,
            link,
            limit,
        })
    });
    unused(&groups, feeds, integrations, out);
    groups
}

/// What authors may call a group: its name, its kind, and the family of kinds such as `discord-webhook`.
fn called(name: &str, kind: Option<&str>) -> Vec<String> {
    let family = kind.and_then(|kind| kind.split_once('-')).map(|(family, _)| family);
    let family = family.filter(|family| ["discord", "slack", "linkedin"].contains(family));
    [Some(name), kind, family].into_iter().flatten().map(str::to_owned).collect()
}

/// The feeds of a group: those it names, or all.
fn heard(
    table: &Table<'_>,
    feeds: &[Row<'_, Feed>],
    hears_alerts: bool,
    out: &mut Problems<'_>,
) -> Vec<String> {
    let key = g::FEEDS;
    let Some(value) = table.value(key.name) else {
        return feeds.iter().filter_map(|row| row.name.clone()).collect();
    };
    let allowed = "a list of the names of feeds; leave it out for all feeds";
    let fix = format!("write, for example, {} = {}", key.name, key.example);
    let DeValue::Array(items) = value.get_ref() else {
        let quoted = table.quoted(value.get_ref());
        let what = format!("{quoted} {}", mismatch(value.get_ref()));
        table.fault(key.name, out, Fault::new(what, allowed, fix));
        return Vec::new();
    };
    if items.is_empty() && !hears_alerts {
        let what = "the list is empty, so this group would hear nothing";
        table.fault(key.name, out, Fault::new(what, allowed, "delete the line, or name a feed"));
    }
    let mut names: Vec<String> = Vec::new();
    for item in items.iter() {
        let fault = match string(item.get_ref()) {
            Err(what) => {
                let what = format!("{} {what}", table.quoted(item.get_ref()));
                Fault::new(what, allowed, fix.clone())
            }
            Ok(name) if names.iter().any(|known| known == name) => {
                Fault::new("a feed is named twice", allowed, "delete one of the two")
            }
            Ok(name) if feeds.iter().any(|row| row.name.as_deref() == Some(name)) => {
                names.push(name.to_owned());
                continue;
            }
            Ok(_) => match key.rule.read(item.get_ref()) {
                Ok(name) => no_such("feed", &name, feeds),
                Err(what) => key.fault(&format!("{} {what}", table.quoted(item.get_ref()))),
            },
        };
        out.push(&item.span(), table.title(key.name), Some(key.name), fault);
    }
    names
}

fn room(table: &Table<'_>, kind: Option<&str>, out: &mut Problems<'_>) -> Option<String> {
    let key = g::ROOM;
    let needed = matches!(kind, Some("matrix" | "discord"));
    let room = if needed { table.need(&key, out) } else { table.read(&key, out) }?;
    let room = room.trim();
    if matches!(kind, Some("discord" | "discord-webhook")) {
        if room.is_empty() || !room.bytes().all(|b| b.is_ascii_digit()) {
            let fix =
                "switch on developer mode in Discord, then take Copy Channel ID from its menu";
            let what = "the value is not a channel's id";
            let allowed = "a channel's id, such as \"199737254929760256\"";
            table.fault(key.name, out, Fault::new(what, allowed, fix));
            return None;
        }
        return Some(room.to_owned());
    }
    let good = match room.strip_prefix('#') {
        Some(alias) => alias
            .split_once(':')
            .is_some_and(|(name, server)| !name.is_empty() && !server.is_empty()),
        // From room version 12 on an id names no server.
        None => room.len() > 1 && room.starts_with('!'),
    };
    if !good || room.contains(char::is_whitespace) {
        let fix = "copy it from the room's settings, under Advanced";
        let what = "the value is neither a room id nor an alias";
        table.fault(key.name, out, Fault::new(what, key.rule.allowed(), fix));
        return None;
    }
    Some(room.to_owned())
}

/// The page that opens a group which a person serves.
fn link(table: &Table<'_>, kind: Option<&str>, out: &mut Problems<'_>) -> Option<Url> {
    let key = g::LINK;
    let needed = matches!(kind, Some("by-hand" | "websub" | "webmention"));
    let text = if needed { table.need(&key, out) } else { table.read(&key, out) }?;
    match address::web(&text) {
        Ok(url) => Some(url),
        Err(bad) => {
            let fix = format!("write, for example, {} = {}", key.name, key.example);
            table.fault(key.name, out, Fault::new(bad.what, address::WEB, fix));
            None
        }
    }
}

fn visibility(table: &Table<'_>, out: &mut Problems<'_>) -> Option<String> {
    let key = g::VISIBILITY;
    let direct = table.value(key.name).and_then(|value| value.get_ref().as_str()) == Some("direct");
    if direct {
        let what = "a direct post reaches only those whom it names, so no audience at all";
        table.fault(key.name, out, key.fault(what));
        return None;
    }
    table.read(&key, out).map(str::to_owned)
}

/// What becomes of a post in doubt that the platform does not have; it must be one that can be asked.
fn when_absent(
    table: &Table<'_>,
    kind: Option<&str>,
    mute: bool,
    out: &mut Problems<'_>,
) -> WhenAbsent {
    let key = g::WHEN_ABSENT;
    if table.read(&key, out) != Some("send") {
        return WhenAbsent::Wait;
    }
    let silent = ["webhook", "discord-webhook", "websub", "webmention", "indexnow", "by-hand"];
    if let Some(kind) = kind.filter(|kind| mute || silent.contains(kind)) {
        let what = format!("{kind} cannot be asked what it has: nothing is known to be absent");
        table.fault(key.name, out, Fault::new(what, "\"wait\"", "delete the line"));
    }
    WhenAbsent::Send
}

/// Whether an account is asked before each first send; it must show what others have said there.
fn preflight(
    table: &Table<'_>,
    kind: Option<&str>,
    description: Option<&Description>,
    out: &mut Problems<'_>,
) -> bool {
    let key = g::PREFLIGHT;
    if table.read(&key, out) != Some(true) {
        return false;
    }
    // What is found by our own key alone is never another's.
    let shows = |found: &Find| !found.link.is_empty() || !found.text.is_empty();
    let can = match description {
        Some(description) => description.find.as_ref().is_some_and(shows),
        None => kind.is_none_or(|kind| super::pages::SHOWN.contains(&kind)),
    };
    if let Some(kind) = kind.filter(|_| !can) {
        let what = format!("{kind} does not show what others have posted there");
        table.fault(key.name, out, Fault::new(what, "false", "delete the line"));
    }
    can
}

/// What becomes of posts when their entries change or are deleted; the platform must be able to do it.
fn upkeep(
    table: &Table<'_>,
    kind: Option<&str>,
    description: Option<&Description>,
    out: &mut Problems<'_>,
) -> Upkeep {
    let able =
        ["mastodon", "bluesky", "matrix", "discord", "discord-webhook", "wordpress", "ghost"];
    let mut wants = |key: &Key<Choice>, word, described: fn(&Description) -> bool, verb: &str| {
        if table.read(key, out) != Some(word) {
            return false;
        }
        let can = description.map_or(kind.is_none_or(|kind| able.contains(&kind)), described);
        if let Some(kind) = kind.filter(|_| !can) {
            let what = format!("oncecast has no way to {verb} a post on {kind}");
            table.fault(key.name, out, Fault::new(what, "\"ignore\"", "delete the line"));
        }
        can
    };
    Upkeep {
        update: wants(&g::ON_EDIT, "update", |d| d.update.is_some(), "change"),
        retract: wants(&g::ON_DELETE, "retract", |d| d.retract.is_some(), "take away"),
    }
}

fn language(table: &Table<'_>, out: &mut Problems<'_>) -> Option<String> {
    let key = g::LANGUAGE;
    let tag = table.read(&key, out)?;
    let mut parts = tag.split('-');
    let primary = parts.next().is_some_and(|part| {
        (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic())
    });
    let plain = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    if !primary || !parts.all(plain) {
        table.fault(key.name, out, key.fault(&format!("{tag:?} is not a language tag")));
        return None;
    }
    Some(tag)
}

/// What nobody hears is most likely a group that was forgotten.
fn unused(
    groups: &[Row<'_, Group>],
    feeds: &[Row<'_, Feed>],
    integrations: &[Row<'_, Integration>],
    out: &mut Problems<'_>,
) {
    let made = || groups.iter().filter_map(|row| row.made.as_ref());
    for row in feeds {
        if let Some(name) = &row.name
            && !made().any(|group| group.feeds.contains(name))
        {
            out.warn(&row.table.span, &row.table.label, "no group hears this feed");
        }
    }
    for row in integrations {
        if let Some(name) = &row.name
            && !made().any(|group| group.integration == *name)
        {
            out.warn(&row.table.span, &row.table.label, "no group uses this integration");
        }
    }
}
