//! What `match` and `bench` say.

use std::path::Path;

use agreement::Mode;
use psi::cost::{About, Reason};

use super::{Lang, bytes, count};
use crate::{
    bench::Measurement,
    check::{Refused, Warned},
    match_files::Summary,
};

/// The summary of a match.
#[must_use]
pub fn summary(lang: Lang, run: &Summary, output: Option<&Path>, sender_output: Option<&Path>) -> String {
    let reason = run.protocol_reason.map_or_else(String::new, |reason| in_brackets(lang, &reason));
    let [receiver, sender] = NAMES;
    let parties = [
        party(
            lang,
            receiver,
            [run.receiver_rows, run.receiver_items, run.receiver_missing_keys, run.receiver_duplicate_rows],
            run.bytes_to_sender,
            run.receiver_cpu_seconds,
            run.receiver_peak_rss_bytes,
        ),
        party(
            lang,
            sender,
            [run.sender_rows, run.sender_items, run.sender_missing_keys, run.sender_duplicate_rows],
            run.bytes_to_receiver,
            run.sender_cpu_seconds,
            run.sender_peak_rss_bytes,
        ),
    ];
    let mut lines = vec![match lang {
        Lang::En => format!(
            "{} keys in common; mode {}, protocol {}{reason}, {:.2} seconds, {:.2} of them of the protocol",
            count(run.matched),
            run.mode,
            run.protocol,
            run.seconds,
            run.protocol_seconds
        ),
        Lang::Zh => format!(
            "共有键 {} 个；模式 {}，协议 {}{reason}，用时 {:.2} 秒，其中协议 {:.2} 秒",
            count(run.matched),
            run.mode,
            run.protocol,
            run.seconds,
            run.protocol_seconds
        ),
    }];
    let noticed = [(&run.receiver_refusals, &run.receiver_warnings), (&run.sender_refusals, &run.sender_warnings)];
    for ((line, name), (refusals, warnings)) in parties.into_iter().zip(NAMES).zip(noticed) {
        lines.push(line);
        lines.extend(refused(lang, name, refusals));
        lines.extend(odd(lang, name, warnings));
    }
    lines.push(learned(lang, run.mode).to_owned());
    if run.label_conflicts > 0 {
        let rows = count(run.label_conflicts);
        lines.push(match lang {
            Lang::En => {
                format!("{rows} rows of the sender have other labels than the first row with their key, which counts")
            }
            Lang::Zh => format!("发送方有 {rows} 行的标签与同键首行不同，以首行为准"),
        });
    }
    if run.unreadable_labels > 0 {
        let rows = count(run.unreadable_labels);
        lines.push(match lang {
            Lang::En => format!("{rows} rows have empty labels: the sender sealed or wrote theirs wrongly"),
            Lang::Zh => format!("{rows} 行的标签为空：发送方加密或编写有误"),
        });
    }
    for (rows, file) in [(run.receiver_rows_written, output), (run.sender_rows_written, sender_output)] {
        if let (Some(rows), Some(file)) = (rows, file) {
            lines.push(match lang {
                Lang::En => format!("{} rows are in {}", count(rows), file.display()),
                Lang::Zh => format!("{} 行已写入 {}", count(rows), file.display()),
            });
        }
    }
    lines.push(format!("{} {}", lang.pick("transcript, the same at both:", "双方一致的会话摘要："), run.transcript));
    lines.join("\n")
}

/// What the parties are called, in both languages.
const NAMES: [(&str, &str); 2] = [("receiver", "接收方"), ("sender", "发送方")];

/// Why rows of a party were refused, if any were.
fn refused(lang: Lang, (english, chinese): (&str, &str), refusals: &[Refused]) -> Option<String> {
    let rows = count(refusals.iter().map(|one| one.rows).sum());
    let list = listed(lang, refusals.iter().map(|one| (format!("{} {}", one.column, one.reason), one.rows)));
    (!refusals.is_empty()).then(|| match lang {
        Lang::En => format!("{english}: {rows} rows are refused and were not matched: {list}"),
        Lang::Zh => format!("{chinese}：{rows} 行被拒绝、未参与比对：{list}"),
    })
}

/// What was odd about rows of a party, if anything was.
fn odd(lang: Lang, (english, chinese): (&str, &str), warnings: &[Warned]) -> Option<String> {
    let list = listed(lang, warnings.iter().map(|one| (one.warning.to_string(), one.rows)));
    (!warnings.is_empty()).then(|| match lang {
        Lang::En => format!("{english}: odd and matched all the same: {list}"),
        Lang::Zh => format!("{chinese}：有警告、仍参与比对：{list}"),
    })
}

fn listed(lang: Lang, all: impl Iterator<Item = (String, u64)>) -> String {
    let all: Vec<_> = all.map(|(name, rows)| format!("{name} {}", count(rows))).collect();
    all.join(lang.pick(", ", "，"))
}

