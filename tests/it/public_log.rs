//! The log's public read side over HTTP, as somebody sees it who has no certificate and trusts only the log's key: the tree
//! is built anew from tiles, by arithmetic of this test's own.

use std::net::SocketAddr;

use sha2::{Digest as _, Sha256};
use wardline::domain::Hash;
use wardline::fetch::{Answer, Bounds, Fetch, Url};
use wardline::transparency::{LogVerifier, SignedCheckpoint, TilePath, leaf_hash, verify_inclusion};
use wardline::wire::v1;

use crate::support::{World, exercise, http_get, submit};

const BOUNDS: Bounds = Bounds {
    time_ms: 20_000,
    answer_bytes: 64 * 1024,
};

/// The public side of one relay.
struct Public {
    fetch: Fetch,
    base: Url,
}

impl Public {
    fn of(address: SocketAddr) -> Self {
        let base = format!("http://{address}").parse().unwrap();
        Self {
            fetch: Fetch::new().unwrap(),
            base,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.fetch
            .get(&self.base.below(path).unwrap(), BOUNDS)
            .await
            .unwrap()
    }

    async fn checkpoint(&self, log: &LogVerifier) -> SignedCheckpoint {
        let answer = self.get("checkpoint").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.content_type.as_deref(), Some("text/plain; charset=utf-8"));
        log.open(std::str::from_utf8(&answer.body).unwrap()).unwrap()
    }

    /// Waits until the checkpoint has so many records: it moves once a second.
    async fn checkpoint_of(&self, log: &LogVerifier, size: u64) -> SignedCheckpoint {
        loop {
            let checkpoint = self.checkpoint(log).await;
            if checkpoint.size() >= size {
                return checkpoint;
            }
            tokio::task::yield_now().await;
        }
    }

    /// All hashes of a level of tiles in the tree of a size: by C2SP tlog-tiles size / 256^level, in tiles of 256 but for the last.
    async fn hashes(&self, level: u8, size: u64) -> Vec<Hash> {
        let mut hashes = Vec::new();
        let there = size >> (8 * level);
        let tiles = (0..there.div_ceil(256)).map(|index| {
            let width = u16::try_from((there - 256 * index).min(256)).unwrap();
            TilePath::new(level, index, width).unwrap()
        });
        for tile in tiles {
            let answer = self.get(&tile.to_string()).await;
            assert_eq!(answer.status, 200, "{tile}");
            assert_eq!(answer.content_type.as_deref(), Some("application/octet-stream"));
            assert_eq!(answer.body.len(), 32 * usize::from(tile.width()));
            hashes.extend(answer.body.chunks(32).map(|hash| Hash(hash.try_into().unwrap())));
        }
        hashes
    }
}

/// RFC 6962 §2.1, from its text.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [leaf] => *leaf,
        leaves => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            let mut node = Sha256::new_with_prefix([1]);
            node.update(root(left).as_bytes());
            node.update(root(right).as_bytes());
            Hash(node.finalize().into())
        }
    }
}

/// The largest power of two below `count`.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// RFC 6962 §2.1.1.
fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, other) = match index < left.len() {
        true => (path(index, left), right),
        false => (path(index - left.len(), right), left),
    };
    proof.push(root(other));
    proof
}

