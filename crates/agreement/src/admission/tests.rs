//! The rule, refusal by refusal.

use std::collections::BTreeSet;

use super::*;
use crate::{
    acts::{Change, Offer, Rejection},
    contract::{
        Rows,
        tests::{key, student_aid},
    },
    job::{Mode, Protocol},
    life::tests::{consent, pinned, standing},
};

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

const SPRING: &str = "2026-03-01T00:00:00Z";

/// All that facts are made of, as a job finds it that is admitted at Anhui.
#[derive(Clone)]
struct World {
    me: ParticipantId,
    pinned: Pinned,
    agreement: Option<(Digest, Agreement)>,
    acts: Vec<Act>,
    job: JobSpec,
    now: Moment,
    used: Used,
    published: Option<u32>,
    heartbeat: Option<(u64, Option<Moment>)>,
    approved: bool,
}

impl World {
    fn new() -> Self {
        let agreement = student_aid();
        Self {
            me: "anhui".parse().unwrap(),
            pinned: pinned(),
            job: agreement.job("autumn", Protocol::Vole).unwrap(),
            agreement: Some((agreement.digest().unwrap(), agreement)),
            acts: vec![consent("shanghai", 1), consent("anhui", 2)],
            now: at(SPRING),
            used: Used { runs: 3, today: 1, last: Some(at("2026-02-28T23:00:00Z")) },
            published: Some(1),
            heartbeat: None,
            approved: false,
        }
    }

    fn decide(&self) -> Result<Decision, Refusal> {
        admit(&Facts {
            me: &self.me,
            pinned: &self.pinned,
            agreement: self.agreement.as_ref().map(|(digest, agreement)| (digest, agreement)),
            acts: &self.acts,
            job: &self.job,
            now: self.now,
            used: self.used,
            published: self.published,
            heartbeat: self.heartbeat,
            approved: self.approved,
        })
    }

    /// Under other terms, which both signed as keys 1 and 2 would.
    fn under(mut self, edit: fn(&mut Agreement)) -> Self {
        let mut agreement = student_aid();
        edit(&mut agreement);
        let digest = agreement.digest().unwrap();
        let consent = |name: &str, seed| {
            let statement =
                crate::acts::Consent { agreement: digest, at: at(SPRING), approvers: vec!["k-17".to_owned()] };
            Act::Consent(crate::Signed::sign(statement, &name.parse().unwrap(), &key(seed)).unwrap())
        };
        self.acts = vec![consent("shanghai", 1), consent("anhui", 2)];
        self.job = agreement.job("autumn", Protocol::Ecdh).unwrap();
        self.agreement = Some((digest, agreement));
        self
    }

    /// The state in which the rule finds the agreement, well away from the ends of its time.
    fn state(&self) -> AgreementState {
        let (digest, agreement) = self.agreement.as_ref().unwrap();
        Life::of(agreement, digest, &self.acts, &self.pinned).state(agreement, self.used.runs, self.now, true)
    }
}

fn offer() -> Act {
    let statement = Offer { agreement: student_aid().digest().unwrap(), at: at(SPRING) };
    Act::Offer(crate::Signed::sign(statement, &"anhui".parse().unwrap(), &key(2)).unwrap())
}

fn rejection() -> Act {
    let reason = "no legal basis".to_owned();
    let statement = Rejection { agreement: student_aid().digest().unwrap(), at: at(SPRING), reason };
    Act::Rejection(crate::Signed::sign(statement, &"anhui".parse().unwrap(), &key(2)).unwrap())
}

#[test]
fn a_job_as_agreed_is_admitted_as_the_next_use() {
    assert_eq!(World::new().decide(), Ok(Decision::Admitted { number: 4 }));
    let first = World { used: Used::default(), ..World::new() };
    assert_eq!(first.decide(), Ok(Decision::Admitted { number: 1 }));
}

