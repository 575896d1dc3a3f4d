//! What `identity succeed` and `accept` say.

use agreement::{ParticipantId, Succession};

use super::Lang;

/// Which key takes the place of which, why, whether the old key signed, and whether it was accepted.
#[must_use]
pub fn succession(lang: Lang, succession: &Succession, accepted: bool) -> String {
    let (who, old, new) = (succession.participant(), succession.old_key(), succession.new_key());
    let (at, reason) = (succession.at(), succession.reason());
    let mut lines = match lang {
        Lang::En => vec![
            format!("{who}: a new identity key"),
            format!("  old key    {old}"),
            format!("  new key    {new}"),
            format!("  signed at  {at}"),
            format!("  reason     {reason}"),
        ],
        Lang::Zh => vec![
            format!("{who}：新的身份密钥"),
            format!("  旧密钥    {old}"),
            format!("  新密钥    {new}"),
            format!("  签署时间  {at}"),
            format!("  原因      {reason}"),
        ],
    };
    lines.push(match (succession.is_signed_by_old(), lang) {
        (true, Lang::En) => "  both keys signed this".to_owned(),
        (true, Lang::Zh) => "  新旧密钥均已签名".to_owned(),
        (false, Lang::En) => "  THE OLD KEY HAS NOT SIGNED: anybody with a new key could say this".to_owned(),
        (false, Lang::Zh) => "  旧密钥未签名：任何持有新密钥的人都可能这样声明".to_owned(),
    });
    if accepted {
        lines.extend(match lang {
            Lang::En => [
                "  accepted: the node takes no other key of it from now on".to_owned(),
                format!("  agreements that name the old key do not run any more; write the new key for {who} into the configuration"),
            ],
            Lang::Zh => [
                "  已接受：节点从现在起只认新密钥".to_owned(),
                format!("  载有旧密钥的数字合约不再运行；请将 {who} 的新密钥写入配置"),
            ],
        });
    }
    lines.join("\n")
}

/// Nothing was accepted, since nobody said so.
#[must_use]
pub fn not_without_yes(lang: Lang) -> &'static str {
    lang.pick("nothing was accepted: compare both keys, and say --yes", "尚未接受：请核对新旧密钥，再加 --yes")
}

/// Nothing was accepted, since the old key did not sign.
#[must_use]
pub fn not_without_lost(lang: Lang, who: &ParticipantId) -> String {
    match lang {
        Lang::En => format!(
            "nothing was accepted: the old key has not signed. Ask {who} in another way whether the new key is its own, and say \
             --lost --yes"
        ),
        Lang::Zh => format!("尚未接受：旧密钥未签名。请通过其他途径向 {who} 核实新密钥，再加 --lost --yes"),
    }
}
