//! `apirl presets`, `apirl completions`, and what all commands have in common.

use std::io::Write as _;
use std::process::Stdio;

use crate::run::{apirl, command};

#[test]
fn the_table_has_a_line_for_each_preset() {
    let run = apirl(&["presets"]);
    for name in ["airtable", "github", "notion", "openai", "vanta", "zapier"] {
        assert!(run.out.lines().any(|line| line.starts_with(name)), "{name}");
    }
    assert!(!run.out.contains('\x1b'), "a pipe gets no colours");
    assert!(
        apirl(&["presets", "--color", "always"])
            .out
            .contains('\x1b')
    );
}

#[test]
fn the_flag_decides_about_colours() {
    for (choice, coloured) in [("always", true), ("never", false), ("auto", false)] {
        for args in [
            &["presets"][..],
            &["presets", "--help"],
            &["presets", "--nonsense"],
        ] {
            let run = apirl(&[args, &["--color", choice]].concat());
            let seen = run.out.contains('\x1b') || run.err.contains('\x1b');
            assert_eq!(seen, coloured, "{choice} {args:?}");
        }
    }
    apirl(&["presets", "--color=loud"]).refuses(2, "auto, always, never");
}

#[test]
fn a_preset_is_shown_with_what_its_vendor_documents() {
    let run = apirl(&["presets", "notion"]);
    for fact in [
        "https://api.notion.com/v1",
        "Documented: 180 requests",
        "429, 529",
    ] {
        assert!(run.out.contains(fact), "{fact:?} is not in {}", run.out);
    }
    assert_eq!(
        apirl(&["presets", "notion", "--json"]).json()["name"],
        "notion"
    );
    let all = apirl(&["presets", "--json"]).json();
    assert!(all.as_array().is_some_and(|all| all.len() >= 8), "{all}");
    apirl(&["presets", "notoin"]).refuses(2, "did you mean \"notion\"?");
}

#[test]
fn every_shell_gets_completions_with_all_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = apirl(&["completions", shell]);
        assert_eq!(run.code, Some(0), "{shell}");
        assert!(
            run.out.contains("simulate") && run.out.contains("explain"),
            "{shell}"
        );
    }
    apirl(&["completions", "cmd"]).refuses(2, "possible values");
}

#[test]
fn every_command_shows_examples() {
    for name in [
        "explain",
        "simulate",
        "presets",
        "check",
        "serve",
        "completions",
    ] {
        let run = apirl(&[name, "--help"]);
        assert_eq!(run.code, Some(0), "{name}");
        let example = format!("apirl {name}");
        assert!(
            run.out.contains("Examples:") && run.out.contains(&example),
            "{}",
            run.out
        );
    }
    let run = apirl(&["--help"]);
    assert!(
        run.out.contains("Examples:") && run.out.contains("apirl fetch"),
        "{}",
        run.out
    );
    // The examples use existing commands.
    for line in run
        .out
        .lines()
        .filter_map(|line| line.trim().strip_prefix("apirl "))
    {
        let (command, _) = line.split_once(' ').unwrap_or((line, ""));
        let help = apirl(&[command, "--help"]);
        assert_eq!(help.code, Some(0), "{line}");
    }
}

#[test]
fn a_closed_pipe_ends_the_command_quietly() {
    let mut child = command(&["explain", "--json-lines"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // The pipe is closed before the command writes.
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("a pipe");
    let _ = stdin.write_all(b"{\"status\": 200}\nnonsense\n");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{output:?}");
}
