//! What the promise costs: each figure is a ratio of contenders that took turns in one run, so that
//! it means the same on any machine. `cargo bench` prints them all, `cargo bench -- poll` one.

#![expect(clippy::print_stdout, reason = "a bench prints what it measures")]

mod blog;
mod books;
mod feeds;
mod house;
mod lanes;
mod lookups;
mod open;
mod parse;
mod poll;
mod process;
mod publish;
mod receiver;
mod rounds;
mod unchanged;

/// A bench by the name under which it can be asked for.
type Bench = (&'static str, fn());

const BENCHES: [Bench; 11] = [
    ("parse", parse::bench),
    ("storms", parse::storms),
    ("poll", poll::bench),
    ("unchanged", unchanged::bench),
    ("publish", publish::bench),
    ("books", books::bench),
    ("lanes", lanes::bench),
    ("process", process::bench),
    ("open", open::bench),
    ("lookups", lookups::bench),
    ("feeds", feeds::bench),
];

fn main() {
    if parse::one_storm() {
        return;
    }
    // cargo gives every bench target its own `--bench`; what else stands there is a wish.
    let wishes: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for (name, bench) in BENCHES {
        if wishes.is_empty() || wishes.iter().any(|wish| name.contains(wish.as_str())) {
            bench();
        }
    }
}
