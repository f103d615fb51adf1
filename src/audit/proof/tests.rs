use super::*;
use crate::audit::Sealer;
use crate::io::keys::{LastNote, LogKey};
use crate::model::entry::{Entry, Kind};
use crate::model::{Change, Secret};
use crate::store::Store;

fn key() -> LogKey {
    LogKey::new("runplane/test", &Secret::new([3; 32])).unwrap()
}

/// A trail of sealed entries, and the checkpoint after each part of it.
async fn trail(directory: &std::path::Path, parts: &[u32]) -> (Evidence, Reader, Vec<String>) {
    let path = directory.join("state").join("runplane.db");
    let store = Store::open(&path).unwrap();
    let mut sealer = Sealer::open(&store, key(), LastNote::of(directory), false).unwrap();
    let mut notes = Vec::new();
    for part in parts {
        for _ in 0..*part {
            store.later(vec![Change::Append(Entry::new(Kind::Boot))]);
        }
        store.flush().await.unwrap();
        notes.push(sealer.seal(&store).await.unwrap().note);
    }
    drop(store);
    (Evidence::open(&path).unwrap(), Reader::open(&path).unwrap(), notes)
}

#[tokio::test]
async fn every_entry_is_proven_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let (evidence, reader, _) = trail(directory.path(), &[40, 260]).await;
    let keys = [key().public().clone()];
    for seq in [1, 2, 40, 41, 256, 257, 299, 300] {
        let text = prove(&evidence, &reader, seq).unwrap().to_string();
        let proof = Proof::parse(&text).unwrap();
        let (entry, signed) = proof.verify(&keys).unwrap();
        assert!(String::from_utf8_lossy(entry).contains(&format!("\"seq\":{seq},")));
        assert_eq!((proof.seq(), signed.checkpoint.size), (seq, 300));
    }
    for seq in [0, 301, u64::MAX] {
        assert!(prove(&evidence, &reader, seq).is_err(), "{seq}");
    }
}

#[tokio::test]
async fn a_proof_with_any_byte_changed_proves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (evidence, reader, _) = trail(directory.path(), &[5]).await;
    let text = prove(&evidence, &reader, 3).unwrap().to_string();
    let keys = [key().public().clone()];
    for at in 0..text.len() {
        let mut other = text.clone().into_bytes();
        other[at] ^= 1;
        let Ok(other) = String::from_utf8(other) else { continue };
        let holds = Proof::parse(&other).is_ok_and(|proof| proof.verify(&keys).is_ok());
        assert!(!holds, "byte {at}: {other}");
    }
}

#[tokio::test]
async fn no_proof_is_made_of_an_entry_that_was_changed() {
    let directory = tempfile::tempdir().unwrap();
    drop(trail(directory.path(), &[5]).await);
    let path = directory.path().join("state").join("runplane.db");
    let change = "DROP TRIGGER entries_stay;
        UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), 'boot', 'toob') AS BLOB) WHERE seq = 3";
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(change)
        .unwrap();
    let (evidence, reader) = (Evidence::open(&path).unwrap(), Reader::open(&path).unwrap());
    let error = prove(&evidence, &reader, 3).unwrap_err();
    assert!(matches!(error, ProveError::Changed(3)), "{error}");
    prove(&evidence, &reader, 2).unwrap();
}

#[tokio::test]
async fn an_entry_without_a_checkpoint_is_not_proven() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state").join("runplane.db");
    let store = Store::open(&path).unwrap();
    store.write(vec![Change::Append(Entry::new(Kind::Boot))]).await.unwrap();
    let (evidence, reader) = (Evidence::open(&path).unwrap(), Reader::open(&path).unwrap());
    let error = prove(&evidence, &reader, 1).unwrap_err();
    assert!(matches!(error, ProveError::NotSealed(1)), "{error}");
}

#[tokio::test]
async fn a_checkpoint_continues_the_one_before_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let (_evidence, reader, notes) = trail(directory.path(), &[40, 260, 1]).await;
    let text = consistency(&reader, &notes[0], None).unwrap();
    assert!(text.starts_with("old 40\n") && text.ends_with(&notes[2]), "{text}");
    consistency(&reader, &notes[1], Some(&notes[2])).unwrap();
    let reversed = consistency(&reader, &notes[2], Some(&notes[0])).unwrap_err();
    assert!(
        matches!(reversed, ProveError::Reversed { old: 301, new: 40 }),
        "{reversed}"
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let (_evidence, other, others) = trail(elsewhere.path(), &[50]).await;
    let error = consistency(&reader, &others[0], None).unwrap_err();
    assert!(matches!(error, ProveError::Inconsistent), "{error}");
    let error = consistency(&other, &notes[0], Some(&notes[2])).unwrap_err();
    assert!(matches!(error, ProveError::Longer { size: 301, found: 50 }), "{error}");
}
