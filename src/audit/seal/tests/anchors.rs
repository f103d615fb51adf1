//! A trail held against what was published of it, and what is published over.

use super::*;
use crate::audit::{Held, PublishError, RollbackError};

#[tokio::test]
async fn a_trail_that_was_set_back_is_not_gone_on_with() {
    let home = Home::new();
    let store = home.store();
    let mut anchor = home.anchor();
    append(&store, 20).await;
    let mut sealer = home.sealer(&store).unwrap();
    let hold = |sealer: &Sealer, store: &Store| home.anchor().hold(sealer, &store.reader().unwrap(), store.entries());
    assert_eq!(hold(&sealer, &store).unwrap(), Held::Nothing);
    let early = sealer.seal(&store).await.unwrap();
    drop((sealer, store));
    let kept = home.directory.path().join("yesterday.db");
    std::fs::copy(&home.path, &kept).unwrap();
    let store = home.store();
    let mut sealer = home.sealer(&store).unwrap();
    append(&store, 20).await;
    let late = sealer.seal(&store).await.unwrap();
    for published in [&early, &late] {
        anchor.publish(&published.note).unwrap();
        let held = hold(&sealer, &store).unwrap();
        assert!(
            matches!(held, Held::Against { size, .. } if size == published.size),
            "{held}"
        );
    }
    drop((sealer, store));
    let _removed = std::fs::remove_file(home.path.with_extension("db-wal"));
    std::fs::copy(&kept, &home.path).unwrap();
    // With all that lies beside it.
    home.last().keep(&early.note).unwrap();
    let store = home.store();
    let sealer = home.sealer(&store).unwrap();
    let error = hold(&sealer, &store).unwrap_err();
    assert!(
        matches!(
            error,
            RollbackError::Older {
                anchored: 40,
                found: 20,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.is_acceptable());
    // Grown again as far, it is another trail.
    append(&store, 30).await;
    let error = hold(&sealer, &store).unwrap_err();
    assert!(matches!(error, RollbackError::Another { anchored: 40, .. }), "{error}");
}

#[tokio::test]
async fn the_file_of_another_is_never_written_over() {
    let home = Home::new();
    let store = home.store();
    append(&store, 3).await;
    let mut sealer = home.sealer(&store).unwrap();
    let mut anchor = home.anchor();
    let other = LogKey::new(NAME, &Secret::new([4; 32])).unwrap();
    let signed = sealer.seal(&store).await.unwrap();
    let of_other = other.sign(Note::parse(&signed.note).unwrap().claims(), 5);
    let foreign = [
        of_other.as_bytes(),
        b"",
        b"Dear diary\n",
        b"SQLite\0\xff",
        &signed.note.as_bytes()[..20],
    ];
    for foreign in foreign {
        std::fs::write(anchor.file(), foreign).unwrap();
        let error = anchor.hold(&sealer, &store.reader().unwrap(), 3).unwrap_err();
        assert!(
            matches!(error, RollbackError::Foreign { .. }) && !error.is_acceptable(),
            "{error}"
        );
        assert!(matches!(anchor.publish(&signed.note), Err(PublishError::Changed)));
        assert_eq!(std::fs::read(anchor.file()).unwrap(), foreign);
    }
    let mut nowhere = Anchor::new(home.directory.path().to_owned(), home.state()).unwrap();
    let held = nowhere.hold(&sealer, &store.reader().unwrap(), 3).unwrap();
    assert!(matches!(held, Held::Unreadable(_)), "{held}");
    assert!(nowhere.publish(&signed.note).is_err());
}

#[tokio::test]
async fn nothing_is_published_over_what_the_trail_was_not_held_against() {
    let home = Home::new();
    let store = home.store();
    append(&store, 3).await;
    let mut sealer = home.sealer(&store).unwrap();
    let mut anchor = home.anchor();
    let first = sealer.seal(&store).await.unwrap();
    append(&store, 1).await;
    let second = sealer.seal(&store).await.unwrap();
    anchor.publish(&first.note).unwrap();
    let file = anchor.file().to_owned();
    // Of this key, and unknown all the same.
    std::fs::write(&file, &second.note).unwrap();
    assert!(matches!(anchor.publish(&first.note), Err(PublishError::Changed)));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), second.note);
    std::fs::remove_file(&file).unwrap();
    anchor.publish(&second.note).unwrap();
    let elsewhere = home.directory.path().join("elsewhere");
    std::fs::rename(&file, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    assert!(matches!(anchor.publish(&first.note), Err(PublishError::Changed)));
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), second.note);
    assert!(matches!(Anchor::new(file, home.state()), Err(RollbackError::Link(_))));
}

#[test]
fn no_checkpoint_is_put_beside_the_trail() {
    let home = Home::new();
    let store = home.store();
    let around = home.directory.path().join("around");
    std::os::unix::fs::symlink(home.state(), &around).unwrap();
    for file in [home.path.clone(), home.state().join("a"), around.join("a")] {
        let error = Anchor::new(file, home.state()).unwrap_err();
        assert!(matches!(error, RollbackError::Beside(_)), "{error}");
    }
    drop(store);
}
