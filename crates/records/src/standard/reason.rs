//! Why a value makes no key.

use super::vocabulary::vocabulary;

vocabulary! {
    /// Why a value is refused. A row with a refused value is not matched.
    Reason, UnknownReason, "reason for refusal":
    /// Bytes that are not UTF-8.
    InvalidUtf8 = "invalid-utf8",
        "not UTF-8: say which encoding the file has",
        "不是 UTF-8 编码：请指明文件编码";
    /// A character that was lost when the text was converted earlier.
    LostCharacter = "lost-character",
        "a character was lost in an earlier conversion of the text (? or U+FFFD)",
        "文本此前转码时丢失了字符（? 或 U+FFFD）";
    /// Too short or too long.
    WrongLength = "wrong-length",
        "too short or too long",
        "长度不对";
    /// A character that does not belong there.
    UnexpectedCharacter = "unexpected-character",
        "a character that cannot stand there",
        "含有不应出现的字符";
    /// The check digit is not that of the other characters.
    CheckDigit = "check-digit",
        "the check digit does not fit: at least one character is wrong",
        "校验码不符：至少有一位有误";
    /// No day of the calendar.
    ImpossibleDate = "impossible-date",
        "the date does not exist in the calendar",
        "日期不存在";
    /// Digits that could be several dates.
    AmbiguousDate = "ambiguous-date",
        "month and day cannot be told apart: write eight digits, or separators",
        "无法区分月和日：请写八位数字或加分隔符";
    /// Born before 1850.
    DateTooEarly = "date-too-early",
        "a birth date before 1850",
        "出生日期早于 1850 年";
    /// Born after the data was taken.
    DateAfterSnapshot = "date-after-snapshot",
        "a birth date after the day the data was taken",
        "出生日期晚于数据截止日";
    /// Fifteen digits that never were a resident's number.
    NotConvertible = "not-convertible",
        "fifteen digits that begin with 8 or 9: such numbers were issued with eighteen only",
        "以 8 或 9 开头的十五位数字：此类号码只有十八位";
    /// Eleven digits that no mobile number begins with.
    NotMobile = "not-a-mobile-number",
        "not a mobile number of the mainland: eleven digits from 13 to 19",
        "不是内地手机号：应为 13 至 19 开头的十一位数字";
    /// A spreadsheet made a rounded number of it.
    ScientificNotation = "scientific-notation",
        "a spreadsheet turned it into a number such as 3.10199E+17 and lost digits: export the column as text",
        "被电子表格转成科学计数法（如 3.10199E+17），已丢失数字：请将该列按文本导出";
    /// A spreadsheet put zeros in place of the last digits.
    LostDigits = "lost-last-digits",
        "a spreadsheet put 000 in place of the last three digits: export the column as text",
        "被电子表格截断，末三位成了 000：请将该列按文本导出";
    /// A spreadsheet dropped the zeros in front.
    LostZeros = "lost-leading-zeros",
        "shorter than it should be, perhaps since a spreadsheet dropped zeros in front: export the column as text",
        "位数不足，可能被电子表格去掉了前导零：请将该列按文本导出";
    /// Exported as a number with a fraction.
    DecimalNumber = "decimal-number",
        "exported as a number with decimals: export the column as text",
        "被导出为带小数的数值：请将该列按文本导出";
    /// The number by which a spreadsheet counts days.
    DayNumber = "spreadsheet-day-number",
        "five digits by which a spreadsheet counts days: export the column as dates or text",
        "是电子表格的日期序列数：请将该列按日期或文本导出";
}
