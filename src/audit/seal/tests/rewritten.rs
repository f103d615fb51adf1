//! Who can write the database changes what is not sealed yet. Each is told, and nothing is signed or recorded after it.

use super::*;

const FORGE: &str =
    "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), 'boot', 'toob') AS BLOB) WHERE seq = 12";

async fn refused(store: &Store, sealer: &mut Sealer, entry: u64) {
    let error = sealer.seal(store).await.unwrap_err();
    assert!(
        matches!(error, SealError::Rewritten { entry: found } if found == entry),
        "{error}"
    );
    assert!(store.changed().is_some() && !store.is_writable());
    let refused = store.write(vec![Change::Append(Entry::new(Kind::Boot))]).await;
    assert!(matches!(refused, Err(CommitError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn entries_that_were_changed_before_they_were_sealed_are_not_signed() {
    let put_back = FORGE.replace("'boot', 'toob'", "'toob', 'boot'");
    for (wrong, right, entry) in [
        (FORGE, put_back.as_str(), 12),
        (
            "CREATE TABLE away AS SELECT * FROM entries WHERE seq > 13; DELETE FROM entries WHERE seq > 13",
            "INSERT INTO entries SELECT * FROM away; DROP TABLE away",
            14,
        ),
        (
            "CREATE TABLE away AS SELECT * FROM entries WHERE seq = 12; DELETE FROM entries WHERE seq = 12",
            "INSERT INTO entries SELECT * FROM away; DROP TABLE away",
            12,
        ),
    ] {
        let home = Home::new();
        let store = home.store();
        append(&store, 10).await;
        let mut sealer = home.sealer(&store).unwrap();
        let signed = sealer.seal(&store).await.unwrap();
        append(&store, 5).await;
        change(&home.path, wrong);
        refused(&store, &mut sealer, entry).await;
        // However it looks after that, this run signs nothing more.
        change(&home.path, right);
        sealer.seal(&store).await.unwrap_err();
        let last = Reader::open(&home.path).unwrap().checkpoint().unwrap().unwrap();
        assert_eq!(last.note, signed.note);
    }
}

/// Sealing fails on a row that cannot be read, its entry is changed meanwhile, and then the row can be read again.
#[tokio::test]
async fn a_seal_that_was_kept_from_happening_signs_what_was_written_and_no_other() {
    let home = Home::new();
    let store = home.store();
    append(&store, 10).await;
    let mut sealer = home.sealer(&store).unwrap();
    sealer.seal(&store).await.unwrap();
    append(&store, 5).await;
    let other = rusqlite::Connection::open(&home.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = sealer.seal(&store).await.unwrap_err();
    assert!(matches!(error, SealError::Commit(_)), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    change(&home.path, FORGE);
    refused(&store, &mut sealer, 12).await;
}

/// Nothing more is recorded then; what was written is known still.
#[tokio::test]
async fn what_is_too_much_to_be_kept_in_mind_is_held_to_what_was_written_and_signed() {
    for forged in [false, true] {
        let home = Home::new();
        let store = home.store();
        append(&store, 10).await;
        let mut sealer = home.sealer(&store).unwrap();
        sealer.seal(&store).await.unwrap();
        append(&store, 5).await;
        store.is_full();
        let refused_now = store.write(vec![Change::Append(Entry::new(Kind::Boot))]).await;
        assert!(
            matches!(refused_now, Err(CommitError::Unavailable(_))),
            "{refused_now:?}"
        );
        if forged {
            change(&home.path, FORGE);
            refused(&store, &mut sealer, 12).await;
        } else {
            assert_eq!(sealer.seal(&store).await.unwrap().size, 15);
            assert!(store.condemned().is_some() && store.changed().is_none());
        }
    }
}

/// A checkpoint that no key has signed, by another log's name, over entries that were changed and the tiles that fit them.
#[tokio::test]
async fn a_checkpoint_of_another_log_takes_no_entry_from_what_was_written() {
    let home = Home::new();
    let store = home.store();
    append(&store, 10).await;
    let mut sealer = home.sealer(&store).unwrap();
    sealer.seal(&store).await.unwrap();
    append(&store, 5).await;
    change(&home.path, FORGE);
    let mut edge = Edge::default();
    let reader = Reader::open(&home.path).unwrap();
    reader
        .behind(0, 100, |bytes| edge.push(merkle::leaf(bytes), drop))
        .unwrap();
    let other = LogKey::new("evil/log", &Secret::new([9; 32])).unwrap();
    let claims = note::Checkpoint {
        origin: "evil/log".to_owned(),
        size: 15,
        root: edge.root(),
    };
    let tile = edge.partial().next().unwrap();
    change(
        &home.path,
        &format!(
            "INSERT INTO checkpoints VALUES (2, 15, '{}'); UPDATE tiles SET hashes = x'{}'",
            other.sign(&claims, 1_795_183_500),
            hex::encode(tile.hashes.as_flattened())
        ),
    );
    // The first attempt finds its place taken, and the second reads what is there.
    sealer.sealed = None;
    refused(&store, &mut sealer, 11).await;
}

#[tokio::test]
async fn the_time_of_a_checkpoint_is_that_of_the_entry_and_not_of_its_column() {
    let home = Home::new();
    let store = home.store();
    append(&store, 3).await;
    change(&home.path, "UPDATE entries SET time = 32503680000000 WHERE seq = 3");
    let signed = home.sealed(&store).await;
    let seconds = Note::parse(&signed.note).unwrap().claimed_seconds();
    assert!(seconds < 10_000_000_000, "{seconds}");
}
