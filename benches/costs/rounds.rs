//! Contenders that take turns: what else the machine does then falls on all of them alike.

use std::time::Duration;

use oncecast::clock::Mark;
use rustix::time::{ClockId, clock_gettime};

/// What one turn took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    /// By the clock on the wall.
    pub(crate) wall: Duration,
    /// On all threads of this process, receiver included.
    pub(crate) cpu: Duration,
}

/// Times one stretch of work.
pub(crate) fn time<T>(work: impl FnOnce() -> T) -> (Took, T) {
    let (mark, before) = (Mark::here(), cpu());
    let made = work();
    (Took { wall: mark.elapsed(), cpu: cpu().saturating_sub(before) }, made)
}

/// The time of an asynchronous stretch of work.
pub(crate) async fn time_async<T>(work: impl Future<Output = T>) -> (Took, T) {
    let (mark, before) = (Mark::here(), cpu());
    let made = work.await;
    (Took { wall: mark.elapsed(), cpu: cpu().saturating_sub(before) }, made)
}

fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}

/// One contender's turns, in the order of the rounds.
#[derive(Debug)]
pub(crate) struct Turns {
    name: &'static str,
    took: Vec<Took>,
    peak_kib: u64,
}

impl Turns {
    pub(crate) const fn of(name: &'static str) -> Self {
        Self { name, took: Vec::new(), peak_kib: 0 }
    }

    /// Takes one turn; `work` says itself what of it counts.
    pub(crate) fn turn(&mut self, work: impl FnOnce() -> Took) {
        forget_peak();
        let took = work();
        self.peak_kib = self.peak_kib.max(memory("self", "VmHWM"));
        self.took.push(took);
    }

    pub(crate) fn walls(&self) -> Vec<f64> {
        self.took.iter().map(|t| t.wall.as_secs_f64()).collect()
    }

    fn cpus(&self) -> Vec<f64> {
        self.took.iter().map(|t| t.cpu.as_secs_f64()).collect()
    }
}

/// Prints a table of contenders; each is weighed against `base` round by round.
pub(crate) fn table(title: &str, base: &Turns, contenders: &[&Turns]) {
    println!("\n{title}");
    println!(
        "{:<46} {:>10} {:>10} {:>8} {:>19} {:>8}",
        "", "wall", "cpu", "ratio", "[least .. most]", "peak"
    );
    row(base, base);
    for contender in contenders {
        row(contender, base);
    }
}

fn row(turns: &Turns, base: &Turns) {
    let ratios = ratios(&turns.walls(), &base.walls());
    println!(
        "{:<46} {:>7.3} ms {:>7.3} ms {:>8.2} {:>19} {:>4.1} MiB",
        turns.name,
        median(&turns.walls()) * 1e3,
        median(&turns.cpus()) * 1e3,
        median(&ratios),
        spread(&ratios),
        mib(turns.peak_kib),
    );
}

/// Round by round, one over the other.
pub(crate) fn ratios(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter().zip(other).map(|(one, other)| one / other).collect()
}

/// The least and the most, as a table shows them.
pub(crate) fn spread(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    format!("[{least:.2} .. {most:.2}]")
}

/// The value in the middle; an empty list has none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A target and whether it is met, as every bench ends.
pub(crate) fn verdict(what: &str, is: f64, wanted: &str, met: bool) {
    println!("  -> {what}: {is:.2}, wanted {wanted}: {}", if met { "met" } else { "MISSED" });
}

/// A line of a process's memory in KiB, such as `VmHWM`.
pub(crate) fn memory(process: &str, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let found = status.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(':'));
    found.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// KiB as MiB.
pub(crate) fn mib(kib: u64) -> f64 {
    Duration::from_millis(kib).as_secs_f64() * 1_000.0 / 1_024.0
}

/// Makes the kernel count the peak afresh; where it will not, peaks are those of all turns so far.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").ok();
}
