//! The network: between the house and every server, each call meets its fate.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use oncecast::model::{Method, Response, Time};
use oncecast::wire::{Answering, Get, GetError, Outgoing, Transport, Trouble};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::time::sleep;

use super::plan::{Defect, Kind, LATE_MAX};
use super::platforms::{Call, answer, changes, publishes};
use super::world::{State, Weather, World};

/// The network of one world.
#[derive(Debug)]
pub(super) struct Net(pub(super) Arc<World>);

type Answer = Result<Response, Trouble>;

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is heard and answered after so long.
    Well(Duration),
    /// There is no connection.
    Refused,
    /// It is lost on the way; the connection breaks or hangs.
    Lost { hangs: bool },
    /// It is heard, and the answer is lost.
    Unanswered { hangs: bool },
    /// It is heard when nobody waits for an answer any more.
    Late(Duration),
    /// Something in between answers with a failure, whether or not it was heard.
    Failed { status: u16, heard: bool },
    /// The server says no, or later, and does nothing.
    Says(u16),
    /// Something in between answers with a page of its own.
    Page { heard: bool },
    /// It is heard, and the answer breaks off.
    Broken,
    /// It is heard twice.
    Twice,
}

impl Fate {
    const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Well(_) => return None,
            Self::Refused => "no connection",
            Self::Lost { hangs: false } => "request lost, reset",
            Self::Lost { hangs: true } => "request lost, timeout",
            Self::Unanswered { hangs: false } => "answer lost, reset",
            Self::Unanswered { hangs: true } => "answer lost, timeout",
            Self::Late(_) => "heard late",
            Self::Failed { heard: false, .. } => "5xx, not heard",
            Self::Failed { heard: true, .. } => "5xx, heard",
            Self::Says(401 | 403) => "credentials refused",
            Self::Says(429) => "rate limited",
            Self::Says(_) => "refused",
            Self::Page { .. } => "a page for an answer",
            Self::Broken => "answer broken off",
            Self::Twice => "heard twice",
        })
    }
}

impl State {
    fn fate(&mut self, lane: usize, kind: Kind, publishes: bool, changes: bool) -> Fate {
        let weather = self.weather[lane];
        let dice = &mut self.dice;
        let well = Fate::Well(dice.between(Duration::from_millis(50), Duration::from_secs(3)));
        if weather == Weather::Locked {
            return Fate::Says(401);
        }
        let percent = match weather {
            _ if self.calm => return well,
            Weather::Fair | Weather::Locked => 4,
            Weather::Flaky => 50,
            Weather::Down | Weather::Shedding => 90,
            Weather::Slow => 60,
        };
        // Changes are few.
        let percent = if changes { percent.max(40) } else { percent };
        if !dice.percent(percent) {
            return well;
        }
        let hangs = dice.percent(40);
        let heard = dice.percent(50);
        let late = dice.between(Duration::from_secs(1), LATE_MAX);
        let status = dice.one_of(&[500, 502, 503, 504, 520, 408, 425, 599]);
        let is_hook = matches!(kind, Kind::Deduping | Kind::Blind);
        let fates = match weather {
            Weather::Down => vec![Fate::Refused, Fate::Refused, Fate::Lost { hangs }],
            Weather::Shedding => vec![Fate::Says(429), Fate::Failed { status, heard }],
            Weather::Slow => vec![Fate::Late(late), Fate::Unanswered { hangs: true }],
            _ => vec![
                Fate::Refused,
                Fate::Lost { hangs },
                Fate::Unanswered { hangs },
                Fate::Late(late),
                Fate::Failed { status, heard },
                Fate::Says(429),
                Fate::Says(422),
                Fate::Says(302),
                Fate::Page { heard },
                Fate::Broken,
                Fate::Twice,
            ],
        };
        match dice.one_of(&fates) {
            // A webhook's receiver may answer with whatever it likes.
            Fate::Page { .. } if is_hook => Fate::Unanswered { hangs },
            // What has no key is not performed twice by anything that keeps to HTTP.
            Fate::Twice if !matches!(kind, Kind::Bluesky | Kind::Mastodon | Kind::Matrix) => {
                Fate::Unanswered { hangs }
            }
            // A question that is answered with a no is not a question's business here.
            Fate::Says(422 | 302) if !publishes && !changes => Fate::Refused,
            fate => fate,
        }
    }
}

