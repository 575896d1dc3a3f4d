//! What a supervisor is told of the nodes that it speaks to.

use agreement::{Moment, ParticipantId};

use super::Lang;

/// What one node answered: nothing if it took the statement, otherwise whether it could not be reached, and why.
#[must_use]
pub fn told(lang: Lang, at: Moment, node: &ParticipantId, failure: Option<(bool, &str)>) -> String {
    match (failure, lang) {
        (None, Lang::En) => format!("{at}  {node}: taken"),
        (None, Lang::Zh) => format!("{at}  {node}：已接收"),
        (Some((true, why)), Lang::En) => format!("{at}  {node}: NOT REACHED: {why}"),
        (Some((true, why)), Lang::Zh) => format!("{at}  {node}：无法连接：{why}"),
        (Some((false, why)), Lang::En) => format!("{at}  {node}: NOT TAKEN: {why}"),
        (Some((false, why)), Lang::Zh) => format!("{at}  {node}：未接收：{why}"),
    }
}

/// So many of all nodes did not take the statement.
#[must_use]
pub fn not_taken(lang: Lang, failed: usize, all: usize, names: &str) -> String {
    match lang {
        Lang::En => format!("{failed} of {all} nodes did not take the statement: {names}"),
        Lang::Zh => format!("{all} 个节点中有 {failed} 个未接收声明：{names}"),
    }
}
