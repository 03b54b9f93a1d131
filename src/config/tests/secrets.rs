//! Secrets: each comes from its place, or it is said why not and what to do.

use std::ffi::OsString;
use std::fs::{Permissions, set_permissions, write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::ExposeSecret;

use super::super::{Config, ConfigError, Env, Platform, SecretSource, Secrets};
use super::{FILE, TEN_LINES, read, told};

/// The ten lines with the token at another place.
fn with(place: &str) -> String {
    TEN_LINES.replace("{ credential = \"fedi-token\" }", place)
}

fn load(text: &str, file: &Path, env: &Env<'_>) -> Result<String, ConfigError> {
    let config = Config::parse(text, file, Secrets::Resolve, env)?;
    match &config.integrations[0].platform {
        Platform::Mastodon { token } => {
            assert!(token.is_resolved());
            Ok(token.value.expose_secret().to_owned())
        }
        other => panic!("{other:?}"),
    }
}

/// What is said where the token is at this place.
fn refused(place: &str, file: &Path, env: &Env<'_>) -> String {
    let told = load(&with(place), file, env).unwrap_err().to_string();
    assert!(told.contains(":8:9: token of [[integration]] \"fedi\": "), "{told}");
    assert!(told.contains("\n8 | token = ...\n"), "{told}");
    assert!(told.contains("\n1 error in "), "{told}");
    told
}

#[test]
fn a_secret_comes_from_the_environment() {
    let env = |name: &str| (name == "TOKEN").then(|| "abc".into());
    let file = Path::new(FILE);
    assert_eq!(load(&with("{ env = \"TOKEN\" }"), file, &env).unwrap(), "abc");
    let told = refused("{ env = \"OTHER\" }", file, &env);
    assert!(told.contains("the environment variable OTHER is not set"), "{told}");
    for (value, part) in [
        (b"".to_vec(), "is empty"),
        (b" \n".to_vec(), "is empty"),
        (b"\xff".to_vec(), "not text"),
        (b"a\nb".to_vec(), "more than one line"),
        (vec![b'a'; 16 * 1024 + 1], "more than 16384 bytes"),
    ] {
        let env = |_: &str| Some(OsString::from_vec(value.clone()));
        let told = refused("{ env = \"TOKEN\" }", file, &env);
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn a_secret_comes_from_systemd() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().as_os_str().to_owned();
    let env = |name: &str| (name == "CREDENTIALS_DIRECTORY").then(|| folder.clone());
    let file = Path::new(FILE);
    let told = refused("{ credential = \"t\" }", file, &env);
    assert!(told.contains("the credential \"t\" was not given: there is no "), "{told}");
    assert!(told.contains("add LoadCredential=t:/etc/oncecast/t to the unit"), "{told}");
    write(dir.path().join("t"), "abc\n").unwrap();
    assert_eq!(load(&with("{ credential = \"t\" }"), file, &env).unwrap(), "abc");
    let told = refused("{ credential = \"t\" }", file, &super::bare);
    assert!(told.contains("$CREDENTIALS_DIRECTORY is not set"), "{told}");
    assert!(told.contains("LoadCredential=t:/etc/oncecast/t"), "{told}");
}

#[test]
fn a_secret_comes_from_a_file_that_nobody_else_can_read() {
    let dir = tempfile::tempdir().unwrap();
    let (config, secret) = (dir.path().join("oncecast.toml"), dir.path().join("token"));
    let place = "{ file = \"token\" }";
    let told = refused(place, &config, &super::bare);
    assert!(told.contains(secret.to_str().unwrap()), "{told}");
    for (content, value) in
        [("abc", "abc"), ("abc\n", "abc"), ("abc\r\n", "abc"), (" a b \n", " a b ")]
    {
        write(&secret, content).unwrap();
        set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(load(&with(place), &config, &super::bare).unwrap(), value);
    }
    for mode in [0o640, 0o604, 0o620, 0o602, 0o666] {
        set_permissions(&secret, Permissions::from_mode(mode)).unwrap();
        let told = refused(place, &config, &super::bare);
        assert!(told.contains(&format!("(mode 0{mode:o})")), "{told}");
        assert!(told.contains(&format!("= fix: chmod 600 {}\n", secret.display())), "{told}");
    }
    set_permissions(&secret, Permissions::from_mode(0o400)).unwrap();
    assert!(load(&with(place), &config, &super::bare).is_ok());
    let told = refused("{ file = \".\" }", &config, &super::bare);
    assert!(told.contains("is not a file"), "{told}");
}

#[test]
fn a_place_that_is_none_is_told_without_its_text() {
    for (place, part) in [
        ("12345", "is a whole number"),
        ("{}", "it needs exactly one place"),
        ("{ env = \"A\", file = \"b\" }", "it needs exactly one place"),
        ("{ envv = \"A\" }", "did you mean env?"),
        ("{ hunter2 = \"A\" }", "a key that is no place for a secret"),
        ("{ env = 1 }", "its env is a whole number"),
        ("{ env = \"A=B\" }", "its env is not the name of a variable"),
        ("{ env = \"1A\" }", "its env is not the name of a variable"),
        ("{ env = \"\" }", "its env is not the name of a variable"),
        ("{ credential = \"../x\" }", "its credential is not a name"),
        ("{ credential = \"\" }", "its credential is not a name"),
        ("{ credential = \"..\" }", "its credential is not a name"),
        ("{ file = \"\" }", "its file is not a path"),
    ] {
        let told = told(&with(place));
        assert!(told.contains(part), "{part:?} is missing in: {told}");
        assert!(!told.contains("hunter2") && !told.contains("A=B") && !told.contains("12345"));
    }
}

#[test]
fn commands_that_send_nothing_need_no_secret() {
    let config = read(TEN_LINES).unwrap();
    let Platform::Mastodon { token } = &config.integrations[0].platform else {
        panic!("{config:?}");
    };
    assert!(!token.is_resolved());
    assert_eq!(token.source, SecretSource::Credential("fedi-token".to_owned()));
    assert!(token.source.fetch(&super::bare).is_err());
}

#[test]
fn one_token_at_two_places_is_one_account() {
    let second = "[[integration]]\nname = \"fedi2\"\nkind = \"mastodon\"\n\
                  url = \"https://mastodon.example\"\ntoken = { env = \"B\" }\n";
    let text = format!("{}{second}", with("{ env = \"A\" }"));
    let parse = |env: &Env<'_>| Config::parse(&text, Path::new(FILE), Secrets::Resolve, env);
    let told = parse(&|_| Some("abc".into())).unwrap_err().to_string();
    assert!(told.contains("line 4 is the same login"), "{told}");
    assert!(parse(&|name| Some(name.into())).is_ok());
}

#[test]
fn a_signing_secret_that_no_receiver_could_check_is_refused() {
    let hook = TEN_LINES.replace("\"mastodon\"", "\"webhook\"").replace("token =", "secret =");
    let hook = hook.replace("{ credential = \"fedi-token\" }", "{ env = \"S\" }");
    let parse = |secret: &str| {
        Config::parse(&hook, Path::new(FILE), Secrets::Resolve, &|_| Some(secret.into()))
    };
    let bytes = |n: usize| "A".repeat(n / 3 * 4);
    assert!(parse(&format!("whsec_{}", bytes(24))).is_ok());
    assert!(parse(&format!("whsec_{}AA==", bytes(63))).is_ok());
    assert!(parse(&format!("whsec_{}AA", bytes(63))).is_ok());
    for bad in [
        "whsec_".to_owned(),
        bytes(24),
        format!("whsec_{}", bytes(21)),
        format!("whsec_{}", bytes(66)),
        format!("whsec_{}!", bytes(24)),
    ] {
        let told = parse(&bad).unwrap_err().to_string();
        assert!(told.contains("the environment variable S is not a signing secret"), "{told}");
        assert!(told.contains("openssl rand -base64 32"), "{told}");
    }
}
