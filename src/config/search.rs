//! Where the config is when nobody says: one place after the other, the first that has one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::problem::ConfigError;

/// How environment variables are looked up; a test brings its own.
pub type Env<'e> = dyn Fn(&str) -> Option<OsString> + 'e;

/// The environment of this process.
#[must_use]
pub fn process_env(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The file's name in every folder that is searched.
const FILE_NAME: &str = "oncecast.toml";
/// The system's own place.
const SYSTEM: &str = "/etc/oncecast/oncecast.toml";

/// The config's path: the one named on the command line, else by the environment, else the first
/// that exists of the usual places.
///
/// # Errors
/// [`ConfigError::NotFound`] lists the places.
pub fn locate(explicit: Option<&Path>, env: &Env<'_>) -> Result<PathBuf, ConfigError> {
    locate_or(Path::new(SYSTEM), explicit, env)
}

fn locate_or(
    system: &Path,
    explicit: Option<&Path>,
    env: &Env<'_>,
) -> Result<PathBuf, ConfigError> {
    if let Some(path) = explicit {
        return Ok(path.to_owned());
    }
    if let Some(path) = set(env, "ONCECAST_CONFIG") {
        return Ok(path);
    }
    let mut looked = vec!["$ONCECAST_CONFIG (not set)".to_owned()];
    let mut places = folders(env, "CONFIGURATION_DIRECTORY");
    let home = || set(env, "HOME").map(|home| home.join(".config"));
    if let Some(folder) = set(env, "XDG_CONFIG_HOME").or_else(home) {
        places.push(folder.join("oncecast"));
    }
    let mut files: Vec<PathBuf> = places.into_iter().map(|f| f.join(FILE_NAME)).collect();
    files.push(system.to_owned());
    for file in files {
        // A file that is there and cannot be read is the one that was meant.
        if file.try_exists().unwrap_or(true) {
            return Ok(file);
        }
        looked.push(format!("{} (not there)", file.display()));
    }
    Err(ConfigError::NotFound { looked })
}

/// A variable that is set and not empty, as a path.
pub(super) fn set(env: &Env<'_>, name: &str) -> Option<PathBuf> {
    env(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The folders of a variable in which systemd lists several with colons.
pub(super) fn folders(env: &Env<'_>, name: &str) -> Vec<PathBuf> {
    let value = env(name).unwrap_or_default();
    std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(explicit: Option<&str>, vars: &[(&str, &Path)]) -> Result<PathBuf, ConfigError> {
        let env = |name: &str| {
            let found = vars.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_os_str().to_owned())
        };
        locate_or(Path::new("/no/system/oncecast.toml"), explicit.map(Path::new), &env)
    }

    #[test]
    fn the_blogger_gets_the_config_that_they_named() {
        let named = Path::new("/named.toml");
        let vars = [("ONCECAST_CONFIG", named)];
        assert_eq!(find(Some("mine.toml"), &vars).unwrap(), Path::new("mine.toml"));
        assert_eq!(find(None, &vars).unwrap(), named);
    }

    #[test]
    fn places_are_searched_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let (unit, user) = (dir.path().join("unit"), dir.path().join("user"));
        let home = dir.path().join("home");
        let nowhere = dir.path().join("nowhere");
        let files = [
            unit.join("oncecast.toml"),
            user.join("oncecast/oncecast.toml"),
            home.join(".config/oncecast/oncecast.toml"),
        ];
        for file in &files {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let several = std::env::join_paths([&nowhere, &unit]).unwrap();
        let several = PathBuf::from(several);
        let unit_var = ("CONFIGURATION_DIRECTORY", several.as_path());
        let user_var = ("XDG_CONFIG_HOME", user.as_path());
        let home_var = ("HOME", home.as_path());
        assert_eq!(find(None, &[home_var, user_var, unit_var]).unwrap(), files[0]);
        assert_eq!(find(None, &[home_var, user_var]).unwrap(), files[1]);
        assert_eq!(find(None, &[home_var]).unwrap(), files[2]);
        assert_eq!(find(None, &[home_var, ("XDG_CONFIG_HOME", Path::new(""))]).unwrap(), files[2]);
    }

    #[test]
    fn a_newcomer_without_a_config_is_told_where_to_put_one() {
        let nowhere = Path::new("/nowhere-at-all");
        let vars = [("XDG_CONFIG_HOME", nowhere), ("CONFIGURATION_DIRECTORY", nowhere)];
        let told = find(None, &vars).unwrap_err().to_string();
        for part in [
            "$ONCECAST_CONFIG (not set)",
            "\n  /nowhere-at-all/oncecast.toml (not there)",
            "\n  /nowhere-at-all/oncecast/oncecast.toml (not there)",
            "\n  /no/system/oncecast.toml (not there)",
            "oncecast demo",
            "oncecast check --sample > oncecast.toml",
            "--config FILE",
        ] {
            assert!(told.contains(part), "{part:?} is missing in: {told}");
        }
    }
}
