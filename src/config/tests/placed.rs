//! Shipped files that are put into a home.

use super::*;

#[test]
fn init_keeps_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::choose(Some(directory.path().to_owned())).unwrap();
    std::fs::create_dir(home.policies()).unwrap();
    std::fs::write(home.policies().join("baseline.cedar"), "// mine").unwrap();
    let placed = shipped::write_out(&home).unwrap();
    assert!(
        placed
            .written
            .iter()
            .any(|file| file.ends_with("mappings/actions.yaml"))
    );
    assert!(!placed.written.iter().any(|file| file.ends_with("baseline.cedar")));
    assert!(matches!(placed.kept.as_slice(), [file] if file.ends_with("baseline.cedar")));
    assert_eq!(
        std::fs::read_to_string(home.policies().join("baseline.cedar")).unwrap(),
        "// mine"
    );
    let again = shipped::write_out(&home).unwrap();
    assert!(again.written.is_empty());
    assert_eq!(again.kept.len(), placed.written.len() + placed.kept.len());
}

#[test]
fn of_a_pack_it_is_told_which_files_are_written_and_which_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::choose(Some(directory.path().to_owned())).unwrap();
    std::fs::create_dir(home.policies()).unwrap();
    std::fs::write(home.policies().join("databases.cedar"), "// mine").unwrap();
    let placed = shipped::write_packs(&home, &["databases".to_owned()]).unwrap();
    let names = |files: &[String]| -> Vec<String> {
        let names = files.iter().map(|file| file.rsplit('/').next().unwrap().to_owned());
        names.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    };
    assert_eq!(
        names(&placed.written),
        ["databases.budgets.yaml", "pack-databases.yaml"]
    );
    assert_eq!(names(&placed.kept), ["databases.cedar"]);
    let again = shipped::write_packs(&home, &["databases".to_owned()]).unwrap();
    assert_eq!((again.written.len(), again.kept.len()), (0, 3));
    assert_eq!(
        std::fs::read_to_string(home.policies().join("databases.cedar")).unwrap(),
        "// mine"
    );
}
