//! One table of a config file while it is read: typed keys, and a word about every key that is
//! missing, misspelt or in the wrong place.

use std::ops::Range;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, Key};
use super::problem::{Fault, Problems};
use super::rules::{Name, Rule, mismatch};

/// A value is quoted up to here.
const QUOTED_MAX: usize = 60;
/// No key that anyone means is longer.
const KEY_MAX: usize = 32;

/// A table, and what it is called in messages.
pub(super) struct Table<'t> {
    entries: &'t DeTable<'t>,
    /// Its header, or its braces.
    pub(super) span: Range<usize>,
    /// Such as `[[feed]] "blog"`.
    pub(super) label: String,
    /// Such as `pace.`, for a table within one.
    prefix: String,
    /// Whether its values are never quoted, since one of them may be a secret.
    silent: bool,
}

impl<'t> Table<'t> {
    pub(super) fn root(entries: &'t DeTable<'t>) -> Self {
        let label = "the file".to_owned();
        Self { entries, span: 0..0, label, prefix: String::new(), silent: true }
    }

    /// The `[name]` of the file; nothing where it is not there.
    pub(super) fn single(&self, name: &str, out: &mut Problems<'_>) -> Option<Table<'t>> {
        let value = self.entries.get(name)?;
        let label = format!("[{name}]");
        if let Some(entries) = value.get_ref().as_table() {
            let silent = false;
            return Some(Table {
                entries,
                span: value.span(),
                label,
                prefix: String::new(),
                silent,
            });
        }
        let what = format!("{name} {}", mismatch(value.get_ref()));
        let fix = format!("write it once, as {label}");
        out.push(&value.span(), label.clone(), Some(name), Fault::new(what, label, fix));
        None
    }

    /// Each `[[name]]` of the file, in order, labelled by its name or its number.
    pub(super) fn several(&self, name: &str, out: &mut Problems<'_>) -> Vec<Table<'t>> {
        let Some(value) = self.entries.get(name) else { return Vec::new() };
        let label = format!("[[{name}]]");
        let items: &[Spanned<DeValue<'t>>] = match value.get_ref() {
            DeValue::Array(items) => items,
            _ => std::slice::from_ref(value),
        };
        let mut tables = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let DeValue::Table(entries) = item.get_ref() else {
                let what = format!("{name} {}", mismatch(item.get_ref()));
                let fix = format!("start each {name} with a line {label}");
                let fault = Fault::new(what, label.clone(), fix);
                out.push(&item.span(), label.clone(), Some(name), fault);
                continue;
            };
            if !value.get_ref().is_array() {
                let fix = format!("write {label} with double brackets");
                let fault = Fault::new("there may be several of these", label.clone(), fix);
                out.push(&item.span(), format!("[{name}]"), Some(name), fault);
            }
            let its_name = entries.get("name").and_then(|name| name.get_ref().as_str());
            let label = match its_name.filter(|name| Name::check(name).is_ok()) {
                Some(its_name) => format!("{label} {its_name:?}"),
                None => format!("{label} number {}", at + 1),
            };
            let silent = name == "integration";
            let prefix = String::new();
            tables.push(Table { entries, span: item.span(), label, prefix, silent });
        }
        tables
    }

    /// A table within this one, such as `pace = { .. }`.
    pub(super) fn within(
        &self,
        name: &'static str,
        example: &str,
        out: &mut Problems<'_>,
    ) -> Option<Table<'t>> {
        let value = self.entries.get(name)?;
        if let Some(entries) = value.get_ref().as_table() {
            return Some(Table {
                entries,
                span: value.span(),
                label: self.label.clone(),
                prefix: format!("{}{name}.", self.prefix),
                silent: self.silent,
            });
        }
        let what = format!("the value {}", mismatch(value.get_ref()));
        let fix = format!("write, for example, {name} = {example}");
        self.fault(name, out, Fault::new(what, "a table", fix));
        None
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    pub(super) fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.entries.get(key)
    }

