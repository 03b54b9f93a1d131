//! What one life is of: its lanes, its walls, and the defect that is seeded, if any.

use std::path::Path;
use std::time::Duration;

use oncecast::config::{Config, Secrets};
use oncecast::model::Caps;

use super::world::{Dice, HOUR, MINUTE};

/// How a platform keeps its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// We choose the record's id.
    Bluesky,
    /// It heeds our key for an hour.
    Mastodon,
    /// It says that it heeds our key, and does not.
    Liar,
    /// It speaks the same language, heeds no key, and can be asked.
    Compatible,
    /// It heeds our key for a while, in a room that can be read.
    Matrix,
    /// A webhook's receiver that heeds our key for a day and cannot be asked.
    Deduping,
    /// A webhook's receiver that shows whatever it hears.
    Blind,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Bluesky,
        Self::Mastodon,
        Self::Liar,
        Self::Compatible,
        Self::Matrix,
        Self::Deduping,
        Self::Blind,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bluesky => "bluesky",
            Self::Mastodon => "mastodon",
            Self::Liar => "liar",
            Self::Compatible => "compatible",
            Self::Matrix => "matrix",
            Self::Deduping => "deduping",
            Self::Blind => "blind",
        }
    }

    const fn can_be_asked(self) -> bool {
        !matches!(self, Self::Deduping | Self::Blind)
    }

    /// How long after the first send the same bytes may be sent again without anybody's word.
    pub(super) const fn repeatable_for(self) -> Duration {
        match self {
            Self::Bluesky => Duration::from_secs(600),
            Self::Mastodon | Self::Liar => Duration::from_secs(2_880),
            Self::Matrix | Self::Deduping => Duration::from_secs(69_120),
            Self::Compatible | Self::Blind => Duration::ZERO,
        }
    }

    fn keys(self) -> &'static str {
        match self {
            Self::Bluesky => {
                "kind = \"bluesky\"\nidentifier = \"me.example\"\npassword = { env = \"S\" }"
            }
            Self::Mastodon | Self::Liar | Self::Compatible => {
                "kind = \"mastodon\"\ntoken = { env = \"S\" }"
            }
            Self::Matrix => "kind = \"matrix\"\ntoken = { env = \"S\" }",
            Self::Deduping => "kind = \"webhook\"\nreceiver_dedupes = true",
            Self::Blind => "kind = \"webhook\"",
        }
    }
}

/// One lane and its one group, of the same name.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) caps: Caps,
    /// The group's rule for what was asked about and not found.
    pub(super) when_absent_send: bool,
    /// Its posts are changed with their entries.
    pub(super) on_edit: bool,
    /// Its posts go with their entries.
    pub(super) on_delete: bool,
    /// Its account is asked before each first send, since another tool posts there too.
    pub(super) preflight: bool,
}

/// A step of the house or of its world that is taken away, so that a law must be seen to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Defect {
    /// A platform shows what it hears twice: no house could help it, and every check must see it.
    Canary,
    /// The wire takes a timeout and a reset for a call that never left.
    TimeoutIsUnsent,
    /// The wire takes a server's failure for a request to come back later.
    FailureIsLater,
    /// The client sends again by itself what it had no answer to.
    ClientRepeats,
    /// Every call bears another key than the one before it.
    KeyOfEachCall,
    /// Nothing is recognised by what a feed calls it.
    NamesForgotten,
    /// The first sight of a feed is news.
    FirstSightIsNews,
    /// The ledger counts by other caps than the config's.
    CapsOutside,
    /// `stop-all` is heard and not done.
    StopIgnored,
    /// A claim is granted before the witness has it.
    WitnessForgets,
    /// The witness is put back together with the ledger.
    WitnessRestored,
    /// A person says that it is not there without looking.
    PersonGuesses,
    /// One lane is never worked.
    DeadLane,
    /// A change goes out as a post.
    ChangePosts,
    /// The blog's server says of every post that its feed does not show now that it is gone.
    PagesGone,
    /// What another hand has posted is not asked for.
    NoPreflight,
}

