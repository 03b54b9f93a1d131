//! Good files, and what becomes of them.

use std::path::Path;
use std::time::Duration;

use toml::{Table, Value};

use super::super::keys::{SECRET, TABLES, caps, pace};
use super::super::{Caps, Config, ConfigError, FeedSource, MatrixLogin, Pace, Platform, Secrets};
use super::{FILE, TEN_LINES, bare, read};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn ten_lines_are_a_whole_config() {
    let config = read(TEN_LINES).unwrap();
    assert_eq!(config.file, Path::new(FILE));
    assert_eq!(config.ledger.path, Path::new("/var/lib/oncecast/ledger.redb"));
    assert_eq!(config.serve.listen.to_string(), "127.0.0.1:8787");
    assert!(!config.serve.allow_remote);
    assert_eq!(config.serve.control, Path::new("/run/oncecast/control.sock"));
    assert_eq!((config.guard.settle, config.guard.max_age), (secs(600), secs(604_800)));
    assert_eq!((config.guard.burst, config.guard.share), (3, 0.5));
    assert_eq!(config.guard.crash_loop, 3);
    let feed = &config.feeds[0];
    assert_eq!((feed.name.as_str(), feed.every), ("blog", secs(900)));
    assert_eq!(feed.source, FeedSource::Http("https://example.org/feed/".parse().unwrap()));
    let fedi = &config.integrations[0];
    assert_eq!((fedi.name.as_str(), fedi.platform.kind()), ("fedi", "mastodon"));
    assert_eq!(fedi.url.as_str(), "https://mastodon.example/");
    assert_eq!(fedi.pace, Pace { every: secs(120), burst: 1 });
    assert_eq!(fedi.caps, Caps { per_10m: 3, per_hour: 6, per_day: 20 });
    assert_eq!((fedi.timeout, fedi.doubt_after), (secs(60), secs(120)));
    let group = &config.groups[0];
    assert_eq!((group.name.as_str(), group.integration.as_str()), ("followers", "fedi"));
    assert_eq!(group.feeds, ["blog"]);
    assert_eq!((&group.template, &group.room, &group.visibility), (&None, &None, &None));
    assert_eq!(config.warnings, [""; 0]);
}

#[test]
fn folders_that_systemd_made_are_used() {
    let env = |name: &str| match name {
        "STATE_DIRECTORY" => Some("/var/lib/private/oncecast:/var/lib/other".into()),
        "RUNTIME_DIRECTORY" => Some("/run/mine".into()),
        _ => None,
    };
    let config = Config::parse(TEN_LINES, Path::new(FILE), Secrets::Skip, &env).unwrap();
    assert_eq!(config.ledger.path, Path::new("/var/lib/private/oncecast/ledger.redb"));
    assert_eq!(config.serve.control, Path::new("/run/mine/control.sock"));
    let named = format!("{TEN_LINES}[ledger]\npath = \"state/x.redb\"\n");
    let config = Config::parse(&named, Path::new(FILE), Secrets::Skip, &env).unwrap();
    assert_eq!(config.ledger.path, Path::new("/etc/oncecast/state/x.redb"));
}

#[test]
fn each_kind_has_its_own_defaults() {
    let config = read(
        r##"
        feed = [{ name = "a", url = "a.xml" }, { name = "b", url = "/b.xml", every = "1s" }]
        [[integration]]
        name = "hook"
        kind = "webhook"
        url = "http://127.0.0.1:1/hook/?a=b"
        [[integration]]
        name = "sky"
        kind = "bluesky"
        identifier = "@me.example.org"
        password = { env = "SKY" }
        [[integration]]
        name = "chat"
        kind = "matrix"
        url = "https://matrix.example/"
        user = "me"
        password = { file = "pw" }
        [[group]]
        name = "one"
        integration = "hook"
        feeds = ["b"]
        [[group]]
        name = "two"
        integration = "sky"
        [[group]]
        name = "three"
        integration = "chat"
        room = "#blog:example.org"
        "##,
    )
    .unwrap();
    assert_eq!(config.warnings, [""; 0]);
    assert_eq!(config.feeds[0].source, FeedSource::File("/etc/oncecast/a.xml".into()));
    let [hook, sky, chat] = &config.integrations[..] else { panic!("three were written") };
    assert_eq!(hook.url.as_str(), "http://127.0.0.1:1/hook/?a=b");
    assert_eq!((hook.pace, hook.doubt_after), (Pace { every: secs(1), burst: 10 }, secs(120)));
    assert_eq!(hook.caps, Caps { per_10m: 60, per_hour: 300, per_day: 2000 });
    let Platform::Webhook { secret: None, receiver_dedupes: false } = hook.platform else {
        panic!("{hook:?}");
    };
    assert_eq!((sky.url.as_str(), sky.doubt_after), ("https://bsky.social/", secs(10)));
    let Platform::Bluesky { identifier, password } = &sky.platform else { panic!("{sky:?}") };
    assert_eq!((identifier.as_str(), password.is_resolved()), ("me.example.org", false));
    assert_eq!(chat.doubt_after, secs(10));
    let Platform::Matrix { login: MatrixLogin::Password { user, password } } = &chat.platform
    else {
        panic!("{chat:?}");
    };
    assert_eq!(user, "me");
    assert_eq!(password.source.to_string(), "the file /etc/oncecast/pw");
    assert_eq!(config.groups[0].feeds, ["b"]);
    assert_eq!(config.groups[1].feeds, ["a", "b"]);
}

