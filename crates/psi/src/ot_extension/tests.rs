//! The extended transfers against the ideal ones, and against the formulas of the description.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use proptest::prelude::*;
use sha2::{Digest, Sha512};

use super::sender::correlated;
use super::{BASE_TRANSFERS, column_bytes, receive, send};
use crate::PsiError;
use crate::choices::Choices;

const SESSION: [u8; 32] = [8; 32];
const DELTA: u128 = 0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978;

/// Base keys as ideal transfers would give them.
fn base(delta: u128) -> (Vec<[u128; 2]>, Vec<u128>) {
    let pairs: Vec<[u128; 2]> = (0..128).map(|j| [1000 + j, (2000 + j) << 64]).collect();
    let chosen = pairs.iter().enumerate().map(|(j, pair)| pair[usize::from(delta >> j & 1 == 1)]).collect();
    (pairs, chosen)
}

fn encrypt(key: [u8; 16], block: u128) -> u128 {
    let mut block = Array::from(block.to_le_bytes());
    Aes128::new(&Array::from(key)).encrypt_block(&mut block);
    u128::from_le_bytes(block.into())
}

/// H, written out once more.
fn hash(i: usize, row: u128) -> u128 {
    let digest = Sha512::digest([b"yuandang psi fixed key v1".as_slice(), &SESSION, b"ot extension"].concat());
    let key = digest[..16].try_into().unwrap();
    encrypt(key, encrypt(key, row) ^ i as u128) ^ encrypt(key, row)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn keys_are_those_of_the_formulas(
        delta: u128,
        bits in prop::sample::select(vec![0, 1, 7, 8, 9, 127, 128, 129, 1000])
            .prop_flat_map(|count| prop::collection::vec(any::<bool>(), count)),
    ) {
        let (pairs, chosen) = base(delta);
        let choices = Choices::collect(bits.iter().copied(), bits.len());
        let (keys, message) = receive(&SESSION, &pairs, &choices).unwrap();
        prop_assert_eq!(message.len(), BASE_TRANSFERS * column_bytes(bits.len()));
        let both = send(&SESSION, &chosen, delta, bits.len(), &message).unwrap();
        let rows = correlated(&chosen, delta, bits.len(), &message).unwrap();
        prop_assert_eq!((keys.len(), both.len(), rows.len()), (bits.len(), bits.len(), bits.len()));
        for (i, bit) in bits.iter().enumerate() {
            // Bit j of the receiver's row is bit i of the column under its key j,0.
            let stream = |key: u128| encrypt(key.to_le_bytes(), i as u128 / 128) >> (i % 128) & 1;
            let row = (0..128).fold(0, |row, j| row | stream(pairs[j][0]) << j);
            prop_assert_eq!(rows[i], row ^ if *bit { delta } else { 0 });
            prop_assert_eq!(keys[i], hash(i, row));
            prop_assert_eq!(keys[i], both[i][usize::from(*bit)]);
            prop_assert_eq!(both[i][usize::from(!*bit)], hash(i, row ^ delta));
        }
    }
}

#[test]
fn bytes_are_pinned() {
    let (pairs, chosen) = base(DELTA);
    let (keys, message) = receive(&SESSION, &pairs, &Choices::collect([true, false, true], 3)).unwrap();
    let both = send(&SESSION, &chosen, DELTA, 3, &message).unwrap();
    assert_eq!(
        hex::encode(message),
        "fc1275392eb27c075c78c05b2bb21633429772b7b00fbd69772aa49c2cc1ece4\
         0740f8730e19017a82555c150f3a3bb5006ce68b4761c27243ccd4cd19dab3bb\
         756a18bf0333d5c77c5106af5f11d23f015093762be287a1ff7c9d6cb83f4b20\
         4732100f7778501163e348a297dc759af85848e2650fd97ac4efbb67bfde6416"
    );
    assert_eq!(hex::encode(keys[2].to_le_bytes()), "3bdc53dd9a59c701d510c149dc60eafc");
    assert_eq!(hex::encode(both[2][0].to_le_bytes()), "2934dcd1e7f7a4137b4d52efc90d68a2");
}

#[test]
fn masks_hide_the_choices() {
    let (pairs, _) = base(DELTA);
    let message = |bit| receive(&SESSION, &pairs, &Choices::collect([bit; 1000], 1000)).unwrap().1;
    let (zeros, ones) = (message(false), message(true));
    // The same masks over opposite bits.
    assert!(zeros.iter().zip(&ones).all(|(zero, one)| zero ^ one == 0xff));
    let set: u32 = zeros.iter().map(|byte| byte.count_ones()).sum();
    // Of 128,000 bits that look random: nine standard deviations on either side.
    assert!((62_400..65_600).contains(&set));
}

#[test]
fn lengths_are_checked() {
    let (pairs, chosen) = base(DELTA);
    let (_, message) = receive(&SESSION, &pairs, &Choices::collect([true; 20], 20)).unwrap();
    let refused = |transfers, message: &[u8]| {
        matches!(send(&SESSION, &chosen, DELTA, transfers, message), Err(PsiError::Peer(_)))
    };
    assert!(!refused(20, &message));
    assert!(!refused(17, &message));
    assert!(refused(16, &message));
    assert!(refused(25, &message));
    assert!(refused(20, &message[1..]));
    assert!(refused(20, &[]));
    assert!(refused(0, &[0]));
    let few = Choices::collect([], 0);
    assert!(matches!(receive(&SESSION, &pairs[1..], &few), Err(PsiError::Usage(_))));
    assert!(matches!(send(&SESSION, &chosen[1..], DELTA, 20, &message), Err(PsiError::Usage(_))));
}
