//! What `demo` says.

use std::path::Path;

use super::{Lang, bytes, count};
use crate::demo::{Findings, Revoked, Shown};

/// The first words.
#[must_use]
pub fn opening(lang: Lang) -> &'static str {
    lang.pick(
        "Yuandang: two provinces find what they have in common, and neither shows the other a record.\n\
         Nobody in this demonstration is real; the residents are made up.\n",
        "元荡：两省找出共有的人，而不向对方出示任何一条记录。\n\
         本演示中的居民均为虚构，没有真人。\n",
    )
}

/// Who runs, and where.
#[must_use]
pub fn participants(lang: Lang, listeners: Vec<(String, String)>, folder: &Path) -> String {
    let mut lines = vec![
        lang.pick(
            "Running on this machine, each with its own keys, over mutual TLS:",
            "以下各方正在本机运行，各持自己的密钥，经双向 TLS 通信：",
        )
        .to_owned(),
    ];
    lines.extend(listeners.into_iter().map(|(name, endpoint)| format!("  {name:<12} {endpoint}")));
    lines.push(match lang {
        Lang::En => format!("Files, results and logs of each: {}\n", folder.display()),
        Lang::Zh => format!("各方的文件、结果与日志：{}\n", folder.display()),
    });
    lines.join("\n")
}

/// What is asked.
#[must_use]
pub fn question(lang: Lang, students: u64, hardship: u64) -> String {
    let (students, hardship) = (count(students), count(hardship));
    match lang {
        Lang::En => format!(
            "Shanghai's education department asks: which of our {students} students stand on Anhui's hardship list of {hardship}?"
        ),
        Lang::Zh => {
            format!("上海市教育部门提问：我们的 {students} 名学生中，哪些人在安徽省 {hardship} 人的困难群众名单上？")
        }
    }
}

/// Both sides have agreed.
#[must_use]
pub fn agreed(lang: Lang, digest: &str, runs: u64) -> String {
    match lang {
        Lang::En => format!(
            "Shanghai asked for an agreement, Anhui offered it, an approver on each side signed: agreement {digest}, {runs} runs."
        ),
        Lang::Zh => format!("上海申请数字合约，安徽提供，双方审批人各自签署：合约 {digest}，可运行 {runs} 次。"),
    }
}

/// A job that nobody agreed to was refused.
#[must_use]
pub fn refused(lang: Lang, cause: &str) -> String {
    match lang {
        Lang::En => format!("\nThen Shanghai's job asked for one column more. Refused by a node: {cause}"),
        Lang::Zh => format!("\n随后上海的任务多要一列，被节点拒绝：{cause}"),
    }
}

/// What each side learned, and what it did not.
#[must_use]
pub fn learned(lang: Lang, found: &Findings) -> String {
    let samples: Vec<String> = found
        .samples
        .iter()
        .map(|row| match lang {
            Lang::En => format!("                 {}  {}  {}, until {}", row.id, row.name, row.category, row.valid_to),
            Lang::Zh => format!("            {}  {}  {}，有效期至 {}", row.id, row.name, row.category, row.valid_to),
        })
        .collect();
    let samples = samples.join("\n");
    let (matched, others) = (count(found.matched), count(found.others));
    let (students, hardship) = (count(found.padded_students), count(found.padded_hardship));
    match lang {
        Lang::En => format!(
            "\nWhat each side learned, and what it did not\n\
             \x20 Shanghai       {matched} of its own students stand on the list, each with category and last day:\n\
             {samples}\n\
             \x20                Not: anything of the other {others} people on the list, but that it has at most {hardship}.\n\
             \x20 Anhui          That Shanghai entered at most {students} items.\n\
             \x20                Not: who they are, which of them are on the list, or how many.\n\
             \x20 coordinator    That this job ran, between whom, over which datasets and columns, and how far it was.\n\
             \x20                Not: any item or result; none passes through it.\n\
             \x20 Jiangsu        Nothing.\n\
             \x20 Zhejiang       Nothing."
        ),
        Lang::Zh => format!(
            "\n各方得知什么，不知道什么\n\
             \x20 上海    本市 {matched} 名学生在名单上，及每人的类别与截止日期：\n\
             {samples}\n\
             \x20         不知道：名单上其余 {others} 人的任何信息，只知名单至多 {hardship} 人。\n\
             \x20 安徽    上海输入至多 {students} 项。\n\
             \x20         不知道：这些人是谁、哪些人在名单上、共有多少人。\n\
             \x20 协调方  任务在谁之间、用哪些数据集和列运行，以及进度。\n\
             \x20         不知道：任何一项数据或结果；它们都不经过协调方。\n\
             \x20 江苏    一无所知。\n\
             \x20 浙江    一无所知。"
        ),
    }
}