impl Net {
    /// A server hears a call, and its readers see what comes of it.
    fn hear(world: &World, call: &Call) -> Response {
        let now = world.now();
        let at = world.age();
        let mut state = world.state();
        let before = state.servers[call.lane].count();
        let (response, shows) = state.servers[call.lane].hear(call, now);
        if call.changes.is_some() {
            let after = state.servers[call.lane].count();
            state.laws.changed(call, shows, before, after);
            let words = format!("changes post {shows:?}, {before} there, now {after}");
            state.trace.line(at, format_args!("{words}: {}", response.status));
            return response;
        }
        if (400..500).contains(&response.status)
            && let Some(key) = &call.claim
        {
            // The server's own no: readers see nothing of it.
            state.laws.harmless(call.lane, key);
        }
        let Some(post) = shows else { return response };
        let name = world.plan.lanes[call.lane].name;
        let key = call.claim.clone().unwrap_or_default();
        let times = if world.plan.has(Defect::Canary) && state.tally.shown == 20 { 2 } else { 1 };
        for _ in 0..times {
            state.tally.shown += 1;
            state.trace.line(at, format_args!("{name} shows post {post}"));
            if let Some(times) = state.truth.show(call.lane, post, &key) {
                state.laws.broken.push(format!("readers of {name} saw post {post} {times} times"));
            }
        }
        if !state.laws.may_be_shown(call.lane, post) {
            state
                .laws
                .broken
                .push(format!("I5: readers of {name} saw post {post}, which was no news"));
        }
        response
    }

    /// As [`Net::hear`], after a while, whatever becomes of the house meanwhile.
    fn hear_later(world: &Arc<World>, call: Call, after: Duration) {
        let world = Arc::clone(world);
        let lane = call.lane;
        *world.state().truth.under_way.entry(lane).or_default() += 1;
        tokio::spawn(async move {
            sleep(after).await;
            Self::hear(&world, &call);
            *world.state().truth.under_way.entry(lane).or_default() -= 1;
        });
    }

    async fn perform(world: Arc<World>, call: Call, fate: Fate, timeout: Duration) -> Answer {
        let reset = Duration::from_secs(2);
        let gone = |hangs: bool| async move {
            sleep(if hangs { timeout } else { reset }).await;
            Err(Trouble::Unknown(if hangs { "timeout" } else { "reset" }.to_owned()))
        };
        match fate {
            Fate::Well(takes) => {
                let response = Self::hear(&world, &call);
                sleep(takes).await;
                Ok(response)
            }
            Fate::Refused => Err(Trouble::Unsent("no connection".to_owned())),
            Fate::Lost { hangs } => gone(hangs).await,
            Fate::Unanswered { hangs } => {
                Self::hear(&world, &call);
                if world.plan.has(Defect::ClientRepeats) {
                    Self::hear(&world, &call);
                }
                gone(hangs).await
            }
            Fate::Late(after) => {
                Self::hear_later(&world, call, after);
                gone(after > timeout).await
            }
            Fate::Failed { status, heard } => {
                if heard {
                    Self::hear(&world, &call);
                }
                sleep(reset).await;
                Ok(answer(status, &Value::Null, world.now()))
            }
            Fate::Says(status) => {
                sleep(reset).await;
                let mut response = answer(status, &Value::Null, world.now());
                if status == 429 {
                    let wait = world.state().dice.one_of(&["90", "1800", "1800", "7200"]);
                    response.headers.push(("retry-after".to_owned(), wait.to_owned()));
                }
                Ok(response)
            }
            Fate::Page { heard } => {
                if heard {
                    Self::hear(&world, &call);
                }
                sleep(reset).await;
                Ok(page(world.now()))
            }
            Fate::Broken => {
                let mut response = Self::hear(&world, &call);
                sleep(reset).await;
                let half = response.body.len() / 2;
                response.body.truncate(half);
                response.whole = false;
                Ok(response)
            }
            Fate::Twice => {
                Self::hear(&world, &call);
                let response = Self::hear(&world, &call);
                sleep(reset).await;
                Ok(response)
            }
        }
    }
}

fn page(now: Time) -> Response {
    let mut page = answer(200, &Value::Null, now);
    page.headers[0].1 = "text/html".to_owned();
    page.body = b"<html>Please accept our terms.</html>".to_vec();
    page
}

