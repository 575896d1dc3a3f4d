//! Compiles proto/ without protoc, and writes down the bounds that its fields carry.

use std::{env, error::Error, fmt::Write, fs, path::PathBuf};

use protox::prost_reflect::{DescriptorPool, ExtensionDescriptor, FieldDescriptor, Kind};

const FILES: [&str; 11] = [
    "agreements",
    "approvals",
    "bounds",
    "catalogue",
    "common",
    "coordination",
    "exchange",
    "identities",
    "jobs",
    "receipts",
    "results",
];
const PACKAGE: &str = "yuandang.v1";

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let files: Vec<PathBuf> = FILES.iter().map(|name| root.join(format!("yuandang/v1/{name}.proto"))).collect();
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    // These bytes keep field options, which the descriptor types of prost do not.
    fs::write(out.join("yuandang.bin"), compiler.encode_file_descriptor_set())?;
    fs::write(out.join("bounds.rs"), bounds(&compiler.descriptor_pool())?)?;
    tonic_prost_build::configure()
        .bytes(".")
        .codec_path("crate::bounds::BoundedCodec")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// An implementation of `Bounded` for each message.
fn bounds(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let option = pool.get_extension_by_name(&format!("{PACKAGE}.max_len")).ok_or("max_len is not there")?;
    let mut code = String::new();
    for message in pool.all_messages().filter(|message| message.package_name() == PACKAGE) {
        writeln!(code, "impl Bounded for proto::{} {{ const LIMITS: &'static [Limit] = &[", message.name())?;
        for field in message.fields() {
            code += &limit(&field, &option)?;
        }
        writeln!(code, "]; }}")?;
    }
    Ok(code)
}

/// What the field may hold; nothing for one of a fixed size.
fn limit(field: &FieldDescriptor, option: &ExtensionDescriptor) -> Result<String, Box<dyn Error>> {
    let most = field.options().has_extension(option).then(|| field.options().get_extension(option).as_u32()).flatten();
    let most = most.ok_or_else(|| format!("{} has no max_len", field.full_name()));
    let (elements, bytes, within) = match field.kind() {
        Kind::Message(inner) => {
            let elements = if field.is_list() { most? } else { 1 };
            let within = format!("Some(<proto::{} as Bounded>::LIMITS)", inner.name());
            (elements.to_string(), "usize::MAX".to_owned(), within)
        }
        Kind::String if field.is_list() => (most?.to_string(), "MAX_ELEMENT".to_owned(), "None".to_owned()),
        // The last one counts, and takes the place of those before.
        Kind::String | Kind::Bytes if !field.is_list() => {
            ("usize::MAX".to_owned(), most?.to_string(), "None".to_owned())
        }
        _ if field.is_list() => {
            return Err(format!("{}: limits of such a list are not built", field.full_name()).into());
        }
        _ => return Ok(String::new()),
    };
    let (number, name) = (field.number(), format!("{}.{}", field.parent_message().name(), field.name()));
    Ok(format!(
        "Limit {{ number: {number}, name: {name:?}, elements: {elements}, bytes: {bytes}, within: {within} }},\n"
    ))
}
