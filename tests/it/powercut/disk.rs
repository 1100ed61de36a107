//! A disk under a power cut. What was synced is there; of all that came after a file's (or a directory's) last
//! sync, any subset may be.
//!
//! What is assumed, on the careless side of what file systems do:
//! - `fsync` and `fdatasync` of a file make its data and its length durable: what was written before the call began,
//!   once it has returned. `sync_file_range` makes nothing durable.
//! - The unit of writing is the sector of 512 bytes, which is old or new. A write may be there, absent, or torn
//!   (any of its sectors), whatever came later. A sector that was never written reads as zeros.
//! - A file's length may be any that it had since its last sync, whichever data arrived.
//! - An entry of a directory (create, rename, unlink) is durable once *that directory* was synced; before, each change is
//!   there or not, in any subset. Syncing a file does not make its name durable. A rename within a directory is atomic.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::path::Path;

use super::trace::Event;

const SECTOR: usize = 512;

/// A small seeded generator (splitmix64): the same seed gives the same power cut.
#[derive(Clone)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True in `percent` of a hundred cases.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// Syncs that the disk is told to ignore, to show that the test can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignore {
    Nothing,
    FileSyncs,
    DirectorySyncs,
}

enum FileChange {
    Write(u64, Range<usize>),
    Truncate(u64),
}

#[derive(Clone)]
enum EntryChange {
    Add(String, usize),
    Remove(String),
    Rename(String, String),
}

/// What is durable, what came after it, and how many changes have become durable so far.
struct Versions<T, C> {
    durable: T,
    pending: VecDeque<C>,
    applied: usize,
}

impl<T: Default, C> Versions<T, C> {
    fn new() -> Self {
        Self {
            durable: T::default(),
            pending: VecDeque::new(),
            applied: 0,
        }
    }

    fn settle(&mut self, target: usize, mut apply: impl FnMut(&mut T, C)) {
        while self.applied < target {
            let Some(change) = self.pending.pop_front() else {
                break;
            };
            apply(&mut self.durable, change);
            self.applied += 1;
        }
    }
}

type Entries = BTreeMap<String, usize>;
type FileVersions = Versions<Vec<u8>, FileChange>;

enum Object {
    File(FileVersions),
    Directory {
        live: Entries,
        versions: Versions<Entries, EntryChange>,
    },
}

/// What is on a disk: path to content, `None` for a directory.
pub(super) type Image = BTreeMap<String, Option<Vec<u8>>>;

/// The disk, as far as the events went.
pub(super) struct Disk<'t> {
    bytes: &'t [u8],
    objects: Vec<Object>,
    syncs: HashMap<u64, (usize, usize)>,
    ignore: Ignore,
}

impl<'t> Disk<'t> {
    /// A disk that durably holds `base`.
    pub(super) fn new(base: &Image, bytes: &'t [u8], ignore: Ignore) -> Self {
        let mut disk = Self {
            bytes,
            objects: Vec::new(),
            syncs: HashMap::new(),
            ignore,
        };
        // Paths ascend, so a directory comes before what is in it.
        for (path, content) in base {
            let object = disk.objects.len();
            disk.objects.push(match content {
                None => Object::Directory {
                    live: Entries::new(),
                    versions: Versions::new(),
                },
                Some(content) => Object::File(Versions {
                    durable: content.clone(),
                    pending: VecDeque::new(),
                    applied: 0,
                }),
            });
            let (directory, name) = split(path);
            if object > 0 {
                let at = disk.object(directory);
                let Object::Directory { live, versions } = &mut disk.objects[at] else {
                    panic!("{path}")
                };
                live.insert(name.into(), object);
                versions.durable.insert(name.into(), object);
            }
        }
        disk
    }

    fn object(&self, path: &str) -> usize {
        path.split('/')
            .filter(|name| !name.is_empty())
            .fold(0, |at, name| match &self.objects[at] {
                Object::Directory { live, .. } => {
                    *live.get(name).unwrap_or_else(|| panic!("{path} is not there"))
                }
                Object::File(_) => panic!("{path} goes through a file"),
            })
    }

    fn change_entry(&mut self, directory: &str, change: EntryChange) {
        let at = self.object(directory);
        let Object::Directory { live, versions } = &mut self.objects[at] else {
            panic!("{directory} is a file")
        };
        apply_entry(live, change.clone());
        versions.pending.push_back(change);
    }

    fn add(&mut self, path: &str, object: Object) {
        self.objects.push(object);
        let (directory, name) = split(path);
        self.change_entry(directory, EntryChange::Add(name.into(), self.objects.len() - 1));
    }

