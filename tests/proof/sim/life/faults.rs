//! What goes wrong in a life, but for the network and the blog.

use std::path::PathBuf;
use std::time::Duration;

use oncecast::clock::Clock as _;
use tokio::time::sleep;

use super::super::disk::Health;
use super::super::plan::Defect;
use super::super::survey;
use super::super::world::{DAY, HOUR, MINUTE, START, Weather};
use super::{Backup, LOOK, Life};

impl Life {
    /// Something goes wrong.
    pub(super) async fn event(&mut self) {
        let (event, rest, lane) = {
            let mut state = self.world.state();
            let rest = state.dice.between(MINUTE, HOUR * 3);
            (state.dice.below(100), rest, state.dice.below(self.world.plan.lanes.len()))
        };
        match event {
            0..22 => {
                self.world.strikes("killed");
                self.house.kill().await;
                self.start_after(rest / 4).await;
            }
            22..26 => {
                self.world.strikes("ended and started");
                self.house.end().await;
                self.start_after(rest / 60).await;
            }
            26..30 => self.reboot(rest).await,
            30..38 => self.cut(rest).await,
            38..42 => self.sicken().await,
            42..50 if self.world.age() < DAY * 17 => self.jump(rest),
            50..54 => {
                self.world.strikes("a second daemon");
                if self.house.running.is_some() {
                    self.house.second();
                }
            }
            54..60 => {
                self.world.strikes("a task falls over");
                self.house.abandon(lane);
                sleep(MINUTE * 20).await;
                self.house.kill().await;
                self.start_after(MINUTE).await;
            }
            60..66 => {
                self.world.strikes("reloaded under way");
                self.reload().await;
            }
            66..92 => {
                let mut state = self.world.state();
                let weather = state.dice.one_of(&[
                    Weather::Fair,
                    Weather::Fair,
                    Weather::Flaky,
                    Weather::Flaky,
                    Weather::Down,
                    Weather::Slow,
                    Weather::Slow,
                    Weather::Shedding,
                    Weather::Locked,
                ]);
                state.weather[lane] = weather;
                let lasts = state.dice.between(HOUR * 2, HOUR * 36);
                self.clears[lane] = Some(self.world.age() + lasts);
                if weather == Weather::Fair && state.servers[lane].revoke() {
                    state.tally.fault("sessions revoked");
                }
                state.trace.line(self.world.age(), format_args!("lane {lane}: {weather:?}"));
            }
            92..95 => self.back_up(),
            95..97 => self.restore(rest).await,
            97 => self.lose(rest).await,
            98 => self.move_house(rest).await,
            _ => {}
        }
    }

    async fn start_after(&mut self, rest: Duration) {
        sleep(rest).await;
        self.house.start(None).await;
        survey::survey(&self.house).await;
    }

    /// The machine is off for a while that nobody counts, and does not know the date when it is on again.
    async fn reboot(&mut self, rest: Duration) {
        self.world.strikes("rebooted");
        self.house.kill().await;
        sleep(rest).await;
        self.world.clock.reboot();
        self.world.state().laws.boot(std::mem::take(&mut self.behind));
        self.seen = None;
        if self.world.state().dice.percent(40) {
            self.world.strikes("booted in 1970");
            self.world.clock.jump(START.minus(DAY * 20_000).plus(MINUTE));
            self.right = Some(self.world.age() + MINUTE * 7);
        } else {
            self.right = None;
            self.world.clock.jump(self.world.now());
        }
        self.start_after(Duration::from_secs(30)).await;
    }

    /// The power goes at one of the next writes, and is off for a while.
    async fn cut(&mut self, rest: Duration) {
        let operations = self.world.state().dice.below(40) as u64 + 1;
        self.world.disk.cut_after(operations);
        drop(tokio::time::timeout(HOUR * 8, self.world.disk.gone.notified()).await);
        self.world.strikes("power cut");
        self.world.disk.power_cycle(&mut self.world.state().dice);
        self.house.leave().await;
        self.reboot(rest).await;
    }

