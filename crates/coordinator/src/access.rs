//! Who may ask for what. Decided here alone; what no rule allows is refused.

use agreement::{JobSpec, ParticipantId};
use tonic::Status;
use wire::Pins;

/// Something a caller wants.
#[derive(Clone, Copy, Debug)]
pub enum Wish<'a> {
    /// To attach as the node of this participant.
    Attach(&'a ParticipantId),
    /// To submit this job.
    Submit(&'a JobSpec),
    /// To see or watch this job.
    See(&'a JobSpec),
    /// To cancel this job.
    Cancel(&'a JobSpec),
    /// To list the nodes, or one's own jobs.
    List,
}

/// Allows a wish of `caller`, whom TLS has proved, or refuses it.
///
/// # Errors
/// `permission_denied`, in words that say what would be allowed. A job that is not the caller's is
/// `not_found`: that it exists is not the caller's business.
pub fn allow(caller: &ParticipantId, pinned: &Pins, wish: Wish<'_>) -> Result<(), Status> {
    if pinned.identity(caller).is_none() {
        return Err(Status::permission_denied("this coordinator does not know you"));
    }
    match wish {
        Wish::Attach(participant) if participant == caller => Ok(()),
        Wish::Attach(_) => Err(Status::permission_denied("a node attaches under its own name")),
        Wish::Submit(spec) => {
            if spec.party_of(caller).is_none() {
                return Err(Status::permission_denied("a job is submitted by one of its parties"));
            }
            let unknown = spec.parties.iter().find(|party| pinned.identity(&party.participant).is_none());
            unknown.map_or(Ok(()), |party| {
                Err(Status::failed_precondition(format!("this coordinator does not know {}", party.participant)))
            })
        }
        Wish::See(spec) | Wish::Cancel(spec) if spec.party_of(caller).is_some() => Ok(()),
        Wish::See(_) | Wish::Cancel(_) => Err(Status::not_found("there is no such job")),
        Wish::List => Ok(()),
    }
}
