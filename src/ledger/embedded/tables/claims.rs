//! The claims of each lane by their time: what the caps count.

use redb::ReadableTable as _;

use crate::ledger::LedgerError;
use crate::model::Time;

use super::{Tables, broken};

impl Tables<'_> {
    /// The lane's claims after a moment, oldest first, whatever the clock says of the future; only the
    /// newest `limit`, since no cap asks for more.
    pub(in super::super) fn claims(
        &self,
        lane: u32,
        after: Time,
        limit: u32,
    ) -> Result<Vec<Time>, LedgerError> {
        let from = claim_key(lane, after, u64::MAX);
        let to = claim_key(lane, Time::from_millis(u64::MAX), u64::MAX);
        let mut times = Vec::new();
        let claims = self.claim.read()?;
        let range = claims.range::<&[u8]>(from.as_slice()..=to.as_slice()).map_err(broken)?;
        for item in range.rev().take(limit as usize) {
            times.push(claim_at(item.map_err(broken)?.0.value()).0);
        }
        times.reverse();
        Ok(times)
    }

    pub(in super::super) fn add_claim(
        &mut self,
        lane: u32,
        at: Time,
        number: u64,
    ) -> Result<(), LedgerError> {
        self.writes += 1;
        let key = claim_key(lane, at, number);
        self.claim.write()?.insert(key.as_slice(), [].as_slice()).map_err(broken)?;
        Ok(())
    }

    /// Gives the lane's claims after a moment another one.
    pub(in super::super) fn move_claims(
        &mut self,
        lane: u32,
        after: Time,
        to: impl Fn(Time) -> Time,
    ) -> Result<(), LedgerError> {
        let from = claim_key(lane, after, u64::MAX);
        let end = claim_key(lane, Time::from_millis(u64::MAX), u64::MAX);
        let table = self.claim.write()?;
        let mut claims = Vec::new();
        for item in table.range::<&[u8]>(from.as_slice()..=end.as_slice()).map_err(broken)? {
            claims.push(claim_at(item.map_err(broken)?.0.value()));
        }
        // All are taken out first: a moved one may stand where another stood.
        for (at, number) in &claims {
            table.remove(claim_key(lane, *at, *number).as_slice()).map_err(broken)?;
        }
        for (at, number) in claims {
            let key = claim_key(lane, to(at), number);
            table.insert(key.as_slice(), [].as_slice()).map_err(broken)?;
        }
        self.writes += 1;
        Ok(())
    }
}

fn claim_key(lane: u32, at: Time, number: u64) -> [u8; 20] {
    let mut key = [0; 20];
    key[..4].copy_from_slice(&lane.to_be_bytes());
    key[4..12].copy_from_slice(&at.as_millis().to_be_bytes());
    key[12..].copy_from_slice(&number.to_be_bytes());
    key
}

/// When a claim was made, and its number, by its key.
fn claim_at(key: &[u8]) -> (Time, u64) {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b));
    (Time::from_millis(number(&key[4..12])), number(&key[12..]))
}
