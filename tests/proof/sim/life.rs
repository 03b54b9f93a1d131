//! One life: thirty days of a house and its world, from one seed.

mod faults;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::blog::{Mood, until_next};
use super::disk::Health;
use super::house::House;
use super::person;
use super::plan::{Defect, Plan};
use super::survey;
use super::truth::Post;
use super::world::{DAY, HOUR, MINUTE, Tally, Weather, World};

/// From here on nothing goes wrong any more.
const CALM: Duration = DAY.saturating_mul(26);
/// And from here on a person deals with all that waits for one.
const TIDY: Duration = DAY.saturating_mul(28);
const END: Duration = DAY.saturating_mul(30);
/// A lane at rest has looked at the clock within this.
const LOOK: Duration = MINUTE.saturating_mul(2);

/// What came of a life.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) tally: Tally,
    pub(super) broken: Vec<String>,
    /// Lines of the trace, and their sum.
    pub(super) sum: (u64, u64),
    /// The trace in words, where it was wanted.
    pub(super) words: Vec<String>,
    pub(super) lived: Duration,
}

/// Lives one life on this thread, in a folder of its own.
pub(super) fn live(seed: u64, defect: Option<Defect>, records: bool) -> Report {
    let folder = crate::folder();
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let plan = Plan::of(seed, defect);
    let report = runtime.block_on(async {
        let world = World::new(plan, folder.path().to_owned(), records);
        world.say(format_args!("{:?}", world.plan));
        let mut life = Life::new(Arc::clone(&world));
        life.days().await;
        drop(life);
        let mut state = world.state();
        Report {
            seed,
            tally: state.tally.clone(),
            broken: std::mem::take(&mut state.laws.broken),
            sum: state.trace.sum(),
            words: std::mem::take(&mut state.trace.words),
            lived: world.age(),
        }
    });
    drop(runtime);
    report
}

struct Life {
    world: Arc<World>,
    house: House,
    next_post: Duration,
    next_visit: Duration,
    next_event: Duration,
    /// When a lying clock is set right.
    right: Option<Duration>,
    /// When what is stopped goes on.
    go_on: Option<Duration>,
    /// When the weather of each lane is fair again.
    clears: Vec<Option<Duration>>,
    /// After the clock was set, when the lanes have looked at it as the real ones do every minute.
    seen: Option<Duration>,
    /// By how much the clock was behind when the ledger last saw it.
    behind: Duration,
    backup: Option<Backup>,
}

/// The ledger's file as it once was.
#[derive(Debug)]
struct Backup {
    ledger: Vec<u8>,
    /// The claims that it knew.
    claims: u64,
    /// Its witness of then.
    witness: Vec<u8>,
    /// Whether it knew the feed, and whether it may have.
    knows: (bool, bool),
    /// What was there at its first sight of the feed.
    baseline: BTreeSet<Post>,
}

impl Life {
    fn new(world: Arc<World>) -> Self {
        let mut house = House::new(Arc::clone(&world));
        house.without = usize::from(world.state().dice.percent(30));
        let clears = vec![None; world.plan.lanes.len()];
        Self {
            world,
            house,
            clears,
            next_post: HOUR * 8,
            next_visit: HOUR * 10,
            next_event: HOUR,
            right: None,
            go_on: None,
            seen: None,
            behind: Duration::ZERO,
            backup: None,
        }
    }

    fn is_broken(&self) -> bool {
        !self.world.state().laws.broken.is_empty()
    }

    async fn days(&mut self) {
        self.house.start(None).await;
        while self.world.age() < CALM && !self.is_broken() {
            self.step().await;
        }
        if self.is_broken() {
            return self.house.kill().await;
        }
        self.calm().await;
        sleep(TIDY.saturating_sub(self.world.age())).await;
        survey::at_rest(&self.house, false).await;
        while self.world.age() < END && !self.is_broken() {
            person::visit(&mut self.house, true).await;
            sleep(HOUR * 8).await;
        }
        if !self.is_broken() {
            survey::at_rest(&self.house, true).await;
            survey::survey(&self.house).await;
            survey::says_what_its_entry_says(&self.house).await;
            survey::nothing_unseen(&self.house).await;
            survey::verify(&self.house).await;
        }
        self.house.end().await;
    }

    /// Waits for whatever comes next, and lets it happen.
    async fn step(&mut self) {
        let soon = [
            Some(self.next_post),
            Some(self.next_visit),
            Some(self.next_event),
            self.right,
            self.go_on,
            self.seen,
        ];
        let next = soon
            .into_iter()
            .chain(self.clears.iter().copied())
            .flatten()
            .min()
            .unwrap_or(CALM)
            .min(CALM);
        sleep(next.saturating_sub(self.world.age())).await;
        let age = self.world.age();
        if self.right.is_some_and(|at| at <= age) {
            self.right = None;
            self.world.clock.jump(self.world.now());
            self.world.say(format_args!("the clock is right"));
            self.seen = Some(age + LOOK);
        }
        self.clear_up();
        if self.seen.is_some_and(|at| at <= age) {
            self.look_at_the_clock();
        }
        if self.go_on.is_some_and(|at| at <= age) {
            self.go_on = None;
            if self.world.disk.is_there(&self.house.stop_file()) {
                person::stop_file(&self.house, false);
            }
            person::resume(&self.house).await;
        }
        if self.next_post <= age {
            self.blog();
            self.next_post = age + until_next(&mut self.world.state().dice);
        }
        if self.next_visit <= age {
            person::visit(&mut self.house, false).await;
            self.whim().await;
            let (least, most) = person::WAIT;
            self.next_visit = age + self.world.state().dice.between(least, most);
        }
        if self.next_event <= age {
            self.event().await;
            let rest = self.world.state().dice.between(HOUR * 2, HOUR * 11);
            self.next_event = self.world.age() + rest;
        }
    }

