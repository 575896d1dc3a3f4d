//! How the share of dirty rows is written on the command line.

use records::residents::{Dirt, Share};

/// Reads `VARIANTS` or `VARIANTS,DAMAGED`: percent, with two decimals at most.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(text: &str) -> Result<Dirt, String> {
    let (variants, damaged) = text.split_once(',').unwrap_or((text, "0"));
    let (variants, damaged) = (points(variants)?, points(damaged)?);
    if variants + damaged > 10_000 {
        return Err("both shares together are more than 100 percent".to_owned());
    }
    let share = |points| Share::of_basis_points(points).unwrap_or_default();
    Ok(Dirt { variants: share(variants), damaged: share(damaged) })
}

/// Hundredths of a percent.
fn points(percent: &str) -> Result<u16, String> {
    let wrong = || format!("{percent:?} is not 0 to 100 percent with two decimals at most");
    let (whole, decimals) = percent.split_once('.').unwrap_or((percent, "0"));
    if !(1..=2).contains(&decimals.len()) {
        return Err(wrong());
    }
    let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse::<u16>().map_err(|_| wrong()),
        false => Err(wrong()),
    };
    let tenths = if decimals.len() == 1 { 10 } else { 1 };
    let points = u32::from(number(whole)?) * 100 + u32::from(number(decimals)? * tenths);
    u16::try_from(points).ok().filter(|points| *points <= 10_000).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percent() {
        let dirt = |variants, damaged| {
            let share = |points| Share::of_basis_points(points).unwrap();
            Ok(Dirt { variants: share(variants), damaged: share(damaged) })
        };
        assert_eq!(parse("20"), dirt(2_000, 0));
        assert_eq!(parse("20,0.5"), dirt(2_000, 50));
        assert_eq!(parse("0.25,99.75"), dirt(25, 9_975));
        for wrong in ["", "x", "-1", "101", "1.234", "1,", "60,41", "1,2,3", "+1", "1e1", "70000"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
