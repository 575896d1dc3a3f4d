//! A province gets a new identity key, with the program itself: the statement, what its peer's operator sees and accepts, and runs
//! under a new agreement, whether or not the peer's configuration was edited.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::fs;

use serde_json::Value;
use support::{borrowed, errors, fails, json, site::Site, text, yuandang};

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Arguments by which Shanghai's people accept a statement.
fn accepting(site: &Site, duty: &str, file: &str, more: &[&str]) -> Vec<String> {
    let path = |name: &str| site.path(&format!("shanghai/{name}"));
    let (config, cert, key) = (path("config.toml"), path(&format!("{duty}.crt")), path(&format!("{duty}.key")));
    let words = ["identity", "accept", "--file", file, "--config", &config, "--cert", &cert, "--key", &key];
    owned(&[&words[..], more].concat())
}

/// Puts a new identity in the place of Anhui's, as its operator would: key, certificate, configuration, and the coordinator's.
fn renew(site: &Site, new: &str) {
    let path = |name: &str| site.path(&format!("anhui/{name}"));
    let old = fs::read_to_string(path("identity.pub")).unwrap();
    for name in ["identity.key", "identity.pub"] {
        fs::rename(site.path(&format!("new/{name}")), path(name)).unwrap();
    }
    fs::remove_file(path("tls.key")).unwrap();
    let (identity, cert, key) = (path("identity.key"), path("tls.crt"), path("tls.key"));
    let issue = ["cert", "issue", "--identity", &identity, "--participant", "anhui"];
    let issued = yuandang(&[&issue[..], &["--out-cert", &cert, "--out-key", &key]].concat());
    assert_eq!(issued.status.code(), Some(0), "{}", errors(&issued));
    for config in [path("config.toml"), site.path("coordinator/config.toml")] {
        let text = fs::read_to_string(&config).unwrap();
        assert!(text.contains(old.trim()));
        fs::write(&config, text.replace(old.trim(), new)).unwrap();
    }
}

#[test]
fn a_new_key_is_accepted_and_agreements_are_signed_anew() {
    let site = Site::new(400, 200, 50);
    site.person("shanghai", "k-1", "operator");
    site.person("shanghai", "k-2", "approver");
    let [coordinator, shanghai, anhui] = ["coordinator", "shanghai", "anhui"].map(|name| site.start(name));
    let old_job = site.job(&[]);
    assert_eq!(site.ask(&["submit", "--watch", "--file", &old_job])["state"], "Succeeded");

    let made = json(&["identity", "new", "--participant", "anhui", "--dir", &site.path("new"), "--format", "json"]);
    let new = made["identity"].as_str().unwrap();
    let old = fs::read_to_string(site.path("anhui/identity.pub")).unwrap().trim().to_owned();
    let (file, old_key, new_key) =
        (site.path("succession.json"), site.path("anhui/identity.key"), site.path("new/identity.key"));
    let succeed = ["identity", "succeed", "--participant", "anhui", "--old-key", &old_key, "--new-key", &new_key];
    let succeed = [&succeed[..], &["--reason", "the year is over", "--out", &file]].concat();
    let signed = text(&yuandang(&succeed));
    assert!(signed.contains("both keys signed this"), "{signed}");
    let said = fails(2, &succeed);
    assert!(said.contains("File exists"), "{said}");

    // Shown, and nothing more, until it is said.
    let shown = yuandang(&borrowed(&accepting(&site, "operator", &file, &["--format", "json"])));
    assert_eq!(shown.status.code(), Some(2), "{}", errors(&shown));
    assert!(errors(&shown).contains("nothing was accepted"), "{}", errors(&shown));
    let value: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(
        [&value["participant"], &value["old"], &value["new"], &value["reason"]],
        ["anhui", &old, new, "the year is over"]
    );
    assert_eq!((&value["signed_by_old"], &value["accepted"]), (&true.into(), &false.into()));
    let said = fails(4, &borrowed(&accepting(&site, "approver", &file, &["--yes"])));
    assert!(said.contains("the node answers: this is for an operator of this participant"), "{said}");
    let accepted = yuandang(&borrowed(&accepting(&site, "operator", &file, &["--yes"])));
    assert_eq!(accepted.status.code(), Some(0), "{}", errors(&accepted));
    assert!(text(&accepted).contains("accepted: the node takes no other key"), "{}", text(&accepted));
    shanghai.says("an identity was replaced");
    let again = fails(2, &borrowed(&accepting(&site, "operator", &file, &["--yes"])));
    assert!(again.contains("already"), "{again}");

    // Anhui puts its new key in place; the coordinator's operator too. Shanghai goes on as it is.
    drop((anhui, coordinator));
    renew(&site, new);
    let _servers = ["coordinator", "anhui"].map(|name| site.start(name));
    let config = site.path("shanghai/config.toml");
    let refused = yuandang(&["job", "submit", "--watch", "--file", &old_job, "--config", &config]);
    assert_eq!(refused.status.code(), Some(4), "{}", errors(&refused));
    assert!(errors(&refused).contains("another identity key for anhui"), "{}", errors(&refused));
    let job = site.job(&[]);
    assert_eq!(site.ask(&["submit", "--watch", "--file", &job])["state"], "Succeeded");

    // The configuration still has the old key; what was accepted counts.
    assert!(fs::read_to_string(&config).unwrap().contains(&old));
    drop(shanghai);
    let shanghai = site.start("shanghai");
    shanghai.says("the configuration pins an identity that was replaced");
    assert_eq!(site.ask(&["submit", "--watch", "--file", &job])["state"], "Succeeded");
}

#[test]
fn one_that_the_old_key_has_not_signed_is_accepted_only_when_that_is_said() {
    let site = Site::new(40, 20, 5);
    site.person("shanghai", "k-1", "operator");
    let _servers = ["coordinator", "shanghai"].map(|name| site.start(name));
    json(&["identity", "new", "--participant", "anhui", "--dir", &site.path("new"), "--format", "json"]);
    let old = fs::read_to_string(site.path("anhui/identity.pub")).unwrap();
    let (file, new_key) = (site.path("succession.json"), site.path("new/identity.key"));
    let succeed = ["identity", "succeed", "--participant", "anhui", "--lost", old.trim(), "--new-key", &new_key];
    let signed = text(&yuandang(&[&succeed[..], &["--reason", "it was stolen", "--out", &file]].concat()));
    assert!(signed.contains("THE OLD KEY HAS NOT SIGNED"), "{signed}");
    for (lang, wanted, why) in
        [("en", "THE OLD KEY HAS NOT SIGNED", "Ask anhui in another way"), ("zh", "旧密钥未签名", "核实新密钥")]
    {
        let asked = accepting(&site, "operator", &file, &["--yes", "--lang", lang]);
        let shown = yuandang(&borrowed(&asked));
        assert_eq!(shown.status.code(), Some(2), "{}", errors(&shown));
        assert!(text(&shown).contains(wanted) && errors(&shown).contains(why), "{} {}", text(&shown), errors(&shown));
    }
    let edited = site.path("edited.json");
    fs::write(&edited, fs::read_to_string(&file).unwrap().replace("it was stolen", "it was sold")).unwrap();
    let said = fails(2, &borrowed(&accepting(&site, "operator", &edited, &["--yes", "--lost"])));
    assert!(said.contains("signature"), "{said}");
    let accepted = json(&borrowed(&accepting(&site, "operator", &file, &["--yes", "--lost", "--format", "json"])));
    assert_eq!((&accepted["signed_by_old"], &accepted["accepted"]), (&false.into(), &true.into()));
}
