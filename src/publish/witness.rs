//! A checkpoint before a witness: C2SP tlog-witness, `add-checkpoint`. It is shown that the checkpoint continues the one that it
//! signed last, and signs it, too (C2SP tlog-cosignature): nobody can have it sign two histories, not even with the log's key.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use super::{Code, Unpublished};
use crate::audit::{self, ProveError, Signed};
use crate::io::keys::{KeyError, LastNote};
use crate::model::merkle::root_at;
use crate::model::note::{Checkpoint, Note, WitnessKey};
use crate::notify::retry_after;
use crate::store::{Reader, Store};
use crate::upstream::Errands;

const AGENT: &str = concat!("runplane/", env!("CARGO_PKG_VERSION"));
/// Of the answer that tells how far the witness is.
const SIZE: &str = "text/x.tlog.size";
/// Of an answer: some signatures.
const LONGEST: usize = 16 * 1024;
/// What the witness knows may not be what we think; asked again with what it says, it is.
const ROUNDS: usize = 3;

/// Somebody who signs what goes on from what they signed before.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Submission prefix and `/add-checkpoint`.
    pub uri: Uri,
    pub key: WitnessKey,
}

/// A witness, and what it signed.
pub(super) struct Asked {
    witness: Witness,
    /// What it signed last, with that signature.
    file: LastNote,
    /// The same, as it was read or kept.
    kept: Option<Kept>,
    /// Entries that this is over, as far as it stands by it.
    size: u64,
}

/// A checkpoint with the signature of a witness.
#[derive(Clone)]
struct Kept {
    note: String,
    claims: Checkpoint,
}

/// What an answer means.
enum Said {
    /// These lines sign it.
    Signed(String),
    /// It is elsewhere: over so many entries.
    At(u64),
}

impl Asked {
    pub(super) fn new(witness: Witness, state: &Path) -> Self {
        let file = LastNote::of_witness(state, &witness.key);
        let kept = file.read();
        if let Err(error) = &kept {
            tracing::warn!(%error, "what the witness signed last is asked of it");
        }
        let kept = kept.ok().flatten().and_then(|note| Kept::new(note, &witness.key));
        Self {
            witness,
            file,
            size: kept.as_ref().map_or(0, |kept| kept.claims.size),
            kept,
        }
    }

    pub(super) fn name(&self) -> &str {
        self.witness.key.name()
    }

    /// Has it sign, and keeps the signature.
    pub(super) async fn cosign(
        &mut self,
        errands: &Errands,
        store: &Store,
        signed: &Signed,
    ) -> Result<(), Unpublished> {
        self.forget_another_log(signed).await?;
        let mut old = self.size.min(signed.size);
        for _ in 0..ROUNDS {
            let body = body(store, self.kept.clone(), old, signed).await?;
            match self.ask(errands, body, (old, signed.size)).await? {
                Said::Signed(lines) => return self.keep(signed, &lines).await,
                Said::At(size) if size > signed.size => {
                    let why = format!(
                        "the witness says that it signed a checkpoint of this log over {size} entries, and this one is over {}: the trail \
                         was set back, or somebody else signs with its key",
                        signed.size
                    );
                    return Err(failed(Code::Ahead, why));
                }
                Said::At(size) if size < self.size => return Err(self.denied(size).await),
                Said::At(size) => old = size,
            }
        }
        let why = "how far it is changes as fast as it is asked".to_owned();
        Err(failed(Code::Refused, why))
    }

    /// A log of another name is another log to a witness. What it signed of that stays, beside what it signs of this one.
    async fn forget_another_log(&mut self, signed: &Signed) -> Result<(), Unpublished> {
        let Some(kept) = self.kept.clone().filter(|kept| !kept.is_of_the_log_of(signed)) else {
            return Ok(());
        };
        let aside = self.beside(move |file| file.keep_other(&kept.note)).await?;
        tracing::warn!(
            witness = self.name(),
            "what it signed last is of a log of another name: {aside}"
        );
        (self.kept, self.size) = (None, 0);
        Ok(())
    }

