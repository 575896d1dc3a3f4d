//! Bytes to a uniformly distributed element of ristretto255 whose discrete logarithm nobody knows.
//!
//! RFC 9380, `hash_to_ristretto255` (Appendix B): `expand_message_xmd` with SHA-512 (Section 5.3.1)
//! to 64 bytes, then the one-way map of RFC 9496, Section 4.3.4.
//!
//! | RFC 9380 | here |
//! |---|---|
//! | `msg` | `message` |
//! | `DST_prime` | `GroupHash::dst_prime` |
//! | `Z_pad` | one block of zeros; the hash state after it is kept in `GroupHash::after_z_pad` |
//! | `b_0`, `b_i` | `b_0`, `b_i` |
//!
//! The time depends on the length of the message alone.

use curve25519_dalek::{RistrettoPoint, Scalar};
use sha2::{Digest, Sha512};

use crate::PsiError;

/// The hash function to the group under one domain separation tag.
#[derive(Clone)]
pub struct GroupHash {
    after_z_pad: Sha512,
    dst_prime: Vec<u8>,
}

impl GroupHash {
    /// The hash function under the domain separation tag `dst`.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if the tag is empty or longer than 255 bytes.
    pub fn new(dst: &[&[u8]]) -> Result<Self, PsiError> {
        let mut dst_prime = dst.concat();
        let length = u8::try_from(dst_prime.len()).ok().filter(|length| *length > 0);
        dst_prime.push(length.ok_or(PsiError::Usage("a domain separation tag has 1 to 255 bytes"))?);
        Ok(Self { after_z_pad: Sha512::new().chain_update([0; 128]), dst_prime })
    }

    /// `expand_message_xmd` of RFC 9380: fills `out` with bytes that look uniformly random.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if `out` is longer than 255 hashes.
    pub fn expand(&self, message: &[&[u8]], out: &mut [u8]) -> Result<(), PsiError> {
        const TOO_LONG: PsiError = PsiError::Usage("a hash is expanded to 255 times its length at most");
        let length = u16::try_from(out.len()).map_err(|_| TOO_LONG)?;
        let mut hash = self.after_z_pad.clone();
        message.iter().for_each(|part| hash.update(part));
        let b_0 = hash.chain_update(length.to_be_bytes()).chain_update([0]).chain_update(&self.dst_prime).finalize();
        let mut mixed = b_0;
        for (block, i) in out.chunks_mut(64).zip(1u16..) {
            let i = u8::try_from(i).map_err(|_| TOO_LONG)?;
            let b_i = Sha512::new().chain_update(mixed).chain_update([i]).chain_update(&self.dst_prime).finalize();
            block.iter_mut().zip(b_i).for_each(|(to, from)| *to = from);
            mixed.iter_mut().zip(b_0.iter().zip(b_i)).for_each(|(to, (b_0, b_i))| *to = b_0 ^ b_i);
        }
        Ok(())
    }

    /// Hashes `message` to the group.
    #[must_use]
    pub fn point(&self, message: &[u8]) -> RistrettoPoint {
        RistrettoPoint::from_uniform_bytes(&self.uniform(&[message]))
    }

    /// Hashes `message` to a scalar, as RFC 9497 does for this group: 64 expanded bytes, the least
    /// significant first, modulo the order of the group.
    #[must_use]
    pub fn scalar(&self, message: &[&[u8]]) -> Scalar {
        Scalar::from_bytes_mod_order_wide(&self.uniform(message))
    }

