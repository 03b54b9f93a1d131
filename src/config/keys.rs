//! Every key there is, once, with what it takes and an example: the reader, the messages, the
//! suggestions and the test of the sample file all look here.

use std::time::Duration;

use super::rules::{Choice, Contact, Count, Day, Flag, Listen, Name, Period, Share, Text};

/// A key, the rule for its value, and a value to copy.
pub(super) struct Key<R> {
    pub(super) name: &'static str,
    pub(super) rule: R,
    /// As it stands in the file.
    pub(super) example: &'static str,
}

const fn key<R>(name: &'static str, rule: R, example: &'static str) -> Key<R> {
    Key { name, rule, example }
}

const fn seconds(min: u64, max: u64) -> Period {
    Period { min: Duration::from_secs(min), max: Duration::from_secs(max) }
}

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;
/// Nothing that anyone counts here is larger on purpose.
const COUNT_MAX: u32 = 1_000_000;
/// The longest path that the kernel takes.
const PATH_MAX: usize = 4096;
/// What `sun_path` holds, without its final zero (unix(7)).
const SOCKET_PATH_MAX: usize = 107;
/// Longer than any address that servers agree to take.
const URL_MAX: usize = 2048;
/// Far more than any post; a template is no program.
const TEMPLATE_MAX: usize = 16 * 1024;
/// Matrix ids, handles and mail addresses are at most this long.
const ID_MAX: usize = 255;

const fn text(allowed: &'static str, max: usize) -> Text {
    Text { allowed, max, lines: false }
}

pub(super) mod ledger {
    use super::*;
    pub(in crate::config) const PATH: Key<Text> =
        key("path", text("a file path", PATH_MAX), "\"/var/lib/oncecast/ledger.redb\"");
    pub(in crate::config) const WITNESS: Key<Text> =
        key("witness", text("a file path", PATH_MAX), "\"/var/lib/oncecast/ledger.witness\"");
    pub(in crate::config) const EXPECT: Key<Flag> = key("expect", Flag, "true");
    pub(in crate::config) const HOST: Key<Name> = key("host", Name, "\"machine-id\"");
    pub(in crate::config) const ALL: &[&str] = &["path", "witness", "expect", "host"];
}

pub(super) mod serve {
    use super::*;
    pub(in crate::config) const LISTEN: Key<Listen> = key("listen", Listen, "\"127.0.0.1:8787\"");
    pub(in crate::config) const ALLOW_REMOTE: Key<Flag> = key("allow_remote", Flag, "false");
    pub(in crate::config) const CONTROL: Key<Text> = key(
        "control",
        text("the path of a socket, at most 107 bytes", SOCKET_PATH_MAX),
        "\"/run/oncecast/control.sock\"",
    );
    pub(in crate::config) const ALL: &[&str] = &["listen", "allow_remote", "control"];
}

pub(super) mod guard {
    use super::*;
    pub(in crate::config) const SETTLE: Key<Period> = key("settle", seconds(0, 7 * DAY), "\"10m\"");
    pub(in crate::config) const BURST: Key<Count> =
        key("burst", Count { min: 1, max: COUNT_MAX }, "3");
    pub(in crate::config) const SHARE: Key<Share> = key("share", Share, "0.5");
    pub(in crate::config) const MAX_AGE: Key<Period> =
        key("max_age", seconds(1, 3650 * DAY), "\"7d\"");
    pub(in crate::config) const CRASH_LOOP: Key<Count> =
        key("crash_loop", Count { min: 0, max: 1000 }, "3");
    pub(in crate::config) const STAGGER: Key<Period> = key("stagger", seconds(0, DAY), "\"5m\"");
    pub(in crate::config) const ALL: &[&str] =
        &["settle", "burst", "share", "max_age", "crash_loop", "stagger"];
}

pub(super) mod poll {
    use super::*;
    pub(in crate::config) const CONTACT: Key<Contact> =
        key("contact", Contact, "\"https://example.org/about\"");
    pub(in crate::config) const ALL: &[&str] = &["contact"];
}

pub(super) mod websub {
    use super::*;
    pub(in crate::config) const CALLBACK: Key<Text> = key(
        "callback",
        text("an http or https address", URL_MAX),
        "\"https://example.org/websub/\"",
    );
    pub(in crate::config) const LISTEN: Key<Listen> = key("listen", Listen, "\"127.0.0.1:8788\"");
    pub(in crate::config) const ALL: &[&str] = &["callback", "listen"];
}

