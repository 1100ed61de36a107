//! The bundle's JSON: strict both ways. Its shape is these structs; what the texts in them hold is read here too, so that a
//! fault names the part that it is in.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Bundle, BundleFault, BundledThread, Earlier, Entry, FORMAT, Opened, SeenRoot, TimestampToken};
use crate::domain::{DetachedPart, Hash};
use crate::limits;
use crate::objects::only_objects;
use crate::seal::EnvelopeJson;
use crate::transparency::TlogProof;

/// Where a fault of the document itself is.
const DOCUMENT: &str = "the document";

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct Json {
    format: String,
    origin: String,
    checkpoint: String,
    earlier: Vec<JsonEarlier>,
    seen: Vec<JsonSeen>,
    timestamps: Vec<JsonTimestamp>,
    warning: JsonWarning,
    #[serde(deserialize_with = "required")]
    accepted: Option<JsonEntry>,
    threads: Vec<JsonThread>,
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    opened: Option<JsonOpened>,
    directory: Vec<JsonEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonOpened {
    #[serde(deserialize_with = "required")]
    body: Option<JsonPart>,
    texts: Vec<JsonText>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonEarlier {
    checkpoint: String,
    consistency: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonSeen {
    size: u64,
    root: String,
    consistency: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonTimestamp {
    size: u64,
    token: String,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonWarning {
    envelope: EnvelopeJson,
    #[serde(deserialize_with = "required")]
    body: Option<JsonPart>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonPart {
    salt: String,
    content: String,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonEntry {
    proof: String,
    record: String,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonThread {
    desk: String,
    records: Vec<JsonEntry>,
    texts: Vec<JsonText>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonText {
    index: u64,
    salt: String,
    content: String,
}

/// `null` says that there is none; a member that is missing says nothing, and is an error.
fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// A member that may be missing is one if it is there, and not `null`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What a document says it is, read before anything else of it.
#[derive(Deserialize)]
#[serde(remote = "Self")]
struct Format {
    format: String,
}

only_objects!(read: Format);
only_objects!(
    Json,
    JsonEarlier,
    JsonSeen,
    JsonTimestamp,
    JsonWarning,
    JsonPart,
    JsonEntry,
    JsonThread,
    JsonText,
    JsonOpened
);

/// The `format` of a document; none: it is no JSON object with one.
pub fn format_of(bytes: &[u8]) -> Option<String> {
    serde_json::from_slice::<Format>(bytes).ok().map(|it| it.format)
}

pub(super) fn parse(bytes: &[u8]) -> Result<Bundle, BundleFault> {
    if bytes.len() > limits::BUNDLE_BYTES_MAX {
        let why = format!(
            "it has {} bytes, more than {}",
            bytes.len(),
            limits::BUNDLE_BYTES_MAX
        );
        return Err(BundleFault::new(DOCUMENT, why));
    }
    let json: Json = serde_json::from_slice(bytes).map_err(|error| BundleFault::new(DOCUMENT, error))?;
    if json.format != FORMAT {
        return Err(BundleFault::new("format", format!("it is not {FORMAT:?}")));
    }
    at_most("earlier", json.earlier.len(), limits::BUNDLE_EARLIER_MAX)?;
    at_most("seen", json.seen.len(), limits::BUNDLE_SEEN_MAX)?;
    at_most("timestamps", json.timestamps.len(), limits::BUNDLE_TIMESTAMPS_MAX)?;
    at_most("threads", json.threads.len(), limits::AUDIENCE_MAX)?;
    let body = json.warning.body.as_ref();
    let body = body.map(|body| detached("warning.body", &body.salt, &body.content, limits::BODY_BYTES_MAX));
    let earlier = json.earlier.into_iter().enumerate();
    let seen = json.seen.into_iter().enumerate();
    let timestamps = json.timestamps.iter().enumerate();
    Ok(Bundle {
        origin: json
            .origin
            .parse()
            .map_err(|error| BundleFault::new("origin", error))?,
        checkpoint: json.checkpoint,
        earlier: earlier
            .map(|(at, it)| {
                Ok(Earlier {
                    consistency: hashes(&format!("earlier[{at}].consistency"), &it.consistency)?,
                    checkpoint: it.checkpoint,
                })
            })
            .collect::<Result<_, _>>()?,
        seen: seen
            .map(|(at, it)| {
                Ok(SeenRoot {
                    size: it.size,
                    root: hash(&format!("seen[{at}].root"), &it.root)?,
                    consistency: hashes(&format!("seen[{at}].consistency"), &it.consistency)?,
                })
            })
            .collect::<Result<_, _>>()?,
        timestamps: timestamps
            .map(|(at, it)| {
                let part = format!("timestamps[{at}].token");
                Ok(TimestampToken {
                    size: it.size,
                    token: decoded(&part, &it.token, limits::TSA_TOKEN_BYTES_MAX)?,
                })
            })
            .collect::<Result<_, _>>()?,
        envelope: json
            .warning
            .envelope
            .read()
            .map_err(|error| BundleFault::new("warning.envelope", error))?,
        body: body.transpose()?,
        accepted: json
            .accepted
            .as_ref()
            .map(|it| entry("accepted", it))
            .transpose()?,
        threads: json
            .threads
            .iter()
            .enumerate()
            .map(|(at, it)| thread(&format!("threads[{at}]"), it))
            .collect::<Result<_, _>>()?,
        opened: match &json.opened {
            Some(it) => opened(it)?,
            None => Opened::default(),
        },
        directory: entries("directory", &json.directory)?,
    })
}

fn opened(json: &JsonOpened) -> Result<Opened, BundleFault> {
    let max = limits::SEALABLE_BODY_BYTES_MAX;
    let body = json.body.as_ref();
    let opened = Opened {
        body: body
            .map(|it| detached("opened.body", &it.salt, &it.content, max))
            .transpose()?,
        texts: texts("opened", &json.texts, limits::SEALABLE_TEXT_BYTES_MAX)?,
    };
    match opened.is_empty() {
        true => Err(BundleFault::new("opened", "it opens nothing")),
        false => Ok(opened),
    }
}

fn texts(part: &str, json: &[JsonText], max: usize) -> Result<Vec<(u64, DetachedPart)>, BundleFault> {
    let mut texts: Vec<(u64, DetachedPart)> = Vec::with_capacity(json.len());
    for (at, it) in json.iter().enumerate() {
        let part = format!("{part}.texts[{at}]");
        if texts.last().is_some_and(|(before, _)| *before >= it.index) {
            return Err(BundleFault::new(
                part,
                "the texts are not in the order of their records, each once",
            ));
        }
        texts.push((it.index, detached(&part, &it.salt, &it.content, max)?));
    }
    Ok(texts)
}

fn thread(part: &str, json: &JsonThread) -> Result<BundledThread, BundleFault> {
    let desk = json.desk.parse();
    Ok(BundledThread {
        desk: desk.map_err(|error| BundleFault::new(format!("{part}.desk"), error))?,
        records: entries(&format!("{part}.records"), &json.records)?,
        texts: texts(part, &json.texts, limits::TEXT_BYTES_MAX)?,
    })
}

fn entries(part: &str, json: &[JsonEntry]) -> Result<Vec<Entry>, BundleFault> {
    let all = json.iter().enumerate();
    all.map(|(at, it)| entry(&format!("{part}[{at}]"), it)).collect()
}

fn entry(part: &str, json: &JsonEntry) -> Result<Entry, BundleFault> {
    let proof = TlogProof::parse(&json.proof);
    let record = decoded(&format!("{part}.record"), &json.record, limits::RECORD_BYTES_MAX)?;
    Ok(Entry {
        proof: proof.map_err(|error| BundleFault::new(format!("{part}.proof"), error))?,
        record: Bytes::from(record),
    })
}

fn detached(part: &str, salt: &str, content: &str, max: usize) -> Result<DetachedPart, BundleFault> {
    let salt_part = format!("{part}.salt");
    let salt = decoded(&salt_part, salt, 32)?;
    Ok(DetachedPart {
        salt: salt
            .try_into()
            .map_err(|_| BundleFault::new(salt_part, "it is not 32 bytes"))?,
        content: Bytes::from(decoded(&format!("{part}.content"), content, max)?),
    })
}

fn hashes(part: &str, texts: &[String]) -> Result<Vec<Hash>, BundleFault> {
    at_most(part, texts.len(), limits::PROOF_HASHES_MAX)?;
    let all = texts.iter().enumerate();
    all.map(|(at, text)| hash(&format!("{part}[{at}]"), text))
        .collect()
}

fn hash(part: &str, text: &str) -> Result<Hash, BundleFault> {
    let bytes = decoded(part, text, 32)?;
    let bytes = bytes.try_into();
    Ok(Hash(
        bytes.map_err(|_| BundleFault::new(part, "it is not 32 bytes"))?,
    ))
}

fn decoded(part: &str, text: &str, max: usize) -> Result<Vec<u8>, BundleFault> {
    // Looked at before it is decoded: four characters for three bytes.
    if text.len() / 4 > max / 3 + 1 {
        return Err(BundleFault::new(part, format!("it has more than {max} bytes")));
    }
    let bytes = BASE64_STANDARD
        .decode(text)
        .map_err(|_| BundleFault::new(part, "it is no base64"))?;
    at_most(part, bytes.len(), max)?;
    Ok(bytes)
}

fn at_most(part: &str, count: usize, max: usize) -> Result<(), BundleFault> {
    if count <= max {
        return Ok(());
    }
    Err(BundleFault::new(
        part,
        format!("it has {count} elements or bytes, more than {max}"),
    ))
}

pub(super) fn write(bundle: &Bundle) -> String {
    let json = Json {
        format: FORMAT.to_owned(),
        origin: bundle.origin.to_string(),
        checkpoint: bundle.checkpoint.clone(),
        earlier: bundle
            .earlier
            .iter()
            .map(|it| JsonEarlier {
                checkpoint: it.checkpoint.clone(),
                consistency: it.consistency.iter().map(encoded_hash).collect(),
            })
            .collect(),
        seen: bundle
            .seen
            .iter()
            .map(|it| JsonSeen {
                size: it.size,
                root: encoded_hash(&it.root),
                consistency: it.consistency.iter().map(encoded_hash).collect(),
            })
            .collect(),
        timestamps: bundle
            .timestamps
            .iter()
            .map(|it| JsonTimestamp {
                size: it.size,
                token: BASE64_STANDARD.encode(&it.token),
            })
            .collect(),
        warning: JsonWarning {
            envelope: EnvelopeJson::of(&bundle.envelope),
            body: bundle.body.as_ref().map(json_part),
        },
        accepted: bundle.accepted.as_ref().map(json_entry),
        threads: bundle.threads.iter().map(json_thread).collect(),
        opened: (!bundle.opened.is_empty()).then(|| JsonOpened {
            body: bundle.opened.body.as_ref().map(json_part),
            texts: json_texts(&bundle.opened.texts),
        }),
        directory: bundle.directory.iter().map(json_entry).collect(),
    };
    // Texts, numbers and lists of them always serialize.
    let mut text = serde_json::to_string_pretty(&json).unwrap_or_default();
    text.push('\n');
    text
}

fn json_thread(thread: &BundledThread) -> JsonThread {
    JsonThread {
        desk: thread.desk.to_string(),
        records: thread.records.iter().map(json_entry).collect(),
        texts: json_texts(&thread.texts),
    }
}

fn json_texts(texts: &[(u64, DetachedPart)]) -> Vec<JsonText> {
    let json = |(index, part): &(u64, DetachedPart)| {
        let JsonPart { salt, content } = json_part(part);
        JsonText {
            index: *index,
            salt,
            content,
        }
    };
    texts.iter().map(json).collect()
}

fn json_part(part: &DetachedPart) -> JsonPart {
    JsonPart {
        salt: BASE64_STANDARD.encode(part.salt),
        content: BASE64_STANDARD.encode(&part.content),
    }
}

fn json_entry(entry: &Entry) -> JsonEntry {
    JsonEntry {
        proof: entry.proof.to_string(),
        record: BASE64_STANDARD.encode(&entry.record),
    }
}

fn encoded_hash(hash: &Hash) -> String {
    BASE64_STANDARD.encode(hash.as_bytes())
}