    /// [`expand`](Self::expand) to just one hash, which cannot fail.
    fn uniform(&self, message: &[&[u8]]) -> [u8; 64] {
        let mut out = [0; 64];
        let expanded = self.expand(message, &mut out);
        debug_assert!(expanded.is_ok());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9380, Appendix K.3: `expand_message_xmd` with SHA-512.
    #[test]
    fn expands_as_rfc_9380_does() {
        let long_q = [b"q128_".as_slice(), &[b'q'; 128]].concat();
        let long_a = [b"a512_".as_slice(), &[b'a'; 512]].concat();
        let vectors: [(&[u8], &str); 10] = [
            (b"", "6b9a7312411d92f921c6f68ca0b6380730a1a4d982c507211a90964c394179ba"),
            (b"abc", "0da749f12fbe5483eb066a5f595055679b976e93abe9be6f0f6318bce7aca8dc"),
            (b"abcdef0123456789", "087e45a86e2939ee8b91100af1583c4938e0f5fc6c9db4b107b83346bc967f58"),
            (&long_q, "7336234ee9983902440f6bc35b348352013becd88938d2afec44311caf8356b3"),
            (&long_a, "57b5f7e766d5be68a6bfe1768e3c2b7f1228b3e4b3134956dd73a59b954c66f4"),
            (
                b"",
                "41b037d1734a5f8df225dd8c7de38f851efdb45c372887be655212d07251b921\
                 b052b62eaed99b46f72f2ef4cc96bfaf254ebbbec091e1a3b9e4fb5e5b619d2e\
                 0c5414800a1d882b62bb5cd1778f098b8eb6cb399d5d9d18f5d5842cf5d13d7e\
                 b00a7cff859b605da678b318bd0e65ebff70bec88c753b159a805d2c89c55961",
            ),
            (
                b"abc",
                "7f1dddd13c08b543f2e2037b14cefb255b44c83cc397c1786d975653e36a6b11\
                 bdd7732d8b38adb4a0edc26a0cef4bb45217135456e58fbca1703cd6032cb134\
                 7ee720b87972d63fbf232587043ed2901bce7f22610c0419751c065922b48843\
                 1851041310ad659e4b23520e1772ab29dcdeb2002222a363f0c2b1c972b3efe1",
            ),
            (
                b"abcdef0123456789",
                "3f721f208e6199fe903545abc26c837ce59ac6fa45733f1baaf0222f8b7acb04\
                 24814fcb5eecf6c1d38f06e9d0a6ccfbf85ae612ab8735dfdf9ce84c372a77c8\
                 f9e1c1e952c3a61b7567dd0693016af51d2745822663d0c2367e3f4f0bed827f\
                 eecc2aaf98c949b5ed0d35c3f1023d64ad1407924288d366ea159f46287e61ac",
            ),
            (
                &long_q,
                "b799b045a58c8d2b4334cf54b78260b45eec544f9f2fb5bd12fb603eaee70db7\
                 317bf807c406e26373922b7b8920fa29142703dd52bdf280084fb7ef69da78af\
                 df80b3586395b433dc66cde048a258e476a561e9deba7060af40adf30c64249c\
                 a7ddea79806ee5beb9a1422949471d267b21bc88e688e4014087a0b592b695ed",
            ),
            (
                &long_a,
                "05b0bfef265dcee87654372777b7c44177e2ae4c13a27f103340d9cd11c86cb2\
                 426ffcad5bd964080c2aee97f03be1ca18e30a1f14e27bc11ebbd650f305269c\
                 c9fb1db08bf90bfc79b42a952b46daf810359e7bc36452684784a64952c343c5\
                 2e5124cd1f71d474d5197fefc571a92929c9084ffe1112cf5eea5192ebff330b",
            ),
        ];
        let hash = GroupHash::new(&[b"QUUX-V01-CS02-with-expander-SHA512-256"]).unwrap();
        for (message, expected) in vectors {
            let mut out = vec![0; expected.len() / 2];
            hash.expand(&[message], &mut out).unwrap();
            assert_eq!(hex::encode(out), expected);
        }
    }

    /// RFC 9496, Appendix A.3: the one-way map. The inputs are SHA-512 hashes of these lines.
    #[test]
    fn maps_as_rfc_9496_does() {
        let vectors = [
            (
                "Ristretto is traditionally a short shot of espresso coffee",
                "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46",
            ),
            (
                "made with the normal amount of ground coffee but extracted with",
                "f26e5b6f7d362d2d2a94c5d0e7602cb4773c95a2e5c31a64f133189fa76ed61b",
            ),
            (
                "about half the amount of water in the same amount of time",
                "006ccd2a9e6867e6a2c5cea83d3302cc9de128dd2a9a57dd8ee7b9d7ffe02826",
            ),
            ("by using a finer grind.", "f8f0c87cf237953c5890aec3998169005dae3eca1fbb04548c635953c817f92a"),
            (
                "This produces a concentrated shot of coffee per volume.",
                "ae81e7dedf20a497e10c304a765c1767a42d6e06029758d2d7e8ef7cc4c41179",
            ),
            (
                "Just pulling a normal shot short will produce a weaker shot",
                "e2705652ff9f5e44d3e841bf1c251cf7dddb77d140870d1ab2ed64f1a9ce8628",
            ),
            (
                "and is not a Ristretto as some believe.",
                "80bd07262511cdde4863f8a7434cef696750681cb9510eea557088f76d9e5065",
            ),
        ];
        for (line, expected) in vectors {
            let uniform: [u8; 64] = Sha512::digest(line).into();
            let point = RistrettoPoint::from_uniform_bytes(&uniform);
            assert_eq!(hex::encode(point.compress().as_bytes()), expected);
        }
    }

    #[test]
    fn parts_of_messages_and_tags_are_strung_together() {
        let whole = GroupHash::new(&[b"a tag"]).unwrap();
        let parts = GroupHash::new(&[b"a ", b"tag"]).unwrap();
        assert_eq!(whole.scalar(&[b"message"]), parts.scalar(&[b"mess", b"", b"age"]));
        assert_eq!(whole.point(b"message"), parts.point(b"message"));
        assert_ne!(whole.point(b"message"), whole.point(b"messagf"));
    }

    #[test]
    fn lengths_are_checked() {
        assert!(GroupHash::new(&[&[1; 255]]).is_ok());
        assert!(matches!(GroupHash::new(&[&[1; 256]]), Err(PsiError::Usage(_))));
        assert!(matches!(GroupHash::new(&[]), Err(PsiError::Usage(_))));
        let hash = GroupHash::new(&[b"tag"]).unwrap();
        assert!(hash.expand(&[b""], &mut vec![0; 255 * 64]).is_ok());
        assert!(hash.expand(&[b""], &mut vec![0; 255 * 64 + 1]).is_err());
        assert!(hash.expand(&[b""], &mut vec![0; 1 << 16]).is_err());
    }
}
