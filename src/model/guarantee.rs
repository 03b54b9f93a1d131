//! What a platform lets us promise about one publish call.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The class of a platform: what may be done after a publish call whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "class")]
pub enum Guarantee {
    /// We choose the object's id: a repeat of the same bytes hits the same object. It would also bring
    /// back one that its author has deleted meanwhile.
    DerivedId,
    /// A draft first, then a publish call by its id that can be repeated at any time.
    TwoPhase,
    /// To say it again changes nothing that anybody sees: a ping.
    Idempotent,
    /// The platform remembers our key for `window` and answers a repeat with the first result.
    Keyed {
        /// How long the platform is known to remember a key.
        window: Duration,
    },
    /// The platform can be asked whether the post is there; it cannot be repeated.
    Verifiable,
    /// The platform refuses equal text, best effort, for an unknown time.
    ContentDedup,
    /// The platform can neither be asked nor repeated.
    Blind,
}

impl Guarantee {
    /// How much of a key's window is relied on, in percent. The window starts at the platform's
    /// save and not at our send, and other people's clocks are not ours.
    pub const WINDOW_PERCENT: u32 = 80;
    /// How long it is believed that a post under an id of ours, when it is not there, has never been:
    /// an author who sees it, regrets it and deletes it takes longer.
    pub const REGRET: Duration = Duration::from_secs(10 * 60);

    /// How long after the first send the same request may be repeated; `None` is never.
    #[must_use]
    pub fn repeatable_for(self) -> Option<Duration> {
        match self {
            Self::TwoPhase | Self::Idempotent => Some(Duration::MAX),
            Self::DerivedId => Some(Self::REGRET),
            Self::Keyed { window } => Some(window / 100 * Self::WINDOW_PERCENT),
            Self::Verifiable | Self::ContentDedup | Self::Blind => None,
        }
    }

    /// The promise in plain words, as `status` and `why` show it.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::TwoPhase => "exactly once".to_owned(),
            Self::Idempotent => "exactly once, as far as anybody sees".to_owned(),
            Self::DerivedId | Self::Keyed { .. } => {
                let span = self.repeatable_for().unwrap_or_default();
                let minutes = span.as_secs() / 60;
                if minutes < 120 {
                    format!("exactly once if it answers within {minutes} minutes")
                } else {
                    format!("exactly once if it answers within {} hours", minutes / 60)
                }
            }
            Self::Verifiable => "at most once; it can be asked what arrived".to_owned(),
            Self::ContentDedup | Self::Blind => "at most once".to_owned(),
        }
    }
}

/// What a group wants where its platform was asked about a post in doubt, more than once, and does not
/// have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenAbsent {
    /// A person decides.
    #[default]
    Wait,
    /// It is sent again.
    Send,
}

impl WhenAbsent {
    /// What it adds to a guarantee in words.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Wait => "",
            Self::Send => "; sent again where it is not found (when_absent)",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_used_to_four_fifths() {
        let mastodon = Guarantee::Keyed { window: Duration::from_secs(3600) };
        assert_eq!(mastodon.repeatable_for(), Some(Duration::from_secs(2880)));
        assert_eq!(mastodon.in_words(), "exactly once if it answers within 48 minutes");
        assert_eq!(Guarantee::Blind.repeatable_for(), None);
        let bluesky = Guarantee::DerivedId;
        assert_eq!(bluesky.in_words(), "exactly once if it answers within 10 minutes");
    }
}
