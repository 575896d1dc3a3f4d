//! Tags on the wire and in memory.

/// A tag or claim token of at most 16 bytes as a number, the first byte on the wire the most
/// significant, so that order of numbers is order of bytes.
pub(crate) fn number(bytes: &[u8]) -> u128 {
    bytes.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// The last `width` bytes of `number`, as they stand on the wire, at the end of `out`.
pub(crate) fn write(number: u128, width: usize, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    out.extend_from_slice(bytes.get(16usize.saturating_sub(width)..).unwrap_or_default());
}
