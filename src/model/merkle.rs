//! The Merkle tree over the trail: hashes and proofs of RFC 6962, section 2.1 (SHA-256), in the tiles of C2SP tlog-tiles.

use sha2::{Digest, Sha256};

#[cfg(test)]
mod tests;

pub type Hash = [u8; 32];

/// Hashes of a full tile.
pub const TILE: usize = 256;
/// Levels of the tree that one level of tiles holds.
const TILE_HEIGHT: u32 = 8;

/// Of an entry's bytes.
pub fn leaf(bytes: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(bytes);
    hash.finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let mut both = [1; 65];
    both[1..33].copy_from_slice(left);
    both[33..].copy_from_slice(right);
    Sha256::digest(both).into()
}

/// The root over subtrees in their order, each full and of one size but for the last, which may be smaller.
pub fn root(subtrees: &[Hash]) -> Hash {
    match subtrees {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        [left, right] => node(left, right),
        more => {
            let (left, right) = more.split_at(1 << (more.len() - 1).ilog2());
            node(&root(left), &root(right))
        }
    }
}

/// The hashes of the tile `index` of a level of tiles; those of level 0 are of entries, those above are of full tiles below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    pub level: u32,
    pub index: u64,
    /// Less than [`TILE`] in the last one of a level.
    pub hashes: Vec<Hash>,
}

/// The growing edge of the tree: the last tile of each level, while it is not full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// The edge of a tree of `size` entries, from its last tiles (none where a level has no such tile). `None` if they are not
    /// as wide as they must be.
    pub fn resume(size: u64, mut last: impl FnMut(u32, u64) -> Option<Vec<Hash>>) -> Option<Edge> {
        let mut levels = Vec::new();
        let mut level = 0;
        while size >> (TILE_HEIGHT * level) > 0 {
            let (index, width) = last_tile(size, level);
            let mut hashes = match width {
                0 => Vec::new(),
                _ => last(level, index)?,
            };
            if hashes.len() < width {
                return None;
            }
            hashes.truncate(width);
            levels.push(hashes);
            level += 1;
        }
        Some(Edge { size, levels })
    }

    /// Entries of the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds an entry; `full` is given each tile that it fills.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(Tile)) {
        self.size += 1;
        let mut hash = leaf;
        for level in 0.. {
            let at = usize::try_from(level).unwrap_or(usize::MAX);
            if self.levels.len() == at {
                self.levels.push(Vec::with_capacity(TILE));
            }
            let Some(tile) = self.levels.get_mut(at) else { return };
            tile.push(hash);
            if tile.len() < TILE {
                return;
            }
            hash = root(tile);
            full(Tile {
                level,
                index: (self.size >> (TILE_HEIGHT * (level + 1))) - 1,
                hashes: std::mem::take(tile),
            });
        }
    }

    pub fn root(&self) -> Hash {
        let mut below: Option<Hash> = None;
        for tile in &self.levels {
            below = match (tile.as_slice(), below) {
                ([], below) => below,
                (tile, None) => Some(root(tile)),
                (tile, Some(last)) => {
                    let mut all = Vec::with_capacity(TILE);
                    all.extend_from_slice(tile);
                    all.push(last);
                    Some(root(&all))
                }
            };
        }
        below.unwrap_or_else(|| root(&[]))
    }

    /// The tiles that are not full.
    pub fn partial(&self) -> impl Iterator<Item = Tile> {
        (0..).zip(&self.levels).filter_map(|(level, hashes)| {
            let (index, width) = last_tile(self.size, level);
            (width > 0).then(|| Tile {
                level,
                index,
                hashes: hashes.clone(),
            })
        })
    }
}

/// The place of the last tile of a level, and how many hashes it has; 0 where the last one is full.
fn last_tile(size: u64, level: u32) -> (u64, usize) {
    let hashes = size >> (TILE_HEIGHT * level);
    let tile = u64::try_from(TILE).unwrap_or(u64::MAX);
    (hashes / tile, usize::try_from(hashes % tile).unwrap_or_default())
}