    /// Bad weather passes; credentials that were taken back stay so until a person looks in.
    fn clear_up(&mut self) {
        let age = self.world.age();
        for (lane, clears) in self.clears.iter_mut().enumerate() {
            if clears.is_none_or(|at| at > age) {
                continue;
            }
            *clears = None;
            let mut state = self.world.state();
            if state.weather[lane] != Weather::Locked {
                state.weather[lane] = Weather::Fair;
                state.trace.line(age, format_args!("lane {lane} clears up"));
            }
        }
    }

    /// The author writes, and the blog's software does what such software does.
    fn blog(&mut self) {
        let now = self.world.now();
        let mut state = self.world.state();
        let state = &mut *state;
        let (blog, dice) = (&mut state.blog, &mut state.dice);
        let flood = dice.percent(2) && self.world.age() < DAY * 18;
        for _ in 0..if flood { 9 } else { 1 } {
            blog.write(now, dice);
        }
        let fault = match dice.below(100) {
            _ if flood => Some("feed floods"),
            0..12 => {
                blog.guids += 1;
                Some("feed changes guids")
            }
            12..18 => {
                blog.links += 1;
                Some("feed changes links")
            }
            18..21 => {
                blog.guids += 1;
                blog.links += 1;
                Some("feed changes guids and links")
            }
            21..31 => {
                blog.reversed = !blog.reversed;
                Some("feed reorders")
            }
            31..41 => {
                blog.edit();
                Some("feed edits")
            }
            41..46 => {
                blog.take_down(now);
                Some("feed takes a post down")
            }
            46..70 => {
                blog.mood = dice.one_of(&Mood::BAD);
                Some(blog.mood.name())
            }
            _ => {
                blog.mood = Mood::Well;
                None
            }
        };
        blog.rewritten();
        if let Some(fault) = fault {
            state.tally.fault(fault);
        }
        let words = format!("the blog has {} posts: {fault:?}", blog.posts());
        state.trace.line(self.world.age(), format_args!("{words}"));
    }

    /// What a person does besides.
    async fn whim(&mut self) {
        let (whim, post, lane) = {
            let mut state = self.world.state();
            let posts = state.blog.posts() as usize;
            let lanes = self.world.plan.lanes.len();
            let (whim, post) = (state.dice.below(100), state.dice.below(posts));
            (whim, u32::try_from(post + 1).expect("few"), state.dice.below(lanes))
        };
        match whim {
            0..4 => {
                person::stop(&self.house).await;
                self.go_on = Some(self.world.age() + MINUTE * 45);
            }
            4..6 => {
                person::stop_file(&self.house, true);
                self.go_on = Some(self.world.age() + MINUTE * 30);
            }
            6..10 => {
                person::pause(&self.house, lane).await;
                self.go_on.get_or_insert(self.world.age() + HOUR * 5);
            }
            10..22 => person::replay(&self.house, post, false).await,
            22..28 => person::replay(&self.house, post, true).await,
            28..36 => {
                let before = self.world.now().minus(HOUR + MINUTE * 10);
                let mut state = self.world.state();
                let choice = state.dice.below(1_000);
                let deleted = state.servers[lane].delete(before, choice);
                state.trace.line(self.world.age(), format_args!("an author deletes: {deleted}"));
            }
            36..44 => person::retract(&self.house, lane, post).await,
            44..70 => self.another_tool(lane),
            _ => {}
        }
    }

    /// Another tool posts the newest post to the account of a lane that asks first, or a person by hand.
    fn another_tool(&mut self, lane: usize) {
        let (now, at) = (self.world.now(), self.world.age());
        let name = self.world.plan.lanes[lane].name;
        let mut state = self.world.state();
        let state = &mut *state;
        let post = state.blog.posts();
        let is_first = state.truth.shown(lane, post) == 0
            && state.truth.is_quiet(lane)
            && state.laws.is_untouched(lane, post);
        if !self.world.plan.lanes[lane].preflight || !is_first {
            return;
        }
        if state.servers[lane].foreign(&state.blog.link_of(post), now) {
            state.tally.foreign += 1;
            state.truth.show_foreign(lane, post, now, state.blog.links);
            state.trace.line(at, format_args!("another tool posts {post} to {name}"));
        }
    }

    /// Faults stop, and what they left is put right.
    async fn calm(&mut self) {
        self.world.say(format_args!("all is calm"));
        self.world.clock.jump(self.world.now());
        self.world.disk.set(Health::Well);
        {
            let mut state = self.world.state();
            state.calm = true;
            state.weather.fill(Weather::Fair);
            state.blog.mood = Mood::Well;
            state.blog.rewritten();
        }
        if self.world.disk.is_there(&self.house.stop_file()) {
            person::stop_file(&self.house, false);
        }
        self.house.kill().await;
        self.reload().await;
        self.house.without = 0;
        person::mend(&mut self.house).await;
        if self.house.wants.is_some() {
            person::mend(&mut self.house).await;
        }
        person::resume(&self.house).await;
    }
}
