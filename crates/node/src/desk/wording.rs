//! What people type and receipts repeat.

use records::standard::without_resident_ids;
use tonic::Status;

/// Refuses a text with a resident ID in it: it goes to all parties, and into receipts that are kept for years.
///
/// # Errors
/// `invalid_argument`, without the text.
pub(super) fn impersonal(what: &str, text: &str) -> Result<(), Status> {
    if without_resident_ids(text) == text {
        return Ok(());
    }
    Err(Status::invalid_argument(format!("{what} has a resident ID in it; receipts hold no personal data")))
}
