//! Compiles proto/ without protoc, and writes down the bounds that its fields carry.

use std::{env, error::Error, fmt::Write, fs, path::PathBuf};

use protox::prost_reflect::{DescriptorPool, ExtensionDescriptor, FieldDescriptor, Kind};

const FILES: [&str; 5] = ["bounds", "common", "coordination", "exchange", "jobs"];
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
        writeln!(code, "impl Bounded for proto::{} {{", message.name())?;
        writeln!(code, "fn check_bounds(&self) -> Result<(), ConvertError> {{")?;
        for field in message.fields().filter(|field| field.containing_oneof().is_none()) {
            code += &checks(&field, &option, &format!("self.{}", field.name()))?;
        }
        for oneof in message.oneofs() {
            for field in oneof.fields() {
                let inner = checks(&field, &option, "value")?;
                let arm = format!("{}::{}", camel(oneof.name()), camel(field.name()));
                let module = snake(message.name());
                writeln!(code, "if let Some(proto::{module}::{arm}(value)) = &self.{} {{ {inner} }}", oneof.name())?;
            }
        }
        writeln!(code, "Ok(()) }} }}")?;
    }
    Ok(code)
}

/// Statements that check the field which stands at `place`.
fn checks(field: &FieldDescriptor, option: &ExtensionDescriptor, place: &str) -> Result<String, Box<dyn Error>> {
    let name = format!("{:?}", format!("{}.{}", field.parent_message().name(), field.name()));
    let most = field.options().has_extension(option).then(|| field.options().get_extension(option).as_u32()).flatten();
    let of_one = |unit: &str| {
        most.map(|most| format!("at_most({name}, {place}.len(), {most}, {unit:?})?; ")).unwrap_or_default()
    };
    Ok(match field.kind() {
        Kind::String if field.is_list() => {
            of_one("elements")
                + &format!("for one in &{place} {{ at_most({name}, one.len(), MAX_ELEMENT, \"bytes\")?; }}")
        }
        Kind::Message(_) if field.containing_oneof().is_some() => format!("{place}.check_bounds()?;"),
        // One that may be there and a list of them are gone through alike.
        Kind::Message(_) => of_one("elements") + &format!("for one in {place}.iter() {{ one.check_bounds()?; }}"),
        Kind::String | Kind::Bytes if !field.is_list() => of_one("bytes"),
        _ if field.is_list() => {
            return Err(format!("{}: bounds of such a list are not built", field.full_name()).into());
        }
        _ => String::new(),
    })
}

/// The name that the generated code gives a module of `name`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The name that the generated code gives a type or a variant of `name`.
fn camel(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}
