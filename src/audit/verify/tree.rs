//! The tree and its checkpoints, grown once more from the entries and held against what is kept and what was signed.

use super::clock::Clock;
use super::keys::Turns;
use super::{Findings, Place};
use crate::model::merkle::{self, Edge, Hash, TILE};
use crate::model::note::{Note, NoteError, Signed, VerifierKey};
use crate::store::{Evidence, Line, Lines, ReadError, Table};

const RETIRED: &str = "it is signed by a key alone that signed no more by then, as an entry before it says";

/// A checkpoint that the entries were held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub size: u64,
    /// When it was signed, in seconds since 1970.
    pub seconds: u64,
}

pub(super) struct Tree<'q> {
    evidence: &'q Evidence,
    keys: &'q [VerifierKey],
    rows: Lines<'q>,
    /// The checkpoint that comes next, with its ordinal.
    next: Option<(i64, Signed)>,
    ordinal: i64,
    pub(super) count: u64,
    first: Option<Point>,
    pub(super) last: Option<Point>,
    published: Option<Signed>,
    /// Entries that tiles and checkpoints are over, as the table says.
    pub(super) sealed: u64,
    edge: Edge,
    /// The tree as the tiles have it, where they differ from the entries.
    kept: Option<Edge>,
    differing: Vec<u64>,
    /// A root did not fit: none of the later ones can.
    lost: bool,
    /// A tile is missing or cut; that is told once.
    lacking: bool,
    tile: Vec<Hash>,
    /// Which it is.
    tile_of: Option<u64>,
    clock: Clock,
    pub(super) turns: Turns,
}

impl<'q> Tree<'q> {
    pub(super) fn new(
        evidence: &'q Evidence,
        keys: &'q [VerifierKey],
        rows: Lines<'q>,
        published: Option<Signed>,
        sealed: u64,
        findings: &mut Findings,
    ) -> Result<Self, ReadError> {
        let mut tree = Self {
            evidence,
            keys,
            rows,
            next: None,
            ordinal: 0,
            count: 0,
            first: None,
            last: None,
            published,
            sealed,
            edge: Edge::default(),
            kept: None,
            differing: Vec::new(),
            lost: false,
            lacking: false,
            tile: Vec::new(),
            tile_of: None,
            clock: Clock::default(),
            turns: Turns::default(),
        };
        tree.read_next(findings)?;
        tree.hold(findings)?;
        Ok(tree)
    }

    pub(super) fn size(&self) -> u64 {
        self.edge.size()
    }

    /// An entry whose row is not there: the tree goes on with what its tile has.
    pub(super) fn missing(&mut self, findings: &mut Findings) -> Result<bool, ReadError> {
        self.turn_tile()?;
        let Some(hash) = self.in_tile() else {
            self.lost = true;
            return Ok(false);
        };
        self.push(hash, hash, findings)?;
        Ok(true)
    }

    /// An entry of which the hash alone is there, as another says.
    pub(super) fn pruned(&mut self, hash: Hash, findings: &mut Findings) -> Result<(), ReadError> {
        self.clock.pruned();
        self.push(hash, hash, findings)
    }

    /// The next entry.
    pub(super) fn entry(&mut self, entry: (u64, i64, &str, &[u8]), findings: &mut Findings) -> Result<(), ReadError> {
        let (seq, _, _, bytes) = entry;
        let sealed = self.last.map_or(0, |last| last.seconds);
        self.clock.entry(entry, sealed, findings);
        self.turn_tile()?;
        let hash = merkle::leaf(bytes);
        let kept = self.in_tile().unwrap_or(hash);
        if kept != hash {
            self.differing.push(seq);
            self.kept.get_or_insert_with(|| self.edge.clone());
        } else if seq <= self.sealed && self.in_tile().is_none() && !self.lacking {
            self.lacking = true;
            let place = Place::Tile(0, (seq - 1) / 256);
            findings.add(
                place,
                &format!("it lacks the hash of entry {seq}: it is missing, or cut"),
            );
        }
        self.push(hash, kept, findings)
    }

