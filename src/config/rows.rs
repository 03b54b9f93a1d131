//! The tables that may stand several times, each with a name of its own.

use std::collections::HashMap;

use super::keys::{Key, nearest};
use super::problem::{Fault, Problems};
use super::rules::Name;
use super::table::Table;

/// Far more than any blogger has.
const ROWS_MAX: usize = 20_000;
/// A message lists up to this many names.
const LISTED_MAX: usize = 20;

/// One of several tables, and what was made of it.
pub(super) struct Row<'t, T> {
    pub(super) table: Table<'t>,
    /// Its name, where that is good: others may refer to it even if the rest is wrong.
    pub(super) name: Option<String>,
    pub(super) made: Option<T>,
}

/// Reads each `[[kind]]`; a name given twice is a fault of the second.
pub(super) fn rows<'t, T>(
    root: &Table<'t>,
    kind: &'static str,
    its_name: &Key<Name>,
    out: &mut Problems<'_>,
    mut make: impl FnMut(&Table<'t>, &str, &mut Problems<'_>) -> Option<T>,
) -> Vec<Row<'t, T>> {
    let mut rows: Vec<Row<'t, T>> = Vec::new();
    let mut named: HashMap<String, usize> = HashMap::new();
    for table in root.several(kind, out) {
        if rows.len() == ROWS_MAX {
            let what = format!("there are more than {ROWS_MAX} of these");
            let fault = Fault::new(what, format!("up to {ROWS_MAX}"), "run a second oncecast");
            out.push(&table.span, table.label.clone(), Some(kind), fault);
            break;
        }
        let name = table.need(its_name, out);
        match name.as_ref().and_then(|name| named.get(name)) {
            Some(first) => {
                let line = out.line(&rows[*first].table.span);
                let what = format!("line {line} has the same name");
                let fault = Fault::new(what, "a name of its own", "rename one of them");
                table.fault(its_name.name, out, fault);
            }
            None => {
                named.extend(name.clone().map(|name| (name, rows.len())));
            }
        }
        let made = make(&table, name.as_deref().unwrap_or_default(), out);
        rows.push(Row { table, name, made });
    }
    rows
}

/// A fault of a reference to a name that is not there.
pub(super) fn no_such<T>(kind: &str, name: &str, rows: &[Row<'_, T>]) -> Fault {
    let names: Vec<&str> = rows.iter().filter_map(|row| row.name.as_deref()).collect();
    let near = nearest(name, &names);
    let guess = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
    let what = format!("there is no {kind} named {name:?}{guess}");
    let mut allowed = names.iter().take(LISTED_MAX).copied().collect::<Vec<_>>().join(", ");
    if names.len() > LISTED_MAX {
        allowed.push_str(", ...");
    }
    let fix = match near.or(names.first().copied()) {
        Some(one) => format!("write, for example, {one:?}, or add a [[{kind}]] of that name"),
        None => format!("add a [[{kind}]] of that name"),
    };
    Fault::new(what, allowed, fix)
}
