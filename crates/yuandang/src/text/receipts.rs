//! What `receipts` says.

use std::path::Path;

use agreement::{
    Event, Pinned, Receipt, Signed,
    audit::{Dispute, Found},
    printable,
};
use wire::proto::UseLine;

use super::{Lang, count};
use crate::receipts::{Removed, Together, Verdict, is_pinned};

/// There are no receipts.
#[must_use]
pub fn none(lang: Lang) -> &'static str {
    lang.pick("there are no such receipts", "没有这样的回执")
}

/// What a receipt is of.
pub(super) fn event(lang: Lang, event: Event) -> &'static str {
    let (english, chinese) = match event {
        Event::Requested => ("asked for an agreement", "申请数字合约"),
        Event::Offered => ("offered to enter an agreement", "表示愿意订立数字合约"),
        Event::Approved => ("a person approved", "人员已批准"),
        Event::Rejected => ("a person rejected", "人员已拒绝"),
        Event::Consented => ("signed an agreement", "签署数字合约"),
        Event::Suspended => ("suspended an agreement", "中止数字合约"),
        Event::Resumed => ("resumed an agreement", "恢复数字合约"),
        Event::Revoked => ("revoked an agreement", "撤销数字合约"),
        Event::Admitted => ("admitted a job: a use of the agreement", "准入任务，计一次使用"),
        Event::Refused => ("refused a job", "拒绝任务"),
        Event::Succeeded => ("a run was done on both sides", "双方完成运行"),
        Event::Failed => ("a run was not done", "运行未完成"),
        Event::Delivered => ("a result was delivered here", "结果已交付本地"),
        Event::Withheld => ("a result was withheld", "结果未交付"),
        Event::Exported => ("a result was taken out", "结果已导出"),
        Event::Deleted => ("a result was deleted", "结果已销毁"),
        Event::Disputed => ("both sides' receipts differ", "双方回执不一致"),
        Event::Succession => ("another identity was accepted", "接受新的身份"),
    };
    lang.pick(english, chinese)
}

/// In what two receipts differ.
fn difference(lang: Lang, what: &str) -> String {
    let chinese = match what {
        "the agreement" => "数字合约",
        "the terms" => "运行条款",
        "the parties" => "参与方",
        "an input commitment" => "输入承诺",
        "a padded size" => "填充后的大小",
        "a use number" => "使用序号",
        "the transcript" => "通信记录摘要",
        "whether the run was done" => "运行是否完成",
        _ => return printable(what, 512),
    };
    lang.pick(what, chinese).to_owned()
}

/// A receipt on one line.
#[must_use]
pub fn line(lang: Lang, signed: &Signed<Receipt>) -> String {
    let receipt = signed.statement();
    let mut parts = vec![
        format!("{:>7}", receipt.number),
        receipt.at.to_string(),
        format!("{:<9}", receipt.event),
        event(lang, receipt.event).to_owned(),
    ];
    parts.extend(receipt.job.clone());
    parts.extend(receipt.agreement.map(|digest| digest.short()));
    parts.extend(receipt.cause.clone());
    parts.join("  ")
}

/// All that a receipt says.
fn whole(lang: Lang, signed: &Signed<Receipt>, pinned: &Pinned) -> Vec<String> {
    let receipt = signed.statement();
    let (who, number, what) = (signed.signer(), receipt.number, event(lang, receipt.event));
    let mut lines = vec![match lang {
        Lang::En => format!("{who}, receipt {number} of {}: {what}", receipt.at),
        Lang::Zh => format!("{who} 第 {number} 号回执，{}：{what}", receipt.at),
    }];
    let mut say = |english: &str, chinese: &str, value: Option<String>| {
        lines.extend(value.map(|value| format!("  {}{value}", lang.pick(english, chinese))));
    };
    say("agreement ", "数字合约 ", receipt.agreement.map(|digest| digest.to_string()));
    say("job ", "任务 ", receipt.job.clone());
    say("use ", "使用序号 ", receipt.use_number.map(|number| number.to_string()));
    say("person ", "人员 ", receipt.person.clone());
    say("because: ", "原因：", receipt.cause.clone());
    if let Some(export) = &receipt.export {
        say("for ", "用途：", Some(export.purpose.clone()));
        say("in the case ", "案件编号：", Some(export.case.clone()));
    }
    if let Some(run) = &receipt.run {
        for input in &run.inputs {
            let (party, size, number) = (&input.participant, count(input.padded_size), input.use_number);
            let entered = match lang {
                Lang::En => format!("{party} entered {size} records, padding counted, as its use {number}"),
                Lang::Zh => format!("{party} 投入 {size} 条（含填充），为其第 {number} 次使用"),
            };
            say("", "", Some(entered));
        }
        say("transcript ", "通信记录摘要 ", Some(run.transcript.to_string()));
    }
    say("digest ", "回执摘要 ", signed.digest().ok().map(|digest| digest.to_string()));
    let key = if is_pinned(signed, pinned) {
        lang.pick("signature valid, key pinned here", "签名有效，密钥已在本地固定")
    } else {
        lang.pick("signature valid, but the key is NOT the one pinned here", "签名有效，但密钥不是本地固定的密钥")
    };
    say("", "", Some(key.to_owned()));
    lines
}

