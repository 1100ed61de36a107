//! Whatever stands in a receipt, it is read or refused, and what is read is written back. And no proof but the true one shows
//! anything of a log: the input takes a small tree and a true proof, and changes what it likes of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardline::domain::Hash;
use wardline::limits;
use wardline::transparency::{Frontier, TlogProof, leaf_hash, verify_consistency, verify_inclusion};
use wardline_fuzz::{Script, Tree};

/// Changes a list of hashes as the input says.
fn change(script: &mut Script<'_>, hashes: &mut Vec<Hash>, tree: &Tree) {
    for _ in 0..script.below(4) {
        let at = usize::try_from(script.below(hashes.len() as u64 + 1)).unwrap_or(0);
        let hash = match script.below(3) {
            0 => script.hash(),
            1 => tree.leaves[usize::try_from(script.below(tree.size())).unwrap_or(0)],
            _ => hashes
                .get(usize::from(script.byte()) % hashes.len().max(1))
                .copied()
                .unwrap_or_default(),
        };
        match script.below(4) {
            0 => hashes.insert(at, hash),
            1 if at < hashes.len() => drop(hashes.remove(at)),
            2 if at < hashes.len() => hashes[at] = hash,
            _ => hashes.truncate(at),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(proof) = TlogProof::parse(text)
    {
        assert_eq!(proof.to_string(), text);
    }
    if let Ok(frontier) = Frontier::from_bytes(data) {
        assert_eq!(frontier.to_bytes(), data);
        let _ = frontier.root();
        let mut next = frontier.clone();
        if next.append(leaf_hash(b"next")).is_ok() {
            assert_eq!(Frontier::from_bytes(&next.to_bytes()), Ok(next));
        }
    }
    let mut script = Script::new(data);
    let tree = Tree::of((0..=script.byte()).map(|it| leaf_hash(&[it])));
    let new = script.below(tree.size()) + 1;
    let at = |index: u64| tree.leaves[usize::try_from(index).unwrap_or(0)];

    let index = script.below(new);
    let true_proof = tree.inclusion(new, index);
    assert!(verify_inclusion(&at(index), index, new, &true_proof, &tree.root(new)).is_ok());
    let mut proof = true_proof.clone();
    change(&mut script, &mut proof, &tree);
    let claimed = if script.below(2) == 0 {
        index
    } else {
        script.number()
    };
    let of = script.below(new);
    if verify_inclusion(&at(of), claimed, new, &proof, &tree.root(new)).is_ok() {
        assert_eq!((claimed, &proof), (of, &tree.inclusion(new, of)));
    }
    // Of a size that is not the root's, nothing is proven that this could mean, but nothing may break.
    let _ = verify_inclusion(&at(of), claimed, script.number(), &proof, &tree.root(new));

    let old = script.below(new + 1);
    let true_proof = tree.consistency(old, new);
    assert!(verify_consistency(old, &tree.root(old), new, &tree.root(new), &true_proof).is_ok());
    let mut proof = true_proof.clone();
    change(&mut script, &mut proof, &tree);
    let root = match script.below(3) {
        0 => tree.root(old),
        1 => tree.root(script.below(tree.size() + 1)),
        _ => script.hash(),
    };
    if verify_consistency(old, &root, new, &tree.root(new), &proof).is_ok() {
        assert_eq!((root, &proof), (tree.root(old), &true_proof));
    }
    let claimed = script.number();
    if verify_consistency(claimed, &root, new, &tree.root(new), &proof).is_ok() && claimed <= new {
        assert_eq!(root, tree.root(claimed), "another root of a size was proven");
    }
    let _ = verify_consistency(claimed, &root, script.number(), &tree.root(new), &proof);
    assert!(proof.len() <= limits::PROOF_HASHES_MAX);
});
