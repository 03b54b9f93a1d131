//! `platforms`: what each of them needs, for people.

use crate::config::pages;
use crate::desk::print;

use super::{Failure, Outcome, exit};

pub(super) fn platforms(kind: Option<&str>) -> Outcome {
    let Some(kind) = kind else {
        for kind in pages::kinds() {
            let page = pages::page(kind).unwrap_or_default();
            let first = page.lines().next().unwrap_or_default();
            print::out(&format!("{kind:<22} {first}\n"));
        }
        return Ok(exit::OK);
    };
    match pages::page(kind) {
        Some(page) => {
            print::out(&page);
            Ok(exit::OK)
        }
        None => {
            let kinds: Vec<&str> = pages::kinds().collect();
            let words = format!("there is no platform {kind:?}; there are {}", kinds.join(", "));
            Err(Failure::new(exit::NO_INPUT, words))
        }
    }
}