/// What was checked.
#[must_use]
pub fn checked(lang: Lang, found: &Findings) -> String {
    let (matched, files) = (count(found.matched), found.files);
    let (sent, received) = (bytes(found.figures.bytes_sent), bytes(found.figures.bytes_received));
    let (seconds, transcript) = (found.seconds, &found.figures.transcript);
    match lang {
        Lang::En => format!(
            "\nChecked\n\
             \x20 The {matched} rows are exactly those of a plain join of both lists, labels included.\n\
             \x20 At Shanghai's node the result lies sealed; its operator took it out, and the node noted who, what for and in which case.\n\
             \x20 No identifier of one side alone stands in any of the {files} files and logs of the others.\n\
             \x20 Both nodes hold the same transcript hash: {transcript}.\n\
             \x20 {sent} went from Shanghai to Anhui and {received} back, in {seconds:.1} seconds."
        ),
        Lang::Zh => format!(
            "\n已核对\n\
             \x20 这 {matched} 行（含标签）与两份名单直接连接的结果完全一致。\n\
             \x20 结果在上海节点加密存放；由其操作员导出，节点记录了导出人、用途与案号。\n\
             \x20 在各方的 {files} 个文件与日志中，没有任何只属于他方的标识。\n\
             \x20 两个节点的会话记录摘要一致：{transcript}。\n\
             \x20 上海发往安徽 {sent}，返回 {received}，用时 {seconds:.1} 秒。"
        ),
    }
}

/// What both nodes signed of the run.
#[must_use]
pub fn receipts(lang: Lang, [ours, theirs]: &[Shown; 2]) -> String {
    let events = |shown: &Shown| match lang {
        Lang::En => shown.events.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Lang::Zh => {
            shown.events.iter().map(|event| super::receipts::event(lang, *event)).collect::<Vec<_>>().join("；")
        }
    };
    let line = |(name, other): (&str, &str), shown: &Shown| {
        let (events, number, chain) = (events(shown), shown.use_number, count(shown.chain));
        match lang {
            Lang::En => format!(
                "  {name:<13}  Signed that it was use {number} of the agreement: {events}.\n\
                 \x20                It holds {other}'s receipt, which says the same. Its chain of {chain} receipts has no gap."
            ),
            Lang::Zh => format!(
                "  {name}    签署：第 {number} 次使用合约；{events}。\n\
                 \x20         持有{other}的回执，内容一致。其 {chain} 份回执前后相连，没有缺失。"
            ),
        }
    };
    let title = lang.pick(
        "Receipts of the run, from both nodes, checked against the keys that are pinned",
        "双方节点对此次运行的回执，已按固定的密钥核对",
    );
    let (shanghai, anhui) = (lang.pick("Shanghai", "上海"), lang.pick("Anhui", "安徽"));
    format!("\n{title}\n{}\n{}", line((shanghai, anhui), ours), line((anhui, shanghai), theirs))
}

/// A run was stopped since its agreement was revoked.
#[must_use]
pub fn revoked(lang: Lang, revoked: &Revoked) -> String {
    let Revoked { items, after, ends: [(ours, our_cause), (theirs, their_cause)] } = revoked;
    let items = count(*items);
    match lang {
        Lang::En => format!(
            "\nRevoked in the middle of a run\n\
             \x20 A second agreement, for lists padded to {items} items so that the run lasts. {after:.1} seconds after Shanghai had\n\
             \x20 submitted it, while both nodes were at it, an approver of Anhui revoked the agreement.\n\
             \x20 Shanghai       Ended it {ours:.1} seconds later: {our_cause}\n\
             \x20 Anhui          Ended it {theirs:.1} seconds later: {their_cause}\n\
             \x20 Both nodes signed that the run was not done. No result is there."
        ),
        Lang::Zh => format!(
            "\n运行中途撤销合约\n\
             \x20 第二份合约把名单填充到 {items} 项，使运行持续数秒。上海提交 {after:.1} 秒后，双方节点正在运行时，安徽审批人撤销合约。\n\
             \x20 上海    {ours:.1} 秒后结束：{our_cause}\n\
             \x20 安徽    {theirs:.1} 秒后结束：{their_cause}\n\
             \x20 双方节点均签署“运行未完成”。没有任何结果。"
        ),
    }
}

/// What to try while everything goes on running.
#[must_use]
pub fn commands(lang: Lang, program: &str, folder: &Path) -> String {
    let folder = folder.display();
    let title = lang.pick(
        "Everything goes on running until Ctrl-C. Try, in another terminal:",
        "一切继续运行，按 Ctrl-C 结束。可在另一终端尝试：",
    );
    format!(
        "\n{title}\n\
         \x20 {program} job list --config {folder}/shanghai/node.toml\n\
         \x20 {program} job submit --watch --config {folder}/shanghai/node.toml --file {folder}/shanghai/job.toml\n\
         \x20 {program} result list --config {folder}/shanghai/node.toml --cert {folder}/shanghai/operator.crt --key {folder}/shanghai/operator.key\n\
         \x20 {program} receipts verify --config {folder}/anhui/node.toml --cert {folder}/anhui/auditor.crt --key {folder}/anhui/auditor.key\n\
         \x20 {program} cert show {folder}/anhui/tls.crt\n\
         \x20 ls {folder}/*/"
    )
}
