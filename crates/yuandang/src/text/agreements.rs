//! What `agreement` says.

use agreement::{Act, Agreement, Digest, Life, Mode, ParticipantId, Pinned, Role, printable};
use wire::proto::{AgreementInfo, Owed};

use super::Lang;

/// An agreement's state with its name in the language; the English name is the one that programs see.
fn state(lang: Lang, state: &str) -> String {
    let chinese = match state {
        "Requested" => "已申请",
        "Offered" => "已提供",
        "Agreed" => "已达成",
        "Effective" => "生效",
        "Suspended" => "已中止",
        "Revoked" => "已撤销",
        "Expired" => "已到期",
        "Exhausted" => "已用完",
        "Rejected" => "被拒绝",
        _ => return printable(state, 32),
    };
    match lang {
        Lang::En => state.to_owned(),
        Lang::Zh => format!("{chinese}（{state}）"),
    }
}

/// There are no agreements.
#[must_use]
pub fn none(lang: Lang) -> &'static str {
    lang.pick("there are no agreements", "没有数字合约")
}

/// An agreement on one line.
#[must_use]
pub fn line(lang: Lang, info: &AgreementInfo) -> String {
    let digest: String = printable(&info.digest, 64).chars().take(16).collect();
    let missing = info.missing.iter().map(|name| printable(name, 63)).collect::<Vec<_>>().join(", ");
    let more = match (info.why.is_empty(), missing.is_empty(), lang) {
        (false, _, _) => format!("  {}", printable(&info.why, 1024)),
        (true, false, Lang::En) => format!("  lacks the consent of {missing}"),
        (true, false, Lang::Zh) => format!("  尚缺 {missing} 的同意"),
        (true, true, _) => String::new(),
    };
    let used = match lang {
        Lang::En => format!("{} of {} runs", info.used, info.runs),
        Lang::Zh => format!("已运行 {}/{} 次", info.used, info.runs),
    };
    let owed = owed(lang, info);
    format!("{digest}  {}  {used}  {}{more}{owed}", state(lang, &info.state), printable(&info.name, 128))
}

/// What this participant is to do by a day, at the end of a line; nothing if there is nothing.
fn owed(lang: Lang, info: &AgreementInfo) -> String {
    let (english, chinese) = match info.owed() {
        Owed::Unspecified => return String::new(),
        Owed::Reply => ("reply", "答复"),
        Owed::FirstRun => ("first run", "首次提供"),
    };
    let due = printable(&info.due, 10);
    match (info.overdue, lang) {
        (false, Lang::En) => format!("  {english} due {due}"),
        (false, Lang::Zh) => format!("  {chinese}期限 {due}"),
        (true, Lang::En) => format!("  {english} OVERDUE since {due}"),
        (true, Lang::Zh) => format!("  {chinese}已逾期，期限为 {due}"),
    }
}

/// An agreement in plain words: who will learn what.
#[must_use]
pub fn whole(lang: Lang, info: &AgreementInfo, terms: &Agreement) -> String {
    let mut lines = vec![line(lang, info), format!("  {}", printable(&info.digest, 64)), String::new()];
    lines.extend(terms.parties.iter().map(|party| {
        let rows = format!("{}–{}", party.rows.least, party.rows.most);
        let dataset = format!("{} v{}", party.dataset.name, party.dataset.version);
        let (who, department) = (&party.participant, &party.department);
        match lang {
            Lang::En => {
                format!("  {who} ({department}) enters {dataset}, {rows} keys from {}", party.key_columns.join(", "))
            }
            Lang::Zh => {
                format!("  {who}（{department}）投入数据集 {dataset}，键列 {}，{rows} 条", party.key_columns.join("、"))
            }
        }
    }));
    lines.push(String::new());
    lines.extend(learns(lang, terms));
    lines.push(String::new());
    lines.extend(bounds(lang, terms));
    lines.join("\n")
}

fn name_of(terms: &Agreement, role: Role) -> String {
    let named: Vec<&str> =
        terms.parties.iter().filter(|party| party.role == role).map(|party| party.participant.as_str()).collect();
    named.join(", ")
}

