//! What `job` says.

use agreement::{JobState, Role, printable};
use wire::proto::{Question, WaitingJob};

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

/// No job waits for approvers.
#[must_use]
pub fn none_waits(lang: Lang) -> &'static str {
    lang.pick("no job waits for an approver", "没有待审批的任务")
}

/// A job that waits for approvers.
#[must_use]
pub fn waiting(lang: Lang, job: &WaitingJob) -> String {
    let digest: String = printable(&job.agreement, 64).chars().take(16).collect();
    let (id, name, note) = (printable(&job.job_id, 64), printable(&job.name, 128), printable(&job.note, 512));
    let people: Vec<String> = job.approved_by.iter().map(|person| printable(person, 64)).collect();
    let asked = match (job.question(), lang) {
        (Question::Input, Lang::En) => format!("may this input be entered? {note}"),
        (Question::Input, Lang::Zh) => format!("是否允许此输入？{note}"),
        (_, Lang::En) => "may it run?".to_owned(),
        (_, Lang::Zh) => "是否允许运行？".to_owned(),
    };
    let approved = match (people.is_empty(), lang) {
        (true, _) => String::new(),
        (false, Lang::En) => format!("  approved by {}", people.join(", ")),
        (false, Lang::Zh) => format!("  已批准：{}", people.join("、")),
    };
    match lang {
        Lang::En => format!("{id}  {name}  agreement {digest}  {asked}{approved}"),
        Lang::Zh => format!("{id}  {name}  合约 {digest}  {asked}{approved}"),
    }
}

/// What an approver's word came to.
#[must_use]
pub fn decided(lang: Lang, approve: bool, is_open: bool) -> &'static str {
    match (approve, is_open) {
        (true, true) => lang.pick("noted; another person has to approve it as well", "已记录；还需另一人批准"),
        (true, false) => lang.pick("approved; the job is started again", "已批准；任务将重新启动"),
        (false, _) => lang.pick("rejected; all parties are told why", "已拒绝；各方将获知原因"),
    }
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
