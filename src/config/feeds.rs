//! `[[feed]]`: what is polled, each once.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::Feed;
use super::address;
use super::keys::feed as f;
use super::problem::{Fault, Problems};
use super::rows::{Row, rows};
use super::table::Table;
use super::units::show_duration;

/// A quarter of an hour: no reader minds, and no server does.
const EVERY: Duration = Duration::from_secs(15 * 60);
/// How seldom at the most: a post that ends a long silence is heard of within the afternoon.
const EVERY_MAX: Duration = Duration::from_secs(3 * 60 * 60);
/// Below this a poll is more often than most servers like.
const EVERY_POLITE: Duration = Duration::from_secs(5 * 60);

/// Each `[[feed]]`.
pub(super) fn read<'t>(
    root: &Table<'t>,
    base: &Path,
    out: &mut Problems<'_>,
) -> Vec<Row<'t, Feed>> {
    let feeds = rows(root, "feed", &f::NAME, out, |table, name, out| {
        table.only(f::ALL, out);
        let every = table.read(&f::EVERY, out);
        let text = table.need(&f::URL, out)?;
        let source = match address::feed(&text, base) {
            Ok(source) => source,
            Err(bad) => {
                let allowed = format!("{}; or the path of a file", address::WEB);
                table.fault(f::URL.name, out, Fault::new(bad.what, allowed, bad.fix));
                return None;
            }
        };
        if let Some(every) = every.filter(|every| *every < EVERY_POLITE && !source.is_here()) {
            let what = format!(
                "\"{}\" is often for somebody's server; \"{}\" or more is polite",
                show_duration(every),
                show_duration(EVERY_POLITE)
            );
            out.warn(&table.place(f::EVERY.name), &table.title(f::EVERY.name), &what);
        }
        let every_max = table.read(&f::EVERY_MAX, out);
        let every = every.unwrap_or(EVERY);
        if let Some(max) = every_max.filter(|max| *max < every) {
            let (max, least) = (show_duration(max), show_duration(every));
            let what = format!("every_max ({max}) is shorter than every ({least})");
            let fix = format!("write every_max = \"{least}\" to ask always as often");
            let fault = Fault::new(what, "an every_max of at least every", fix);
            table.fault(f::EVERY_MAX.name, out, fault);
        }
        let every_max = every_max.unwrap_or(EVERY_MAX).max(every);
        Some(Feed { name: name.to_owned(), source, every, every_max })
    });
    twice(&feeds, out);
    feeds
}

/// A feed that is polled under two names would tell each post twice.
fn twice(feeds: &[Row<'_, Feed>], out: &mut Problems<'_>) {
    let mut seen: HashMap<String, &Row<'_, Feed>> = HashMap::new();
    for row in feeds {
        let Some(feed) = &row.made else { continue };
        let address = address::sameness(&feed.source);
        if let Some(first) = seen.get(&address) {
            let what = format!(
                "line {} polls the same address, so readers would hear each post twice",
                out.line(&first.table.span)
            );
            let fault = Fault::new(what, "an address of its own", "delete one of the two");
            row.table.fault(f::URL.name, out, fault);
        }
        seen.entry(address).or_insert(row);
    }
}
