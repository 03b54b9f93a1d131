//! What can be typed, what cannot, and what the help says.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    let words = line.split_whitespace().map(|word| word.replace('_', " "));
    Cli::try_parse_from(std::iter::once("oncecast".to_owned()).chain(words))
}

fn help(line: &str) -> String {
    let shown = parse(line).unwrap_err();
    assert_eq!(shown.kind(), ErrorKind::DisplayHelp, "{shown}");
    shown.to_string()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn the_config_may_be_named_before_or_after_any_command() {
    for line in ["--config x.toml status --json", "status --config x.toml --json"] {
        let cli = parse(line).unwrap();
        assert_eq!(cli.common.config.as_deref(), Some("x.toml".as_ref()), "{line}");
        assert_eq!(cli.command, Command::Status { json: true });
    }
    let cli = parse("ledger verify --config=x.toml --log-format json --color never -vv").unwrap();
    assert_eq!(cli.command, Command::Ledger(LedgerCommand::Verify { json: false }));
    assert_eq!((cli.common.log_format, cli.common.color), (LogFormat::Json, Color::Never));
    assert_eq!((cli.common.verbose, cli.common.quiet), (2, 0));
    assert!(cli.common.config.is_some());
}

#[test]
fn nobody_repeats_a_post_without_a_reason() {
    for line in ["replay x --again", "replay x --reason typo", "replay x --again --reason _"] {
        assert!(parse(line).is_err(), "{line}");
    }
    let Command::Replay(replay) = parse("replay x --again --reason a_typo").unwrap().command else {
        panic!("a replay was typed");
    };
    assert!(replay.again && !replay.dry_run);
    assert_eq!((replay.entry.as_str(), replay.reason.as_deref()), ("x", Some("a typo")));
    assert!(parse("withdraw x").is_err());
    assert!(parse("withdraw x --reason off_topic").is_ok());
    let long = format!("stop-all --reason {}", "x".repeat(501));
    assert!(parse(&long).is_err());
}

#[test]
fn a_doubt_is_resolved_one_way_and_not_by_accident() {
    for line in ["resolve x", "resolve x --published --absent", "resolve --absent"] {
        assert!(parse(line).is_err(), "{line}");
    }
    let of = |line: &str| match parse(line).unwrap().command {
        Command::Resolve(resolve) => (resolve.published, resolve.absent),
        other => panic!("{other:?}"),
    };
    assert_eq!(of("resolve x --published"), (Some(None), false));
    let url = "https://example.org/1".to_owned();
    assert_eq!(of("resolve x --published https://example.org/1"), (Some(Some(url)), false));
    assert_eq!(of("resolve x --absent --reason looked"), (None, true));
    assert_eq!(of("resolve --published -- x"), (Some(None), false));
}

#[test]
fn what_stops_or_lets_go_names_one_or_all() {
    for command in ["pause", "resume", "release"] {
        assert!(parse(command).is_err(), "{command}");
        assert!(parse(&format!("{command} x --all")).is_err(), "{command}");
        assert!(parse(&format!("{command} x")).is_ok(), "{command}");
        assert!(parse(&format!("{command} --all")).is_ok(), "{command}");
    }
    let Command::Pause { lanes, reason } = parse("pause --all --reason x").unwrap().command else {
        panic!("a pause was typed");
    };
    assert_eq!((lanes.lane, lanes.all, reason.as_deref()), (None, true, Some("x")));
}

#[test]
fn every_command_of_the_manual_can_be_typed() {
    for line in [
        "run",
        "demo",
        "demo --feed https://example.org/feed/ --dir /tmp/x --keep",
        "try https://example.org/feed/ --json",
        "try ./feed.xml",
        "check",
        "check --json",
        "check --sample",
        "platforms",
        "platforms mastodon",
        "status",
        "why 3f9a --json",
        "replay 3f9a --group g --dry-run --json",
        "release 3f9a --group g",
        "withdraw 3f9a --group g --reason r",
        "retract 3f9a --group g --dry-run --json",
        "retract 3f9a --done --yes",
        "audit --group g --json",
        "adopt g --since 2026-01-31 --dry-run --json",
        "adopt g --links list.txt --yes",
        "stop-all",
        "reload",
        "ledger init",
        "ledger adopt-restored",
        "ledger verify --json",
        "ledger export",
        "ledger export --format html --entry 3f9a --output record.html",
        "ledger backup copy.redb --json",
        "ledger import record.jsonl --json",
        "ledger compact --json",
        "-q run",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
    for line in [
        "",
        "ledger",
        "try",
        "why",
        "-v -q run",
        "run --colour never",
        "nonsense",
        "ledger backup",
        "ledger import",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn help_tells_a_newcomer_what_to_type_first() {
    let text = help("--help");
    for part in [
        "once each, for ever",
        "Usage: oncecast [OPTIONS] <COMMAND>",
        "oncecast demo  ",
        "oncecast check --sample > oncecast.toml",
        "$ONCECAST_CONFIG",
        "--config <FILE>",
        "--log-format <FORMAT>",
        "NO_COLOR",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
    let commands = Cli::command();
    let mut told = 0;
    for command in commands.get_subcommands().chain(ledger(&commands).get_subcommands()) {
        let name = command.get_name();
        let about = command.get_about().unwrap().to_string();
        assert!(!about.is_empty() && !about.ends_with('.'), "{name}: {about}");
        let long = command.get_long_about().unwrap_or_default().to_string();
        let example = if command.get_long_about().is_some() && name != "ledger" {
            format!("Example: oncecast {}", path(name))
        } else {
            "Example: oncecast ledger".to_owned()
        };
        assert!(long.contains(&example), "{name} has no example: {long}");
        told += 1;
    }
    assert!(told >= 22, "{told}");
}

#[test]
fn help_of_a_command_has_its_example_and_the_global_options() {
    let text = help("replay --help");
    for part in [
        "Usage: oncecast replay [OPTIONS] <ENTRY>",
        "Example: oncecast replay https://example.org/2026/hello/ --group followers --dry-run",
        "--again",
        "its readers see it twice",
        "Everywhere:",
        "--config <FILE>",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
    let usage = "Usage: oncecast resolve <DELIVERY> <--published [URL] | --absent> [OPTIONS]";
    assert!(help("resolve --help").contains(usage));
}

fn ledger(commands: &clap::Command) -> &clap::Command {
    commands.find_subcommand("ledger").unwrap()
}

fn path(name: &str) -> String {
    match name {
        "init" | "adopt-restored" | "verify" | "export" | "backup" | "import" | "compact" => {
            format!("ledger {name}")
        }
        _ => name.to_owned(),
    }
}
