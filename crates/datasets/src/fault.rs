//! Errors of this crate on their way through [`std::io`].

use std::io;

use records::RecordError;

/// What happened at `place`: the [`RecordError`] that went into `cause`, or `cause` itself.
pub(crate) fn of_io(place: &str, cause: io::Error) -> RecordError {
    match cause.downcast::<RecordError>() {
        Ok(error) => error,
        Err(cause) => RecordError::Io { place: place.to_owned(), cause },
    }
}

/// `error` as what a reader or writer returns; [`of_io`] takes it out again.
pub(crate) fn to_io(error: RecordError) -> io::Error {
    io::Error::other(error)
}

/// A failure that this crate words itself.
pub(crate) fn failed(place: &str, kind: io::ErrorKind, problem: impl Into<String>) -> RecordError {
    RecordError::Io { place: place.to_owned(), cause: io::Error::new(kind, problem.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_out_as_it_went_in() {
        let error = of_io("here", to_io(RecordError::Changed("there".to_owned())));
        assert!(matches!(&error, RecordError::Changed(place) if place == "there"), "{error}");
        let error = of_io("here", io::Error::other("the disk is gone"));
        assert_eq!(error.to_string(), "here: the disk is gone");
    }
}
