//! What an operator says of an API that is described: which description, its secrets, and what it wants to
//! know besides. The description itself is `describe.rs`; the adapter checks whether it keeps its word.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use super::describe::{DESCRIPTION_MAX, Description, Setting};
use super::keys::{group as g, integration as i, nearest};
use super::problem::{Fault, Problems};
use super::rules::string;
use super::secret::Vault;
use super::table::Table;
use super::{Platform, Secret};

/// The keys under which a description may ask for secrets.
const SECRETS: [&str; 3] = ["token", "password", "secret"];
/// Longer than anything that is set.
const VALUE_MAX: usize = 1024;

/// Whether a kind is run by the engine of descriptions.
pub(super) fn is_described(kind: &str) -> bool {
    kind == "custom" || Description::shipped(kind).is_some()
}

/// The description of an integration; nothing where its kind has none, or where it is wrong and reported.
pub(super) fn read(
    table: &Table<'_>,
    kind: &str,
    vault: Vault<'_>,
    out: &mut Problems<'_>,
) -> Option<Description> {
    if let Some(text) = Description::shipped(kind) {
        // A test holds every shipped one.
        return Description::parse(text).ok();
    }
    if kind != "custom" {
        return None;
    }
    let named = table.need(&i::DESCRIBE, out)?;
    let (name, text) = match Description::example(&named) {
        Some(text) => (format!("the example {named}"), text.to_owned()),
        None => {
            let path = vault.base.join(&named);
            match file(&path) {
                Ok(text) => (path.display().to_string(), text),
                Err(error) => {
                    let what = format!("failed to read {}: {error}", path.display());
                    table.fault(i::DESCRIBE.name, out, i::DESCRIBE.fault(&what));
                    return None;
                }
            }
        }
    };
    match Description::parse(&text) {
        Ok(description) => Some(description),
        Err((line, what)) => {
            let what = format!("{name}, line {line}: {}", what.replace('\n', " "));
            let allowed = "what config/ntfy.toml explains";
            table.fault(i::DESCRIBE.name, out, Fault::new(what, allowed, "mend that line"));
            None
        }
    }
}

fn file(path: &std::path::Path) -> std::io::Result<String> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let mut text = String::new();
    std::fs::File::open(path)?.take(DESCRIPTION_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > DESCRIPTION_MAX {
        return Err(std::io::Error::other(format!("it is larger than {DESCRIPTION_MAX} bytes")));
    }
    Ok(text)
}

/// The platform of a described integration.
pub(super) fn platform(
    table: &Table<'_>,
    kind: &'static str,
    description: Description,
    vault: Vault<'_>,
    out: &mut Problems<'_>,
) -> Option<Platform> {
    let before = out.count();
    let mut secrets: BTreeMap<String, Secret> = BTreeMap::new();
    for name in description.secrets.keys().filter(|name| !SECRETS.contains(&name.as_str())) {
        let what = format!("the description asks for a secret {name:?}");
        let fix = "rename it in the description";
        table.fault(i::KIND.name, out, Fault::new(what, SECRETS.join(", "), fix));
    }
    for key in SECRETS {
        if description.secrets.contains_key(key) {
            let secret = vault.need(table, key, out);
            secrets.extend(secret.map(|secret| (key.to_owned(), secret)));
        } else if table.has(key) {
            let needed = description.secrets.keys().cloned().collect::<Vec<_>>().join(", ");
            let what = format!("{kind} needs no {key}");
            table.fault(key, out, Fault::new(what, needed, "delete it"));
        }
    }
    let user = match &description.user {
        Some(_) => table.need(&i::USER, out),
        None => {
            unwanted(table, i::USER.name, kind, out);
            None
        }
    };
    let set = set(table, kind, &description.settings, out);
    let description = Arc::new(description);
    let made = Platform::Described { kind, description, secrets, user, set };
    (out.count() == before).then_some(made)
}

