//! What may become of an approval, asked of the second verifier.

use std::process::Command;

use serde_json::Value;

use crate::harness::{bounded, python, root, said};

/// The place of the first wrong entry of each line, by the class that reads a whole trail.
const ASK: &str = r"
import json, re, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import verify
for line in open(sys.argv[2]):
    steps = verify.Steps()
    try:
        for seq, entry in enumerate(json.loads(line)['entries'], 1):
            steps.entry(seq, entry['kind'], entry)
        steps.finish()
        print('null')
    except verify.Wrong as wrong:
        print(re.match(r'entry (\d+): ', str(wrong))[1])
";

/// The first one reads the same table in a test of its own (`what_was_spent_has_been_consented_to_before`).
#[test]
fn both_verifiers_know_the_steps_of_an_approval() {
    let table = root().join("tests/golden/steps.jsonl");
    let mut second = Command::new(python());
    second.args(["-c", ASK]).arg(root().join("tests")).arg(&table);
    let told = said(&bounded(second));
    let lines = std::fs::read_to_string(&table).unwrap();
    assert_eq!(told.lines().count(), lines.lines().count(), "{told}");
    for (told, line) in told.lines().zip(lines.lines()) {
        let expected: Value = serde_json::from_str(line).unwrap();
        assert_eq!(told, expected["wrong"].to_string(), "{line}");
    }
}
