//! Proofs that stand alone: that an entry is in the trail (C2SP tlog-proof), and that one checkpoint continues another (the
//! body by which C2SP tlog-witness is asked to sign one).

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::model::Timestamp;
use crate::model::merkle::{self, Hash};
use crate::model::note::{self, Note, NoteError, Signed, VerifierKey};
use crate::store::{Evidence, OpenError, ReadError, Reader};

#[cfg(test)]
mod tests;

/// The first line of a proof of an entry.
pub const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// An entry, and that the trail has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Its place, the first being 0.
    index: u64,
    /// Its bytes, as `extra`: they are what is proven, and can be read from the file.
    entry: Vec<u8>,
    path: Vec<Hash>,
    note: String,
}

/// Why nothing was proven.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("there is no entry {0}")]
    NoEntry(u64),
    #[error("entry {seq} was pruned on {time}, as entry {by} says: its hash is there, and nothing else of it")]
    Pruned { seq: u64, time: Timestamp, by: i64 },
    #[error(
        "no checkpoint is over entry {0} yet; one comes within ten seconds while the sidecar runs, and when it starts"
    )]
    NotSealed(u64),
    #[error("the checkpoint is over {size} entries, and the tree has {found}")]
    Longer { size: u64, found: u64 },
    #[error("the older checkpoint is over {old} entries, the newer over {new}: give the older one first")]
    Reversed { old: u64, new: u64 },
    #[error("this trail does not continue the checkpoints: it is another one, or it was changed")]
    Inconsistent,
    #[error(
        "entry {0}, or the tree, is not what the last checkpoint was signed over: `runplane audit verify` tells what was changed"
    )]
    Changed(u64),
    #[error("entry {seq} {why}")]
    NoValue { seq: u64, why: String },
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("it is no proof (C2SP tlog-proof) with its entry")]
    Malformed,
    #[error("its checkpoint: {0}")]
    Note(#[from] NoteError),
    #[error("its hashes do not lead from the entry to the checkpoint")]
    NotIncluded,
    #[error("its value is not what the entry commits to")]
    NotCommitted,
}

/// Proves the entry `seq` (the first is 1) by the last checkpoint of the database.
///
/// # Errors
/// If there is none, or no checkpoint over it.
pub fn prove(evidence: &Evidence, reader: &Reader, seq: u64) -> Result<Proof, ProveError> {
    let place = i64::try_from(seq).map_err(|_| ProveError::NoEntry(seq))?;
    let Some((entry, _)) = evidence.entry(place)? else {
        return Err(match reader.gone()?.filter(|gone| (1..=gone.upto).contains(&place)) {
            None => ProveError::NoEntry(seq),
            Some(gone) => {
                let by = reader.bare(gone.by, 1)?.into_iter().next();
                let time = by.map_or(Timestamp(0), |by| by.time);
                ProveError::Pruned { seq, time, by: gone.by }
            }
        });
    };
    let checkpoint = reader.checkpoint()?.filter(|last| (1..=last.size).contains(&seq));
    let checkpoint = checkpoint.ok_or(ProveError::NotSealed(seq))?;
    let proof = Proof {
        index: seq - 1,
        entry,
        path: merkle::inclusion(reader, seq - 1, checkpoint.size)?,
        note: checkpoint.note,
    };
    match proof.leads_to(Note::parse(&proof.note)?.claims()) {
        true => Ok(proof),
        false => Err(ProveError::Changed(seq)),
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        writeln!(f, "extra {}", BASE64_STANDARD.encode(&self.entry))?;
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", BASE64_STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.note)
    }
}

impl Proof {
    /// # Errors
    /// If it is anything else than what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let read = || {
            let (head, note) = text.split_once("\n\n")?;
            let mut lines = head.strip_prefix(HEADER)?.strip_prefix('\n')?.lines();
            let entry = BASE64_STANDARD.decode(lines.next()?.strip_prefix("extra ")?).ok()?;
            let index = lines.next()?.strip_prefix("index ")?.parse().ok()?;
            let path: Option<Vec<Hash>> = lines.map(note::hash).collect();
            Some(Self {
                index,
                entry,
                path: path?,
                note: note.to_owned(),
            })
        };
        read()
            .filter(|proof| proof.to_string() == text)
            .ok_or(ProofError::Malformed)
    }

    /// The entry's bytes, once the proof holds by one of `keys`.
    ///
    /// # Errors
    /// If it does not.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<(&[u8], Signed), ProofError> {
        let signed = Note::parse(&self.note)?.verify(keys)?;
        match self.leads_to(&signed.checkpoint) {
            true => Ok((&self.entry, signed)),
            false => Err(ProofError::NotIncluded),
        }
    }

    fn leads_to(&self, checkpoint: &note::Checkpoint) -> bool {
        let leaf = merkle::leaf(&self.entry);
        merkle::is_included(self.index, &leaf, &self.path, checkpoint.size, &checkpoint.root)
    }

    /// Its bytes, as nobody has verified them yet.
    pub(super) fn entry(&self) -> &[u8] {
        &self.entry
    }

    /// The entry's place; the first is 1.
    pub fn seq(&self) -> u64 {
        self.index.saturating_add(1)
    }
}

/// Proves that the tree of the checkpoint `old` is the beginning of that of `new`, or of the last one of the database: as the
/// body of a request to a C2SP witness, `old SIZE`, the hashes, an empty line and the newer checkpoint.
///
/// # Errors
/// If this trail is not the one of both.
pub fn consistency(reader: &Reader, old: &str, new: Option<&str>) -> Result<String, ProveError> {
    let last = reader.checkpoint()?;
    let found = last.as_ref().map_or(0, |last| last.size);
    let new = match (new, last) {
        (Some(new), _) => new.to_owned(),
        (None, Some(last)) => last.note,
        (None, None) => return Err(ProveError::NotSealed(1)),
    };
    let (claims, newer) = (Note::parse(old)?, Note::parse(&new)?);
    let (claims, newer) = (claims.claims(), newer.claims());
    let (old, size) = (claims.size, newer.size);
    if old > size {
        return Err(ProveError::Reversed { old, new: size });
    }
    if size > found {
        return Err(ProveError::Longer { size, found });
    }
    let proof = merkle::consistency(reader, old, size)?;
    let roots = (merkle::root_at(reader, old)?, merkle::root_at(reader, size)?);
    let holds = merkle::is_consistent((old, &claims.root), (size, &newer.root), &proof);
    if !holds || roots != (claims.root, newer.root) || claims.origin != newer.origin {
        return Err(ProveError::Inconsistent);
    }
    Ok(asking(old, &proof, &new))
}

/// Asks a witness that signed over `old` entries last to sign the checkpoint `new` of this trail, too: the same body.
///
/// # Errors
/// If this trail is not the one of the checkpoint, or is shorter than `old`.
pub fn extension(reader: &Reader, old: u64, new: &str) -> Result<String, ProveError> {
    let note = Note::parse(new)?;
    let newer = note.claims();
    if old > newer.size {
        return Err(ProveError::Reversed { old, new: newer.size });
    }
    let proof = merkle::consistency(reader, old, newer.size)?;
    let root = merkle::root_at(reader, old)?;
    match merkle::is_consistent((old, &root), (newer.size, &newer.root), &proof) {
        true => Ok(asking(old, &proof, new)),
        false => Err(ProveError::Inconsistent),
    }
}

fn asking(old: u64, proof: &[Hash], new: &str) -> String {
    let hashes: String = proof.iter().map(|hash| BASE64_STANDARD.encode(hash) + "\n").collect();
    format!("old {old}\n{hashes}\n{new}")
}
