//! Tiles and proofs against `tlog_tiles`, the implementation of C2SP tlog-tiles in Cloudflare's
//! log server: it reads our tiles, makes proofs of them that are ours, and accepts ours. It is
//! a port of Go's, so it is a second opinion on tiles more than on the tree.

use crate::kit::Log;
use plimsoll_tlog::tile::TileId;
use plimsoll_tlog::tree::{leaf_hash, root_of};
use plimsoll_types::Digest;
use proptest::prelude::*;
use tlog_tiles::{Error, Hash, Tile, TileHashReader, TileReader};

/// Our tiles, as their reader asks for them.
struct Ours<'a>(&'a Log);

impl TileReader for Ours<'_> {
    fn height(&self) -> u8 {
        8
    }
    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let one = |tile: &Tile| {
            let width = u16::try_from(tile.width()).expect("at most 256");
            let id = TileId::new(tile.level(), tile.level_index(), width).expect("a tile");
            self.0.tiles.get(&id).cloned().expect("a tile that the log has")
        };
        Ok(tiles.iter().map(one).collect())
    }
    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn hash(digest: &Digest) -> Hash {
    Hash(*digest.as_bytes())
}

fn hashes(digests: &[Digest]) -> Vec<Hash> {
    digests.iter().map(hash).collect()
}

proptest! {
    #[test]
    fn tiles_and_proofs_are_theirs(
        size in prop_oneof![1..12_u64, 250..260_u64, 508..516_u64, 1..1_200_u64],
        seed: u8,
        at: prop::sample::Index,
        old: prop::sample::Index,
    ) {
        let log = Log::of(size, seed);
        let leaves: Vec<Digest> = log.entries.iter().map(|entry| leaf_hash(entry)).collect();
        let root = hash(&log.root());
        let ours = Ours(&log);
        let theirs = TileHashReader::new(size, root, &ours);
        prop_assert_eq!(tlog_tiles::tree_hash(size, &theirs).expect("our tiles"), root);
        let mut tiles = log.open();

        let at = at.index(leaves.len());
        let index = u64::try_from(at).expect("small");
        let leaf = tlog_tiles::record_hash(&log.entries[at]);
        prop_assert_eq!(leaf, hash(&leaves[at]));
        let proof = hashes(&tiles.inclusion(index, size).expect("its own tiles").hashes);
        prop_assert!(tlog_tiles::check_record(&proof, size, root, index, leaf).is_ok());
        prop_assert_eq!(proof, tlog_tiles::prove_record(size, index, &theirs).expect("our tiles"));

        let old = old.index(leaves.len()) + 1;
        let old_root = hash(&root_of(&leaves[..old]));
        let old = u64::try_from(old).expect("small");
        let proof = hashes(&tiles.consistency(old, size).expect("its own tiles").hashes);
        prop_assert!(tlog_tiles::check_tree(&proof, size, root, old, old_root).is_ok());
        prop_assert_eq!(proof, tlog_tiles::prove_tree(size, old, &theirs).expect("our tiles"));
    }
}