impl Defect {
    pub(super) const ALL: [Self; 16] = [
        Self::Canary,
        Self::TimeoutIsUnsent,
        Self::FailureIsLater,
        Self::ClientRepeats,
        Self::KeyOfEachCall,
        Self::NamesForgotten,
        Self::FirstSightIsNews,
        Self::CapsOutside,
        Self::StopIgnored,
        Self::WitnessForgets,
        Self::WitnessRestored,
        Self::PersonGuesses,
        Self::DeadLane,
        Self::ChangePosts,
        Self::PagesGone,
        Self::NoPreflight,
    ];
}

/// What one life is of.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) defect: Option<Defect>,
    pub(super) lanes: Vec<Lane>,
    /// How often the feed is polled.
    pub(super) every: Duration,
    /// Its settle window.
    pub(super) settle: Duration,
}

/// No platform is later than this with what it was sent; the house waits for longer.
pub(super) const LATE_MAX: Duration = Duration::from_secs(100);

impl Plan {
    pub(super) fn of(seed: u64, defect: Option<Defect>) -> Self {
        // Another stream than the world's own.
        let mut dice = Dice::of(seed ^ 0x9e37_79b9_7f4a_7c15);
        let mut kinds = Kind::ALL.to_vec();
        let count = 2 + dice.below(2);
        let lanes = (0..count).map(|_| kinds.swap_remove(dice.below(kinds.len())));
        let lanes: Vec<Kind> = lanes.collect();
        let lanes = lanes.into_iter().map(|kind| Lane {
            kind,
            name: kind.name(),
            caps: Caps {
                per_10m: 1 + u32::from(dice.percent(50)),
                per_hour: 3,
                per_day: 6 + u32::from(dice.percent(50)) * 3,
            },
            when_absent_send: dice.percent(40) && kind.can_be_asked(),
            on_edit: dice.percent(40) && kind.can_be_asked(),
            on_delete: dice.percent(40) && kind.can_be_asked(),
            preflight: dice.percent(30) && kind.can_be_asked(),
        });
        let lanes = lanes.collect();
        let every = dice.one_of(&[HOUR * 4, HOUR * 6, HOUR * 8, HOUR * 12]);
        let settle = dice.one_of(&[Duration::ZERO, MINUTE * 20, HOUR]);
        Self { seed, defect, lanes, every, settle }
    }

    pub(super) fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    pub(super) fn lane(&self, name: &str) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.name == name)
    }

    /// The config, with a ledger in this folder; `without` leaves out the last groups.
    pub(super) fn config(&self, folder: &Path, host: &str, without: usize) -> Config {
        use std::fmt::Write as _;
        let mut text = format!(
            "[ledger]\npath = {:?}\nhost = {host:?}\n[guard]\nsettle = \"{}s\"\n\
             [[feed]]\nname = \"blog\"\nurl = \"https://blog.example/feed\"\nevery = \"{}s\"\n",
            folder.join("ledger.redb"),
            self.settle.as_secs(),
            self.every.as_secs(),
        );
        let count = self.lanes.len() - without;
        for lane in &self.lanes[..count] {
            let Lane { name, kind, caps, .. } = lane;
            let more = if self.has(Defect::CapsOutside) { 10 } else { 1 };
            let absent = if lane.when_absent_send { "send" } else { "wait" };
            let room = if *kind == Kind::Matrix { "room = \"!room:matrix.example\"\n" } else { "" };
            let on_edit = if lane.on_edit { "on_edit = \"update\"\n" } else { "" };
            let on_delete = if lane.on_delete { "on_delete = \"retract\"\n" } else { "" };
            let asks = lane.preflight && !self.has(Defect::NoPreflight);
            let preflight = if asks { "preflight = true\n" } else { "" };
            write!(
                text,
                "[[integration]]\nname = {name:?}\n{}\nurl = \"https://{name}.example\"\n\
                 doubt_after = \"2m\"\npace = {{ every = \"20s\", burst = 1 }}\n\
                 caps = {{ per_10m = {}, per_hour = {}, per_day = {} }}\n\
                 [[group]]\nname = {name:?}\nintegration = {name:?}\n{room}when_absent = {absent:?}\n\
                 {on_edit}{on_delete}{preflight}",
                kind.keys(),
                caps.per_10m * more,
                caps.per_hour * more,
                caps.per_day * more,
            )
            .expect("it is a text");
        }
        let file = folder.join("oncecast.toml");
        Config::parse(&text, &file, Secrets::Resolve, &|_| Some("secret".into())).expect("a config")
    }
}