pub(super) mod feed {
    use super::*;
    pub(in crate::config) const NAME: Key<Name> = key("name", Name, "\"blog\"");
    pub(in crate::config) const URL: Key<Text> = key(
        "url",
        text("an http or https address, or the path of a file", URL_MAX),
        "\"https://example.org/feed/\"",
    );
    pub(in crate::config) const EVERY: Key<Period> = key("every", seconds(1, 30 * DAY), "\"15m\"");
    pub(in crate::config) const EVERY_MAX: Key<Period> =
        key("every_max", seconds(1, 30 * DAY), "\"3h\"");
    pub(in crate::config) const ALL: &[&str] = &["name", "url", "every", "every_max"];
}

pub(super) mod integration {
    use super::*;
    pub(in crate::config) const NAME: Key<Name> = key("name", Name, "\"fedi\"");
    pub(in crate::config) const KIND: Key<Choice> = key(
        "kind",
        Choice(&[
            "webhook",
            "mastodon",
            "bluesky",
            "matrix",
            "discord",
            "discord-webhook",
            "wordpress",
            "ghost",
            "websub",
            "webmention",
            "indexnow",
            "by-hand",
            "custom",
            "dev-to",
            "discourse",
            "lemmy",
            "linkedin-member",
            "linkedin-organisation",
            "mattermost",
            "resend",
            "slack",
            "slack-webhook",
            "telegram",
            "zulip",
        ]),
        "\"mastodon\"",
    );
    pub(in crate::config) const URL: Key<Text> =
        key("url", text("an http or https address", URL_MAX), "\"https://mastodon.example\"");
    pub(in crate::config) const TIMEOUT: Key<Period> =
        key("timeout", seconds(5, 15 * MINUTE), "\"60s\"");
    pub(in crate::config) const DOUBT_AFTER: Key<Period> =
        key("doubt_after", seconds(1, DAY), "\"2m\"");
    pub(in crate::config) const EXPIRES: Key<Day> = key("expires", Day, "\"2027-01-31\"");
    pub(in crate::config) const RECEIVER_DEDUPES: Key<Flag> =
        key("receiver_dedupes", Flag, "false");
    pub(in crate::config) const IDENTIFIER: Key<Text> =
        key("identifier", text("a handle, a DID or a mail address", ID_MAX), "\"me.example.org\"");
    pub(in crate::config) const USER: Key<Text> =
        key("user", text("a user name, or a full user id", ID_MAX), "\"@poster:example.org\"");
    pub(in crate::config) const DESCRIBE: Key<Text> = key(
        "describe",
        text("the path of a description, or ntfy, google-chat or micropub", PATH_MAX),
        "\"my-api.toml\"",
    );
    pub(in crate::config) const SET: &str = "set";
    pub(in crate::config) const PACE: &str = "pace";
    pub(in crate::config) const CAPS: &str = "caps";
    /// The keys of some kinds, and whose they are.
    pub(in crate::config) const OWN: &[(&str, &[&str])] = &[
        ("secret", &["webhook", "discord-webhook", "custom", "slack-webhook"]),
        ("receiver_dedupes", &["webhook"]),
        ("token", TOKEN),
        ("identifier", &["bluesky"]),
        ("user", &["matrix", "wordpress", "discord-webhook", "custom", "discourse", "zulip"]),
        ("password", &["bluesky", "matrix", "wordpress", "custom"]),
        ("describe", &["custom"]),
        ("set", &["custom", "linkedin-member", "linkedin-organisation", "resend", "zulip"]),
    ];
    const TOKEN: &[&str] = &[
        "mastodon",
        "matrix",
        "discord",
        "ghost",
        "indexnow",
        "custom",
        "dev-to",
        "discourse",
        "lemmy",
        "linkedin-member",
        "linkedin-organisation",
        "mattermost",
        "resend",
        "slack",
        "telegram",
        "zulip",
    ];
    pub(in crate::config) const ALL: &[&str] = &[
        "name",
        "kind",
        "url",
        PACE,
        CAPS,
        "timeout",
        "doubt_after",
        "expires",
        "secret",
        "receiver_dedupes",
        "token",
        "identifier",
        "user",
        "password",
        "describe",
        SET,
    ];
}

pub(super) mod pace {
    use super::*;
    pub(in crate::config) const EVERY: Key<Period> = key("every", seconds(0, DAY), "\"2m\"");
    pub(in crate::config) const BURST: Key<Count> = key("burst", Count { min: 1, max: 1000 }, "1");
    pub(in crate::config) const ALL: &[&str] = &["every", "burst"];
}