/// What a seeded defect makes of an answer.
fn misread(world: &World, answer: Answer) -> Answer {
    match answer {
        Err(Trouble::Unknown(why)) if world.plan.has(Defect::TimeoutIsUnsent) => {
            Err(Trouble::Unsent(why))
        }
        Ok(mut response) if response.status >= 500 && world.plan.has(Defect::FailureIsLater) => {
            response.status = 429;
            Ok(response)
        }
        answer => answer,
    }
}

impl Transport for Net {
    fn send<'a>(
        &'a self,
        outgoing: Outgoing<'a>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        let world = Arc::clone(&self.0);
        let rest = outgoing.url.expose_secret().strip_prefix("https://").unwrap_or_default();
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let name = host.strip_suffix(".example").unwrap_or_default();
        let lane = world.plan.lane(name).expect("only its platforms are called");
        let kind = world.plan.lanes[lane].kind;
        let header = |wanted: &str| {
            let found = outgoing.headers.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.clone())
        };
        let bearer = outgoing.secret_headers.iter().find(|(name, _)| name == "authorization");
        let bearer = bearer.map(|(_, value)| value.expose_secret().to_owned());
        let mut call = Call {
            lane,
            method: outgoing.method,
            path: format!("/{path}"),
            body: outgoing.body.expose_secret().as_bytes().to_vec(),
            key: header("idempotency-key").or_else(|| header("webhook-id")),
            bearer: bearer.and_then(|b| b.strip_prefix("Bearer ").map(str::to_owned)),
            claim: None,
            changes: None,
        };
        let (changes, publishes) = (changes(kind, &call), publishes(kind, &call));
        let (now, at) = (world.now(), world.age());
        let mut state = world.state();
        let fate = state.fate(lane, kind, publishes, changes);
        if changes {
            call.changes = Some(state.laws.changes(&call));
            if world.plan.has(Defect::ChangePosts) && call.path.starts_with("/api/v1/statuses/") {
                (call.method, call.path) = (Method::Post, "/api/v1/statuses".to_owned());
            }
        }
        if publishes {
            state.tally.publishes += 1;
            call.claim = state.laws.sent(&call, now);
            let proves_nothing = matches!(fate, Fate::Refused | Fate::Says(401 | 403 | 429));
            if proves_nothing && let Some(key) = &call.claim {
                state.laws.harmless(lane, key);
            }
        }
        if let Some(fault) = fate.name() {
            state.tally.fault(fault);
        }
        let method = if call.method == Method::Get { "GET" } else { "calls" };
        let path = call.path.split(['?']).next().unwrap_or_default().to_owned();
        state.trace.line(at, format_args!("{name} {method} {path}: {fate:?}"));
        if publishes && world.plan.has(Defect::KeyOfEachCall) {
            let number = state.tally.publishes;
            call.key = Some(format!("key-{number}"));
            if kind == Kind::Matrix {
                call.path.push_str(&number.to_string());
            }
        }
        drop(state);
        let timeout = outgoing.timeout;
        Box::pin(async move {
            let answer = Self::perform(Arc::clone(&world), call, fate, timeout).await;
            misread(&world, answer)
        })
    }

    fn get<'a>(&'a self, get: Get<'a>) -> Answering<'a> {
        let world = Arc::clone(&self.0);
        let host = get.url.host_str().unwrap_or_default().to_owned();
        let page = Some(get.url.path().to_owned()).filter(|path| path != "/feed");
        let asked = get.headers.iter().find(|(name, _)| name == "if-none-match");
        let asked = asked.map(|(_, value)| value.clone());
        let timeout = get.timeout;
        Box::pin(async move {
            let now = world.now();
            let (broken, hangs, answered) = {
                let mut state = world.state();
                let unwell = !state.calm && state.dice.percent(8);
                let hangs = state.dice.percent(50);
                if unwell {
                    state.tally.fault(if hangs { "poll timeout" } else { "poll broken" });
                }
                let lies = world.plan.has(Defect::PagesGone);
                let answer = match &page {
                    Some(path) => state.blog.page(path, lies),
                    None => state.blog.answer(asked.as_deref(), now),
                };
                (unwell, hangs, answer)
            };
            sleep(Duration::from_millis(200)).await;
            if broken && hangs {
                sleep(timeout).await;
                return Err(GetError::Timeout { host, seconds: timeout.as_secs() });
            }
            if broken {
                return Err(GetError::Broken { host, why: "it broke".to_owned() });
            }
            answered.ok_or(GetError::Connect { host, why: "unreachable".to_owned() })
        })
    }
}
