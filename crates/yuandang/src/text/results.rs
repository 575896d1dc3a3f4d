//! What `result` says.

use agreement::printable;
use wire::proto::{ResultInfo, ResultState};

use super::{Lang, bytes, count};
use crate::results::show::moment;

/// There are no results.
#[must_use]
pub fn none(lang: Lang) -> &'static str {
    lang.pick("there are no such results", "没有此类结果")
}

/// A result on one line.
#[must_use]
pub fn line(lang: Lang, info: &ResultInfo) -> String {
    let (job, agreement) = (printable(&info.job_id, 64), printable(&info.agreement, 16));
    let (rows, size, due) = (count(info.rows), bytes(info.bytes), moment(info.due_s));
    let what = match lang {
        Lang::En => format!("{rows} rows, {size}, agreement {agreement}, taken out {} times", info.exports),
        Lang::Zh => format!("{rows} 行，{size}，合约 {agreement}，已导出 {} 次", info.exports),
    };
    let problem = if info.problem.is_empty() { String::new() } else { format!(": {}", printable(&info.problem, 256)) };
    let cause = printable(&info.cause, 512);
    let state = match (info.state(), info.overdue, lang) {
        (ResultState::Deleted, _, Lang::En) => format!("deleted: {cause}"),
        (ResultState::Deleted, _, Lang::Zh) => format!("已删除：{cause}"),
        (_, true, Lang::En) => format!("OVERDUE since {due}{problem}"),
        (_, true, Lang::Zh) => format!("已逾期未删除（应于 {due} 删除）{problem}"),
        (_, false, Lang::En) => format!("kept until {due}{problem}"),
        (_, false, Lang::Zh) => format!("保留至 {due}{problem}"),
    };
    format!("{job}  {state}  {what}")
}

/// Some should be gone.
#[must_use]
pub fn overdue(lang: Lang, jobs: &[String]) -> String {
    match lang {
        Lang::En => format!(
            "\n{} should be gone and are not: {}. The node's log says what is in the way.",
            count(jobs.len() as u64),
            jobs.join(", ")
        ),
        Lang::Zh => {
            format!("\n{} 项结果应删而未删：{}。原因见节点日志。", count(jobs.len() as u64), jobs.join("、"))
        }
    }
}

/// A result was taken out.
#[must_use]
pub fn exported(lang: Lang, rows: u64, output: &str) -> String {
    match lang {
        Lang::En => format!("{} rows in {output}; from here on it is yours to keep and to delete", count(rows)),
        Lang::Zh => format!("{} 行：{output}；此后由导出方负责保管与删除", count(rows)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(state: ResultState, overdue: bool) -> ResultInfo {
        ResultInfo { job_id: "job-1".to_owned(), state: state.into(), overdue, due_s: 86_400, ..ResultInfo::default() }
    }

    #[test]
    fn what_is_overdue_is_told_plainly() {
        assert!(line(Lang::En, &info(ResultState::Kept, false)).contains("kept until 1970-01-02T00:00:00Z"));
        for state in [ResultState::Kept, ResultState::Deleting] {
            assert!(line(Lang::En, &info(state, true)).contains("OVERDUE since 1970-01-02"), "{state:?}");
            assert!(line(Lang::Zh, &info(state, true)).contains("逾期"));
        }
        assert!(!line(Lang::En, &info(ResultState::Deleted, false)).contains("OVERDUE"));
    }
}