pub(super) mod caps {
    use super::*;
    const CAP: Count = Count { min: 1, max: COUNT_MAX };
    pub(in crate::config) const PER_10M: Key<Count> = key("per_10m", CAP, "3");
    pub(in crate::config) const PER_HOUR: Key<Count> = key("per_hour", CAP, "6");
    pub(in crate::config) const PER_DAY: Key<Count> = key("per_day", CAP, "20");
    pub(in crate::config) const ALL: &[&str] = &["per_10m", "per_hour", "per_day"];
}

pub(super) mod group {
    use super::*;
    pub(in crate::config) const NAME: Key<Name> = key("name", Name, "\"followers\"");
    pub(in crate::config) const INTEGRATION: Key<Name> = key("integration", Name, "\"fedi\"");
    pub(in crate::config) const FEEDS: Key<Name> = key("feeds", Name, "[\"blog\"]");
    pub(in crate::config) const TEMPLATE: Key<Text> = key(
        "template",
        Text { allowed: "a minijinja template, up to 16 KiB", max: TEMPLATE_MAX, lines: true },
        "\"{{ title }}\\n\\n{{ link }}\"",
    );
    pub(in crate::config) const ROOM: Key<Text> = key(
        "room",
        text(
            "a room id (!...), an alias (#name:server), or what the platform calls its channel",
            ID_MAX,
        ),
        "\"!abc:example.org\"",
    );
    pub(in crate::config) const VISIBILITY: Key<Choice> =
        key("visibility", Choice(&["public", "unlisted", "private"]), "\"public\"");
    pub(in crate::config) const LANGUAGE: Key<Text> =
        key("language", text("a language tag (BCP 47), such as de or pt-BR", 35), "\"en\"");
    pub(in crate::config) const PICTURES: Key<Flag> = key("pictures", Flag, "false");
    pub(in crate::config) const WARNING: Key<Text> =
        key("warning", text("what readers are warned of, in a few words", 100), "\"food\"");
    pub(in crate::config) const WHEN_ABSENT: Key<Choice> =
        key("when_absent", Choice(&["wait", "send"]), "\"wait\"");
    pub(in crate::config) const PREFLIGHT: Key<Flag> = key("preflight", Flag, "true");
    pub(in crate::config) const ON_EDIT: Key<Choice> =
        key("on_edit", Choice(&["ignore", "update"]), "\"ignore\"");
    pub(in crate::config) const ON_DELETE: Key<Choice> =
        key("on_delete", Choice(&["ignore", "retract"]), "\"ignore\"");
    pub(in crate::config) const LINK: Key<Text> = key(
        "link",
        text("an http or https address", URL_MAX),
        "\"https://www.linkedin.com/groups/12345/\"",
    );
    pub(in crate::config) const LIMIT: Key<Count> =
        key("limit", Count { min: 1, max: COUNT_MAX }, "3000");
    pub(in crate::config) const APPROVE: Key<Flag> = key("approve", Flag, "true");
    pub(in crate::config) const MAX_AGE: Key<Period> =
        key("max_age", seconds(1, 3650 * DAY), "\"2d\"");
    pub(in crate::config) const ONLY: &str = "only";
    pub(in crate::config) const EXCEPT: &str = "except";
    pub(in crate::config) const QUIET: &str = "quiet";
    pub(in crate::config) const ALL: &[&str] = &[
        "name",
        "integration",
        "feeds",
        "template",
        "room",
        "visibility",
        "language",
        "warning",
        "pictures",
        "when_absent",
        "preflight",
        "on_edit",
        "on_delete",
        "link",
        "limit",
        "set",
        ONLY,
        EXCEPT,
        "max_age",
        "approve",
        QUIET,
    ];
}

pub(super) mod alert {
    use super::*;
    pub(in crate::config) const GROUP: Key<Name> = key("group", Name, "\"ops\"");
    pub(in crate::config) const AFTER: Key<Period> = key("after", seconds(0, 7 * DAY), "\"10m\"");
    pub(in crate::config) const EVERY: Key<Period> =
        key("every", seconds(MINUTE, 30 * DAY), "\"6h\"");
    pub(in crate::config) const ALL: &[&str] = &["group", "after", "every"];
}

/// What a group chooses by.
pub(super) mod choice {
    pub(in crate::config) const ALL: &[&str] = &["categories", "authors", "languages", "titles"];
}

