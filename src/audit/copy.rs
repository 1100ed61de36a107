//! A *copy*: a relay's log as it was shown to somebody, in a file. It is the magic line, then chunks, each a length (4 bytes
//! big-endian) and so many bytes: first the signed note that the rest is of, then for each index in order a `ReplayedRecord`.
//!
//! A copy is a stranger's bytes: what is read of it parses or fails with the place, is bounded, and never panics. Nothing of it
//! is verified here. One that was written is whole, on stable storage and its owner's alone, or is not there.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use prost::Message as _;

use crate::domain::{Hash, ReplayedContent, ReplayedRecord};
use crate::files::{self, FileError};
use crate::limits;
use crate::seal::random_bytes;
use crate::transparency::leaf_hash;
use crate::wire::v1;

/// What every copy begins with. Format.
pub const MAGIC: &[u8] = b"wardline-copy/v1\n";

/// Why a file is no copy, or serves no more from some place on.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It does not begin as one.
    #[error("it is no copy of a log: it does not begin with \"wardline-copy/v1\"")]
    NoCopy,
    /// The note is not there, or is not text.
    #[error("its signed checkpoint does not read: {0}")]
    Note(&'static str),
    /// What stands where a record should.
    #[error("record {index}: {what}")]
    Record {
        /// Its place in the copy, from 0.
        index: u64,
        /// What is wrong.
        what: String,
    },
    /// The file system failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Reads a copy, whatever it comes from.
#[derive(Debug)]
pub struct Copy<R> {
    reader: R,
    note: String,
    /// How many records were read.
    read: u64,
    /// What came after the last of them.
    bad: Option<CopyError>,
    ended: bool,
}

impl Copy<BufReader<File>> {
    /// Opens a copy that is a file.
    pub fn open(path: &Path) -> Result<Self, CopyError> {
        Self::read_from(BufReader::with_capacity(
            limits::AUDIT_READ_BYTES,
            File::open(path)?,
        ))
    }
}

impl<R: Read> Copy<R> {
    /// Begins to read a copy: its magic line and its note.
    pub fn read_from(mut reader: R) -> Result<Self, CopyError> {
        let mut magic = [0; MAGIC.len()];
        match reader.read_exact(&mut magic) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(CopyError::NoCopy),
            read => read?,
        }
        if magic != MAGIC {
            return Err(CopyError::NoCopy);
        }
        let mut note = BytesMut::new();
        match chunk(&mut reader, limits::CHECKPOINT_BYTES_MAX, &mut note) {
            Ok(true) => {}
            Ok(false) => return Err(CopyError::Note("there is none")),
            Err(BadChunk::Io(error)) => return Err(error.into()),
            Err(BadChunk::TooLong(_)) => return Err(CopyError::Note("it is too long")),
            Err(BadChunk::Short) => return Err(CopyError::Note("it ends early")),
        }
        let note = String::from_utf8(note.to_vec()).map_err(|_| CopyError::Note("it is not text"))?;
        Ok(Self {
            reader,
            note,
            read: 0,
            bad: None,
            ended: false,
        })
    }

    /// The signed note that the copy says it is of; unverified.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The next chunks, not parsed yet, with the place of the first: at most so many, and not more than one beyond so many bytes.
    /// None at the end.
    pub(super) fn chunks(
        &mut self,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Option<(u64, Vec<Bytes>)>, CopyError> {
        let first = self.read;
        let mut buffer = BytesMut::with_capacity(bytes_max.saturating_add(limits::AUDIT_BATCH_SLACK_BYTES));
        let mut ends = Vec::with_capacity(records_max);
        while self.bad.is_none() && !self.ended && ends.len() < records_max && buffer.len() < bytes_max {
            match chunk(&mut self.reader, limits::COPY_CHUNK_BYTES_MAX, &mut buffer) {
                Ok(true) => {
                    ends.push(buffer.len());
                    self.read = self.read.saturating_add(1);
                }
                Ok(false) => self.ended = true,
                // What stands before it is told first.
                Err(bad) => self.bad = Some(bad.at(self.read)),
            }
        }
        if ends.is_empty() {
            self.ended = true;
            return self.bad.take().map_or(Ok(None), Err);
        }
        let mut buffer = buffer.freeze();
        let mut before = 0usize;
        let chunks = ends.into_iter().map(|end| {
            let chunk = buffer.split_to(end.saturating_sub(before).min(buffer.len()));
            before = end;
            chunk
        });
        Ok(Some((first, chunks.collect())))
    }

    /// Every index with its leaf hash, which must come in order from 0.
    pub fn leaves(self) -> impl Iterator<Item = Result<(u64, Hash), CopyError>> {
        let mut due = 0u64;
        self.map(move |shown| {
            let shown = shown?;
            let index = due;
            due = due.saturating_add(1);
            if shown.index != index {
                let what = format!("index {} came where it was due", shown.index);
                return Err(CopyError::Record { index, what });
            }
            Ok((
                index,
                match &shown.content {
                    ReplayedContent::Record(bytes) => leaf_hash(bytes),
                    ReplayedContent::LeafHash(leaf) => *leaf,
                },
            ))
        })
    }
}

impl<R: Read> Iterator for Copy<R> {
    type Item = Result<ReplayedRecord, CopyError>;

    /// The next index as it was shown; after an error there is none.
    fn next(&mut self) -> Option<Self::Item> {
        match self.chunks(1, 1) {
            Ok(None) => None,
            Ok(Some((index, chunks))) => {
                let parsed = parsed(index, chunks.into_iter().next()?);
                self.ended |= parsed.is_err();
                Some(parsed)
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// One index out of its chunk.
pub(super) fn parsed(index: u64, chunk: Bytes) -> Result<ReplayedRecord, CopyError> {
    let bad = |what: String| CopyError::Record { index, what };
    let message = v1::ReplayedRecord::decode(chunk)
        .map_err(|_| bad("it is not protobuf, or not an index as a relay shows it".to_owned()))?;
    message.try_into().map_err(|refused| bad(format!("{refused}")))
}

enum BadChunk {
    TooLong(u32),
    Short,
    Io(io::Error),
}

impl BadChunk {
    fn at(self, index: u64) -> CopyError {
        let what = match self {
            Self::Io(error) => return error.into(),
            Self::TooLong(length) => {
                format!("the copy says that it has {length} bytes, more than one may have")
            }
            Self::Short => "the copy ends inside it".to_owned(),
        };
        CopyError::Record { index, what }
    }
}

/// Adds the next chunk to a buffer; false: there is none.
fn chunk(reader: &mut impl Read, bytes_max: usize, buffer: &mut BytesMut) -> Result<bool, BadChunk> {
    let mut head = [0; 4];
    let mut filled = 0usize;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(BadChunk::Short),
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(BadChunk::Io(error)),
        }
    }
    let length = u32::from_be_bytes(head);
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    if bytes > bytes_max {
        return Err(BadChunk::TooLong(length));
    }
    let before = buffer.len();
    buffer.resize(before.saturating_add(bytes), 0);
    match reader.read_exact(buffer.get_mut(before..).unwrap_or_default()) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(BadChunk::Short),
        Err(error) => Err(BadChunk::Io(error)),
        Ok(()) => Ok(true),
    }
}

/// Writes a copy: under a name of its own, until it is whole.
#[derive(Debug)]
pub struct CopyWriter {
    path: PathBuf,
    unfinished: PathBuf,
    file: BufWriter<File>,
    finished: bool,
}

impl CopyWriter {
    /// Begins a copy. Nothing is replaced: a copy is evidence.
    pub fn create(path: &Path, note: &str) -> Result<Self, CopyError> {
        let taken = || io::Error::new(io::ErrorKind::AlreadyExists, "there is a file of that name");
        if path.exists() {
            return Err(taken().into());
        }
        let name = path
            .file_name()
            .ok_or(io::ErrorKind::InvalidInput)
            .map_err(io::Error::from)?;
        let random = random_bytes::<8>().map_err(io::Error::other)?;
        let mut unfinished = std::ffi::OsString::from(files::TEMPORARY);
        unfinished.push(name);
        unfinished.push(format!(".{}", hex::encode(random)));
        let unfinished = path.with_file_name(unfinished);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)?;
        let mut writer = Self {
            path: path.to_owned(),
            unfinished,
            file: BufWriter::with_capacity(limits::AUDIT_READ_BYTES, file),
            finished: false,
        };
        writer.file.write_all(MAGIC)?;
        writer.chunk(note.as_bytes())?;
        Ok(writer)
    }

    /// Adds the next index.
    pub fn push(&mut self, shown: &ReplayedRecord) -> Result<(), CopyError> {
        self.chunk(&v1::ReplayedRecord::from(shown).encode_to_vec())
    }

    /// The copy is whole, on stable storage and under its name when it returns.
    pub fn finish(mut self) -> Result<(), CopyError> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        // It is whole, and may have taken a day: where only its name cannot be given, it is kept.
        self.finished = true;
        files::name_new(&self.unfinished, &self.path).map_err(|error| {
            let kept = self.unfinished.display();
            io::Error::new(
                error.kind(),
                format!("{error}; the copy is whole, and is kept as {kept}"),
            )
        })?;
        files::sync_directory_of(&self.path).map_err(|FileError { source, .. }| source.into())
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), CopyError> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.file.write_all(&length.to_be_bytes())?;
        Ok(self.file.write_all(bytes)?)
    }
}

impl Drop for CopyWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Best effort: it is no copy, and its name says so.
            let _ = std::fs::remove_file(&self.unfinished);
        }
    }
}