    /// What is kept of the tile of the next entry.
    fn turn_tile(&mut self) -> Result<(), ReadError> {
        let index = self.edge.size() / 256;
        if self.tile_of != Some(index) {
            (self.tile, self.tile_of) = (self.evidence.tile(0, index)?, Some(index));
        }
        Ok(())
    }

    fn in_tile(&self) -> Option<Hash> {
        let at = usize::try_from(self.edge.size() % 256).unwrap_or(TILE);
        let sealed = self.edge.size() < self.sealed;
        self.tile.get(at).copied().filter(|_| sealed)
    }

    fn push(&mut self, hash: Hash, kept: Hash, findings: &mut Findings) -> Result<(), ReadError> {
        if let Some(edge) = &mut self.kept {
            edge.push(kept, drop);
        }
        let mut full = Vec::new();
        self.edge.push(hash, |tile| full.push(tile));
        if !self.lost && self.kept.is_none() {
            for tile in full.into_iter().filter(|tile| tile.level > 0) {
                self.same_tile(&tile, findings)?;
            }
        }
        if self.edge.size() == self.sealed && !self.lost && self.kept.is_none() {
            let partial: Vec<_> = self.edge.partial().collect();
            for tile in partial {
                self.same_tile(&tile, findings)?;
            }
        }
        self.hold(findings)
    }

    fn same_tile(&self, tile: &merkle::Tile, findings: &mut Findings) -> Result<(), ReadError> {
        if self.evidence.tile(tile.level, tile.index)? != tile.hashes {
            let place = Place::Tile(i64::from(tile.level), tile.index);
            findings.add(place, "it does not hold the hashes of what is below it");
        }
        Ok(())
    }

    /// Holds the tree against all checkpoints that are over as many entries.
    fn hold(&mut self, findings: &mut Findings) -> Result<(), ReadError> {
        while let Some((ordinal, mut signed)) = self.next.take_if(|(_, next)| next.checkpoint.size <= self.edge.size())
        {
            let place = Place::Checkpoint(ordinal);
            let Some(seconds) = self.turns.believed(&signed, self.keys) else {
                findings.add(place, RETIRED);
                self.read_next(findings)?;
                continue;
            };
            signed.seconds = seconds;
            if signed.checkpoint.size < self.edge.size() {
                findings.add(place.clone(), "it is over fewer entries than the one before");
            } else {
                self.fits(&signed, &place, findings);
            }
            let before = self.last.map(|last| last.seconds);
            self.clock
                .checkpoint(&signed, before, self.edge.size(), place, findings);
            let point = Point {
                size: signed.checkpoint.size,
                seconds: signed.seconds,
            };
            self.first.get_or_insert(point);
            self.last = Some(point);
            self.read_next(findings)?;
        }
        let due = |published: &mut Signed| published.checkpoint.size == self.edge.size();
        if let Some(published) = self.published.take_if(due) {
            match self.turns.believed(&published, self.keys) {
                Some(_) => self.fits(&published, &Place::Published, findings),
                None => findings.add(Place::Published, RETIRED),
            }
        }
        Ok(())
    }

    /// Whether a checkpoint was signed over these entries; and if not, which of them or their hashes were changed.
    fn fits(&mut self, signed: &Signed, place: &Place, findings: &mut Findings) {
        if self.lost {
            return;
        }
        let root = signed.checkpoint.root;
        let (first, last) = (self.last.map_or(1, |last| last.size + 1), signed.checkpoint.size);
        let differing = std::mem::take(&mut self.differing);
        if self.edge.root() == root {
            self.kept = None;
            for seq in differing {
                findings.add(
                    Place::Tile(0, (seq - 1) / 256),
                    &format!("the hash of entry {seq} was changed; the entry is as it was signed"),
                );
            }
        } else if self.kept.as_ref().is_some_and(|kept| kept.root() == root) {
            for seq in differing {
                findings.add(
                    Place::Entry(seq),
                    "it is not what was signed: it was changed, or another was put in its place",
                );
            }
            self.edge = self.kept.take().unwrap_or_default();
        } else {
            self.lost = true;
            let places = match differing.as_slice() {
                [] => vec![Place::Entries(first.min(last), last)],
                some => some.iter().map(|seq| Place::Entry(*seq)).collect(),
            };
            for at in places {
                findings.add(at, &format!("what was signed was another; {place} does not fit"));
            }
        }
    }