fn party(
    lang: Lang,
    (english, chinese): (&str, &str),
    [rows, items, missing, duplicates]: [u64; 4],
    sent: u64,
    cpu: f64,
    rss: u64,
) -> String {
    let [rows, items, missing, duplicates] = [rows, items, missing, duplicates].map(count);
    let (sent, rss, name) = (bytes(sent), bytes(rss), lang.pick(english, chinese));
    match lang {
        Lang::En => format!(
            "{name}: {rows} rows, {items} distinct keys, {missing} rows without a key, {duplicates} with a key seen before; \
             sent {sent}, {cpu:.2} CPU seconds, peak memory {rss}"
        ),
        Lang::Zh => format!(
            "{name}：{rows} 行，{items} 个不同的键，{missing} 行缺键，{duplicates} 行键重复；\
             发送 {sent}，CPU 用时 {cpu:.2} 秒，内存峰值 {rss}"
        ),
    }
}

/// Why a protocol was chosen, behind its name.
fn in_brackets(lang: Lang, reason: &Reason) -> String {
    let chinese = match reason {
        _ if lang == Lang::En => return format!(" ({reason})"),
        Reason::OnlyOne => "本版本唯一的协议".to_owned(),
        Reason::OnlyForTask(_) => "唯一能作答的协议".to_owned(),
        Reason::TooMany { limit, .. } => format!("另一协议的接收方至多 {} 项", count(*limit)),
        Reason::Sooner { chosen, other, sizes, round_trip, bits_per_second } => format!(
            "{} × {} 项预计约 {}，{} 则约 {}，往返时延 {}{}",
            count(sizes.receiver),
            count(sizes.sender),
            About(chosen.1),
            other.0,
            About(other.1),
            About(round_trip.as_secs_f64()),
            bits_per_second.map_or_else(String::new, |rate| format!("，{} Mbit/s", rate as f64 / 1e6))
        ),
    };
    format!("（自动选择：{chinese}）")
}

/// Who learns what in this mode, beside the sizes of both sets.
fn learned(lang: Lang, mode: Mode) -> &'static str {
    let (english, chinese) = match mode {
        Mode::Membership => (
            "the receiver learned which of its keys the sender has; the sender learned no key",
            "接收方得知自己的哪些键在对方名单中；发送方不知道任何键",
        ),
        Mode::Labelled => (
            "the receiver learned which of its keys the sender has, with their labels; the sender learned no key",
            "接收方得知自己的哪些键在对方名单中及其标签；发送方不知道任何键",
        ),
        Mode::Both => ("each learned which of its own keys the other has", "双方各自得知自己的哪些键为对方所有"),
        Mode::Cardinality => (
            "the receiver learned this number, and not which keys; the sender learned no key",
            "接收方只得知数量，不知道是哪些键；发送方不知道任何键",
        ),
        Mode::Sum => ("", ""),
    };
    match lang {
        Lang::En => english,
        Lang::Zh => chinese,
    }
}

/// One line of `bench`.
#[must_use]
pub fn measurement(lang: Lang, one: &Measurement) -> String {
    let (to_receiver, to_sender) = (bytes(one.bytes_to_receiver), bytes(one.bytes_to_sender));
    let (receiver_rss, sender_rss) = (bytes(one.receiver_peak_rss_bytes), bytes(one.sender_peak_rss_bytes));
    let (size, receiver_cpu, sender_cpu) = (count(one.size), one.receiver_cpu_seconds, one.sender_cpu_seconds);
    let reason = one.protocol_reason.map_or_else(String::new, |reason| in_brackets(lang, &reason));
    let Measurement { protocol, seconds, total_seconds, threads, network, bits_per_item, .. } = one;
    match lang {
        Lang::En => format!(
            "{protocol}{reason} {size} × {size}: {seconds:.3} s of protocol, {total_seconds:.2} s in all, on {threads} \
             threads each, network {network}; CPU {receiver_cpu:.2} s receiver, {sender_cpu:.2} s sender; \
             {to_receiver} to the receiver, {to_sender} to the sender, {bits_per_item:.0} bits per item; \
             peak memory {receiver_rss} receiver, {sender_rss} sender"
        ),
        Lang::Zh => format!(
            "{protocol}{reason} {size} × {size}：协议 {seconds:.3} 秒，全程 {total_seconds:.2} 秒，每方 {threads} 线程，\
             网络 {network}；CPU 接收方 {receiver_cpu:.2} 秒、发送方 {sender_cpu:.2} 秒；\
             传至接收方 {to_receiver}、发送方 {to_sender}，每项 {bits_per_item:.0} 比特；\
             内存峰值 接收方 {receiver_rss}、发送方 {sender_rss}"
        ),
    }
}