pub(super) mod quiet {
    use super::*;
    pub(in crate::config) const FROM: Key<Text> =
        key("from", text("a time of day, such as 22:00", 8), "\"22:00\"");
    pub(in crate::config) const TO: Key<Text> =
        key("to", text("a time of day, such as 07:00", 8), "\"07:00\"");
    pub(in crate::config) const ZONE: Key<Text> =
        key("zone", text("a time zone of the tz database", 64), "\"Europe/Berlin\"");
    pub(in crate::config) const DAYS: &str = "days";
    pub(in crate::config) const ALL: &[&str] = &["from", "to", DAYS, "zone"];
}

/// The places of a secret, one of which stands in its table.
pub(super) const SECRET: &[&str] = &["credential", "env", "file"];

/// The tables of a file: name, how its header is written, and its keys.
pub(super) const TABLES: &[(&str, &str, &[&str])] = &[
    ("ledger", "[ledger]", ledger::ALL),
    ("serve", "[serve]", serve::ALL),
    ("guard", "[guard]", guard::ALL),
    ("poll", "[poll]", poll::ALL),
    ("websub", "[websub]", websub::ALL),
    ("feed", "[[feed]]", feed::ALL),
    ("integration", "[[integration]]", integration::ALL),
    ("group", "[[group]]", group::ALL),
    ("alert", "[[alert]]", alert::ALL),
];

/// Words that people bring from other tools, and ours for them.
const SYNONYMS: &[(&str, &str)] = &[
    ("access_token", "token"),
    ("address", "url"),
    ("app_password", "password"),
    ("base_url", "url"),
    ("channel", "room"),
    ("chat", "room"),
    ("api_key", "token"),
    ("feeds", "feed"),
    ("handle", "identifier"),
    ("homeserver", "url"),
    ("instance", "url"),
    ("interval", "every"),
    ("lang", "language"),
    ("room_id", "room"),
    ("server", "url"),
    ("type", "kind"),
    ("username", "user"),
];

/// Whether a whole line that starts with this key in this table may be shown. Addresses are left
/// out: people write passwords into them.
pub(super) fn is_harmless(table: &str, key: &str) -> bool {
    let known = TABLES.iter().find(|(name, ..)| *name == table).map(|(.., keys)| *keys);
    table != "integration" && key != feed::URL.name && known.is_some_and(|keys| keys.contains(&key))
}

/// Whether this is a key of any table, which can be named wherever it stands.
pub(super) fn is_known(key: &str) -> bool {
    TABLES.iter().any(|(name, _, keys)| *name == key || keys.contains(&key))
}

/// How a table's header is written.
pub(super) fn header(table: &str) -> Option<&'static str> {
    TABLES.iter().find(|(name, ..)| *name == table).map(|(_, header, _)| *header)
}

/// Whether this is a table of ours, or one below it.
pub(super) fn is_table(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or_default();
    TABLES.iter().any(|(table, ..)| *table == first)
}

/// The tables, as written, that have this key.
pub(super) fn tables_with(key: &str) -> Vec<&'static str> {
    TABLES.iter().filter(|(.., keys)| keys.contains(&key)).map(|(_, header, _)| *header).collect()
}

/// The word that was most likely meant, if any is near.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    /// A key is short; the distance of a long text is not worth its time.
    const WORD_MAX: usize = 64;
    if word.len() > WORD_MAX {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let ours = SYNONYMS.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours);
    if let Some(found) = known.iter().find(|known| Some(**known) == ours) {
        return Some(found);
    }
    let far = (word.chars().count() / 3).max(1);
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&word, known), *known))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_was_meant_is_suggested() {
        assert_eq!(nearest("brust", guard::ALL), Some("burst"));
        assert_eq!(nearest("MaxAge", guard::ALL), Some("max_age"));
        assert_eq!(nearest("settel", guard::ALL), Some("settle"));
        assert_eq!(nearest("instance", integration::ALL), Some("url"));
        assert_eq!(nearest("hunter2", integration::ALL), None);
        assert_eq!(nearest("", guard::ALL), None);
        assert_eq!(nearest(&"burst".repeat(99), guard::ALL), None);
    }

    #[test]
    fn every_key_of_some_kinds_is_a_key_of_integrations() {
        for (key, kinds) in integration::OWN {
            assert!(integration::ALL.contains(key), "{key}");
            assert!(kinds.iter().all(|kind| integration::KIND.rule.0.contains(kind)), "{key}");
        }
    }
}
