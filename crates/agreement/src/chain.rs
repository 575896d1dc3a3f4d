//! Chains of receipts: that none was left out, changed or put in later.

use crate::{Digest, Receipt, Signed};

/// Where in a chain somebody is who reads it upward: holds one receipt after the other against the one before.
#[derive(Clone, Debug, Default)]
pub struct Link {
    /// The number of the last one; nothing as long as it may be any.
    pub number: Option<u64>,
    /// Its digest; nothing as long as it may be any.
    pub digest: Option<Digest>,
}

impl Link {
    /// Right after a receipt of this number and digest. After number 0 comes the first.
    #[must_use]
    pub fn after(number: u64, digest: Option<Digest>) -> Self {
        Self { number: Some(number), digest }
    }

    /// Goes on to the next receipt.
    ///
    /// # Errors
    /// In words, with its number, if it is not the next one.
    pub fn follow(&mut self, receipt: &Signed<Receipt>) -> Result<(), String> {
        let number = receipt.statement().number;
        match self.number {
            Some(0) if number != 1 => return Err(format!("receipt {number} is not the first, which is missing")),
            Some(last) if last.checked_add(1) != Some(number) => {
                return Err(format!("receipt {number} does not follow receipt {last}"));
            }
            _ => {}
        }
        if self.digest.is_some() && receipt.statement().previous != self.digest {
            return Err(format!("receipt {number} names another one before it than the one that is there"));
        }
        self.number = Some(number);
        self.digest = Some(receipt.digest().map_err(|error| error.to_string())?);
        Ok(())
    }
}

/// Makes sure that receipts are one chain without a gap, each signed by the same identity.
///
/// # Errors
/// In words, with the number of the first that does not fit.
pub fn verify_chain(receipts: &[Signed<Receipt>], before: Option<Digest>) -> Result<(), String> {
    let mut link = Link { digest: before, ..Link::default() };
    let signer = receipts.first().map(|first| (first.signer(), first.identity()));
    receipts.iter().try_for_each(|receipt| {
        if signer.is_some_and(|(signer, identity)| !receipt.is_by(signer, identity)) {
            let number = receipt.statement().number;
            return Err(format!("receipt {number} is signed by somebody else than the one before it"));
        }
        link.follow(receipt)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, contract::tests::key};

    /// Receipts 1 to `count` of Anhui.
    fn chain(count: u64) -> Vec<Signed<Receipt>> {
        let mut all: Vec<Signed<Receipt>> = Vec::new();
        for number in 1..=count {
            let previous = all.last().map(|last| last.digest().unwrap());
            all.push(sign(number, previous, 2));
        }
        all
    }

    fn sign(number: u64, previous: Option<Digest>, seed: u8) -> Signed<Receipt> {
        let receipt =
            Receipt { number, previous, ..Receipt::of(Event::Admitted, "2026-03-01T00:00:00Z".parse().unwrap()) };
        Signed::sign(receipt, &"anhui".parse().unwrap(), &key(seed)).unwrap()
    }

    #[test]
    fn a_whole_chain_and_any_stretch_of_it_hold() {
        let all = chain(4);
        verify_chain(&all, None).unwrap();
        verify_chain(&all[2..], Some(all[1].digest().unwrap())).unwrap();
        verify_chain(&[], None).unwrap();
    }

    #[test]
    fn what_is_left_out_or_put_in_is_found() {
        let all = chain(4);
        let says = |receipts: &[Signed<Receipt>], before| verify_chain(receipts, before).unwrap_err();
        assert!(says(&[all[0].clone(), all[2].clone()], None).contains("does not follow"));
        assert!(says(&all[2..], Some(all[0].digest().unwrap())).contains("receipt 3 names another"));
        let put_in = sign(2, Some(Digest::from_bytes([7; 32])), 2);
        assert!(says(&[all[0].clone(), put_in], None).contains("receipt 2 names another"));
        let by_another = sign(2, Some(all[0].digest().unwrap()), 3);
        assert!(says(&[all[0].clone(), by_another], None).contains("somebody else"));
    }
}
