//! What an author asks for within an entry: other words for one audience, a warning, or not to go there at
//! all. It can only do what the feed could do anyway: it opens no audience that the config does not have.

use serde::{Deserialize, Serialize};

use super::Entry;

/// What the author asks for, everywhere or of some audiences.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Override {
    /// Names of groups or kinds of platforms; empty is everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// Whether it stays away from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<bool>,
    /// The author's own words for it, as plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What readers are warned of before they read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Mastodon's word for who sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<String>,
    /// Why it cannot be understood: then nothing is sent on a guess.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

impl Override {
    /// How closely it means an audience of those names, the closest of them first; `None` where it means
    /// another.
    fn closeness(&self, names: &[String]) -> Option<usize> {
        if self.to.is_empty() {
            return Some(0);
        }
        let is_it = |name: &String| self.to.iter().any(|to| to.eq_ignore_ascii_case(name));
        names.iter().position(is_it).map(|at| names.len() - at)
    }
}

impl Entry {
    /// What its author asks for an audience of those names, the closest of them first: what is said of it
    /// alone goes before what is said of its platform, and that before what is said of all.
    #[must_use]
    pub fn asked(&self, names: &[String]) -> Override {
        let close = |one| Some((Override::closeness(one, names)?, one));
        let mut meant: Vec<(usize, &Override)> = self.overrides.iter().filter_map(close).collect();
        meant.sort_by_key(|(closeness, _)| *closeness);
        let mut asked = Override::default();
        for (_, one) in meant {
            asked.skip = one.skip.or(asked.skip);
            for (own, said) in [
                (&mut asked.text, &one.text),
                (&mut asked.warning, &one.warning),
                (&mut asked.language, &one.language),
                (&mut asked.visibility, &one.visibility),
                (&mut asked.unreadable, &one.unreadable),
            ] {
                if said.is_some() {
                    own.clone_from(said);
                }
            }
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(names: &str, skip: Option<bool>, text: Option<&str>) -> Override {
        let to = names.split_whitespace().map(str::to_owned).collect();
        Override { to, skip, text: text.map(str::to_owned), ..Override::default() }
    }

    /// A wish for one group that another hears too is a post in the wrong place.
    #[test]
    fn what_is_asked_of_one_audience_is_asked_of_no_other_and_the_closest_wins() {
        let overrides = vec![
            to("followers", Some(false), None),
            to("", Some(true), Some("for all")),
            to("Mastodon matrix", None, Some("for its kind")),
        ];
        let entry = Entry { overrides, ..Entry::default() };
        let asked = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let asked = entry.asked(&names);
            (asked.skip, asked.text.unwrap_or_default())
        };
        assert_eq!(asked(&["followers", "mastodon"]), (Some(false), "for its kind".to_owned()));
        assert_eq!(asked(&["others", "mastodon"]), (Some(true), "for its kind".to_owned()));
        assert_eq!(asked(&["room", "discord"]), (Some(true), "for all".to_owned()));
        assert_eq!(asked(&[]), (Some(true), "for all".to_owned()));
    }
}