#[test]
fn caps_that_are_left_out_follow_those_that_are_written() {
    let of = |caps: &str| {
        let text = TEN_LINES.replace("kind =", &format!("caps = {caps}\nkind ="));
        let Caps { per_10m, per_hour, per_day } = read(&text).unwrap().integrations[0].caps;
        (per_10m, per_hour, per_day)
    };
    assert_eq!(of("{ per_day = 2 }"), (2, 2, 2));
    assert_eq!(of("{ per_10m = 30 }"), (30, 30, 30));
    assert_eq!(of("{ per_hour = 4 }"), (3, 4, 20));
    assert_eq!(of("{ per_10m = 1, per_day = 5 }"), (1, 5, 5));
    assert_eq!(of("{ per_10m = 5, per_hour = 5, per_day = 5 }"), (5, 5, 5));
    assert_eq!(of("{}"), (3, 6, 20));
}

#[test]
fn what_bothers_a_server_or_nobody_hears_gets_a_word() {
    let text = TEN_LINES.replace("url = \"https://ex", "every = \"4m59s\"\nurl = \"https://ex");
    let text = text.replace("https://mastodon", "http://mastodon");
    let text = format!("{text}feeds = [\"blog\"]\n[[feed]]\nname = \"news\"\nurl = \"./n.xml\"");
    assert_eq!(
        read(&text).unwrap().warnings,
        [
            "/etc/oncecast/oncecast.toml:3: every of [[feed]] \"blog\": \"4m59s\" is often for \
             somebody's server; \"5m\" or more is polite",
            "/etc/oncecast/oncecast.toml:8: url of [[integration]] \"fedi\": http sends posts and \
             secrets unencrypted; write https if the server has it",
            "/etc/oncecast/oncecast.toml:14: [[feed]] \"news\": no group hears this feed",
        ]
    );
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_no_fault() {
    let text = format!("\u{feff}{}", TEN_LINES.replace('\n', "\r\n"));
    assert_eq!(read(&text).unwrap().feeds.len(), 1);
}

#[test]
fn the_sample_is_a_good_config() {
    let config = read(Config::SAMPLE).unwrap();
    assert_eq!(config.warnings, [""; 0]);
    let mut kinds: Vec<_> = config.integrations.iter().map(|i| i.platform.kind()).collect();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "mastodon",
            "bluesky",
            "matrix",
            "discord",
            "discord-webhook",
            "wordpress",
            "ghost",
            "threads",
            "websub",
            "webmention",
            "indexnow",
            "webhook",
            "custom",
            "resend",
            "by-hand"
        ]
    );
}

#[test]
fn the_sample_shows_every_key() {
    let sample: Table = Config::SAMPLE.parse().unwrap();
    for (name, header, keys) in TABLES {
        let tables: Vec<&Value> = match &sample[*name] {
            Value::Array(tables) => tables.iter().collect(),
            table => vec![table],
        };
        for key in *keys {
            assert!(tables.iter().any(|table| table.get(key).is_some()), "{key} of {header}");
        }
    }
    let fedi = &sample["integration"][0];
    assert!(pace::ALL.iter().all(|key| fedi["pace"].get(key).is_some()));
    assert!(caps::ALL.iter().all(|key| fedi["caps"].get(key).is_some()));
    assert!(SECRET.iter().all(|place| Config::SAMPLE.contains(&format!("= {{ {place} = "))));
}

#[test]
fn the_sample_shows_the_defaults() {
    let sample = read(Config::SAMPLE).unwrap();
    let least = read(TEN_LINES).unwrap();
    assert_eq!((sample.ledger, sample.serve), (least.ledger, least.serve));
    assert_eq!(sample.guard, least.guard);
    assert_eq!(sample.feeds, least.feeds);
    let stripped: String = Config::SAMPLE
        .lines()
        .filter(|line| {
            let key = line.split('=').next().unwrap_or_default().trim();
            !["pace", "caps", "timeout", "doubt_after", "receiver_dedupes"].contains(&key)
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let stripped = stripped.replace("url = \"https://bsky.social\"", "");
    let stripped = stripped.replace("url = \"https://discord.com/api/v10\"", "");
    let stripped = stripped.replace("url = \"https://api.indexnow.org/indexnow\"", "");
    assert_eq!(
        format!("{:?}", sample.integrations),
        format!("{:?}", read(&stripped).unwrap().integrations)
    );
}

#[test]
fn the_ten_lines_of_the_sample_are_a_config() {
    let lines: String = Config::SAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix("#   "))
        .filter(|line| line.starts_with('[') || line.contains(" = ") && !line.starts_with('{'))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(lines, TEN_LINES);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let load = |path: &Path| match Config::load(path, &bare) {
        Err(error @ ConfigError::Unreadable { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let path = dir.path().join("oncecast.toml");
    let told = load(&path);
    assert!(told.contains(path.to_str().unwrap()) && told.contains("--config FILE"), "{told}");
    std::fs::write(&path, b"[[feed]]\nname = \"caf\xe9\"\n").unwrap();
    assert!(load(&path).contains("line 2 is not UTF-8"), "{}", load(&path));
    std::fs::write(&path, " ".repeat(8 * 1024 * 1024 + 1)).unwrap();
    assert!(load(&path).contains("larger than 8388608 bytes"), "{}", load(&path));
    assert!(load(dir.path()).contains("failed to read the config"));
}