type Row = (&'static str, fn(&mut World));

/// Every refusal of the rule: what is wrong, and what is said of it.
const REFUSALS: &[Row] = &[
    ("under no agreement", |w| w.job.agreement_digest = None),
    ("does not know the agreement", |w| w.agreement = None),
    ("does not know the agreement", |w| w.job.agreement_digest = Some([7; 32])),
    ("jiangsu is no party", |w| w.me = "jiangsu".parse().unwrap()),
    ("another identity key for shanghai", |w| {
        w.pinned.participants.insert("shanghai".parse().unwrap(), key(7).public());
    }),
    ("another identity key for shanghai", |w| {
        w.pinned.participants.remove(&"shanghai".parse::<ParticipantId>().unwrap());
    }),
    ("lacks the signed consent of shanghai", |w| drop(w.acts.remove(0))),
    ("lacks the signed consent of anhui", |w| w.acts[1] = consent("anhui", 7)),
    ("lacks the signed consent of anhui", |w| w.acts[1] = consent("shanghai", 2)),
    ("lacks the signed consent of anhui", |w| w.acts[1] = offer()),
    ("is Rejected by anhui: no legal basis", |w| w.acts[1] = rejection()),
    ("is Suspended by anhui: reason 1", |w| w.acts.push(standing("anhui", 2, Change::Suspension, 1))),
    ("is Revoked by supervisor: reason 1", |w| w.acts.push(standing("supervisor", 9, Change::Revocation, 1))),
    ("is Exhausted", |w| w.used.runs = 10),
    ("is Expired", |w| w.now = at("2027-01-01T00:00:30Z")),
    ("is Expired", |w| {
        w.acts.truncate(1);
        w.now = at("2027-01-01T00:00:30Z");
    }),
    ("valid from 2026-01-01T00:00:00Z, and the clock of anhui says 2025-12-31T23:59:29Z", |w| {
        w.now = at("2025-12-31T23:59:29Z");
    }),
    ("differs from the agreement in its parties or their roles", |w| w.job.parties.swap(0, 1)),
    ("differs from the agreement in the dataset of anhui", |w| w.job.parties[1].dataset = "payroll".into()),
    ("differs from the agreement in the key columns of shanghai", |w| {
        w.job.parties[0].key_columns = vec!["name".into()];
    }),
    ("differs from the agreement in the label columns of anhui", |w| {
        w.job.parties[1].label_columns = vec!["address".into()];
    }),
    ("differs from the agreement in the padded size of anhui", |w| w.job.parties[1].padded_size = Some(7)),
    ("differs from the agreement in the key types", |w| w.job.key_types = vec![crate::KeyType::Raw]),
    ("differs from the agreement in the mode", |w| w.job.mode = Mode::Both),
    ("differs from the agreement in the protocol", |w| w.job.protocol = Protocol::VoleMalicious),
    ("differs from the agreement in the error budget", |w| w.job.error_budget.lambda = 30),
    ("differs from the agreement in the listener", |w| w.job.listener = "shanghai".parse().unwrap()),
    ("mode sum is not built yet", |w| {
        *w = w.clone().under(|agreement| {
            agreement.mode = Mode::Sum;
            agreement.parties[1].label_columns.clear();
        });
    }),
    ("offers no dataset named \"hardship\"", |w| w.published = None),
    ("in version 2, and the agreement is about version 1", |w| w.published = Some(2)),
    ("heartbeat was heard within 60 seconds; none was ever heard", |w| w.heartbeat = Some((60, None))),
    ("heartbeat was heard within 60 seconds; the last was at 2026-02-28T23:58:59Z", |w| {
        w.heartbeat = Some((60, Some(at("2026-02-28T23:58:59Z"))));
    }),
    ("heartbeat was heard within 60 seconds", |w| w.heartbeat = Some((60, Some(at("2026-03-01T00:00:31Z"))))),
    ("2 runs a day", |w| w.used.today = 2),
    ("every 3600 seconds, and the last began 3599 seconds ago", |w| w.used.last = Some(at("2026-02-28T23:00:01Z"))),
];

#[test]
fn every_refusal_has_its_reason() {
    for (wanted, spoil) in REFUSALS {
        let mut world = World::new();
        spoil(&mut world);
        let refusal = world.decide().unwrap_err().to_string();
        assert!(refusal.contains(wanted), "wanted {wanted:?}, got {refusal:?}");
    }
}

/// Where a refusal is decided.
#[derive(Clone, Copy)]
enum Decided {
    /// By [`admit`]: the table has a row of it.
    ByTheTable,
    /// By another part of the rule, which gives it here.
    Later(fn() -> Refusal),
    /// By the node, from what it keeps: crates/node/src/book/admitting.rs.
    ByTheNode,
}
use Decided::{ByTheNode, ByTheTable, Later};

/// All variants of an enum, each with what is said of it.
macro_rules! each_of {
    ($of:ident, $name_of:ident, $all:ident: $answer:ty { $($variant:ident => $decided:expr,)* }) => {
        /// Without a wildcard: a variant that is new does not compile until somebody says below where it is decided.
        fn $name_of(one: &$of) -> &'static str {
            match one {
                $($of::$variant { .. } => stringify!($variant),)*
            }
        }

        const $all: &[(&str, $answer)] = &[$((stringify!($variant), $decided),)*];
    };
}

