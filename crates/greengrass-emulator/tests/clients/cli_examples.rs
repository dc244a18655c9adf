//! The examples of the AWS CLI's own manual, which come with it.

use crate::program::Program;

#[test]
fn the_examples_of_the_aws_cli_s_manual_do_what_the_manual_shows() {
    let program = Program::start(&["--seed", "1", "--manual-clock", "2026-01-01T00:00:00Z"]);
    let said = program.runs("cli_examples.py");
    assert_eq!(said.trim(), "32 examples");
}