/// Receipts of a node and of its peers, and whether they say the same.
pub(crate) fn together(lang: Lang, together: &Together, pinned: &Pinned) -> String {
    let mut blocks: Vec<Vec<String>> = together.own.iter().map(|signed| whole(lang, signed, pinned)).collect();
    for (signed, verdict) in &together.peers {
        let mut block = whole(lang, signed, pinned);
        block.push(format!("  {}", said(lang, *verdict)));
        blocks.push(block);
    }
    let ran = together.own.iter().any(|signed| signed.statement().event == Event::Succeeded);
    if ran && together.peers.is_empty() {
        let missing = lang.pick("the peer's receipt of the run has not come yet", "尚未收到对方关于该次运行的回执");
        blocks.push(vec![missing.to_owned()]);
    }
    blocks.iter().map(|block| block.join("\n")).collect::<Vec<_>>().join("\n\n")
}

fn said(lang: Lang, verdict: Verdict) -> String {
    match (verdict, lang) {
        (Verdict::Alike, Lang::En) => "both sides say the same of the run".to_owned(),
        (Verdict::Alike, Lang::Zh) => "双方关于该次运行的回执一致".to_owned(),
        (Verdict::Differs(what), Lang::En) => format!("THE SIDES DIFFER in {what}"),
        (Verdict::Differs(what), Lang::Zh) => format!("双方回执不一致：{}", difference(lang, what)),
        (Verdict::OneSided, Lang::En) => "only this side says that the run was done".to_owned(),
        (Verdict::OneSided, Lang::Zh) => "只有这一方称运行已完成".to_owned(),
    }
}

/// Receipts were saved.
#[must_use]
pub fn saved(lang: Lang, path: &Path, (own, peers): (u64, u64), whole: bool) -> String {
    let (path, own, peers) = (path.display(), count(own), count(peers));
    let mut text = match lang {
        Lang::En => format!("{own} receipts and {peers} of peers in {path}"),
        Lang::Zh => format!("{path}：{own} 份回执，另有对方回执 {peers} 份"),
    };
    if !whole {
        text += "\n";
        text += lang.pick("chosen receipts are no chain: verify takes none", "挑选的回执不成链，verify 不予核验");
    }
    text
}

/// What an audit found. `removed` is the last receipt that the node says it no longer keeps; `seen` the number of a receipt of an
/// earlier audit.
pub(crate) fn verified(lang: Lang, found: &Found, removed: Option<&Removed>, seen: Option<u64>) -> String {
    let (Some(first), Some(last)) = (found.first, found.last) else {
        return match lang {
            Lang::En => format!("{} has no receipts", found.participant),
            Lang::Zh => format!("{} 没有回执", found.participant),
        };
    };
    let who = &found.participant;
    let mut lines = vec![match lang {
        Lang::En => {
            format!("{who}: receipts {} to {} hold, from {} to {}", first.number, last.number, first.at, last.at)
        }
        Lang::Zh => {
            format!("{who}：第 {} 至 {} 号回执核验通过，{} 至 {}", first.number, last.number, first.at, last.at)
        }
    }];
    let mut say = |text: String| lines.push(format!("  {text}"));
    say(lang
        .pick(
            "each is signed with the key that is pinned here, and the chain has no gap",
            "每份均由本地固定的密钥签署，链条无缺口",
        )
        .to_owned());
    say(match lang {
        Lang::En => format!("{} runs were done; {} receipts of peers say the same", found.runs, found.alike),
        Lang::Zh => format!("完成运行 {} 次；对方回执 {} 份与之一致", found.runs, found.alike),
    });
    match (found.without_peer, lang) {
        (0, _) => {}
        (runs, Lang::En) => say(format!("of {runs} runs a peer's receipt is missing")),
        (runs, Lang::Zh) => say(format!("{runs} 次运行缺对方回执")),
    }
    found.disputes.iter().for_each(|dispute| say(disputed(lang, dispute)));
    if first.number > 1 {
        say(beginning(lang, found, removed));
    }
    if let Some(number) = seen {
        say(match (found.holds_earlier, lang) {
            (Some(true), Lang::En) => format!("receipt {number} is the one that was seen before"),
            (Some(true), Lang::Zh) => format!("第 {number} 号回执与此前所见相同"),
            (_, Lang::En) => format!("receipt {number}, which was seen before, is older than what is there"),
            (_, Lang::Zh) => format!("此前所见的第 {number} 号回执早于现有回执"),
        });
    }
    let (number, digest) = (last.number, last.digest);
    say(match lang {
        Lang::En => format!(
            "a chain alone does not show whether receipts after {number} were cut off: keep {number}:{digest} for --seen"
        ),
        Lang::Zh => {
            format!("仅凭链条无法看出第 {number} 号之后是否被截去：请留存 {number}:{digest}，下次用 --seen 核对")
        }
    });
    lines.join("\n")
}

