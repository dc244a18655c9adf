//! The commands in a real terminal, as tmux shows it: colours, widths, a page that is drawn anew (does I/O: starts tmux).

use std::process::Command;
use std::time::{Duration, Instant};

use super::run;
use crate::world::{ACCOUNT, Manifest, REGION, World, fleet};

/// A terminal of 80 columns; it ends with the test.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn with(world: &World, line: &str) -> Self {
        let socket = world.folder().join("tmux").to_str().unwrap().to_owned();
        let variables = [
            ("KUBECONFIG", world.cluster.kubeconfig().to_str().unwrap()),
            ("AWS_ENDPOINT_URL", world.endpoint()),
            ("AWS_ACCESS_KEY_ID", ACCOUNT),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", REGION),
            ("LANG", "C.UTF-8"),
        ];
        let set: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        // Kept after the command has ended, for its last page.
        let command = format!("env {} {} {line}; sleep 600", set.join(" "), env!("CARGO_BIN_EXE_greengrass-operator"));
        let status = Command::new("tmux")
            .args(["-S", &socket, "-f", "/dev/null", "-u", "new-session", "-d", "-x", "80", "-y", "24", &command])
            .env_remove("TMUX")
            .env_remove("NO_COLOR")
            .env("LANG", "C.UTF-8")
            .status()
            .unwrap();
        assert!(status.success());
        Self { socket }
    }

    /// What is on the screen; with colours as escape sequences.
    fn screen(&self, has_colours: bool) -> String {
        let mut arguments = vec!["-S", &self.socket, "capture-pane", "-p"];
        if has_colours {
            arguments.push("-e");
        }
        let output = Command::new("tmux").args(&arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn wait(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let started = Instant::now();
        loop {
            let screen = self.screen(false);
            if holds(&screen) {
                return screen;
            }
            assert!(started.elapsed() < Duration::from_mins(1), "waited in vain for {what}:\n{screen}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = Command::new("tmux").args(["-S", &self.socket, "kill-server"]).status();
    }
}

#[test]
fn a_watched_tree_is_drawn_anew_on_one_page_with_colours() {
    let world = World::new("terminal");
    fleet::add_devices(&world.emulator, "Presses", 2, &fleet::taking(2));
    world.apply(&Manifest::new("presses", &World::group_arn("Presses")));
    let terminal = Terminal::with(&world, &format!("status presses --watch --namespace {}", world.namespace));
    let page = terminal.wait("all devices", |screen| screen.contains("2/2: 2 succeeded"));
    assert_eq!(page.matches("GreengrassDeployment").count(), 1, "one page: {page}");
    assert!(page.contains("[████████████████████]"), "{page}");
    assert!(terminal.screen(true).contains("\u{1b}[32mReady=True"), "{}", terminal.screen(true));
}

#[test]
fn a_table_fits_the_screen() {
    let world = World::new("terminal");
    world.apply(&Manifest::new("presses", &world.group("Presses")));
    world.wait_ready("presses");
    let terminal = Terminal::with(&world, &format!("status --namespace {}", world.namespace));
    let page = terminal.wait("the table", |screen| screen.contains("presses"));
    let line = page.lines().find(|line| line.starts_with("presses")).unwrap();
    assert!(line.chars().count() <= 80 && line.ends_with('…'), "{line}");
    // In a pipe nothing is cut off, and nothing is coloured.
    let piped = run(&world, &["status", "--namespace", &world.namespace]).out;
    assert!(!piped.contains('…') && !piped.contains('\u{1b}'), "{piped}");
}
