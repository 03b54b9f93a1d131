//! `[[alert]]`: which group hears that something waits for a person.

use std::collections::BTreeSet;
use std::time::Duration;

use super::keys::alert as a;
use super::problem::{Fault, Problems};
use super::rows::{Row, no_such};
use super::table::Table;
use super::{Alert, Group, Integration, Platform};

/// Long enough for what mends itself, and for several things to come in one message.
const AFTER: Duration = Duration::from_secs(10 * 60);
/// Four in a day can be read, and do not teach anyone to look away.
const EVERY: Duration = Duration::from_secs(6 * 60 * 60);
/// What such a group reads, unless it says otherwise.
const TEMPLATE: &str = "{{ title }}\n\n{{ text }}";

/// The groups that alerts name, read before the groups themselves.
pub(super) fn named(root: &Table<'_>) -> BTreeSet<String> {
    let Some(alerts) = root.value("alert").and_then(|value| value.get_ref().as_array()) else {
        return BTreeSet::new();
    };
    alerts
        .iter()
        .filter_map(|alert| alert.get_ref().as_table()?.get(a::GROUP.name)?.get_ref().as_str())
        .map(str::to_owned)
        .collect()
}

/// Each `[[alert]]`.
pub(super) fn read(
    root: &Table<'_>,
    groups: &mut [Row<'_, Group>],
    integrations: &[Row<'_, Integration>],
    out: &mut Problems<'_>,
) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    for table in root.several("alert", out) {
        table.only(a::ALL, out);
        let after = table.read(&a::AFTER, out).unwrap_or(AFTER);
        let every = table.read(&a::EVERY, out).unwrap_or(EVERY);
        let Some(name) = table.need(&a::GROUP, out) else { continue };
        let Some(at) = groups.iter().position(|row| row.name.as_ref() == Some(&name)) else {
            let fault = no_such("group", &name, groups);
            table.fault(a::GROUP.name, out, fault);
            continue;
        };
        if alerts.iter().any(|alert| alert.group == name) {
            let fault = Fault::new("a group hears alerts twice", "", "delete one of the two");
            table.fault(a::GROUP.name, out, fault);
            continue;
        }
        let Some(group) = &mut groups[at].made else { continue };
        if !group.feeds.is_empty() {
            let what = format!("the group {name:?} hears feeds, so its readers would read alerts");
            let fix = format!("write feeds = [] in the [[group]] {name:?}, or name another group");
            let fault = Fault::new(what, "a group with feeds = []", fix);
            table.fault(a::GROUP.name, out, fault);
            continue;
        }
        let made = integrations.iter().filter_map(|row| row.made.as_ref());
        let mut lanes = made.filter(|integration| integration.name == group.integration);
        if lanes.any(|integration| matches!(integration.platform, Platform::ByHand)) {
            let what =
                format!("the group {name:?} is posted to by hand, so nobody would see the alert");
            let fault = Fault::new(what, "a group that oncecast posts to", "name another group");
            table.fault(a::GROUP.name, out, fault);
            continue;
        }
        group.template.get_or_insert_with(|| TEMPLATE.to_owned());
        alerts.push(Alert { group: name, after, every });
    }
    alerts
}
