//! Which tiles a tree has, and how they are called.

use crate::kit::{Log, Missing};
use plimsoll_tlog::tile::{
    BundleId, Resource, TileEdge, TileError, TileId, grown, grown_bundles, tiles,
};
use plimsoll_tlog::tree::{MAX_SIZE, leaf_hash};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn paths(size: u64) -> Vec<String> {
    tiles(size).map(|tile| tile.path()).collect()
}

/// The examples of C2SP tlog-tiles.
#[test]
fn the_examples_of_the_specification() {
    let of_70_000 = paths(70_000);
    assert_eq!(of_70_000.len(), 273 + 1 + 1 + 1 + 1);
    assert_eq!(of_70_000[272], "tile/0/272");
    assert_eq!(
        of_70_000[273..],
        ["tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    );
    assert_eq!(paths(256), ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(paths(1), ["tile/0/000.p/1"]);
    assert_eq!(paths(0), [""; 0]);
    let tile = TileId::new(0, 1_234_067, 256).expect("a tile");
    assert_eq!(tile.path(), "tile/0/x001/x234/067");
    let bundle = BundleId::new(1_234_067, 5).expect("a bundle");
    assert_eq!(bundle.path(), "tile/entries/x001/x234/067.p/5");
    assert_eq!(bundle.first_entry(), 1_234_067 * 256);
}

#[test]
fn a_path_has_one_spelling() {
    for wrong in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/00/001",
        "tile/-1/001",
        "tile/8/000",
        "tile/64/000",
        "tile/256/000",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/001.p/",
        "tile/0/001.p/5/",
        "tile/0/001.p/5.p/5",
        "tile/0/0x1",
        "tile/0/00\u{661}",
        "tile/0/+01",
        "/tile/0/001",
        "tile/0/001/",
        "tile/0/../001",
        "tile//001",
        "tile/entries",
        "tile/entries/x001",
        "tile/Entries/001",
        "checkpoint",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
    ] {
        assert!(Resource::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_largest_tree_has_its_tiles() {
    let last = TileId::in_tree(0, (MAX_SIZE - 1) / 256, MAX_SIZE).expect("the last tile");
    assert_eq!(Resource::parse(&last.path()), Ok(Resource::Tile(last)));
    assert_eq!(last.width(), 255);
    assert_eq!(TileId::in_tree(7, 0, MAX_SIZE).map(|tile| tile.width()), Some(127));
    assert_eq!(TileId::new(7, 0, 128), Err(TileError::Range));
    assert_eq!(TileId::new(7, 1, 1), Err(TileError::Range));
    assert_eq!(TileId::new(0, u64::MAX, 1), Err(TileError::Range));
    assert_eq!(TileId::new(0, 0, 0), Err(TileError::Range));
    assert_eq!(TileId::new(0, 0, 257), Err(TileError::Range));
    assert_eq!(TileId::in_tree(0, u64::MAX, MAX_SIZE), None);
    assert_eq!(TileId::in_tree(0, 0, MAX_SIZE + 1), None);
    assert_eq!(TileId::in_tree(8, 0, MAX_SIZE), None);
}

proptest! {
    #[test]
    fn paths_come_back(level in 0..7_u8, index in 0..1_u64 << 13, wide in 0..1_u64 << 50, width in 1..=256_u16) {
        for index in [index, wide] {
            if let Ok(tile) = TileId::new(level, index, width) {
                prop_assert_eq!(Resource::parse(&tile.path()), Ok(Resource::Tile(tile)));
            }
            let bundle = BundleId::new(index, width).expect("in range");
            prop_assert_eq!(Resource::parse(&bundle.path()), Ok(Resource::Bundle(bundle)));
        }
    }

    #[test]
    fn what_parses_is_the_path(path in "tile/([0-9]{1,2}|entries)/(x[0-9]{3}/){0,6}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(resource) = Resource::parse(&path) {
            prop_assert_eq!(resource.path(), path);
        }
    }

    /// What a tree of a size has, and nothing else, is what grew on the way to it, less the
    /// partial tiles that got wider; and a writer that goes on from the edge writes the same.
    #[test]
    fn growth_adds_up(mut sizes in prop::collection::vec(0..140_000_u64, 1..5)) {
        sizes.sort_unstable();
        let mut have: BTreeSet<TileId> = BTreeSet::new();
        let mut old = 0;
        for size in sizes {
            for tile in grown(old, size) {
                have.retain(|other| other.is_full() || (other.level(), other.index()) != (tile.level(), tile.index()));
                prop_assert!(have.insert(tile));
            }
            prop_assert_eq!(&have, &tiles(size).collect());
            let bundles: Vec<BundleId> = grown_bundles(old, size).collect();
            let beside: Vec<BundleId> = grown(old, size)
                .filter(|tile| tile.level() == 0)
                .map(|tile| BundleId::new(tile.index(), tile.width()).expect("beside a tile"))
                .collect();
            prop_assert_eq!(bundles, beside);
            for tile in &have {
                prop_assert_eq!(TileId::in_tree(tile.level(), tile.index(), size), Some(*tile));
            }
            old = size;
        }
    }

    #[test]
    fn a_writer_goes_on_from_what_it_reads(first in 0..900_u64, more in 0..900_u64) {
        let before = Log::of(first, 3);
        let mut edge = before.open().edge();
        prop_assert_eq!(&edge, &before.edge);
        let after = Log::of(first + more, 3);
        let mut written = before.tiles.clone();
        for entry in &after.entries[before.entries.len()..] {
            edge.push(leaf_hash(entry), |tile, bytes| {
                written.insert(tile, bytes);
                Ok::<(), Missing>(())
            }).expect("a map takes all");
        }
        written.extend(edge.partials());
        prop_assert_eq!(&edge, &after.edge);
        prop_assert_eq!(edge.edge().size(), after.size());
        for (tile, bytes) in &after.tiles {
            prop_assert_eq!(written.get(tile), Some(bytes));
        }
        // The tiles that growing named are the tiles that growing wrote.
        let named: BTreeSet<TileId> = grown(first, first + more).collect();
        let new: BTreeSet<TileId> = written.keys().filter(|tile| !before.tiles.contains_key(tile)).copied().collect();
        prop_assert_eq!(named, new);
    }
}

#[test]
fn a_tile_that_cannot_be_kept_is_not_passed() {
    let log = Log::of(255, 1);
    let mut edge: TileEdge = log.edge.clone();
    let leaf = leaf_hash(b"the last");
    assert_eq!(edge.push(leaf, |_, _| Err(Missing)), Err(Missing));
    assert_eq!(edge, log.edge);
    let mut kept = Vec::new();
    let keep = |tile: TileId, bytes: Vec<u8>| {
        kept.push((tile.path(), bytes.len()));
        Ok::<(), Missing>(())
    };
    assert_eq!(edge.push(leaf, keep), Ok(()));
    assert_eq!(kept, [("tile/0/000".to_owned(), 8192)]);
    let partials: Vec<String> = edge.partials().map(|(tile, _)| tile.path()).collect();
    assert_eq!(partials, ["tile/1/000.p/1"]);
}

#[test]
fn a_tile_has_its_bytes() {
    let tile = TileId::new(0, 5, 3).expect("a tile");
    assert_eq!(tile.hashes(&[1; 96]).map(|hashes| hashes.len()), Ok(3));
    for wrong in [0, 95, 97, 8192] {
        assert_eq!(
            tile.hashes(&vec![1; wrong]),
            Err(TileError::Length { tile, expected: 96, found: wrong })
        );
    }
}
