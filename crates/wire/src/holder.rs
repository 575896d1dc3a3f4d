//! Who a certificate is for, and the one name in it that says so.

use std::fmt;

use agreement::ParticipantId;

use crate::person::Person;

/// The domain under which certificates name participants. `.internal` is reserved for private use, so
/// no public certificate can be for it.
const DOMAIN: &str = ".yuandang.internal";

/// Who a certificate is for: a participant itself, which is its node or the coordinator, or a person there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The participant.
    pub participant: ParticipantId,
    /// The person, if it is one.
    pub person: Option<Person>,
}

impl Holder {
    /// The DNS name that its certificate carries: `<participant>.yuandang.internal`, or
    /// `<handle>.<duty>.<participant>.yuandang.internal` for a person.
    #[must_use]
    pub fn certificate_name(&self) -> String {
        match &self.person {
            None => certificate_name(&self.participant),
            Some(Person { handle, duty }) => format!("{handle}.{duty}.{}", certificate_name(&self.participant)),
        }
    }

    /// Whom such a name means; nobody if it is not written exactly as [`certificate_name`](Self::certificate_name)
    /// writes it. No label can hold a dot, so a name means one holder at most, and has one way to be written.
    #[must_use]
    pub fn of_certificate_name(name: &str) -> Option<Self> {
        let labels = name.strip_suffix(DOMAIN)?;
        let Some((person, participant)) = labels.rsplit_once('.') else {
            return Some(Self { participant: labels.parse().ok()?, person: None });
        };
        let (handle, duty) = person.split_once('.')?;
        let person = Person { handle: handle.parse().ok()?, duty: duty.parse().ok()? };
        Some(Self { participant: participant.parse().ok()?, person: Some(person) })
    }
}

impl From<ParticipantId> for Holder {
    fn from(participant: ParticipantId) -> Self {
        Self { participant, person: None }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.person {
            None => write!(f, "{}", self.participant),
            Some(person) => write!(f, "{person} of {}", self.participant),
        }
    }
}

/// The name that a participant's own certificate carries.
pub(crate) fn certificate_name(participant: &ParticipantId) -> String {
    format!("{participant}{DOMAIN}")
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::*;
    use crate::person::Duty;

    fn operator() -> Holder {
        let person = Person { handle: "k-17".parse().unwrap(), duty: Duty::Operator };
        Holder { participant: "anhui".parse().unwrap(), person: Some(person) }
    }

    #[test]
    fn names_go_both_ways() {
        let anhui = Holder::from("anhui".parse::<ParticipantId>().unwrap());
        for (holder, name, said) in [
            (anhui, "anhui.yuandang.internal", "anhui"),
            (operator(), "k-17.operator.anhui.yuandang.internal", "operator k-17 of anhui"),
        ] {
            assert_eq!((holder.certificate_name().as_str(), holder.to_string().as_str()), (name, said));
            assert_eq!(Holder::of_certificate_name(name), Some(holder));
        }
    }

    #[test]
    fn other_names_mean_nobody() {
        for wrong in [
            "anhui",
            "anhui.example",
            ".yuandang.internal",
            "yuandang.internal",
            "a.b.yuandang.internal",
            "operator.anhui.yuandang.internal",
            "k-17.manager.anhui.yuandang.internal",
            "k-17.Operator.anhui.yuandang.internal",
            "K-17.operator.anhui.yuandang.internal",
            "17.operator.anhui.yuandang.internal",
            "*.operator.anhui.yuandang.internal",
            ".operator.anhui.yuandang.internal",
            "k-17..anhui.yuandang.internal",
            "k-17.operator..yuandang.internal",
            "k-17.operator.anhui.yuandang.internal.",
            "k-17.operator.anhui.yuandang.internal.yuandang.internal",
            "x.k-17.operator.anhui.yuandang.internal",
            "k-17.operator.auditor.anhui.yuandang.internal",
            "k-17.operator.anhui.example",
        ] {
            assert_eq!(Holder::of_certificate_name(wrong), None, "{wrong}");
        }
    }

    /// Names like real ones: some labels, of what a name is made of, under the domain or another.
    fn similar() -> impl Strategy<Value = String> {
        let label = prop_oneof!["[a-zA-Z0-9*_.-]{0,6}", "operator|approver|supervisor|auditor|k-17|anhui"];
        (vec(label, 0..6), prop_oneof![Just(DOMAIN), Just(".yuandang.example"), Just("")])
            .prop_map(|(labels, domain)| labels.join(".") + domain)
    }

    proptest! {
        /// So two names never mean the same holder, and no name that was changed means the one that it did.
        #[test]
        fn who_is_named_is_named_by_that_name_alone(name in prop_oneof![similar(), any::<String>()]) {
            if let Some(holder) = Holder::of_certificate_name(&name) {
                prop_assert_eq!(holder.certificate_name(), name);
            }
        }

        #[test]
        fn no_changed_name_passes_as_the_person(at: Index, with in "[a-z0-9.*-]", kind in 0..3) {
            let mut name = operator().certificate_name();
            let at = at.index(name.len());
            match kind {
                0 => name.replace_range(at..=at, &with),
                1 => name.insert_str(at, &with),
                _ => drop(name.remove(at)),
            }
            let same = name == operator().certificate_name();
            prop_assert_eq!(Holder::of_certificate_name(&name) == Some(operator()), same);
        }
    }
}