    /// Where a note is kept, in words.
    async fn beside(
        &self,
        keep: impl FnOnce(LastNote) -> Result<Option<PathBuf>, KeyError> + Send + 'static,
    ) -> Result<String, Unpublished> {
        let file = self.file.clone();
        match tokio::task::spawn_blocking(move || keep(file)).await {
            Ok(Ok(Some(path))) => Ok(format!("it is in `{}` now", path.display())),
            Ok(Ok(None)) => Ok("so many of that kind are kept already that this one is not".to_owned()),
            Ok(Err(error)) => Err(failed(Code::Unkept, error.to_string())),
            Err(error) => Err(failed(Code::Unkept, error.to_string())),
        }
    }

    /// It forgot, or was set back itself: what it signed stays, as the word against its own, and it is asked again from where it says
    /// it is. That this trail continues it is known by then.
    async fn denied(&mut self, size: u64) -> Unpublished {
        let Some(kept) = self.kept.clone() else {
            return failed(Code::Refused, format!("it says that it is at {size} entries"));
        };
        let note = kept.note;
        let aside = match self.beside(move |file| file.keep_denied(&note)).await {
            Ok(aside) => aside,
            Err(unkept) => return unkept,
        };
        self.size = size;
        let why = format!(
            "the witness is at {size} entries, and its signature is here of a checkpoint of this trail over {}: {aside}",
            kept.claims.size
        );
        failed(Code::Denied, why)
    }

    async fn ask(&self, errands: &Errands, body: String, sizes: (u64, u64)) -> Result<Said, Unpublished> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let uri = self.witness.uri.clone();
        let answered = errands.ask(uri, headers, Bytes::from(body), LONGEST).await;
        let (status, headers, content) = answered.map_err(|error| failed(Code::Unreachable, error.to_string()))?;
        judged(status, &headers, &content, sizes)
    }

    /// SECURITY: what is kept is shown to others as the witness's word, so whatever was answered is held to its key first. Test:
    /// `what_a_witness_did_not_sign_is_not_kept`.
    async fn keep(&mut self, signed: &Signed, lines: &str) -> Result<(), Unpublished> {
        let note = cosigned(&signed.note, lines, &self.witness.key).ok_or_else(|| {
            let why = format!("it answered without a signature of {} that fits", self.witness.key);
            failed(Code::Invalid, why)
        })?;
        let (file, size) = (self.file.clone(), signed.size);
        let path: PathBuf = file.path().to_owned();
        let now = Kept::new(note.clone(), &self.witness.key);
        let kept = tokio::task::spawn_blocking(move || file.keep(&note)).await;
        match kept {
            Ok(Ok(())) => {
                (self.kept, self.size) = (now, size);
                tracing::info!(witness = self.name(), entries = size, file = %path.display(), "cosigned");
                Ok(())
            }
            Ok(Err(error)) => Err(failed(Code::Unkept, error.to_string())),
            Err(error) => Err(failed(Code::Unkept, error.to_string())),
        }
    }
}

impl Kept {
    /// `None`: the witness has not signed it.
    fn new(note: String, witness: &WitnessKey) -> Option<Self> {
        // Whatever is wrong with it, it is no signature of the witness: that is asked for again.
        let parsed = Note::parse(&note).ok()?;
        let is_signed = matches!(parsed.cosigned_by(witness), Ok(Some(_)));
        let claims = parsed.claims().clone();
        is_signed.then_some(Self { note, claims })
    }

    fn is_of_the_log_of(&self, signed: &Signed) -> bool {
        signed.note.lines().next() == Some(&self.claims.origin)
    }

    /// That the trail up to the checkpoint `signed` of it continues this.
    ///
    /// SECURITY: who sets back the trail, and has the witness forget, would have its own signature look like its fault, and the shorter
    /// trail signed. Test: `a_trail_that_was_set_back_is_told_by_what_is_kept_of_a_witness_that_forgot`.
    fn continues(&self, reader: &Reader, signed: &Checkpoint) -> Result<(), Unpublished> {
        let Checkpoint { size, root, .. } = &self.claims;
        let against = |code, what: &str| {
            let why = format!(
                "the witness signed a checkpoint of this log over {size} entries, which is kept here, and {what}: the trail was set back, or \
                 copied"
            );
            Err(failed(code, why))
        };
        if signed.size < *size {
            return against(Code::Ahead, &format!("this one is over {}", signed.size));
        }
        match root_at(reader, *size) {
            Ok(found) if found == *root => Ok(()),
            Ok(_) => against(Code::Forked, "the first ones of this trail are others"),
            Err(error) => Err(failed(Code::Unproven, error.to_string())),
        }
    }
}

