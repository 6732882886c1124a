//! What verification costs on one core: entries out of their bundles, leaf hashes, tiles checked
//! up to the root; and proofs. CPU time, so that other work on the machine does not count.
//!
//! `cargo run --release -p plimsoll-tlog --example bench_verify [entries] [bytes of an entry]`
#![expect(clippy::print_stdout, reason = "a program for people")]

use plimsoll_tlog::tile::{self, BundleId, TileEdge, TileId};
use plimsoll_tlog::tree::leaf_hash;
use plimsoll_tlog::{Edge, Tiles, bundle};
use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Nanoseconds that this thread ran.
fn cpu() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(stat.split(' ').next().unwrap_or_default().parse::<f64>()?)
}

fn measure<T>(what: &str, count: u32, run: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let before = cpu()?;
    let result = run()?;
    let seconds = (cpu()? - before) / 1e9;
    println!("{what:<44} {:>10.0} per CPU-second", f64::from(count) / seconds);
    Ok(result)
}

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse::<u32>());
    let (count, bytes) = (number(1_000_000)?, number(300)?);
    let entry = |index: u32| {
        let mut entry = vec![7; usize::try_from(bytes).unwrap_or_default()];
        let number = index.to_be_bytes();
        let prefix = entry.len().min(number.len());
        entry.iter_mut().zip(number).take(prefix).for_each(|(to, from)| *to = from);
        entry
    };
    let mut bundles: HashMap<BundleId, Vec<u8>> = HashMap::new();
    for id in tile::grown_bundles(0, u64::from(count)) {
        let mut bytes = Vec::new();
        for index in id.first_entry()..id.first_entry() + u64::from(id.width()) {
            bundle::append(&mut bytes, &entry(u32::try_from(index)?))?;
        }
        bundles.insert(id, bytes);
    }

    let mut tiles: HashMap<TileId, Vec<u8>> = HashMap::new();
    let edge = measure("written: leaves and tiles", count, || {
        let mut edge = TileEdge::new();
        for id in tile::grown_bundles(0, u64::from(count)) {
            for entry in bundle::entries(&bundles[&id], id.width())? {
                edge.push(leaf_hash(entry), |id, bytes| {
                    tiles.insert(id, bytes);
                    Ok::<(), Infallible>(())
                })?;
            }
        }
        tiles.extend(edge.partials());
        Ok(edge)
    })?;
    let root = edge.root();

    measure("verified: leaves and tree, no tiles", count, || {
        let mut edge = Edge::new();
        for id in tile::grown_bundles(0, u64::from(count)) {
            bundle::leaf_hashes(&bundles[&id], id.width())?
                .into_iter()
                .for_each(|leaf| edge.push(leaf));
        }
        if edge.root() == root { Ok(()) } else { Err("another root".into()) }
    })?;
    let source =
        |id: TileId| tiles.get(&id).cloned().ok_or_else(|| std::io::Error::other("no such tile"));
    measure("verified: leaves, and all tiles to the root", count, || {
        let mut tree = Tiles::open(u64::from(count), &root, source)?;
        for id in tile::grown_bundles(0, u64::from(count)) {
            if bundle::leaf_hashes(&bundles[&id], id.width())? != tree.tile(0, id.index())? {
                return Err("another entry".into());
            }
        }
        Ok(())
    })?;
    let proofs = 20_000;
    measure("proved and verified: inclusion anywhere", proofs, || {
        let mut tree = Tiles::open(u64::from(count), &root, source)?;
        for number in 0..proofs {
            let index = u64::from(number) * 7_919 % u64::from(count);
            let leaf = tree.leaf(index)?;
            tree.inclusion(index, u64::from(count))?.verify(&leaf, &root)?;
        }
        Ok(())
    })
}
