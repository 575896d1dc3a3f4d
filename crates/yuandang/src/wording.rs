//! Texts that go to all parties and into receipts.

use records::standard::without_resident_ids;

/// Takes a reason or a purpose as it was typed.
///
/// # Errors
/// If there is a resident ID in it.
pub fn impersonal(text: &str) -> Result<String, &'static str> {
    if without_resident_ids(text) == text {
        return Ok(text.to_owned());
    }
    Err("there is a resident ID in it, and receipts hold no personal data")
}