/// Why a chain does not begin with receipt 1.
fn beginning(lang: Lang, found: &Found, removed: Option<&Removed>) -> String {
    let first = found.first.map_or(0, |first| first.number);
    let before = found.before.map(|digest| digest.to_string()).unwrap_or_default();
    match (removed, lang) {
        (Some(gone), Lang::En) => {
            format!("receipts up to {}, of {}, are no longer kept; the last was {}", gone.number, gone.at, gone.digest)
        }
        (Some(gone), Lang::Zh) => {
            format!("第 {} 号（{}）及以前的回执已过保存期；末份摘要 {}", gone.number, gone.at, gone.digest)
        }
        (None, Lang::En) => {
            format!("those before receipt {first} are not there; it names {before} as the last of them")
        }
        (None, Lang::Zh) => format!("没有第 {first} 号以前的回执；该回执所指前一份为 {before}"),
    }
}

fn disputed(lang: Lang, dispute: &Dispute) -> String {
    let job = dispute.job.clone().unwrap_or_default();
    let what = difference(lang, &dispute.what);
    let number = dispute.number;
    let mut text = match (&dispute.peer, lang) {
        (Some(peer), Lang::En) => format!("DISPUTE, receipt {number}, job {job}: {peer} says otherwise in {what}"),
        (Some(peer), Lang::Zh) => format!("争议：第 {number} 号回执，任务 {job}，{peer} 的说法不同：{what}"),
        (None, Lang::En) => format!("DISPUTE, receipt {number}, job {job}: {what}"),
        (None, Lang::Zh) => format!("争议：第 {number} 号回执，任务 {job}：{what}"),
    };
    if !dispute.noted {
        text += lang.pick("; the chain does not tell of it", "；链中未载明");
    }
    text
}

/// Calls and records, by month, agreement and peer.
pub(crate) fn meter(lang: Lang, uses: &[UseLine], removed: Option<&Removed>) -> String {
    let mut lines: Vec<String> = uses.iter().map(|line| used(lang, line)).collect();
    if lines.is_empty() {
        lines.push(lang.pick("nothing was used", "没有使用").to_owned());
    }
    lines.extend(removed.map(|gone| match lang {
        Lang::En => format!("receipts up to {} are no longer kept and not counted", gone.at),
        Lang::Zh => format!("{} 及以前的回执已过保存期，未计入", gone.at),
    }));
    lines.join("\n")
}

fn used(lang: Lang, line: &UseLine) -> String {
    let agreement: String = printable(&line.agreement, 64).chars().take(8).collect();
    let (month, peer) = (printable(&line.month, 7), printable(&line.peer, 63));
    let [admitted, succeeded, own, peers] =
        [line.admitted, line.succeeded, line.own_records, line.peer_records].map(count);
    match lang {
        Lang::En => format!(
            "{month}  {agreement}  {peer}: {admitted} runs admitted, {succeeded} done; {own} records entered here, \
             {peers} by {peer}"
        ),
        Lang::Zh => format!(
            "{month}  合约 {agreement}  对方 {peer}：准入 {admitted} 次，完成 {succeeded} 次；本方投入 {own} 条，对方 {peers} 条"
        ),
    }
}
