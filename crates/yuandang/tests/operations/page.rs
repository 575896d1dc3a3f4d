//! The commands of docs/OPERATIONS.md that say on which machines they are to be run.

use std::fs;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATIONS.md");

/// A fenced block whose fence names machines.
pub(crate) struct Block {
    pub(crate) machines: Vec<String>,
    pub(crate) text: String,
    /// Where it begins, for messages.
    pub(crate) line: usize,
}

/// All of them, in the page's order.
pub(crate) fn blocks() -> Vec<Block> {
    let page = fs::read_to_string(PAGE).unwrap();
    let mut lines = page.lines().enumerate();
    let mut blocks = Vec::new();
    while let Some((number, line)) = lines.next() {
        let Some(machines) = line.strip_prefix("```sh ") else { continue };
        let machines: Vec<String> = machines.split_whitespace().map(str::to_owned).collect();
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
        let text: String = inside.flat_map(|line| [line, "\n"]).collect();
        // The fence is not shown to who reads the page; the comment is.
        let shown = format!("# on {}\n", machines.join(", "));
        assert!(text.starts_with(&shown), "OPERATIONS.md:{}: the block does not begin with {shown:?}", number + 1);
        blocks.push(Block { machines, text, line: number + 1 });
    }
    assert_eq!(blocks.len(), page.lines().filter(|line| line.starts_with("# on ")).count(), "a fence names no machine");
    blocks
}