    /// The disk fails, or fills up, for a while.
    async fn sicken(&mut self) {
        let health = {
            let mut state = self.world.state();
            state.dice.one_of(&[Health::Full, Health::Failing, Health::NotSyncing])
        };
        self.world.strikes(match health {
            Health::Full => "disk full",
            _ => "disk failing",
        });
        self.world.disk.set(health);
        let rest = self.world.state().dice.between(MINUTE, MINUTE * 15);
        sleep(rest).await;
        self.world.disk.set(Health::Well);
    }

    /// The clock is set wrongly, and right again later.
    fn jump(&mut self, rest: Duration) {
        self.world.strikes("clock set wrongly");
        let now = self.world.now();
        let mut state = self.world.state();
        let by =
            state.dice.one_of(&[MINUTE * 3, HOUR, HOUR * 7, DAY, DAY * 9, DAY * 400, DAY * 20_000]);
        let to = if state.dice.percent(50) { now.plus(by) } else { now.minus(by) };
        state.trace.line(self.world.age(), format_args!("the clock says {to}"));
        drop(state);
        self.world.clock.jump(to);
        self.right = Some(self.world.age() + rest);
        self.seen = Some(self.world.age() + LOOK);
    }

    /// Lanes at rest look every minute, and follow a clock that has stood for one: twice.
    pub(super) fn look_at_the_clock(&mut self) {
        let age = self.world.age();
        self.house.ring();
        let behind = self.world.now().since(self.world.clock.now());
        self.seen = (self.behind != behind).then(|| age + LOOK);
        self.behind = behind;
    }

    pub(super) async fn reload(&mut self) {
        if self.house.without > 0 {
            // What is known already is no news to a group that is new.
            let lane = self.world.plan.lanes.len() - 1;
            let mut state = self.world.state();
            let laws = &mut state.laws;
            laws.before.insert(lane, laws.met.clone());
            laws.may_be_before.insert(lane, laws.may_be_met.clone());
        }
        self.house.reload().await;
    }

    fn back_up(&mut self) {
        let (ledger, witness) = (self.house.path(), self.house.witness());
        let read = |path: PathBuf| self.world.disk.copy(&path);
        if let (Some(ledger), Some(witness)) = (read(ledger), read(witness)) {
            self.world.say(format_args!("a copy is made"));
            let state = self.world.state();
            let (claims, laws) = (state.tally.claims, &state.laws);
            let knows = (laws.is_known, laws.may_be_known);
            let baseline = laws.baseline.clone();
            self.backup = Some(Backup { ledger, claims, witness, knows, baseline });
        }
    }

    /// An older copy is put in the ledger's place.
    async fn restore(&mut self, rest: Duration) {
        let Some(backup) = self.backup.take() else { return self.back_up() };
        let Backup { ledger, claims, witness, knows, baseline } = backup;
        self.world.strikes("an older copy restored");
        self.house.kill().await;
        if self.world.state().tally.claims > claims {
            self.world.state().laws.forbidden = Some("by a ledger that is older than its witness");
        }
        {
            let mut state = self.world.state();
            state.laws.published.clear();
            (state.laws.is_known, state.laws.may_be_known) = knows;
            // What a ledger in between took for old is news again to this one, or owed by it.
            state.laws.baseline = baseline;
        }
        self.world.disk.put(&self.house.path(), ledger);
        if self.world.plan.has(Defect::WitnessRestored) {
            self.world.disk.put(&self.house.witness(), witness);
        }
        self.start_after(rest / 10).await;
    }

    /// The ledger, or its witness, is lost.
    async fn lose(&mut self, rest: Duration) {
        self.house.kill().await;
        let lost = if self.world.state().dice.percent(50) {
            self.world.strikes("the ledger lost");
            self.house.path()
        } else {
            self.world.strikes("the witness lost");
            self.house.witness()
        };
        self.world.disk.lose(&lost);
        self.start_after(rest / 10).await;
    }

    /// The disk is put into another machine.
    async fn move_house(&mut self, rest: Duration) {
        self.world.strikes("another host");
        self.house.kill().await;
        self.house.host.push('x');
        self.world.state().laws.forbidden = Some("on another host");
        self.start_after(rest / 10).await;
    }
}
