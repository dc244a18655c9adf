//! botocore's service models as the judge: requests at and beyond every constraint, over real HTTP. The steps are in the folder `contract`.

use crate::program::Program;

/// What the program must be told so that thousands of calls in a row are answered.
const ARGUMENTS: &[&str] = &[
    "--quota",
    "greengrass=unlimited",
    "--quota",
    "createComponentVersion=unlimited",
    "--quota",
    "jobs=unlimited",
    "--switch",
    "componentCreationMs=0",
    "--switch",
    "jobDeletionMs=0",
    "--switch",
    "jobCountsDelayMs=0",
];

#[test]
fn every_operation_keeps_to_its_service_model() {
    let program = Program::start(ARGUMENTS);
    let counts = program.runs("contract/main.py");
    assert!(counts.ends_with("\ndone\n"), "{counts}");
    let tried: u32 = counts.lines().filter_map(|line| line.rsplit_once(' ')?.1.parse::<u32>().ok()).sum();
    // A derivation that finds no constraints finds no breach of them either.
    assert!(tried > 1000, "{counts}");
}