    fn change_file(&mut self, path: &str, change: FileChange) {
        let at = self.object(path);
        let Object::File(versions) = &mut self.objects[at] else {
            panic!("{path} is a directory")
        };
        versions.pending.push_back(change);
    }

    /// Lets the next event happen.
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Create(path) => self.add(path, Object::File(Versions::new())),
            Event::MakeDirectory(path) => {
                self.add(
                    path,
                    Object::Directory {
                        live: Entries::new(),
                        versions: Versions::new(),
                    },
                );
            }
            Event::Write(path, offset, data) => {
                self.change_file(path, FileChange::Write(*offset, data.clone()))
            }
            Event::Truncate(path, length) => self.change_file(path, FileChange::Truncate(*length)),
            Event::Rename(from, to) => {
                let ((directory, from), (other, to)) = (split(from), split(to));
                assert_eq!(
                    directory, other,
                    "a rename between directories is two changes, which is not modelled"
                );
                self.change_entry(directory, EntryChange::Rename(from.into(), to.into()));
            }
            Event::Unlink(path) | Event::RemoveDirectory(path) => {
                let (directory, name) = split(path);
                self.change_entry(directory, EntryChange::Remove(name.into()));
            }
            Event::SyncBegin(path, number) => {
                let at = self.object(path);
                let target = match &self.objects[at] {
                    Object::File(versions) => versions.applied + versions.pending.len(),
                    Object::Directory { versions, .. } => versions.applied + versions.pending.len(),
                };
                self.syncs.insert(*number, (at, target));
            }
            Event::SyncEnd(number) => {
                let (at, target) = self
                    .syncs
                    .remove(number)
                    .expect("a sync ends once, after it began");
                match &mut self.objects[at] {
                    Object::File(_) if self.ignore == Ignore::FileSyncs => {}
                    Object::Directory { .. } if self.ignore == Ignore::DirectorySyncs => {}
                    Object::File(versions) => {
                        versions.settle(target, |content, change| {
                            apply_change(content, &change, self.bytes)
                        });
                    }
                    Object::Directory { versions, .. } => versions.settle(target, apply_entry),
                }
            }
            Event::SyncFileRange | Event::Marker(_) => {}
        }
    }

    /// What the running system sees: everything that happened.
    pub(super) fn live(&self) -> Image {
        self.image(&mut |_| true, &mut |versions, bytes| {
            all_but(versions, bytes, None)
        })
    }

    /// Everything that happened, but the writes at one offset that were not synced.
    pub(super) fn live_without(&self, offset: u64) -> Image {
        self.image(&mut |_| true, &mut |versions, bytes| {
            all_but(versions, bytes, Some(offset))
        })
    }

    /// What may be found after a power cut now.
    pub(super) fn power_cut(&self, random: &mut Random) -> Image {
        let mood = Mood {
            kept: random.pick(&[0, 10, 50, 50, 90, 100]),
            torn: random.pick(&[0, 0, 30, 60]),
            order: random.pick(&[
                Order::Any,
                Order::Any,
                Order::Oldest,
                Order::Newest,
                Order::AllButOne,
            ]),
        };
        let mut entries = random.clone();
        random.next();
        self.image(&mut |_| entries.chance(mood.kept), &mut |versions, bytes| {
            cut(versions, bytes, mood, random)
        })
    }

    fn image(
        &self,
        keep: &mut dyn FnMut(&EntryChange) -> bool,
        content: &mut dyn FnMut(&FileVersions, &[u8]) -> Vec<u8>,
    ) -> Image {
        let mut image = Image::new();
        let mut waiting = vec![(String::new(), 0usize)];
        while let Some((path, at)) = waiting.pop() {
            match &self.objects[at] {
                Object::File(versions) => drop(image.insert(path, Some(content(versions, self.bytes)))),
                Object::Directory { versions, .. } => {
                    let mut entries = versions.durable.clone();
                    for change in versions.pending.iter().filter(|change| keep(change)) {
                        match change {
                            // The new name is there although the old one never became durable.
                            EntryChange::Rename(from, to) if !entries.contains_key(from) => {
                                let added = versions.pending.iter().find_map(|change| match change {
                                    EntryChange::Add(name, object) if name == from => Some(*object),
                                    _ => None,
                                });
                                entries.extend(added.map(|object| (to.clone(), object)));
                            }
                            change => apply_entry(&mut entries, change.clone()),
                        }
                    }
                    waiting.extend(
                        entries
                            .into_iter()
                            .map(|(name, object)| (join(&path, &name), object)),
                    );
                    image.insert(path, None);
                }
            }
        }
        image
    }
}