each_of! { Refusal, refusal_name, ALL_REFUSALS: Decided {
    NoAgreement => ByTheTable,
    Unknown => ByTheTable,
    NoParty => ByTheTable,
    Key => ByTheTable,
    Consent => ByTheTable,
    State => ByTheTable,
    TooEarly => ByTheTable,
    Clocks => Later(|| {
        let (me, peer) = ("anhui".parse().unwrap(), "shanghai".parse().unwrap());
        admit_clock(&me, at(SPRING), &peer, at("2026-02-28T21:00:00Z")).unwrap_err()
    }),
    Job => ByTheTable,
    NotBuilt => ByTheTable,
    Dataset => ByTheTable,
    NotApproved => ByTheNode, // book/tests/approvals.rs
    Heartbeat => ByTheTable,
    Today => ByTheTable,
    TooSoon => ByTheTable,
    Rows => Later(|| admit_rows(&student_aid().parties[0], 0, true).unwrap_err()),
    Replay => Later(|| {
        admit_peer(&student_aid(), (&"shanghai".parse().unwrap(), 5), "b", (Some("a"), 6)).unwrap_err()
    }),
    Overspent => Later(|| {
        admit_peer(&student_aid(), (&"shanghai".parse().unwrap(), 11), "b", (None, 6)).unwrap_err()
    }),
    Use => ByTheNode, // book/tests/held.rs
    SmallResult => Later(|| admit_result(&student_aid(), 4).unwrap_err()),
} }

#[test]
fn the_table_has_every_refusal_that_is_not_decided_elsewhere() {
    let refused = REFUSALS.iter().map(|(_, spoil)| {
        let mut world = World::new();
        spoil(&mut world);
        refusal_name(&world.decide().unwrap_err())
    });
    let refused: BTreeSet<&str> = refused.collect();
    for (name, decided) in ALL_REFUSALS {
        assert_eq!(refused.contains(name), matches!(decided, ByTheTable), "{name}");
        match decided {
            Later(decide) => assert_eq!(refusal_name(&decide()), *name),
            ByTheTable | ByTheNode => {}
        }
    }
}

each_of! { AgreementState, state_name, ALL_STATES: bool {
    Requested => true,
    Offered => true,
    // Without a ledger, what all parties signed is effective at once.
    Agreed => false,
    Effective => false,
    Suspended => true,
    Revoked => true,
    Expired => true,
    Exhausted => true,
    Rejected => true,
} }

#[test]
fn the_table_has_every_state_in_which_nothing_runs() {
    let held = REFUSALS.iter().filter_map(|(_, spoil)| {
        let mut world = World::new();
        spoil(&mut world);
        match world.decide().unwrap_err() {
            // Of the state it is said alone what is missing.
            Refusal::Consent(_) => Some(state_name(&world.state())),
            Refusal::State { state, .. } => Some(state_name(&state)),
            _ => None,
        }
    });
    let held: BTreeSet<&str> = held.collect();
    for (name, refused) in ALL_STATES {
        assert_eq!(held.contains(name), *refused, "{name}");
    }
}

#[test]
fn bounds_are_reached_and_not_passed() {
    let admitted = |edit: fn(&mut World)| {
        let mut world = World::new();
        edit(&mut world);
        world.decide().is_ok()
    };
    assert!(admitted(|w| w.used.runs = 9));
    assert!(admitted(|w| w.now = at("2027-01-01T00:00:29Z")));
    assert!(admitted(|w| {
        w.now = at("2025-12-31T23:59:30Z");
        w.used.last = None;
    }));
    assert!(admitted(|w| w.used.last = Some(at("2026-02-28T23:00:00Z"))));
    assert!(admitted(|w| w.heartbeat = Some((60, Some(at("2026-02-28T23:59:00Z"))))));
    assert!(admitted(|w| w.heartbeat = Some((60, Some(at("2026-03-01T00:00:30Z"))))));
    // Without an interval, at once.
    let mut soon = World::new().under(|agreement| agreement.limits.shortest_interval = None);
    soon.used.last = Some(soon.now);
    assert!(soon.decide().is_ok());
}

