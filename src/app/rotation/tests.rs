use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::authority;

/// A home with a CA that is to take over at once, and whoever has it do so.
fn due() -> (TempDir, Rotations) {
    let home = TempDir::new().unwrap();
    let store = Store::open(&home.path().join("state/runplane.db")).unwrap();
    let certs = home.path().join("certs");
    let authority = Arc::new(Authority::load_or_create(&certs).unwrap());
    authority::rotate(&certs, Duration::ZERO).unwrap();
    let rotations = Rotations::new(authority, store, certs.join("public"));
    (home, rotations)
}

#[tokio::test]
async fn one_whose_key_others_may_read_is_told_once_and_never_recorded_as_in_force() {
    let (home, mut rotations) = due();
    let key = home.path().join("certs/next/ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(rotations.look().await.unwrap().contains("CA REFUSED"));
    assert_eq!(rotations.look().await, None);
    assert_eq!(rotations.store.entries(), 0);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(rotations.look().await.unwrap().contains("signs from now on"));
    assert_eq!(rotations.store.entries(), 1);
}

#[tokio::test]
async fn a_takeover_that_fails_is_told_once_and_recorded_when_it_has_happened() {
    let (home, mut rotations) = due();
    let old = rotations.authority.certificate();
    // No file is put in the place of a directory.
    let key = home.path().join("certs/ca.key");
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    assert!(rotations.look().await.unwrap().contains("CA REFUSED"));
    for _ in 0..3 {
        assert_eq!(rotations.look().await, None);
    }
    assert_eq!(rotations.authority.certificate(), old);
    assert_eq!(rotations.store.entries(), 0);
    fs::remove_dir(&key).unwrap();
    assert!(rotations.look().await.unwrap().contains("signs from now on"));
    assert_eq!(rotations.store.entries(), 1);
    assert_ne!(rotations.authority.certificate(), old);
}

/// SECURITY: whoever signs for agents is in the trail before it does, also where it is not the first try.
#[tokio::test]
async fn a_takeover_that_cannot_be_recorded_does_not_count_until_it_is() {
    let (home, mut rotations) = due();
    let old = rotations.authority.certificate();
    let key = home.path().join("certs/ca.key");
    fs::rename(&key, home.path().join("key")).unwrap();
    fs::create_dir(&key).unwrap();
    assert!(rotations.look().await.unwrap().contains("CA REFUSED"));
    fs::remove_dir(&key).unwrap();
    let (database, away) = (home.path().join("state/runplane.db"), home.path().join("away.db"));
    fs::rename(&database, &away).unwrap();
    for _ in 0..2 {
        rotations.look().await;
        assert_eq!(rotations.authority.certificate(), old);
    }
    fs::rename(&away, &database).unwrap();
    let until = std::time::Instant::now() + Duration::from_secs(60);
    // The trail goes on by itself, in a moment.
    while rotations.authority.certificate() == old {
        assert!(std::time::Instant::now() < until);
        rotations.look().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rotations.look().await, None);
}