    /// Reads and believes the next checkpoint of the table; those that cannot be believed are told and passed over.
    fn read_next(&mut self, findings: &mut Findings) -> Result<(), ReadError> {
        while let Some(line) = self.rows.line()? {
            self.ordinal += 1;
            self.count += 1;
            let place = Place::Checkpoint(line.cell(0).int().unwrap_or(self.ordinal));
            if line.cell(0).int() != Some(self.ordinal) {
                findings.add(place.clone(), &format!("checkpoint {} is missing", self.ordinal));
                self.ordinal = line.cell(0).int().unwrap_or(self.ordinal);
            }
            match read(&line, self.keys) {
                Ok(signed) => {
                    self.next = Some((self.ordinal, signed));
                    return Ok(());
                }
                Err(error) => findings.add(place, &error),
            }
        }
        Ok(())
    }

    /// After the last entry.
    pub(super) fn end(mut self, findings: &mut Findings) -> Result<Ended, ReadError> {
        let found = self.edge.size();
        while let Some((ordinal, signed)) = self.next.take() {
            findings.add(
                Place::Checkpoint(ordinal),
                &format!(
                    "it is over {} entries, and the trail ends at {found}: its end was cut off",
                    signed.checkpoint.size
                ),
            );
            self.read_next(findings)?;
        }
        if let Some(published) = self.published.take() {
            findings.add(
                Place::Published,
                &format!(
                    "it is over {} entries, and the trail ends at {found}: its end was cut off",
                    published.checkpoint.size
                ),
            );
        }
        for seq in std::mem::take(&mut self.differing) {
            findings.add(
                Place::Entry(seq),
                "it is not what its tile has, and no checkpoint says which is right",
            );
        }
        self.clock.end(findings);
        if self.count == 0 && found > 0 {
            findings.add(Place::Trail, "it has no checkpoint: nothing of it is proven");
        }
        self.tiles(findings)?;
        Ok(Ended {
            checkpoints: self.count,
            first: self.first,
            last: self.last,
        })
    }

    /// That there are the tiles of the last checkpoint, and no others.
    fn tiles(&self, findings: &mut Findings) -> Result<(), ReadError> {
        let mut query = self.evidence.query(Table::Tiles)?;
        let mut rows = query.lines()?;
        let mut expected = (0..8_u32).flat_map(|level| {
            let hashes = self.sealed >> (8 * level);
            (0..hashes.div_ceil(256)).map(move |index| (i64::from(level), index, 256.min(hashes - index * 256)))
        });
        while let Some(line) = rows.line()? {
            let cells = [line.cell(0).int(), line.cell(1).int(), line.cell(2).int()];
            let [Some(level), Some(index), Some(width)] = cells else {
                findings.add(Place::Trail, "a tile's row cannot be read");
                return Ok(());
            };
            let found = (
                level,
                u64::try_from(index).unwrap_or(u64::MAX),
                u64::try_from(width).unwrap_or_default(),
            );
            if expected.next() != Some(found) {
                findings.add(
                    Place::Tile(found.0, found.1),
                    "it is not a tile of the tree that was signed",
                );
                return Ok(());
            }
        }
        if let Some((level, index, _)) = expected.next() {
            findings.add(Place::Tile(level, index), "it is missing");
        }
        Ok(())
    }
}

pub(super) struct Ended {
    pub(super) checkpoints: u64,
    pub(super) first: Option<Point>,
    pub(super) last: Option<Point>,
}

fn read(line: &Line<'_>, keys: &[VerifierKey]) -> Result<Signed, String> {
    let note = line.cell(2).text().ok_or("its note is not text")?;
    let parsed = Note::parse(note).map_err(|error| error.to_string())?;
    if parsed.has_others() {
        return Err("it carries a signature by another name: no sidecar writes that".to_owned());
    }
    let signed = parsed.verify(keys);
    let signed = signed.map_err(|error: NoteError| error.to_string())?;
    match line.cell(1).int().and_then(|size| u64::try_from(size).ok()) == Some(signed.checkpoint.size) {
        true => Ok(signed),
        false => Err("its row says another size than its note".to_owned()),
    }
}