/// Who learns what, by the mode.
fn learns(lang: Lang, terms: &Agreement) -> Vec<String> {
    let (receiver, sender) = (name_of(terms, Role::Receiver), name_of(terms, Role::Sender));
    let labels: Vec<&str> = terms.parties.iter().flat_map(|party| &party.label_columns).map(String::as_str).collect();
    let said = match (terms.mode, lang) {
        (Mode::Membership, Lang::En) => {
            format!(
                "{receiver} learns which of its own keys {sender} has, and nothing of others. {sender} learns no key."
            )
        }
        (Mode::Membership, Lang::Zh) => {
            format!("{receiver} 只得知自己的哪些键 {sender} 也有，不得知其他键。{sender} 不得知任何键。")
        }
        (Mode::Labelled, Lang::En) => format!(
            "{receiver} learns which of its own keys {sender} has, and {} of those. {sender} learns no key.",
            labels.join(", ")
        ),
        (Mode::Labelled, Lang::Zh) => {
            format!(
                "{receiver} 得知自己的哪些键 {sender} 也有，以及这些键的 {}。{sender} 不得知任何键。",
                labels.join("、")
            )
        }
        (Mode::Both, Lang::En) => {
            format!("{receiver} and {sender} each learn which of their own keys the other has, and nothing of others.")
        }
        (Mode::Both, Lang::Zh) => format!("{receiver} 与 {sender} 各自得知自己的哪些键对方也有，不得知其他键。"),
        (Mode::Cardinality, Lang::En) => {
            format!("{receiver} learns how many keys both have, and not which. {sender} learns no number.")
        }
        (Mode::Cardinality, Lang::Zh) => {
            format!("{receiver} 只得知双方共有多少键，不得知是哪些。{sender} 不得知数目。")
        }
        (Mode::Sum, Lang::En) => format!("{receiver} learns a sum over the keys that both have."),
        (Mode::Sum, Lang::Zh) => format!("{receiver} 得知双方共有键上的合计。"),
    };
    let sizes = match lang {
        Lang::En => "Each learns the size of the other's set, as far as it is not padded.",
        Lang::Zh => "各方得知对方集合的大小（填充后的大小）。",
    };
    vec![format!("  {said}"), format!("  {sizes}")]
}

fn bounds(lang: Lang, terms: &Agreement) -> Vec<String> {
    let (reasons, limits, validity) = (&terms.reasons, &terms.limits, &terms.validity);
    let smallest = limits.smallest_result.unwrap_or(0);
    let gated = terms.delivery.gated;
    match lang {
        Lang::En => vec![
            format!("  for {}", reasons.purpose),
            format!("  on the ground of {}", reasons.legal_basis),
            format!("  from {} until {}", validity.from, validity.until),
            format!("  {} runs in all, {} a day", limits.runs, limits.runs_per_day),
            format!(
                "  results of fewer than {smallest} are withheld{}",
                if gated { "; the sender learns the size first" } else { "" }
            ),
            format!("  results are kept {} days", terms.delivery.retention_days),
        ],
        Lang::Zh => vec![
            format!("  用途：{}", reasons.purpose),
            format!("  依据：{}", reasons.legal_basis),
            format!("  有效期：{} 至 {}", validity.from, validity.until),
            format!("  共 {} 次，每天 {} 次", limits.runs, limits.runs_per_day),
            format!("  少于 {smallest} 条的结果不交付{}", if gated { "；发送方先得知大小" } else { "" }),
            format!("  结果保留 {} 天", terms.delivery.retention_days),
        ],
    }
}

/// What a check of an agreement found, statement by statement.
#[must_use]
pub fn verified(lang: Lang, digest: &Digest, terms: &Agreement, acts: &[Act], pinned: &Pinned, life: &Life) -> String {
    let mut lines = vec![format!("{digest}  {}", terms.name)];
    lines.extend(acts.iter().map(|act| {
        let (who, at) = (act.signer().0, act.at());
        let known = pinned.is_participant(act.signer()) || pinned.is_supervisor(act.signer());
        let found = match (known, lang) {
            (true, Lang::En) => "signature valid, key pinned here",
            (true, Lang::Zh) => "签名有效，密钥已在本地固定",
            (false, Lang::En) => "signature valid, but the key is NOT the one pinned here",
            (false, Lang::Zh) => "签名有效，但密钥不是本地固定的密钥",
        };
        format!("  {at}  {:<10} {who}: {found}", act.kind())
    }));
    let missing = life.missing.iter().map(ParticipantId::as_str).collect::<Vec<_>>().join(", ");
    lines.push(match (missing.is_empty(), lang) {
        (true, Lang::En) => "  every party has signed".to_owned(),
        (true, Lang::Zh) => "  各方均已签署".to_owned(),
        (false, Lang::En) => format!("  not signed by {missing}"),
        (false, Lang::Zh) => format!("  尚未签署：{missing}"),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_stands_at_the_end_of_the_line() {
        let info = |owed: Owed, overdue| AgreementInfo {
            digest: "0".repeat(64),
            state: "Requested".to_owned(),
            owed: owed.into(),
            due: "2026-12-03".to_owned(),
            overdue,
            ..AgreementInfo::default()
        };
        for (owed, overdue, english, chinese) in [
            (Owed::Reply, false, "  reply due 2026-12-03", "  答复期限 2026-12-03"),
            (Owed::Reply, true, "  reply OVERDUE since 2026-12-03", "  答复已逾期，期限为 2026-12-03"),
            (Owed::FirstRun, false, "  first run due 2026-12-03", "  首次提供期限 2026-12-03"),
            (Owed::FirstRun, true, "  first run OVERDUE since 2026-12-03", "  首次提供已逾期，期限为 2026-12-03"),
        ] {
            assert!(line(Lang::En, &info(owed, overdue)).ends_with(english));
            assert!(line(Lang::Zh, &info(owed, overdue)).ends_with(chinese));
        }
        assert!(!line(Lang::En, &info(Owed::Unspecified, false)).contains("2026"));
    }
}