fn failed(code: Code, why: String) -> Unpublished {
    let wanted = None;
    Unpublished { code, why, wanted }
}

/// The request, by which the witness sees that the checkpoint continues what it has. It continues what is kept.
async fn body(store: &Store, kept: Option<Kept>, old: u64, signed: &Signed) -> Result<String, Unpublished> {
    let (store, note) = (store.clone(), signed.note.clone());
    let proven = tokio::task::spawn_blocking(move || {
        let unproven = |error: ProveError| failed(Code::Unproven, error.to_string());
        let reader = store.reader().map_err(|error| unproven(error.into()))?;
        let signed = Note::parse(&note).map_err(|error| unproven(error.into()))?;
        if let Some(kept) = kept {
            kept.continues(&reader, signed.claims())?;
        }
        audit::extension(&reader, old, &note).map_err(unproven)
    });
    match proven.await {
        Ok(proven) => proven,
        Err(error) => Err(failed(Code::Unproven, error.to_string())),
    }
}

/// What is answered to who says `old` and shows a checkpoint over `size` entries.
fn judged(
    status: StatusCode,
    headers: &HeaderMap,
    content: &[u8],
    (old, size): (u64, u64),
) -> Result<Said, Unpublished> {
    let text = std::str::from_utf8(content).unwrap_or_default();
    let refused = |why: &str| {
        Err(Unpublished {
            wanted: retry_after(headers),
            ..failed(Code::Refused, format!("it answered {status}: {why}"))
        })
    };
    let forked = |why: &str| Err(failed(Code::Forked, format!("it answered {status}: {why}")));
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    let is_size = kind.trim().eq_ignore_ascii_case(SIZE);
    let told = || text.strip_suffix('\n').unwrap_or(text).parse::<u64>().ok();
    match status.as_u16() {
        200 => Ok(Said::Signed(text.to_owned())),
        403 => {
            refused("it does not trust the key that signed: give it the public key of this log (`runplane audit key`)")
        }
        404 => refused("it does not know this log; or `url` is not its submission prefix"),
        // Whatever stands before it may answer so, too.
        409 if !is_size => refused("not as a witness says over how many entries it signed last"),
        409 => match told() {
            Some(size) if size != old => Ok(Said::At(size)),
            // It is as far as we are, and what it has is another tree; it need not say how far that is.
            _ if old == size => forked("it signed another history of the same length"),
            _ => refused("it does not say over how many other entries it signed last"),
        },
        422 => forked("this trail does not continue what it signed before"),
        300..=399 => refused("a redirect is not followed"),
        _ => refused("it took no checkpoint"),
    }
}

