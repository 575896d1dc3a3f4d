//! What `job` says.

use agreement::{JobState, Role};

use super::Lang;
use crate::job::show::ShownJob;

/// A state with its name in the language; the English name is the one that programs see.
#[must_use]
pub fn state(lang: Lang, state: JobState) -> String {
    let chinese = match state {
        JobState::Pending => "已提交",
        JobState::AwaitingApproval => "待审批",
        JobState::Queued => "排队中",
        JobState::Running => "运行中",
        JobState::Suspended => "已挂起",
        JobState::Succeeded => "已完成",
        JobState::Failed => "失败",
        JobState::Cancelled => "已取消",
        JobState::Rejected => "被拒绝",
        JobState::TimedOut => "超时",
    };
    match lang {
        Lang::En => state.to_string(),
        Lang::Zh => format!("{chinese}（{state}）"),
    }
}

/// A job on one line.
#[must_use]
pub fn line(lang: Lang, job: &ShownJob, ago: &str) -> String {
    let cause = if job.cause.is_empty() { String::new() } else { format!("  {}", job.cause) };
    format!("{}  {}  {}  {ago}  {}{cause}", job.job_id, state(lang, job.state), job.mode, job.name)
}

/// A job with all that is known of it.
#[must_use]
pub fn job(lang: Lang, job: &ShownJob, ago: &str) -> String {
    let mut lines = vec![line(lang, job, ago)];
    for party in &job.parties {
        let role = match party.role {
            Role::Receiver => lang.pick("receiver", "接收方"),
            Role::Sender => lang.pick("sender", "发送方"),
        };
        lines.push(match lang {
            Lang::En => format!("  {} is {role} with dataset {}", party.participant, party.dataset),
            Lang::Zh => format!("  {}：{role}，数据集 {}", party.participant, party.dataset),
        });
    }
    for one in &job.progress {
        lines.push(format!("  {}: {} {}/{}", one.participant, one.phase, one.done, one.total));
    }
    lines.push(match lang {
        Lang::En => format!("  submitted by {}", job.submitted_by),
        Lang::Zh => format!("  提交者：{}", job.submitted_by),
    });
    lines.join("\n")
}

/// There are no jobs.
#[must_use]
pub fn none(lang: Lang) -> &'static str {
    lang.pick("there are no jobs", "没有任务")
}

/// So many seconds ago.
#[must_use]
pub fn ago(lang: Lang, seconds: u64) -> String {
    let (number, english, chinese) = match seconds {
        0..120 => (seconds, "s ago", "秒前"),
        120..7200 => (seconds / 60, "min ago", "分钟前"),
        7200..172_800 => (seconds / 3600, "h ago", "小时前"),
        _ => (seconds / 86_400, "days ago", "天前"),
    };
    match lang {
        Lang::En => format!("{number} {english}"),
        Lang::Zh => format!("{number} {chinese}"),
    }
}
