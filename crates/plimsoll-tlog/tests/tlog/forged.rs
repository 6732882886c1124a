//! Forged tiles: whatever byte of whatever tile is altered, nothing that depends on it is believed.

use crate::kit::{Log, Missing};
use plimsoll_tlog::Tiles;
use plimsoll_tlog::read::ReadError;
use plimsoll_tlog::tile::TileId;
use proptest::prelude::*;
use std::sync::LazyLock;

static LOG: LazyLock<Log> = LazyLock::new(|| Log::of(70_000, 1));

/// Reads every tile of a log, as an auditor does, and names the first that is wrong.
fn walk(log: &Log, forged: &Log) -> Result<(), ReadError<Missing>> {
    let mut tiles = Tiles::open(log.size(), &log.root(), forged.source())?;
    for tile in plimsoll_tlog::tile::tiles(log.size()) {
        tiles.tile(tile.level(), tile.index())?;
    }
    Ok(())
}

/// CVE-2026-56865 (golang/go#80744): a reader of tiles that checks only those at the edge and the
/// one it came for believes a flipped byte in an interior tile of a log of 70,000 entries.
#[test]
fn cve_2026_56865_an_interior_tile_is_checked() {
    let tile = TileId::new(0, 100, 256).expect("an interior tile");
    assert_eq!(walk(&LOG, &LOG), Ok(()));
    for byte in [0, 31, 32, 4_000, 8_191] {
        let mut forged = LOG.clone();
        forged.tiles.get_mut(&tile).expect("it is there")[byte] ^= 1;
        assert_eq!(walk(&LOG, &forged), Err(ReadError::Altered(tile)));
        // Not for an entry in it, not for its neighbour in the tile, not for any proof that needs
        // one of its hashes.
        let mut tiles = Tiles::open(70_000, &LOG.root(), forged.source()).expect("its edge");
        for index in [25_600, 25_601, 25_855] {
            assert_eq!(tiles.leaf(index), Err(ReadError::Altered(tile)));
            assert_eq!(tiles.inclusion(index, 70_000), Err(ReadError::Altered(tile)));
        }
        assert_eq!(tiles.root_at(25_700), Err(ReadError::Altered(tile)));
        assert_eq!(tiles.consistency(25_700, 70_000), Err(ReadError::Altered(tile)));
        // What does not depend on it still holds.
        assert!(tiles.inclusion(25_599, 70_000).is_ok());
        assert!(tiles.consistency(25_600, 70_000).is_ok());
    }
}

/// A forger who also alters the parent is caught at the parent, and one who alters all the way up
/// at the edge.
#[test]
fn a_forged_path_is_caught_at_its_top() {
    let other = Log::of(70_000, 2);
    let at = |level, index, width| TileId::new(level, index, width).expect("a tile");
    let mut forged = LOG.clone();
    let mut forge = |tile: TileId| {
        forged.tiles.insert(tile, other.tiles[&tile].clone());
        walk(&LOG, &forged)
    };
    assert_eq!(forge(at(0, 100, 256)), Err(ReadError::Altered(at(0, 100, 256))));
    assert_eq!(forge(at(1, 0, 256)), Err(ReadError::Altered(at(1, 0, 256))));
    assert!(matches!(forge(at(2, 0, 1)), Err(ReadError::Edge { size: 70_000, .. })));
}

#[test]
fn a_missing_or_cut_tile_is_named() {
    let tile = TileId::new(0, 7, 256).expect("a tile");
    let mut forged = LOG.clone();
    forged.tiles.remove(&tile);
    assert_eq!(walk(&LOG, &forged), Err(ReadError::Source { tile, source: Missing }));
    forged.tiles.insert(tile, vec![0; 8_191]);
    let error = walk(&LOG, &forged).expect_err("too short");
    assert_eq!(error.to_string(), "tile tile/0/007 has 8191 bytes, not 8192");
    let mut forged = LOG.clone();
    let edge = TileId::new(1, 1, 17).expect("a tile");
    forged.tiles.get_mut(&edge).expect("it is there")[3] ^= 128;
    assert_eq!(
        walk(&LOG, &forged).expect_err("altered").to_string(),
        "the tiles at the edge of 70000 entries give another root: one of tile/0/273.p/112, \
         tile/1/001.p/17, tile/2/000.p/1 was altered"
    );
}

#[test]
fn a_wrong_size_or_root_is_refused() {
    assert!(matches!(
        Tiles::open(70_000, &Log::of(69_999, 1).root(), LOG.source()),
        Err(ReadError::Edge { .. })
    ));
    // A size that needs other tiles, and one that these tiles could pass for.
    for size in [69_999, 70_001, 65_536, 1 << 62, u64::MAX] {
        assert!(Tiles::open(size, &LOG.root(), LOG.source()).is_err(), "{size}");
    }
}

proptest! {
    #[test]
    fn any_bit_of_any_tile(size in prop_oneof![Just(1_u64), Just(255), Just(256), Just(257), 1..70_000_u64], which: prop::sample::Index, at: prop::sample::Index, bit in 0..8_u32) {
        let log = Log::of(size.min(3_000), 5);
        let mut forged = log.clone();
        let tile = *which.get(&log.tiles.keys().copied().collect::<Vec<_>>());
        let bytes = forged.tiles.get_mut(&tile).expect("it is there");
        let byte = at.index(bytes.len());
        bytes[byte] ^= 1 << bit;
        match walk(&log, &forged) {
            Err(ReadError::Altered(named)) => prop_assert_eq!(named, tile),
            Err(ReadError::Edge { tiles, .. }) => prop_assert!(tiles.contains(&tile) && !tile.is_full()),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
