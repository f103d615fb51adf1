use super::*;
use crate::io::keys::LogKey;
use crate::model::Secret;

const NAME: &str = "runplane/0123";

fn key(seed: u8) -> LogKey {
    LogKey::new(NAME, &Secret::new([seed; 32])).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: NAME.to_owned(),
        size: 42,
        root: [7; 32],
    }
}

fn verified(note: &str, keys: &[VerifierKey]) -> Result<Signed, NoteError> {
    Note::parse(note)?.verify(keys)
}

/// As the package `note` of Go's checksum database has it.
#[test]
fn keys_and_ids_are_those_of_published_ones() {
    for vkey in [
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    ] {
        let key = VerifierKey::parse(vkey).unwrap();
        assert_eq!(key.to_string(), vkey);
    }
    let key = VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    let line =
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
    let signature = Signature::parse(line).unwrap();
    assert_eq!(signature.id, key.id(Signs::Text));
    assert!(key.verifies(text.as_bytes(), &signature.bytes));
    assert!(!key.verifies(&text.as_bytes()[1..], &signature.bytes));
}

#[test]
fn a_key_with_any_other_character_is_none() {
    let vkey = key(1).public().to_string();
    for at in 0..vkey.len() {
        let mut other = vkey.clone().into_bytes();
        other[at] = if other[at] == b'x' { b'y' } else { b'x' };
        let other = String::from_utf8(other).unwrap();
        assert_eq!(VerifierKey::parse(&other), Err(NotAKey), "{other}");
    }
}

#[test]
fn a_note_is_believed_with_its_time() {
    let note = key(1).sign(&checkpoint(), 1_795_183_500);
    let signed = verified(&note, &[key(2).public().clone(), key(1).public().clone()]).unwrap();
    assert_eq!(signed.checkpoint, checkpoint());
    assert_eq!((signed.seconds, signed.by), (1_795_183_500, vec![(1, 1_795_183_500)]));
    assert_eq!(verified(&note, &[key(2).public().clone()]), Err(NoteError::Unsigned));
    assert_eq!(verified(&note, &[]), Err(NoteError::Unsigned));
}

/// Who has an old key gives a note of the new one another time.
#[test]
fn a_time_counts_for_the_key_that_signed_it() {
    let (old, new) = (key(1), key(2));
    let only = |note: String, line: usize| {
        let (text, signatures) = note.split_once("\n\n").unwrap();
        format!("{text}\n\n{}\n", signatures.lines().nth(line).unwrap())
    };
    let text = only(new.sign(&checkpoint(), 5), 0);
    let time = only(old.sign(&checkpoint(), 9), 1);
    let both = text + time.split_once("\n\n").unwrap().1;
    let keys = [old.public().clone(), new.public().clone()];
    assert_eq!(verified(&both, &keys), Err(NoteError::Timeless));
    let note = new.sign(&checkpoint(), 5) + time.split_once("\n\n").unwrap().1;
    assert_eq!(verified(&note, &keys).unwrap().by, [(1, 5)]);
}

/// What a log collects beside its own signatures changes nothing.
#[test]
fn signatures_of_others_are_passed_over() {
    let note = key(1).sign(&checkpoint(), 5) + &signature_line("witness.example/w1", [1; 4], &[9; 72]);
    verified(&note, &[key(1).public().clone()]).unwrap();
}

/// SECURITY: whoever can write the database can write any checkpoint but sign none.
#[test]
fn a_note_with_any_byte_changed_is_not_believed() {
    let note = key(1).sign(&checkpoint(), 1_795_183_500);
    let keys = [key(1).public().clone()];
    for at in 0..note.len() {
        for flip in [1, 0x20, 0x80] {
            let mut other = note.clone().into_bytes();
            other[at] ^= flip;
            let Ok(other) = String::from_utf8(other) else { continue };
            assert!(verified(&other, &keys).is_err(), "byte {at}: {other}");
        }
        if note.is_char_boundary(at) {
            assert!(verified(&note[..at], &keys).is_err(), "cut at {at}");
        }
    }
}

#[test]
fn a_note_without_its_time_or_of_another_log_is_not_believed() {
    let note = key(1).sign(&checkpoint(), 5);
    let keys = [key(1).public().clone()];
    let end = note.trim_end().rfind('\n').unwrap() + 1;
    assert_eq!(verified(&note[..end], &keys), Err(NoteError::Timeless));
    let other = Checkpoint {
        origin: "runplane/other".to_owned(),
        ..checkpoint()
    };
    assert_eq!(verified(&key(1).sign(&other, 5), &keys), Err(NoteError::OtherLog));
}

/// Another implementation, which knows nothing of ours, believes it.
#[test]
fn notes_are_believed_by_another_implementation() {
    use signed_note::{Note as Theirs, StandardVerifier, VerifierList};
    let note = key(1).sign(&checkpoint(), 5);
    let verifier = StandardVerifier::new(&key(1).public().to_string()).unwrap();
    let theirs = Theirs::from_bytes(note.as_bytes()).unwrap();
    let (verified, unknown) = theirs.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!(
        (verified.len(), unknown.len()),
        (1, 1),
        "the one with the time is of a type of its own"
    );
    let read = tlog_tiles::Checkpoint::from_bytes(theirs.text()).unwrap();
    assert_eq!((read.origin(), read.size(), read.hash().0), (NAME, 42, [7; 32]));
}

proptest::proptest! {
    #[test]
    fn no_text_is_believed(text in "(?s).{0,300}") {
        proptest::prop_assert!(verified(&text, &[key(1).public().clone()]).is_err());
    }
}
