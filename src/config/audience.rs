//! One audience, one group: two ways to the same readers would tell them each post twice.

use secrecy::ExposeSecret;

use super::address::same_url;
use super::problem::{Fault, Problems};
use super::rows::Row;
use super::{Group, Integration, MatrixLogin, Platform, Secret};

/// Refuses what certainly reaches the same readers twice.
pub(super) fn check(
    integrations: &[Row<'_, Integration>],
    groups: &[Row<'_, Group>],
    out: &mut Problems<'_>,
) {
    for (at, row) in integrations.iter().enumerate() {
        let Some(second) = &row.made else { continue };
        let same = |first: &&Row<'_, Integration>| {
            first.made.as_ref().is_some_and(|first| one_login(first, second))
        };
        if let Some(first) = integrations[..at].iter().find(same) {
            let what = format!(
                "line {} is the same login, so its readers would hear each post twice",
                out.line(&first.table.span)
            );
            let allowed = "a login that no other integration has";
            let fix = "delete one of the two, and name the other in your groups";
            let label = row.table.label.clone();
            out.push(&row.table.span, label, None, Fault::new(what, allowed, fix));
        }
    }
    let kind = |name: &str| {
        let made = integrations.iter().filter_map(|row| row.made.as_ref());
        made.into_iter().find(|made| made.name == name).map(|made| made.platform.kind())
    };
    for (at, row) in groups.iter().enumerate() {
        let Some(second) = &row.made else { continue };
        let Some(its_kind) = kind(&second.integration) else { continue };
        let rooms = matches!(its_kind, "matrix" | "discord");
        let by_hand = its_kind == "by-hand";
        let same = |first: &&Row<'_, Group>| {
            let Some(first) = first.made.as_ref() else { return false };
            if rooms {
                // A room is the same room whoever posts there.
                second.room.is_some() && first.room == second.room
            } else if by_hand {
                let pair = first.link.as_ref().zip(second.link.as_ref());
                pair.is_some_and(|(one, two)| same_url(one) == same_url(two))
            } else {
                // A thread is an audience of its own within a webhook's channel; so is what an API that is
                // described calls a room, or is told in `set`.
                first.integration == second.integration
                    && first.room == second.room
                    && first.link == second.link
                    && first.set == second.set
            }
        };
        let Some(first) = groups[..at].iter().find(same) else { continue };
        let what = format!(
            "the group on line {} has the same audience, which would hear each post twice",
            out.line(&first.table.span)
        );
        let (key, allowed) = if rooms {
            ("room", "a room that no other group has")
        } else if by_hand {
            ("link", "a link that no other group has")
        } else {
            ("integration", "an integration that no other group has")
        };
        let fix = "keep one of the two, and list all its feeds there in feeds";
        row.table.fault(key, out, Fault::new(what, allowed, fix));
    }
}

/// Whether two integrations are certainly one account, or one receiver.
fn one_login(first: &Integration, second: &Integration) -> bool {
    let one_server = same_url(&first.url) == same_url(&second.url);
    match (&first.platform, &second.platform) {
        (Platform::Webhook { .. }, Platform::Webhook { .. }) => one_server,
        (Platform::Mastodon { token: one }, Platform::Mastodon { token: two }) => {
            one_server && one_secret(one, two)
        }
        (Platform::Threads { token: one }, Platform::Threads { token: two }) => {
            one_secret(one, two)
        }
        (Platform::Discord { token: one }, Platform::Discord { token: two }) => {
            one_server && one_secret(one, two)
        }
        (
            Platform::DiscordWebhook { address: one, .. },
            Platform::DiscordWebhook { address: two, .. },
        ) => one_secret(one, two),
        (Platform::Ping { .. }, Platform::Ping { .. }) => {
            one_server && first.platform.kind() == second.platform.kind()
        }
        (Platform::WordPress { .. }, Platform::WordPress { .. })
        | (Platform::Ghost { .. }, Platform::Ghost { .. }) => one_server,
        (Platform::Bluesky { identifier: one, .. }, Platform::Bluesky { identifier: two, .. }) => {
            // A handle and a DID are one account whatever server is asked; a mail address is not.
            one.eq_ignore_ascii_case(two) && (one_server || !one.contains('@'))
        }
        (Platform::Matrix { login: one }, Platform::Matrix { login: two }) => {
            one_server
                && match (one, two) {
                    (MatrixLogin::Token(one), MatrixLogin::Token(two)) => one_secret(one, two),
                    (
                        MatrixLogin::Password { user: one, .. },
                        MatrixLogin::Password { user: two, .. },
                    ) => local_part(one) == local_part(two),
                    _ => false,
                }
        }
        (
            Platform::Described { kind: one, secrets: ours, user, set, .. },
            Platform::Described { kind: two, secrets: theirs, user: other, set: others, .. },
        ) => {
            let pairs = || ours.iter().zip(theirs);
            one == two
                && one_server
                && (user, set) == (other, others)
                && !ours.is_empty()
                && ours.len() == theirs.len()
                && pairs().all(|((one, a), (two, b))| one == two && one_secret(a, b))
        }
        _ => false,
    }
}

fn one_secret(one: &Secret, two: &Secret) -> bool {
    one.source == two.source
        || (one.is_resolved() && one.value.expose_secret() == two.value.expose_secret())
}

/// `poster` of `@poster:example.org`.
fn local_part(user: &str) -> &str {
    let user = user.trim_start_matches('@');
    user.split_once(':').map_or(user, |(local, _)| local)
}
