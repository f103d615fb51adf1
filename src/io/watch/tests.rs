//! With real directories and the system's own events.

use std::fs;
use std::io::Write;

use super::*;

/// A parent with one directory of the two.
fn home() -> (tempfile::TempDir, Watch) {
    let home = tempfile::tempdir().unwrap();
    let [one, two] = ["mappings", "policies"].map(|name| home.path().join(name));
    fs::create_dir(&one).unwrap();
    let watch = Watch::start(home.path(), vec![one, two]).unwrap();
    (home, watch)
}

async fn settles(watch: &mut Watch, within: Duration) -> bool {
    tokio::time::timeout(within, watch.settled()).await.is_ok()
}

const SOON: Duration = Duration::from_secs(5);
const A_WHILE: Duration = Duration::from_millis(1_500);

#[tokio::test]
async fn a_file_written_renamed_or_removed_is_noticed() {
    let (home, mut watch) = home();
    let file = home.path().join("mappings/a.yaml");
    fs::write(&file, "1").unwrap();
    assert!(settles(&mut watch, SOON).await);
    fs::write(home.path().join("aside"), "2").unwrap();
    fs::rename(home.path().join("aside"), &file).unwrap();
    assert!(settles(&mut watch, SOON).await);
    fs::remove_file(&file).unwrap();
    assert!(settles(&mut watch, SOON).await);
}

#[tokio::test]
async fn reading_and_the_parents_other_files_are_no_changes() {
    let (home, mut watch) = home();
    let file = home.path().join("mappings/a.yaml");
    fs::write(&file, "1").unwrap();
    assert!(settles(&mut watch, SOON).await);
    fs::read(&file).unwrap();
    fs::read_dir(home.path().join("mappings")).unwrap().count();
    fs::write(home.path().join("runplane.yaml"), "x").unwrap();
    assert!(!settles(&mut watch, A_WHILE).await);
}

#[tokio::test]
async fn a_directory_that_comes_later_or_is_replaced_is_followed() {
    let (home, mut watch) = home();
    let policies = home.path().join("policies");
    fs::create_dir(&policies).unwrap();
    assert!(settles(&mut watch, SOON).await);
    watch.follow();
    fs::write(policies.join("a.cedar"), "1").unwrap();
    assert!(settles(&mut watch, SOON).await);
    fs::rename(&policies, home.path().join("old")).unwrap();
    fs::create_dir(&policies).unwrap();
    assert!(settles(&mut watch, SOON).await);
    watch.follow();
    fs::write(policies.join("a.cedar"), "2").unwrap();
    assert!(settles(&mut watch, SOON).await);
}

/// A directory as Kubernetes mounts it: files are links through `..data`, which is renamed.
#[cfg(unix)]
#[tokio::test]
async fn a_link_that_is_renamed_is_noticed() {
    use std::os::unix::fs::symlink;
    let (home, mut watch) = home();
    let mappings = home.path().join("mappings");
    fs::create_dir(mappings.join("..1")).unwrap();
    fs::write(mappings.join("..1/a.yaml"), "1").unwrap();
    symlink("..1", mappings.join("..data")).unwrap();
    symlink("..data/a.yaml", mappings.join("a.yaml")).unwrap();
    assert!(settles(&mut watch, SOON).await);
    fs::create_dir(mappings.join("..2")).unwrap();
    fs::write(mappings.join("..2/a.yaml"), "2").unwrap();
    symlink("..2", mappings.join("..data_tmp")).unwrap();
    assert!(settles(&mut watch, SOON).await);
    fs::rename(mappings.join("..data_tmp"), mappings.join("..data")).unwrap();
    assert!(settles(&mut watch, SOON).await);
}

/// Replaced as git does it: removed, made anew, and written a while after.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_was_made_and_holds_nothing_yet_is_waited_for() {
    let (home, mut watch) = home();
    let path = home.path().join("mappings/a.yaml");
    fs::write(&path, "1").unwrap();
    assert!(settles(&mut watch, SOON).await);
    fs::remove_file(&path).unwrap();
    let mut file = fs::File::create(&path).unwrap();
    assert!(!settles(&mut watch, A_WHILE).await);
    assert!(watch.is_unsettled(), "what was given up waiting for is not forgotten");
    file.write_all(b"2").unwrap();
    drop(file);
    assert!(settles(&mut watch, SOON).await);
    assert!(!watch.is_unsettled());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_still_being_written_is_waited_for() {
    let (home, mut watch) = home();
    let mut file = fs::File::create(home.path().join("mappings/a.yaml")).unwrap();
    file.write_all(b"half").unwrap();
    assert!(!settles(&mut watch, A_WHILE).await);
    file.write_all(b" and half").unwrap();
    drop(file);
    assert!(settles(&mut watch, SOON).await);
}