fn all_but(versions: &FileVersions, bytes: &[u8], lost: Option<u64>) -> Vec<u8> {
    let mut content = versions.durable.clone();
    for change in &versions.pending {
        match change {
            FileChange::Write(offset, _) if Some(*offset) == lost => {}
            change => apply_change(&mut content, change, bytes),
        }
    }
    content
}

/// The mood of one cut: without it, every cut would be an average one.
#[derive(Clone, Copy)]
struct Mood {
    /// How many of a hundred changes are there, if any may be.
    kept: u64,
    /// How many of a hundred writes are torn.
    torn: u64,
    order: Order,
}

/// Which changes of a file may be there.
#[derive(Clone, Copy)]
enum Order {
    Any,
    /// All up to one, none after it.
    Oldest,
    /// None up to one, all after it.
    Newest,
    AllButOne,
}

/// One file after the cut.
fn cut(versions: &FileVersions, bytes: &[u8], mood: Mood, random: &mut Random) -> Vec<u8> {
    let edge = random.below(versions.pending.len() as u64 + 1);
    let mut content = versions.durable.clone();
    let mut length = content.len() as u64;
    let mut lengths = vec![length];
    for (n, change) in (0..).zip(&versions.pending) {
        length = match change {
            FileChange::Truncate(length) => *length,
            FileChange::Write(offset, data) => length.max(offset + data.len() as u64),
        };
        lengths.push(length);
        let keep = match mood.order {
            Order::Any => random.chance(mood.kept),
            Order::Oldest => n < edge,
            Order::Newest => n >= edge,
            Order::AllButOne => n != edge,
        };
        match change {
            FileChange::Truncate(length) if keep => content.resize(usize::try_from(*length).unwrap(), 0),
            FileChange::Truncate(_) => {}
            FileChange::Write(offset, data) if random.chance(mood.torn) => {
                let start = usize::try_from(*offset).unwrap();
                // Half of them lose or keep one run of sectors, the others any sectors.
                let sectors = (start % SECTOR + data.len()).div_ceil(SECTOR);
                let edge = random.below(sectors as u64 + 1);
                let (runs, tail) = (random.chance(50), random.chance(50));
                for n in 0..sectors {
                    let from = (start / SECTOR + n) * SECTOR;
                    let sector = from.max(start)..(from + SECTOR).min(start + data.len());
                    let there = if runs {
                        ((n as u64) < edge) != tail
                    } else {
                        random.chance(50)
                    };
                    if there {
                        let data = data.start + (sector.start - start)..data.start + (sector.end - start);
                        put(&mut content, sector.start, &bytes[data]);
                    }
                }
            }
            FileChange::Write(offset, data) if keep => {
                put(
                    &mut content,
                    usize::try_from(*offset).unwrap(),
                    &bytes[data.clone()],
                );
            }
            FileChange::Write(..) => {}
        }
    }
    let length = match random.below(4) {
        0 => lengths[0],
        1 => random.pick(&lengths),
        _ => length,
    };
    content.resize(usize::try_from(length).unwrap(), 0);
    content
}

fn apply_change(content: &mut Vec<u8>, change: &FileChange, bytes: &[u8]) {
    match change {
        FileChange::Write(offset, data) => {
            put(content, usize::try_from(*offset).unwrap(), &bytes[data.clone()])
        }
        FileChange::Truncate(length) => content.resize(usize::try_from(*length).unwrap(), 0),
    }
}

fn put(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}

fn apply_entry(entries: &mut Entries, change: EntryChange) {
    match change {
        EntryChange::Add(name, object) => drop(entries.insert(name, object)),
        EntryChange::Remove(name) => drop(entries.remove(&name)),
        EntryChange::Rename(from, to) => {
            let object = entries.remove(&from);
            entries.extend(object.map(|object| (to, object)));
        }
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.into()
    } else {
        format!("{directory}/{name}")
    }
}

/// Writes an image below `directory`.
pub(super) fn write(image: &Image, directory: &Path) {
    for (path, content) in image {
        match content {
            None => std::fs::create_dir_all(directory.join(path)).unwrap(),
            Some(content) => std::fs::write(directory.join(path), content).unwrap(),
        }
    }
}

/// Reads what is below `directory`.
pub(super) fn read(directory: &Path) -> Image {
    let mut image = Image::from([(String::new(), None)]);
    let mut waiting = vec![String::new()];
    while let Some(path) = waiting.pop() {
        for entry in std::fs::read_dir(directory.join(&path)).unwrap() {
            let entry = entry.unwrap();
            let path = join(&path, entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                image.insert(path.clone(), None);
                waiting.push(path);
            } else {
                let content = std::fs::read(entry.path()).unwrap();
                image.insert(path, Some(content));
            }
        }
    }
    image
}
