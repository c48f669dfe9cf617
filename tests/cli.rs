//! The command line: help, examples, completions and the OpenAPI document.

use serde_json::Value;
use tempfile::TempDir;

use crate::common::program::run;

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn every_command_has_help() {
    let directory = directory();
    for (args, words) in [
        (&["--help"][..], "Examples:"),
        (&["serve", "--help"], "--print-config"),
        (&["migrate", "--help"], "--check"),
        (&["seed", "--help"], "plan"),
        (&["seed", "plan", "--help"], "<PATH>"),
        (&["seed", "apply", "--help"], "<PATH>"),
        (&["export", "--help"], "--programme"),
        (&["openapi", "--help"], "--format"),
        (&["key", "--help"], "revoke"),
        (&["key", "create", "--help"], "--pairing"),
        (&["key", "list", "--help"], "--database-url"),
        (&["key", "revoke", "--help"], "<CODE>"),
        (&["audit", "--help"], "verify"),
        (&["audit", "verify", "--help"], "--head"),
        (&["backup", "--help"], "--allow-damaged"),
        (&["restore", "--help"], "--files-dir"),
        (&["doctor", "--help"], "--repair-search"),
        (&["completions", "--help"], "bash"),
    ] {
        let help = run(directory.path(), args).good();
        assert!(help.contains(words) && help.contains("Usage: pairing-tracker"), "{args:?}: {help}");
    }
    let unknown = run(directory.path(), &["sever"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.err.contains("serve"), "{unknown:?}");
    assert!(directory.path().read_dir().expect("a directory").next().is_none(), "help creates no files");
}

/// Every subcommand with the arguments that lead to it, depth first.
fn subcommands(command: &clap::Command, path: &[String], found: &mut Vec<(Vec<String>, clap::Command)>) {
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let path = [path, &[subcommand.get_name().to_owned()]].concat();
        subcommands(subcommand, &path, found);
        found.push((path, subcommand.clone()));
    }
}

/// The arguments of the examples in a help text. Two spaces begin a remark, ` > ` redirects the output.
fn examples(help: &str) -> Vec<Vec<&str>> {
    let (_, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("no examples: {help}"));
    let commands = examples.lines().map(|line| line.trim().split("  ").next().unwrap_or_default());
    let commands = commands.map(|line| line.split(" > ").next().unwrap_or_default());
    commands.filter(|line| line.starts_with("pairing-tracker")).map(|line| line.split(' ').collect()).collect()
}

#[test]
fn every_command_has_examples_that_are_valid() {
    let definition = pairing_tracker::commands::definition();
    let mut all = Vec::new();
    subcommands(&definition, &[], &mut all);
    assert!(all.len() >= 17, "{}", all.len());
    for (path, command) in &all {
        let help = command.get_after_help().unwrap_or_else(|| panic!("{path:?} has no examples")).to_string();
        let examples = examples(&help);
        let is_of_command = |example: &&Vec<&str>| path.iter().all(|name| example.contains(&name.as_str()));
        assert!(examples.iter().any(|example| is_of_command(&example)), "{path:?} has no example: {help}");
        for example in examples {
            let parsed = pairing_tracker::commands::definition().try_get_matches_from(&example);
            assert!(parsed.is_ok(), "{example:?}: {:?}", parsed.err());
        }
    }
    let top = definition.get_after_help().expect("examples").to_string();
    assert!(examples(&top).len() >= 5, "{top}");
}

