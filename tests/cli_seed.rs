//! `seed plan` and `seed apply`.

use std::path::Path;

use tempfile::TempDir;

use crate::common::program::{databases, on};

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn bundles_are_planned_and_applied() {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("seed");
    let seed = seed.to_str().expect("UTF-8");
    for url in databases() {
        let directory = directory();
        on(directory.path(), &url, &["migrate"]).good();
        let planned = on(directory.path(), &url, &["seed", "plan", seed]).good();
        let count = planned.lines().filter(|line| line.starts_with("create  ")).count();
        let totals = format!(
            "Would create {count}, change 0, delete 0 and leave 0.\nOn this state alone: seed apply --planned-on "
        );
        let (_, digest) = planned.split_once(&totals).unwrap_or_else(|| panic!("{planned}"));
        assert!(planned.contains("\ncreate  pairings/xinhui-taishan\n"), "{planned}");
        let digest = digest.trim();
        let applied = on(directory.path(), &url, &["seed", "apply", "--planned-on", digest, seed]).good();
        assert!(applied.ends_with(&format!("Created {count}, changed 0, deleted 0, left 0.\n")), "{applied}");
        let stale = on(directory.path(), &url, &["seed", "apply", "--planned-on", digest, seed]).refused();
        assert!(stale.contains("were changed since the plan"), "{stale}");
        let again = on(directory.path(), &url, &["seed", "apply", seed]).good();
        assert_eq!(again, format!("Created 0, changed 0, deleted 0, left {count}.\n"));

        let bundle = directory.path().join("a.yaml");
        let text = "regions:\n  - {code: taishan, name: {zh: 台山市, en: Taishan}, level: county}\n";
        std::fs::write(&bundle, text).expect("a bundle");
        let planned = on(directory.path(), &url, &["seed", "plan", "a.yaml"]).good();
        assert!(
            planned.starts_with("change  regions/taishan (name)\nWould create 0, change 1, delete 0 and leave 0.\n"),
            "{planned}"
        );

        std::fs::write(&bundle, text.replace("county", "planet").replace("zh: 台山市, ", "")).expect("a bundle");
        for verb in ["plan", "apply"] {
            let refused = on(directory.path(), &url, &["seed", verb, "a.yaml"]);
            assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""));
            let lines: Vec<&str> = refused.err.lines().collect();
            // A record that is there may be given in part: its Chinese name stays.
            assert_eq!(lines.len(), 2, "{refused:?}");
            assert!(
                lines[0].starts_with("pairing-tracker: a.yaml:2: regions/taishan /level: must be one of"),
                "{lines:?}"
            );
            assert!(lines[1].contains('1') && lines[1].ends_with("nothing was written"), "{lines:?}");
        }
        assert!(on(directory.path(), &url, &["seed", "plan", "nowhere.yaml"]).refused().starts_with("nowhere.yaml: "));
        let pruned = on(directory.path(), &url, &["seed", "plan", "--prune", "xinhui-taishn", seed]).refused();
        assert_eq!(pruned, "--prune: there is no pairing \"xinhui-taishn\"; did you mean xinhui-taishan?");
    }
}