#[test]
fn approval_of_each_job_is_asked_of_those_who_agreed_to_give_it() {
    let approving = World::new().under(|agreement| agreement.delivery.approval = vec!["anhui".parse().unwrap()]);
    assert_eq!(approving.decide(), Ok(Decision::AwaitsApproval));
    let approved = World { approved: true, ..approving.clone() };
    assert_eq!(approved.decide(), Ok(Decision::Admitted { number: 4 }));
    let other = World { me: "shanghai".parse().unwrap(), ..approving.clone() };
    assert_eq!(other.decide(), Ok(Decision::Admitted { number: 4 }));
    // What the rule does not admit waits for nobody.
    let exhausted = World { used: Used { runs: 10, ..Used::default() }, ..approving };
    assert!(exhausted.decide().is_err());
}

#[test]
fn what_is_not_built_is_refused_even_if_agreed() {
    let three = World::new().under(|agreement| {
        agreement.mode = Mode::Sum;
        agreement.parties[1].label_columns.clear();
    });
    assert!(matches!(three.decide(), Err(Refusal::NotBuilt(_))));
}

#[test]
fn sizes_are_held_to_the_agreement() {
    let agreement = student_aid();
    let bounded = Party { rows: Rows { least: 10, most: 20 }, ..agreement.parties[0].clone() };
    for (count, is_own, admitted) in
        [(9, true, false), (10, true, true), (20, true, true), (21, true, false), (9, false, false), (21, false, false)]
    {
        assert_eq!(admit_rows(&bounded, count, is_own).is_ok(), admitted, "{count} {is_own}");
    }
    let padded = Party { padded_size: Some(20), ..bounded };
    assert!(admit_rows(&padded, 9, false).is_ok(), "what is padded shows no lower bound");
    assert!(admit_rows(&padded, 9, true).is_err());
    assert!(admit_rows(&padded, 21, false).unwrap_err().to_string().contains("allows 10 to 20"));
}

#[test]
fn a_peers_use_is_spent_once() {
    let (agreement, peer): (Agreement, ParticipantId) = (student_aid(), "shanghai".parse().unwrap());
    let admitted = |number, job, spent| admit_peer(&agreement, (&peer, number), job, spent);
    assert!(admitted(1, "a", (None, 0)).is_ok());
    assert!(admitted(5, "a", (Some("a"), 6)).is_ok(), "the same job goes on");
    assert!(admitted(5, "a", (None, 6)).is_ok(), "jobs that run at once meet in either order");
    assert!(admitted(10, "a", (None, 6)).is_ok());
    let replay = admitted(5, "b", (Some("a"), 6)).unwrap_err().to_string();
    assert!(replay.contains("restored from a backup"), "{replay}");
    let overspent = admitted(11, "a", (None, 6)).unwrap_err().to_string();
    assert!(overspent.contains("allows 10 in all"), "{overspent}");
}

#[test]
fn small_results_are_withheld_without_their_size() {
    let agreement = student_aid();
    assert!(admit_result(&agreement, 5).is_ok());
    for small in [0, 4] {
        let refusal = admit_result(&agreement, small).unwrap_err();
        assert_eq!(refusal, Refusal::SmallResult(5));
    }
    let mut free = agreement;
    free.limits.smallest_result = None;
    assert!(admit_result(&free, 0).is_ok());
}

#[test]
fn clocks_that_are_apart_are_both_named() {
    let (me, peer): (ParticipantId, ParticipantId) = ("anhui".parse().unwrap(), "shanghai".parse().unwrap());
    assert!(admit_clock(&me, at(SPRING), &peer, at("2026-03-01T00:09:59Z")).is_ok());
    let refusal = admit_clock(&me, at(SPRING), &peer, at("2026-02-28T21:00:00Z")).unwrap_err().to_string();
    assert!(refusal.contains("2026-03-01T00:00:00Z") && refusal.contains("2026-02-28T21:00:00Z"), "{refusal}");
}