#[test]
fn options_with_few_values_list_and_complete_them() {
    let directory = directory();
    let script = run(directory.path(), &["completions", "bash"]).good();
    let mut all = Vec::new();
    subcommands(&pairing_tracker::commands::definition(), &[], &mut all);
    for (path, option, values) in [
        ("serve", "log-format", "text json"),
        ("serve", "oidc-algorithm", "RS256 RS384 RS512 PS256 ES256 ES384 EdDSA"),
        ("export", "format", "yaml json xlsx"),
        ("export", "language", "en zh"),
        ("openapi", "format", "json yaml"),
        ("openapi", "spec-version", "3.1 3.0"),
        ("key create", "role", "admin editor viewer"),
        ("seed plan", "mode", "upsert create"),
        ("seed apply", "mode", "upsert create"),
        ("seed apply", "resource", "documents regions "),
        ("completions", "shell", "bash elvish fish powershell zsh"),
    ] {
        let (_, command) = all.iter().find(|(names, _)| names.join(" ") == path).expect("a command");
        // Options of every command are defined by the program itself.
        let definition = pairing_tracker::commands::definition();
        let mut arguments = command.get_arguments().chain(definition.get_arguments());
        let argument = arguments.find(|one| one.get_long() == Some(option) || one.get_id() == option);
        let argument = argument.unwrap_or_else(|| panic!("{path} has no {option}"));
        let possible = argument.get_possible_values();
        let names: Vec<&str> = possible.iter().map(|value| value.get_name()).collect();
        assert!(names.join(" ").starts_with(values), "{path} {option}: {names:?}");
        // The shell offers the values of a positional argument together with the options of its command.
        let words = if argument.is_positional() { "opts=\"-h " } else { "compgen -W \"" };
        let offered =
            script.lines().any(|line| line.contains(words) && line.contains(&format!("{}\"", names.join(" "))));
        assert!(offered, "{path} {option} completes its values");
        let help = run(directory.path(), &[&path.split(' ').collect::<Vec<_>>()[..], &["--help"]].concat()).good();
        assert!(names.iter().all(|name| help.contains(name)), "{path} {option}: {help}");
    }
}

#[test]
fn a_wrong_value_is_answered_with_the_right_ones() {
    let directory = directory();
    for (args, line) in [
        (&["key", "create", "--name", "a", "--role", "boss"][..], "error: invalid value 'boss' for '--role <ROLE>'"),
        (&["seed", "plan", "a.csv", "--mode", "replace"], "error: invalid value 'replace' for '--mode <MODE>'"),
        (&["seed", "plan", "a.csv", "--resource", "mile"], "error: invalid value 'mile' for '--resource <RESOURCE>'"),
        (&["migrate", "--log-format", "xml"], "error: invalid value 'xml' for '--log-format <FORMAT>'"),
        (&["openapi", "--spec-version", "2"], "error: invalid value '2' for '--spec-version <VERSION>'"),
        (&["serve", "--oidc-algorithm", "HS256"], "error: invalid value 'HS256' for '--oidc-algorithm <ALG>'"),
    ] {
        let refused = run(directory.path(), args);
        assert_eq!((refused.code, refused.err.lines().next()), (Some(2), Some(line)), "{refused:?}");
        assert!(refused.err.contains("[possible values: "), "{refused:?}");
    }
    for date in ["2026-13-40", "2027-02-29", "tomorrow", "31.12.2030"] {
        let refused =
            run(directory.path(), &["key", "create", "--name", "a", "--role", "viewer", "--expires-on", date]);
        let line = format!(
            "error: invalid value '{date}' for '--expires-on <YYYY-MM-DD>': not a date of the calendar; write YYYY-MM-DD, \
             such as 2030-12-31"
        );
        assert_eq!((refused.code, refused.err.lines().next()), (Some(2), Some(line.as_str())), "{refused:?}");
    }
}

#[test]
fn the_document_is_printed_in_both_formats() {
    let directory = directory();
    let json: Value = serde_json::from_str(&run(directory.path(), &["openapi"]).good()).expect("JSON");
    assert_eq!(json["openapi"].as_str().map(|version| &version[..2]), Some("3."));
    let same = run(directory.path(), &["openapi", "--format", "json"]).good();
    assert_eq!(serde_json::from_str::<Value>(&same).expect("JSON"), json);
    let yaml: Value =
        yaml_serde::from_str(&run(directory.path(), &["openapi", "--format", "yaml"]).good()).expect("YAML");
    assert_eq!(yaml, json);
}
