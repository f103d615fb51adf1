use std::collections::HashMap;

use super::*;

/// The leaves that RFC 6962's authors test with, and the roots over the first of them.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// A tree in memory.
#[derive(Default)]
struct Grown {
    edge: Edge,
    full: HashMap<(u32, u64), Vec<Hash>>,
    /// The root after each leaf, of small ones.
    roots: Vec<Hash>,
}

impl Grown {
    fn to(size: u64) -> Self {
        let mut grown = Grown::default();
        grown.roots.push(grown.edge.root());
        for at in 0..size {
            let full = &mut grown.full;
            grown.edge.push(numbered(at), |tile| {
                full.insert((tile.level, tile.index), tile.hashes);
            });
            if size <= 1_000 {
                grown.roots.push(grown.edge.root());
            }
        }
        grown
    }
}

impl Tiles for Grown {
    type Error = ();

    fn tile(&self, level: u32, index: u64, width: usize) -> Result<Vec<Hash>, ()> {
        let partial = self.edge.partial().map(|tile| ((tile.level, tile.index), tile.hashes));
        let found = self.full.get(&(level, index)).cloned();
        let found = found.or_else(|| {
            partial
                .into_iter()
                .find(|(at, _)| *at == (level, index))
                .map(|(_, it)| it)
        });
        found.filter(|hashes| hashes.len() >= width).ok_or(())
    }
}

fn numbered(at: u64) -> Hash {
    leaf(&at.to_be_bytes())
}

#[test]
fn roots_are_those_of_the_published_vectors() {
    let mut edge = Edge::default();
    assert_eq!(hex::encode(edge.root()), ROOTS[0]);
    for (bytes, expected) in LEAVES.iter().zip(&ROOTS[1..]) {
        edge.push(leaf(&hex::decode(bytes).unwrap()), |_| panic!("no tile is full"));
        assert_eq!(hex::encode(edge.root()), *expected);
    }
}

#[test]
fn tiles_lie_where_c2sp_says() {
    let grown = Grown::to(70_000);
    // The specification's own example.
    let full = |level| grown.full.keys().filter(|(at, _)| *at == level).count();
    assert_eq!([full(0), full(1), full(2)], [273, 1, 0]);
    let partial: Vec<(u32, u64, usize)> = grown
        .edge
        .partial()
        .map(|tile| (tile.level, tile.index, tile.hashes.len()))
        .collect();
    assert_eq!(partial, [(0, 273, 112), (1, 1, 17), (2, 0, 1)]);
    assert_eq!(grown.full[&(0, 3)][7], numbered(3 * 256 + 7));
    assert_eq!(grown.full[&(1, 0)][3], root(&grown.full[&(0, 3)]));
}

#[test]
fn an_edge_is_taken_up_again_from_its_tiles() {
    for size in [0, 1, 255, 256, 257, 511, 512, 65_536, 65_537, 66_000] {
        let grown = Grown::to(size);
        let resumed = Edge::resume(size, |level, index| grown.tile(level, index, 1).ok()).unwrap();
        assert_eq!(resumed.root(), grown.edge.root(), "{size}");
        assert_eq!(resumed.size(), size);
    }
    assert_eq!(Edge::resume(300, |_, _| None), None);
    assert_eq!(Edge::resume(300, |_, _| Some(vec![[0; 32]; 43])), None, "too narrow");
}

#[test]
fn every_proof_of_small_trees_verifies_and_no_other() {
    const LARGEST: u64 = 20;
    let grown = Grown::to(LARGEST);
    let root_of = |size: u64| grown.roots[usize::try_from(size).unwrap()];
    for size in 1..=LARGEST {
        assert_eq!(root_at(&grown, size), Ok(root_of(size)));
        for index in 0..size {
            let proof = inclusion(&grown, index, size).unwrap();
            for other in 0..=size {
                let right = other == index;
                assert_eq!(
                    is_included(other, &numbered(index), &proof, size, &root_of(size)),
                    right
                );
            }
            assert!(!is_included(index, &numbered(99), &proof, size, &root_of(size)));
            assert!(!is_included(index, &numbered(index), &proof, size, &root_of(size - 1)));
            let longer = [&proof[..], &[[0; 32]]].concat();
            assert!(!is_included(index, &numbered(index), &longer, size, &root_of(size)));
            if let Some((_, shorter)) = proof.split_last() {
                assert!(!is_included(index, &numbered(index), shorter, size, &root_of(size)));
            }
        }
        for old in 0..=size {
            let proof = consistency(&grown, old, size).unwrap();
            let holds = |old: (u64, &Hash), proof: &[Hash]| is_consistent(old, (size, &root_of(size)), proof);
            assert!(holds((old, &root_of(old)), &proof), "{old} {size}");
            assert!(!holds((old, &numbered(7)), &proof));
            assert!(!holds((old + 1, &root_of(old)), &proof));
            assert!(!holds((old, &root_of(old)), &[&proof[..], &[[0; 32]]].concat()));
            if let Some((_, shorter)) = proof.split_last() {
                assert!(!holds((old, &root_of(old)), shorter));
            }
        }
    }
}

/// Another implementation, which knows nothing of ours, agrees.
#[test]
fn proofs_are_those_of_another_implementation() {
    use tlog_tiles::{Hash as Theirs, check_record, check_tree};
    let size = 1_000;
    let grown = Grown::to(size);
    let theirs = |proof: Vec<Hash>| proof.into_iter().map(Theirs).collect::<Vec<_>>();
    let root_of = |size: u64| Theirs(grown.roots[usize::try_from(size).unwrap()]);
    for at in [0, 1, 255, 256, 511, 700, 998, 999] {
        let proof = theirs(inclusion(&grown, at, size).unwrap());
        check_record(&proof, size, root_of(size), at, Theirs(numbered(at))).unwrap();
        check_record(&proof, size, root_of(size), at, Theirs(numbered(at + 1))).unwrap_err();
        let old = at + 1;
        let proof = theirs(consistency(&grown, old, size).unwrap());
        check_tree(&proof, size, root_of(size), old, root_of(old)).unwrap();
    }
}
