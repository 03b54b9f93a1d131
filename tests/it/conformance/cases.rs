//! The bad days of a platform, each as what it does with the publish calls that reach it.

use std::time::Duration;

/// How much longer than it was told a lane may wait.
pub const WAIT_SLACK: Duration = Duration::from_secs(600);
/// The wait that platforms ask for in these cases: nothing that another unit would make of it is near.
const WAIT: Duration = Duration::from_secs(2_400);
const MINUTE: u64 = 60;

/// What the platform does with one publish call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Takes it and answers as it should.
    Takes,
    /// Takes it and closes the connection.
    Drops,
    /// Takes it and answers with this status: a proxy in front of it gave up.
    Says(u16),
    /// Takes it and answers with its own status and no body.
    Empty,
    /// Takes it and answers with its own status and half a body.
    Garbles,
    /// Takes it and answers with its own status and a body without end.
    Floods,
    /// Takes it so long after the caller has gone.
    Late(Duration),
    /// Takes it, sends the start of an answer and no more.
    Stalls,
    /// Does not take it: too many requests.
    Sheds,
    /// Takes it twice, as a proxy between may have it do, and gives its second answer.
    Repeats,
    /// Takes it, shows another text than it was given, and closes the connection.
    Alters,
    /// Does not take it here: it is to be sent elsewhere.
    Points,
    /// Does not take it: the session has ended.
    Expires,
    /// Does not take it: it does not like it.
    Refuses,
    /// The daemon is killed in the middle of it, and it is taken or not.
    Kills(bool),
}

/// One case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    /// What becomes of the first publish call; every later one is taken.
    pub first: Manner,
    /// How long after that call nothing works, until even its memory of keys is gone.
    pub down: Duration,
    /// What its readers must see, where that is the same everywhere.
    pub seen: Option<usize>,
    /// Whether this can leave a person to look.
    pub may_doubt: bool,
    /// The wait that was asked for.
    pub wait: Option<Duration>,
}

const fn case(name: &'static str, first: Manner) -> Case {
    let (down, seen, may_doubt, wait) = (Duration::ZERO, Some(1), true, None);
    Case { name, first, down, seen, may_doubt, wait }
}

/// Every case, in the order of the table.
pub const CASES: [Case; 18] = [
    Case { may_doubt: false, ..case("answers normally", Manner::Takes) },
    case("takes it and drops the connection", Manner::Drops),
    case("takes it and answers 500", Manner::Says(500)),
    case("takes it and answers 502", Manner::Says(502)),
    case("takes it and answers 504", Manner::Says(504)),
    case("takes it and answers nothing", Manner::Empty),
    case("takes it and answers half a body", Manner::Garbles),
    case("takes it and answers a body without end", Manner::Floods),
    case("takes it when we have given up", Manner::Late(Duration::ZERO)),
    case("takes it half an hour later", Manner::Late(Duration::from_secs(30 * MINUTE))),
    case("takes it and stalls within its answer", Manner::Stalls),
    Case { may_doubt: false, wait: Some(WAIT), ..case("asks us to wait", Manner::Sheds) },
    Case {
        down: Duration::from_secs(3 * 24 * 60 * MINUTE),
        ..case("drops it, is down for days, and forgets the key", Manner::Drops)
    },
    case("has it twice and says so", Manner::Repeats),
    case("shows another text and drops the connection", Manner::Alters),
    Case { seen: Some(0), may_doubt: false, ..case("redirects", Manner::Points) },
    Case { may_doubt: false, ..case("ends the session in the middle", Manner::Expires) },
    Case { seen: Some(0), may_doubt: false, ..case("refuses it", Manner::Refuses) },
];

impl Case {
    /// The wait of [`Manner::Sheds`].
    pub const fn wait(&self) -> Duration {
        WAIT
    }
}