/// The checkpoint with the first of these lines that is this witness's signature of it.
fn cosigned(note: &str, lines: &str, witness: &WitnessKey) -> Option<String> {
    let with = lines.lines().map(|line| format!("{note}{line}\n"));
    let is_signed =
        |note: &String| Note::parse(note).is_ok_and(|note| matches!(note.cosigned_by(witness), Ok(Some(_))));
    with.into_iter().find(is_signed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::keys::LogKey;
    use crate::model::Secret;

    fn signed(log: &str, size: u64) -> Signed {
        let key = LogKey::new(log, &Secret::new([3; 32])).unwrap();
        let claims = Checkpoint {
            origin: log.to_owned(),
            size,
            root: [1; 32],
        };
        let note = key.sign(&claims, 9);
        Signed { size, note }
    }

    /// It is the word of that witness against who sets that log back.
    #[tokio::test]
    async fn what_a_witness_signed_of_a_log_of_another_name_stays() {
        let state = tempfile::tempdir().unwrap();
        let key = WitnessKey::parse("witness.test/w1+849f66ac+BPoeK328TZVdpLmiSWs4dSVsRomRKn6jKgjBDVFlPTdn").unwrap();
        let uri = Uri::from_static("https://witness.test/add-checkpoint");
        let mut asked = Asked::new(Witness { uri, key }, state.path());
        let other = signed("runplane/other", 7);
        asked.file.keep(&other.note).unwrap();
        asked.kept = Some(Kept {
            claims: Note::parse(&other.note).unwrap().claims().clone(),
            note: other.note.clone(),
        });
        asked.size = 7;
        assert!(asked.forget_another_log(&signed("runplane/other", 9)).await.is_ok());
        assert_eq!(asked.size, 7, "it goes on from there");
        assert!(asked.forget_another_log(&signed("runplane/test", 3)).await.is_ok());
        assert_eq!((asked.size, asked.kept.is_some()), (0, false));
        asked.file.keep(&signed("runplane/test", 3).note).unwrap();
        let aside = asked.file.path().with_file_name(format!(
            "{}.other-7-0101010101010101",
            asked.file.path().file_name().unwrap().to_str().unwrap()
        ));
        assert_eq!(std::fs::read_to_string(aside).unwrap(), other.note);
    }

    /// What comes of an answer to who says `old 7` and shows a checkpoint over `size`.
    fn of(status: u16, kind: &'static str, content: &str, size: u64) -> Result<u64, Code> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let status = StatusCode::from_u16(status).unwrap();
        match judged(status, &headers, content.as_bytes(), (7, size)) {
            Ok(Said::Signed(_)) => Ok(0),
            Ok(Said::At(size)) => Ok(size),
            Err(unpublished) => Err(unpublished.code),
        }
    }

    #[test]
    fn a_witness_says_by_409_how_far_it_is_or_that_it_has_another_history() {
        assert_eq!(of(409, SIZE, "5\n", 9), Ok(5));
        assert_eq!(of(409, SIZE, "12\n", 9), Ok(12));
        assert_eq!(of(409, SIZE, "7\n", 7), Err(Code::Forked), "as far, and another tree");
        for (kind, content) in [
            ("text/plain", "5\n"),
            (SIZE, ""),
            (SIZE, "five\n"),
            (SIZE, "-5\n"),
            (SIZE, "7\n"),
            (SIZE, "99999999999999999999\n"),
        ] {
            assert_eq!(of(409, kind, content, 9), Err(Code::Refused), "{kind} {content}");
        }
    }

    #[test]
    fn that_histories_of_one_length_part_is_told_without_a_size() {
        assert_eq!(of(409, SIZE, "", 7), Err(Code::Forked));
        assert_eq!(of(409, "Text/X.tlog.size; charset=utf-8", "", 7), Err(Code::Forked));
        for kind in ["text/plain", "text/html", "text/x.tlog.sizes", ""] {
            assert_eq!(of(409, kind, "", 7), Err(Code::Refused), "not of a witness: {kind}");
        }
        assert_eq!(of(409, SIZE, "12\n", 7), Ok(12), "it is elsewhere");
        assert_eq!(of(409, SIZE, "", 9), Err(Code::Refused), "it says nothing");
    }

    #[test]
    fn a_witness_says_when_to_come_again() {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::RETRY_AFTER, HeaderValue::from_static("120"));
        let judged = judged(StatusCode::TOO_MANY_REQUESTS, &headers, b"", (7, 9));
        let wanted = judged.err().and_then(|unpublished| unpublished.wanted);
        assert_eq!(wanted, Some(std::time::Duration::from_secs(120)));
    }

    #[test]
    fn other_answers_are_errors_of_the_place_but_for_a_proof_that_does_not_hold() {
        assert_eq!(of(422, "text/plain", "", 9), Err(Code::Forked));
        for status in [201, 204, 301, 307, 400, 403, 404, 429, 500, 503] {
            assert_eq!(of(status, "text/plain", "", 9), Err(Code::Refused), "{status}");
        }
    }
}
