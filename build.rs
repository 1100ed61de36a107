//! Compiles the protobuf with protox, in Rust: there is no `protoc` to install. The descriptor set is kept for
//! reflection and for the strict walker over signed payloads, with the fields of each message as constants for who reads it.

use std::error::Error;
use std::path::{Path, PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new("proto");
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("wardline/v1"))?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|e| e == "proto"));
    files.sort();
    println!("cargo:rerun-if-changed=proto");

    let descriptors = protox::compile(&files, [root])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("wardline_descriptor.bin"), descriptors.encode_to_vec())?;
    std::fs::write(out.join("wardline_fields.rs"), fields(&descriptors))?;
    tonic_prost_build::configure()
        .bytes(".")
        .build_transport(true)
        .compile_fds(descriptors)?;
    Ok(())
}

/// Each message as a module, each of its fields as a constant: its place by number, and its name.
fn fields(descriptors: &prost_types::FileDescriptorSet) -> String {
    let mut text = String::new();
    for message in descriptors.file.iter().flat_map(|file| &file.message_type) {
        if message.field.is_empty() {
            continue;
        }
        let mut fields: Vec<_> = message.field.iter().collect();
        fields.sort_by_key(|field| field.number());
        text.push_str(&format!(
            "pub(in crate::wire) mod {} {{ use super::At;",
            snake(message.name())
        ));
        for (place, field) in fields.iter().enumerate() {
            text.push_str(&format!(
                "pub(in crate::wire) const {}: At = At {{ message: {:?}, place: {place}, name: {:?} }};",
                field.name().to_uppercase(),
                message.name(),
                field.name(),
            ));
        }
        text.push_str("}\n");
    }
    text
}

/// `ThreadLink` as `thread_link`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for (index, c) in name.char_indices() {
        if c.is_uppercase() && index > 0 {
            text.push('_');
        }
        text.extend(c.to_lowercase());
    }
    text
}
