//! Made-up Chinese names: a common surname and one or two characters that are common in given names.

/// Surnames, the most common first.
const SURNAMES: [&str; 48] = [
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "郭", "何", "林", "高",
    "罗", "郑", "梁", "谢", "宋", "唐", "许", "韩", "邓", "冯", "曹", "彭", "曾", "肖", "田", "董", "潘", "袁", "蔡",
    "蒋", "余", "于", "杜", "叶", "程", "魏", "苏", "欧阳", "诸葛",
];

/// Characters of given names.
const GIVEN: [&str; 60] = [
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "涛", "明", "超", "霞", "平", "刚",
    "英", "华", "文", "玉", "建", "国", "春", "梅", "海", "燕", "志", "晓", "宇", "浩", "欣", "怡", "子", "涵", "雨",
    "轩", "梓", "诗", "嘉", "佳", "俊", "博", "思", "睿", "晨", "阳", "雪", "婷", "琪", "瑶", "萱", "然", "一", "诺",
    "安", "乐", "宁",
];

/// The name that three draws give.
pub(super) fn name(surname: u32, first: u32, second: u32) -> String {
    // Taking the lower of two draws makes the common surnames the frequent ones.
    let surname = pick(&SURNAMES, (surname & 0xffff).min(surname >> 16));
    let mut name = surname.to_owned() + pick(&GIVEN, first & 0xffff);
    // One name in four has a given name of one character.
    if second & 3 != 0 {
        name.push_str(pick(&GIVEN, second >> 16));
    }
    name
}

/// One of `list`, by a draw of sixteen bits.
fn pick(list: &[&'static str], draw: u32) -> &'static str {
    let index = (draw as usize * list.len()) >> 16;
    list.get(index).copied().unwrap_or("某")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_lists_hold_no_character_twice() {
        assert_eq!(SURNAMES.iter().collect::<HashSet<_>>().len(), SURNAMES.len());
        assert_eq!(GIVEN.iter().collect::<HashSet<_>>().len(), GIVEN.len());
    }

    #[test]
    fn every_draw_gives_a_name_of_two_to_four_characters() {
        for draw in (0..u32::MAX).step_by(1_000_003) {
            let name = name(draw, draw.rotate_left(7), draw.rotate_left(13));
            assert!((2..=4).contains(&name.chars().count()) && !name.contains('某'), "{name}");
        }
        assert_eq!(name(0, 0, 0), "王伟");
        assert_eq!(name(u32::MAX, u32::MAX, u32::MAX), "诸葛宁宁");
    }
}