fn unwanted(table: &Table<'_>, key: &'static str, kind: &str, out: &mut Problems<'_>) {
    if table.has(key) {
        let what = format!("{kind} has no {key}");
        table.fault(key, out, Fault::new(what, "", "delete it"));
    }
}

/// The room of a described group, in the words of its description.
pub(super) fn room(
    table: &Table<'_>,
    kind: &str,
    description: &Description,
    out: &mut Problems<'_>,
) -> Option<String> {
    let Some(says) = &description.room else {
        unwanted(table, g::ROOM.name, kind, out);
        return None;
    };
    if !table.has(g::ROOM.name) {
        let fix = format!("add a line room = \"...\", {says}");
        table.fault(g::ROOM.name, out, Fault::new("the key is missing", says.clone(), fix));
        return None;
    }
    table.read(&g::ROOM, out).map(|room| room.trim().to_owned())
}

/// What a group sets; with what its integration sets, everything that has no default must be there.
pub(super) fn of_group(
    table: &Table<'_>,
    platform: Option<&Platform>,
    out: &mut Problems<'_>,
) -> BTreeMap<String, String> {
    let Some(platform) = platform else { return BTreeMap::new() };
    let Platform::Described { kind, description, set: ours, .. } = platform else {
        unwanted(table, i::SET, platform.kind(), out);
        return BTreeMap::new();
    };
    let its = set(table, kind, &description.settings, out);
    for (name, setting) in &description.settings {
        if setting.default.is_none() && !its.contains_key(name) && !ours.contains_key(name) {
            let what = format!("{name} is not set: {}", setting.says);
            let value = setting.one_of.first().map_or("...", String::as_str);
            let fix = format!("add {name} = {value:?} to set, here or in the integration");
            table.fault(i::SET, out, Fault::new(what, named(&description.settings), fix));
        }
    }
    its
}

fn set(
    table: &Table<'_>,
    kind: &str,
    settings: &BTreeMap<String, Setting>,
    out: &mut Problems<'_>,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let Some(value) = table.value(i::SET) else { return found };
    let example = "set = { name = \"value\" }";
    let Some(entries) = value.get_ref().as_table() else {
        table.fault(i::SET, out, Fault::new("it is no table", "a table", example));
        return found;
    };
    for (key, value) in entries {
        let name: &str = key.get_ref();
        let Some(setting) = settings.get(name) else {
            let known: Vec<&str> = settings.keys().map(String::as_str).collect();
            let near = nearest(name, &known);
            let what = match near {
                Some(near) => format!("{kind} has no such setting; did you mean {near}?"),
                None => format!("{kind} has no such setting"),
            };
            table.fault(
                i::SET,
                out,
                Fault::new(what, named(settings), "delete it, or write another"),
            );
            continue;
        };
        match string(value.get_ref()) {
            Ok(text) if text.len() > VALUE_MAX || text.chars().any(char::is_control) => {
                let what =
                    format!("{name} is longer than {VALUE_MAX} bytes, or more than one line");
                table.fault(i::SET, out, Fault::new(what, setting.says.clone(), "shorten it"));
            }
            Ok(text)
                if !setting.one_of.is_empty() && !setting.one_of.iter().any(|one| one == text) =>
            {
                let what = format!("{name} is none of what it may be: {}", setting.says);
                let fix = format!("write {name} = {:?}", setting.one_of[0]);
                table.fault(i::SET, out, Fault::new(what, setting.one_of.join(", "), fix));
            }
            Ok(text) => drop(found.insert(name.to_owned(), text.to_owned())),
            Err(what) => {
                let what = format!("{name} {what}");
                table.fault(i::SET, out, Fault::new(what, "text in quotes", example));
            }
        }
    }
    found
}

fn named(settings: &BTreeMap<String, Setting>) -> String {
    settings.keys().cloned().collect::<Vec<_>>().join(", ")
}