/// Across the border of a tile, the tree that is built from the leaf tiles has the root of the checkpoint; each hash of the
/// next level is the root of a full tile below; and the record of a receipt, which only its sender can read, is proven by
/// tiles alone. An earlier tree's partial tile stays what it was.
#[tokio::test]
async fn the_tree_is_built_from_tiles() {
    let set = [("public_listen", "127.0.0.1:0"), ("http_listen", "127.0.0.1:0")];
    let world = World::new(&set, &["us.ctc", "ru.ctc"]).await;
    let public = Public::of(world.served.public_address.unwrap());
    let us = world.client("us.ctc");
    let log = us.settings().log.clone();

    let request = v1::SubmitRequest {
        submission: Some((&exercise(&us, "ru.ctc", 10).await).into()),
    };
    let submitted = world.exchange("us.ctc").await.submit(request).await.unwrap();
    let receipt = submitted.into_inner().accepted.unwrap();
    let early = public.checkpoint_of(&log, receipt.index + 1).await;
    let early_leaves = public.hashes(0, early.size()).await;
    assert_eq!(root(&early_leaves), early.root());

    submit(&world, "us.ctc", "ru.ctc", 130, 10).await;
    let newest = us.checkpoint().await.unwrap();
    assert!(newest.size() > 256);
    let checkpoint = public.checkpoint_of(&log, newest.size()).await;
    let leaves = public.hashes(0, checkpoint.size()).await;
    assert_eq!(root(&leaves), checkpoint.root());
    assert_eq!(early_leaves, leaves[..early_leaves.len()]);
    assert_eq!(public.hashes(0, early.size()).await, early_leaves);
    assert_eq!(public.hashes(1, checkpoint.size()).await, [root(&leaves[..256])]);

    let index = usize::try_from(receipt.index).unwrap();
    let leaf = leaf_hash(&receipt.record);
    assert_eq!(leaves[index], leaf);
    let proof = path(index, &leaves);
    verify_inclusion(
        &leaf,
        receipt.index,
        checkpoint.size(),
        &proof,
        &checkpoint.root(),
    )
    .unwrap();

    let metrics = http_get(world.served.http_address.unwrap(), "/metrics").await;
    assert!(
        metrics.contains("wardline_public_requests_total{outcome=\"tile\"}"),
        "{metrics}"
    );
    world.served.stop().await;
}

/// One request without a body, as it stands here; the whole answer.
async fn raw(address: SocketAddr, method: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).to_ascii_lowercase()
}

/// What is there may be kept by caches: a tile for ever, the checkpoint for a second. What is not there (a tile beyond the
/// tree, a wider one, the records, another spelling of a tile, metrics) is not found and not kept; nothing is written: a table.
#[tokio::test]
async fn only_what_there_is_is_shown() {
    let world = World::new(&[("public_listen", "127.0.0.1:0")], &[]).await;
    let address = world.served.public_address.unwrap();
    let public = Public::of(address);
    let log = world.operator().settings().log.clone();
    let size = public.checkpoint(&log).await.size();
    let (tile, wider) = (
        format!("/tile/0/000.p/{size}"),
        format!("/tile/0/000.p/{}", size + 1),
    );
    let moves = "cache-control: public, max-age=1\r\n";
    let stays = "cache-control: public, max-age=31536000, immutable\r\n";
    let (kept, gone, refused) = ("http/1.1 200 ", "http/1.1 404 ", "http/1.1 405 ");
    let uncached = "cache-control: no-store\r\n";
    for (method, path, status, header) in [
        ("GET", "/checkpoint", kept, moves),
        ("HEAD", "/checkpoint", kept, moves),
        ("GET", &tile, kept, stays),
        ("HEAD", &tile, kept, stays),
        ("GET", "/tile/0/000.p/1", kept, stays),
        ("GET", &wider, gone, uncached),
        ("GET", "/tile/0/000", gone, uncached),
        ("GET", "/tile/0/001.p/1", gone, uncached),
        ("GET", "/tile/1/000.p/1", gone, uncached),
        ("GET", "/tile/0/000.p/0", gone, uncached),
        ("GET", "/tile/0/x000/000.p/1", gone, uncached),
        ("GET", "/tile/0/%30%30%30.p/1", gone, uncached),
        ("GET", "/tile/0//000.p/1", gone, uncached),
        ("GET", "/tile/63/999", gone, uncached),
        ("GET", "/tile/64/000", gone, uncached),
        ("GET", "/tile/entries/000.p/1", gone, uncached),
        ("GET", "/tile/", gone, uncached),
        ("GET", "/", gone, uncached),
        ("GET", "/metrics", gone, uncached),
        ("GET", "/../checkpoint", gone, uncached),
        ("POST", "/checkpoint", refused, "allow: get,head\r\n"),
        ("PUT", &tile, refused, "allow: get,head\r\n"),
        ("DELETE", &tile, refused, "allow: get,head\r\n"),
    ] {
        let answer = raw(address, method, path).await;
        assert!(
            answer.starts_with(status) && answer.contains(header),
            "{method} {path}: {answer}"
        );
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(
            body.is_empty(),
            method != "GET" || status != kept,
            "{method} {path}"
        );
    }
    world.served.stop().await;
}

/// Nothing is public that was not asked for.
#[tokio::test]
async fn nothing_is_public_by_itself() {
    let world = World::with(&[]).await;
    assert_eq!(world.served.public_address, None);
    world.served.stop().await;
}