    /// Where the value of a key stands, or the table where it does not.
    pub(super) fn place(&self, key: &str) -> Range<usize> {
        self.entries.get(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// What a key of this table is called in messages.
    pub(super) fn title(&self, key: &str) -> String {
        format!("{}{key} of {}", self.prefix, self.label)
    }

    /// A fault at the value of a key.
    pub(super) fn fault(&self, key: &str, out: &mut Problems<'_>, fault: Fault) {
        out.push(&self.place(key), self.title(key), Some(key), fault);
    }

    /// A value as it may be repeated in a message: in quotes, or not at all.
    pub(super) fn quoted(&self, value: &DeValue<'_>) -> String {
        match value {
            DeValue::String(text) if !self.silent => {
                let cut: String = text.chars().take(QUOTED_MAX).collect();
                let more = if cut.len() < text.len() { "..." } else { "" };
                format!("{cut:?}{more}")
            }
            DeValue::Integer(number) if !self.silent => number.to_string(),
            DeValue::Float(number) if !self.silent => number.to_string(),
            _ => "the value".to_owned(),
        }
    }

    /// The value of a key by its rule; nothing where it is missing, or wrong and reported.
    pub(super) fn read<R: Rule>(&self, key: &Key<R>, out: &mut Problems<'_>) -> Option<R::Out> {
        let value = self.entries.get(key.name)?.get_ref();
        match key.rule.read(value) {
            Ok(good) => Some(good),
            Err(what) => {
                // An address may hold a password, wherever it stands.
                let quoted = match key.name {
                    "url" => "the address".to_owned(),
                    _ => self.quoted(value),
                };
                self.fault(key.name, out, key.fault(&format!("{quoted} {what}")));
                None
            }
        }
    }

    /// The value of a key that has to be there.
    pub(super) fn need<R: Rule>(&self, key: &Key<R>, out: &mut Problems<'_>) -> Option<R::Out> {
        if !self.has(key.name) {
            let fault = Fault {
                fix: format!("add a line {} = {}", key.name, key.example),
                ..key.fault("the key is missing")
            };
            self.fault(key.name, out, fault);
        }
        self.read(key, out)
    }

    /// Reports every key that is none of `known`.
    pub(super) fn only(&self, known: &[&'static str], out: &mut Problems<'_>) {
        for (key, value) in self.entries {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            // What does not look like a key may be a value, even a secret one, in the wrong place.
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
            let named = (name.len() <= KEY_MAX && name.bytes().all(plain)).then_some(name);
            let shown = named.unwrap_or("a key");
            let at_root = self.span.is_empty();
            let (thing, title) = match value.get_ref() {
                DeValue::Table(_) if at_root => ("table", format!("[{shown}]")),
                list if at_root && is_table_list(list) => ("table", format!("[[{shown}]]")),
                _ => ("key", self.title(shown)),
            };
            let elsewhere = keys::tables_with(name).join(" or ");
            let (what, fix) = if let Some(near) = keys::nearest(name, known) {
                (format!("there is no such {thing}; did you mean {near}?"), format!("write {near}"))
            } else if elsewhere.is_empty() {
                (format!("there is no such {thing}"), "delete it".to_owned())
            } else {
                (format!("this key belongs to {elsewhere}"), format!("move it to {elsewhere}"))
            };
            let fault = Fault::new(what, known.join(", "), fix);
            out.push(&key.span(), title, named, fault);
        }
    }

    /// Whether a key that is none of `known` was most likely meant as `wanted`.
    pub(super) fn misspells(&self, wanted: &str, known: &[&'static str]) -> bool {
        let unknown = self.entries.keys().filter(|key| !known.contains(&&**key.get_ref()));
        unknown.into_iter().any(|key| keys::nearest(key.get_ref(), known) == Some(wanted))
    }
}

fn is_table_list(value: &DeValue<'_>) -> bool {
    let items = value.as_array();
    items.is_some_and(|items| items.iter().all(|item| item.get_ref().is_table()))
}

impl<R: Rule> Key<R> {
    /// A fault of this key's value, with what it takes and a value to copy.
    pub(super) fn fault(&self, what: &str) -> Fault {
        let fix = format!("write, for example, {} = {}", self.name, self.example);
        Fault::new(what, self.rule.allowed(), fix)
    }
}
