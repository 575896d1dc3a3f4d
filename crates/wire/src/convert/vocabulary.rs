//! Roles, modes, protocols and states.

use agreement::{ErrorBudget, JobState, Mode, Protocol, Role};

use super::ConvertError;
use crate::proto;

/// Both directions between an enumeration of the messages and one of the models.
macro_rules! vocabulary {
    ($field:literal, $message:ident, $model:ident, $($name:ident),+) => {
        impl From<$model> for proto::$message {
            fn from(model: $model) -> Self {
                match model { $($model::$name => Self::$name),+ }
            }
        }

        impl TryFrom<proto::$message> for $model {
            type Error = ConvertError;

            fn try_from(message: proto::$message) -> Result<Self, ConvertError> {
                match message {
                    $(proto::$message::$name => Ok(Self::$name),)+
                    proto::$message::Unspecified => Err(ConvertError::missing($field)),
                }
            }
        }
    };
}

vocabulary!("role", Role, Role, Receiver, Sender);
vocabulary!("mode", Mode, Mode, Membership, Labelled, Both, Cardinality, Sum);
vocabulary!("protocol", Protocol, Protocol, Ecdh, Vole, VoleMalicious);
vocabulary!(
    "state",
    JobState,
    JobState,
    Pending,
    AwaitingApproval,
    Queued,
    Running,
    Suspended,
    Succeeded,
    Failed,
    Cancelled,
    Rejected,
    TimedOut
);

impl From<ErrorBudget> for proto::ErrorBudget {
    fn from(budget: ErrorBudget) -> Self {
        Self { lambda: budget.lambda }
    }
}

impl From<proto::ErrorBudget> for ErrorBudget {
    fn from(budget: proto::ErrorBudget) -> Self {
        Self { lambda: budget.lambda }
    }
}