/// Where the tiles of a tree are.
pub trait Tiles {
    type Error;

    /// The hashes of a tile, at least the first `width` of them.
    ///
    /// # Errors
    /// If there are none, or not so many.
    fn tile(&self, level: u32, index: u64, width: usize) -> Result<Vec<Hash>, Self::Error>;
}

/// The root of the first `size` entries.
///
/// # Errors
/// If a tile cannot be had.
pub fn root_at<T: Tiles>(tiles: &T, size: u64) -> Result<Hash, T::Error> {
    match size {
        0 => Ok(root(&[])),
        _ => range(tiles, 0, size),
    }
}

/// The hash over the entries from `first` on and before `behind`.
fn range<T: Tiles>(tiles: &T, first: u64, behind: u64) -> Result<Hash, T::Error> {
    let count = behind - first;
    if !count.is_power_of_two() {
        let middle = first + split(count);
        return Ok(node(&range(tiles, first, middle)?, &range(tiles, middle, behind)?));
    }
    // All ranges of the tree that are as long as a power of two are full subtrees.
    let height = count.ilog2();
    let level = height / TILE_HEIGHT;
    let hashes = 1_usize << (height % TILE_HEIGHT);
    let at = first >> (TILE_HEIGHT * level);
    let offset = usize::try_from(at % 256).unwrap_or_default();
    let tile = tiles.tile(level, at / 256, offset + hashes)?;
    Ok(root(tile.get(offset..offset + hashes).unwrap_or_default()))
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// RFC 6962, 2.1.1: the audit path of the entry `index`, the first being 0, in the tree of `size` entries.
///
/// # Errors
/// If a tile cannot be had.
pub fn inclusion<T: Tiles>(tiles: &T, index: u64, size: u64) -> Result<Vec<Hash>, T::Error> {
    let (mut first, mut behind) = (0, size);
    let mut path = Vec::new();
    while behind - first > 1 {
        let middle = first + split(behind - first);
        match index < middle {
            true => {
                path.push(range(tiles, middle, behind)?);
                behind = middle;
            }
            false => {
                path.push(range(tiles, first, middle)?);
                first = middle;
            }
        }
    }
    path.reverse();
    Ok(path)
}

/// RFC 6962, 2.1.2: that the tree of `old` entries is the beginning of that of `size`.
///
/// # Errors
/// If a tile cannot be had.
pub fn consistency<T: Tiles>(tiles: &T, old: u64, size: u64) -> Result<Vec<Hash>, T::Error> {
    let mut proof = Vec::new();
    if old == 0 || old >= size {
        return Ok(proof);
    }
    let (mut first, mut behind) = (0, size);
    while behind != old {
        let middle = first + split(behind - first);
        match old <= middle {
            true => {
                proof.push(range(tiles, middle, behind)?);
                behind = middle;
            }
            false => {
                proof.push(range(tiles, first, middle)?);
                first = middle;
            }
        }
    }
    // The old tree as a whole is known to whoever asks.
    if first > 0 {
        proof.push(range(tiles, first, behind)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether `proof` leads from an entry's hash at `index` to the root of a tree of `size` entries (RFC 9162, 2.1.3.2).
pub fn is_included(index: u64, leaf: &Hash, proof: &[Hash], size: u64, root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for other in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node(other, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, other);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree `old` (size and root) is the beginning of the tree `new` (RFC 9162, 2.1.4.2).
pub fn is_consistent(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    if old.0 > new.0 {
        return false;
    }
    if old.0 == new.0 {
        return proof.is_empty() && old.1 == new.1;
    }
    if old.0 == 0 {
        return proof.is_empty() && *old.1 == root(&[]);
    }
    let whole = old.0.is_power_of_two().then_some(old.1);
    let mut hashes = whole.into_iter().chain(proof);
    let Some(first) = hashes.next() else { return false };
    let (mut at, mut last) = (old.0 - 1, new.0 - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut before, mut after) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            before = node(hash, &before);
            after = node(hash, &after);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            after = node(&after, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && before == *old.1 && after == *new.1
}
